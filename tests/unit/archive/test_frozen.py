"""A part of an archive in a folder: signed as it was, complete for what was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.definition import locked
from tests.fakes.mirror import TODAY, FakeDeb, archive_key, make_repository

from ironhull.archive.debian import ArchiveContext, load_releases
from ironhull.archive.frozen import freeze
from ironhull.archive.interface import Repository
from ironhull.errors import NotFoundError
from ironhull.oci.platform import Architecture
from ironhull.store.home import Home

AMD64 = Architecture("amd64")
ONE, TWO = FakeDeb.make("one", "1.0"), FakeDeb.make("two", "2")


@pytest.fixture
def context(tmp_path: Path) -> ArchiveContext:
    return ArchiveContext(tmp_path / "home/cache/archive", clock=lambda: TODAY)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    root = make_repository(tmp_path / "mirror", [ONE, TWO])
    keyring = archive_key().certificate
    return Repository("debian", root.as_uri(), ("trixie",), keyrings=(keyring,))


def test_release_and_index_are_the_archive_s_own_and_the_packages_those_asked_for(
    tmp_path, context, repository
):
    home = Home(tmp_path / "home")
    deb = locked(home, "one", ONE.data, version="1.0")
    releases = load_releases([repository], context)
    folder = tmp_path / "apt/0a"
    freeze(folder, releases, [AMD64], [deb], home.packages, context)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    packages = "debian/dists/trixie/main/binary-amd64/"
    by_hash = next(name for name in files if "by-hash" in name)
    assert files == {
        "debian/dists/trixie/InRelease", f"{packages}Packages.xz", by_hash, f"debian/{deb.path}",
    }  # fmt: skip
    for name in ("dists/trixie/InRelease", "dists/trixie/main/binary-amd64/Packages.xz", ONE.path):
        mirrored = tmp_path / "mirror" / name
        assert (folder / "debian" / name).read_bytes() == mirrored.read_bytes()
    before = (folder / "debian/dists/trixie/InRelease").stat().st_mtime_ns
    freeze(folder, releases, [AMD64], [], home.packages, replace(context, transfer=_never))
    assert (folder / "debian/dists/trixie/InRelease").stat().st_mtime_ns == before


def _never(note):
    raise AssertionError("what is there is not asked for again")


def test_an_index_that_the_mirror_has_no_more_leaves_nothing(tmp_path, context, repository):
    releases = load_releases([repository], context)
    for path in (tmp_path / "mirror").rglob("*"):
        if path.is_file() and "binary-amd64" in str(path):
            path.unlink()
    with pytest.raises(NotFoundError):
        freeze(
            tmp_path / "apt/0a", releases, [AMD64], [], Home(tmp_path / "home").packages, context
        )
    assert list((tmp_path / "apt").iterdir()) == []
