"""Sources of images from a signed mirror on disk."""

import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.image import make_image
from tests.fakes.mirror import FakeSource, archive_key, make_repository

from ironhull import Workspace
from ironhull.errors import InputError, NotFoundError
from ironhull.settings import Settings
from ironhull.workspace.machine import Machine
from ironhull.workspace.sources import fetch_sources, write_archive

STATUS = """\
Package: zlib1g
Status: install ok installed
Source: zlib (1:1.3-1)
Version: 1:1.3-1+b1
Architecture: amd64

Package: tool
Status: install ok installed
Version: 2.0-1
Architecture: amd64
Built-Using: golang (= 1.2)
"""
ZLIB = FakeSource("zlib", "1:1.3-1", {"zlib_1.3-1.dsc": b"zlib's", "zlib_1.3.tar.xz": b"z" * 9})
TOOL = FakeSource("tool", "2.0-1", {"tool_2.0-1.dsc": b"tool's"})
GOLANG = FakeSource("golang", "1.2", {"golang_1.2.dsc": b"golang's"})
SUITES = ("trixie", "trixie-updates", "trixie-security")


def archive(root: Path, *sources: FakeSource, date: datetime | None = None) -> Path:
    for suite in SUITES:
        given = sources if suite == "trixie" else ()
        make_repository(root, [], suite=suite, sources=given, date=date or datetime.now(UTC))
    return root


def machine(tmp_path: Path, root: Path, **more) -> Machine:
    keyring = tmp_path / "key"
    keyring.write_bytes(archive_key().certificate)
    settings = Settings(
        home=tmp_path / "home", catalog=tmp_path, mirror=str(root), keyring=keyring, **more
    )
    made = Machine(settings)
    make_image(
        made.home.store,
        [{"etc/os-release": 'ID=debian\nVERSION_ID="13"\n', "var/lib/dpkg/status": STATUS}],
        names=["app:1"],
    )
    return made


def held(made: Machine) -> dict[str, bytes]:
    out = io.BytesIO()
    write_archive(made, fetch_sources(made, "app:1"), out)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def test_every_source_of_an_image_is_in_the_tar_also_what_it_was_built_using(tmp_path):
    made = machine(tmp_path, archive(tmp_path / "mirror", ZLIB, TOOL, GOLANG))
    found = held(made)
    found.pop("sources.json")
    assert found == {
        "golang_1.2/golang_1.2.dsc": b"golang's",
        "tool_2.0-1/tool_2.0-1.dsc": b"tool's",
        "zlib_1:1.3-1/zlib_1.3-1.dsc": b"zlib's",
        "zlib_1:1.3-1/zlib_1.3.tar.xz": b"z" * 9,
    }
    binaries = fetch_sources(made, "app:1").binaries
    assert binaries["zlib", "1:1.3-1"] == ["zlib1g 1:1.3-1+b1 amd64"]
    assert binaries["golang", "1.2"] == ["tool 2.0-1 amd64"]


def test_what_an_earlier_run_fetched_is_not_fetched_again(tmp_path):
    root = archive(tmp_path / "mirror", ZLIB, TOOL, GOLANG)
    made = machine(tmp_path, root)
    first = held(made)
    for path in root.glob("pool/**/*.*"):
        path.unlink()
    assert held(made) == first
    offline = machine(tmp_path, root, offline=True)
    assert held(offline) == first


def test_all_that_the_archive_lacks_is_named_together(tmp_path):
    newer = FakeSource("zlib", "1:1.3-2", {"zlib_1.3-2.dsc": b"newer"})
    made = machine(tmp_path, archive(tmp_path / "mirror", newer, TOOL))
    with pytest.raises(NotFoundError) as caught:
        fetch_sources(made, "app:1")
    message = str(caught.value)
    assert "2 source packages of app:1" in message
    assert "zlib 1:1.3-1 (of zlib1g)" in message
    assert "golang 1.2 (of tool)" in message
    assert "snapshot" in message


def test_a_snapshot_has_what_the_mirror_dropped(tmp_path):
    root = archive(tmp_path / "mirror", TOOL)
    then = tmp_path / "snapshots/20260102T030405Z"
    archive(then, ZLIB, GOLANG, date=datetime(2026, 1, 1, tzinfo=UTC))
    template = f"{(tmp_path / 'snapshots').as_uri()}/{{timestamp}}"
    made = machine(tmp_path, root, snapshot=template)
    assert set(held(made)) > {"zlib_1:1.3-1/zlib_1.3.tar.xz", "tool_2.0-1/tool_2.0-1.dsc"}
    # The release files of then are not taken for those of now.
    assert held(machine(tmp_path, root, snapshot=template, offline=True))


def test_files_that_the_index_lists_and_the_mirror_has_not_are_all_named(tmp_path):
    root = archive(tmp_path / "mirror", ZLIB, TOOL, GOLANG)
    for path in root.glob("pool/**/*.dsc"):
        path.unlink()
    with pytest.raises(NotFoundError, match="3 source files") as caught:
        fetch_sources(machine(tmp_path, root), "app:1")
    assert all(name in str(caught.value) for name in ("zlib 1:1.3-1", "tool", "golang"))


def test_an_image_without_debian_packages_has_no_sources_that_are_known(tmp_path):
    made = machine(tmp_path, tmp_path)
    make_image(made.home.store, [{"app": "x"}], names=["static:1"])
    with pytest.raises(InputError, match="no Debian packages"):
        fetch_sources(made, "static:1")


def test_the_workspace_writes_the_same_tar_whole_or_not_at_all(tmp_path):
    root = archive(tmp_path / "mirror", ZLIB, TOOL, GOLANG)
    made = machine(tmp_path, root)
    workspace = Workspace(made.settings)
    found = workspace.sources("app:1", tmp_path / "one.tar")
    workspace.sources("app:1", tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    made.home.packages.path(found.files[0].sha256).write_bytes(b"")
    for path in root.glob("pool/**/*.*"):
        path.unlink()
    with pytest.raises(NotFoundError):
        workspace.sources("app:1", tmp_path / "three.tar")
    assert not (tmp_path / "three.tar").exists()
