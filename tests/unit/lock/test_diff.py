from tests.fakes.archive import fake_archive, fake_definition

from ironhull.lock.diff import ChangeKind, diff
from ironhull.lock.make import make_lock
from ironhull.lock.model import Lock

OLD = """
openssl 3.5.1-1
  Depends: libgone
libgone 1
tool 2
"""
NEW = """
openssl 3.5.1-1+deb13u1 suite=trixie-security
  Depends: libnew
libnew 1.2
tool 1
"""


def lock(text: str, *requests: str, date: str = "2026-11-01T00:00:00Z", **more: object) -> Lock:
    platforms = ("linux/amd64", "linux/arm64")
    definition = fake_definition(*requests, **{"platforms": platforms, **more})  # type: ignore[arg-type]
    archives = {p: fake_archive(text, p.debian, date=date) for p in definition.platforms}
    return make_lock(definition, archives)


def test_the_same_lock_has_no_changes() -> None:
    assert diff(lock(OLD, "tool"), lock(OLD, "tool")).empty


def test_changes_are_said_in_words_with_suite_and_platforms() -> None:
    found = diff(lock(OLD, "openssl", "tool"), lock(NEW, "openssl", "tool"))
    assert [str(change) for change in found.packages] == [
        "libgone 1 removed, amd64 and arm64",
        "libnew 1.2 added (trixie), amd64 and arm64",
        "openssl 3.5.1-1 → 3.5.1-1+deb13u1 (trixie-security), amd64 and arm64",
        "tool 2 → 1, an older version (trixie), amd64 and arm64",
    ]
    assert [change.kind for change in found.packages] == [
        ChangeKind.REMOVED,
        ChangeKind.ADDED,
        ChangeKind.UPGRADED,
        ChangeKind.DOWNGRADED,
    ]
    assert found.matters


def test_a_change_of_one_platform_names_only_it() -> None:
    platforms = ("linux/amd64", "linux/arm64")
    definition = fake_definition("tool", platforms=platforms)
    amd64, arm64 = definition.platforms
    new = make_lock(
        definition, {amd64: fake_archive("tool 2"), arm64: fake_archive("tool 3", "arm64")}
    )
    found = diff(lock("tool 2", "tool"), new)
    assert [str(change) for change in found.packages] == ["tool 2 → 3 (trixie), arm64"]


def test_the_same_version_with_other_bytes_is_a_change() -> None:
    new = lock(OLD, "tool")
    (package,) = new.platforms["linux/amd64"].packages
    old = lock(OLD.replace("tool 2", "tool 2 arch=all"), "tool")
    found = diff(old, new)
    assert package.version == "2"
    assert str(found.packages[0]) == "tool 2 has other bytes (trixie), amd64 and arm64"


def test_new_release_files_alone_do_not_matter_and_are_said() -> None:
    found = diff(lock(OLD, "tool"), lock(OLD, "tool", date="2026-11-02T00:00:00Z"))
    assert not found.matters
    assert found.lines() == ["debian trixie of 2026-11-01T00:00:00Z → 2026-11-02T00:00:00Z"]


def test_suites_that_come_and_go_are_said() -> None:
    text = "tool 2\nother 1 suite=trixie-updates"
    there, back = (
        diff(lock(OLD, "tool"), lock(text, "tool")),
        diff(lock(text, "tool"), lock(OLD, "tool")),
    )
    assert there.lines() == ["debian trixie-updates added, of 2026-11-01T00:00:00Z"]
    assert back.lines() == ["debian trixie-updates removed, of 2026-11-01T00:00:00Z"]


def test_requests_variables_platforms_and_cut_edges_are_said() -> None:
    old = lock(OLD, "openssl", tracks=[("tool", "(.*)", "V")])
    new = lock(
        NEW, "openssl", "!libnew", tracks=[("tool", "(.*)", "V")], platforms=("linux/amd64",)
    )
    assert list(diff(old, new).others) == [
        "platform linux/arm64 removed",
        "request !libnew added",
        "V 2 → 1",
        "openssl goes without libnew (!libnew), amd64",
    ]
    assert "openssl no longer goes without libnew (!libnew), amd64" in diff(new, old).others
