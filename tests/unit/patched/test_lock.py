import json

import pytest
from tests.fakes.archive import fake_archive
from tests.unit.patched.given import AMD64, definition, stanza

from ironhull.errors import LockError, ResolveError
from ironhull.lock.model import ReasonKind
from ironhull.patched.lock import make_patched_lock, read_patched_lock, write_patched_lock
from ironhull.patched.recipe import _ALWAYS, STAGE

ARCHIVE = "\n".join(f"{name} 1" for name in (*_ALWAYS, "base-files", "libtool", "cmake"))
COMPAT = (
    "\ndebhelper 13.24 arch=all\n  Provides: debhelper-compat (= 12), debhelper-compat (= 13)\n"
)


def locked(build_depends: str = "debhelper-compat (= 13), libtool <!nocheck>, cmake"):
    archive = fake_archive(ARCHIVE + COMPAT)
    return make_patched_lock(definition(), stanza(build_depends), {AMD64: archive})


def test_build_dependencies_are_resolved_and_asked_for_by_the_definition():
    packages = {
        one.name: one for one in locked().build.platforms[str(AMD64)].stages[STAGE].packages
    }
    # `debhelper-compat` is provided in several versions; a profile leaves libtool out.
    assert {"debhelper", "cmake", "build-essential"} <= packages.keys()
    assert not {"libtool", "ironhull-build-depends"} & packages.keys()
    (reason,) = packages["cmake"].reasons
    assert (reason.kind, reason.by) == (ReasonKind.REQUESTED, "jbigkit.yaml:2")


def test_what_the_archive_lacks_is_said():
    with pytest.raises(ResolveError, match="debhelper-compat"):
        locked("debhelper-compat (= 14)")


def test_a_lock_is_read_as_it_was_written(tmp_path):
    path, lock = tmp_path / "jbigkit.lock.json", locked()
    write_patched_lock(path, lock)
    found = read_patched_lock(path, definition())
    assert (found.build, found.source.files) == (lock.build, lock.source.files)


def test_a_lock_of_something_else_is_refused(tmp_path):
    path = tmp_path / "jbigkit.lock.json"
    with pytest.raises(LockError, match="has no lock; make it with: ironhull package lock"):
        read_patched_lock(path, definition())
    write_patched_lock(path, locked())
    with pytest.raises(LockError, match="asks for something else"):
        read_patched_lock(path, definition(profiles=()))


@pytest.mark.parametrize(
    ("key", "value"),
    [("sha256", "sha256:1"), ("size", "3"), ("path", "../x.dsc"), ("path", "a/b.txt")],
)
def test_a_damaged_lock_is_refused(tmp_path, key, value):
    path = tmp_path / "jbigkit.lock.json"
    write_patched_lock(path, locked())
    text = json.loads(path.read_text())
    text["source"]["files"][0][key] = value
    path.write_text(json.dumps(text))
    with pytest.raises(LockError, match=r"restore it, or make it with: ironhull package lock"):
        read_patched_lock(path, definition())
