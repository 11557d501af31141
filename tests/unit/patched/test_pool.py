import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.deb import make_deb, program

from ironhull.archive.debian import open_archive
from ironhull.archive.interface import Repository
from ironhull.archive.releases import ArchiveContext, load_releases
from ironhull.errors import EnvironmentProblem, InputError, MalformedError, UntrustedError
from ironhull.patched.key import ArchiveKey, archive_key
from ironhull.patched.pool import BuiltDeb, publish, read_deb

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ArchiveKey:
    return archive_key(tmp_path_factory.mktemp("keys") / "archive.pgp")


def built(name: str, version: str = "1-1+ih1", **more: str) -> BuiltDeb:
    return read_deb(make_deb(name, version, **more), name)


def published(folder: Path, key: ArchiveKey, *debs: BuiltDeb) -> None:
    publish(folder, "trixie", "web", debs, ("amd64",), key, NOW)


def read(folder: Path, tmp_path: Path, certificate: bytes):
    repository = Repository("own", folder.as_uri(), ("trixie",), keyrings=(certificate,))
    context = ArchiveContext(tmp_path / "cache", clock=lambda: NOW)
    return open_archive(load_releases([repository], context), "amd64", context)


def test_an_archive_of_ours_is_read_like_any_other(tmp_path, key):
    folder = tmp_path / "own"
    published(folder, key, built("web"), built("web-data", architecture="all"))
    published(folder, key, built("web", "1-1+ih2"))
    archive = read(folder, tmp_path, key.certificate)
    assert [package.version for package in archive.versions("web")] == ["1-1+ih2", "1-1+ih1"]
    (data,) = archive.versions("web-data")
    assert (folder / data.path).read_bytes() == built("web-data", architecture="all").data
    assert archive.releases[0].signed_by == key.fingerprint


def test_where_a_package_is_and_what_its_bytes_are_it_does_not_say_itself(tmp_path, key):
    own = {"filename": "../../other.deb", "SHA256": "0" * 64, "Size": "1", "MD5sum": "0" * 32}
    published(tmp_path / "own", key, built("web", control=own))
    index = tmp_path / "own/dists/trixie/main/binary-amd64/Packages"
    fields = [line.partition(":")[0].lower() for line in index.read_text().splitlines()]
    assert sorted(set(fields)) == sorted(fields)
    assert "other.deb" not in index.read_text()


@pytest.mark.parametrize("architecture", ["../x", "amd64\x1b[2J", "a b", ".."])
def test_what_becomes_a_path_has_letters_and_digits_alone(architecture):
    with pytest.raises(MalformedError, match="is no name of a package"):
        built("web", architecture=architecture)


def test_another_key_is_not_believed(tmp_path, key):
    published(tmp_path / "own", key, built("web"))
    other = archive_key(tmp_path / "other.pgp")
    with pytest.raises(UntrustedError):
        read(tmp_path / "own", tmp_path, other.certificate)


def test_the_same_version_with_other_bytes_is_refused_and_nothing_changes(tmp_path, key):
    folder = tmp_path / "own"
    published(folder, key, built("web"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    changed = read_deb(make_deb("web", "1-1+ih1", files={"usr/bin/web": program("x")}), "web")
    with pytest.raises(InputError, match=r"web_1-1\+ih1_amd64\.deb is there already.*'revision'"):
        published(folder, key, built("web-new"), changed)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys/archive.pgp"
    first = archive_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert archive_key(path).fingerprint == first.fingerprint
    assert b"PUBLIC KEY" in first.certificate
    path.write_bytes(b"no key")
    with pytest.raises(InputError, match="holds no OpenPGP secret key"):
        archive_key(path)


def test_a_key_that_cannot_be_written_leaves_nothing_of_it(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*archive\.pgp: No space left"):
        archive_key(tmp_path / "archive.pgp")
    assert [path.name for path in tmp_path.iterdir()] == ["archive.lock"]


def test_a_file_name_has_no_epoch():
    assert built("web", "1:2-1+ih1").file_name == "web_2-1+ih1_amd64.deb"
    assert os.sep not in built("web").file_name


def test_indexes_of_the_release_before_stay_and_older_ones_go(tmp_path, key):
    def listed() -> set[str]:
        release = (tmp_path / "dists/trixie/Release").read_text().splitlines()
        return {line.split()[0] for line in release if line.startswith(" ")}

    releases = []
    for number in range(1, 5):
        published(tmp_path, key, built("web", f"1-1+ih{number}"))
        releases.append(listed())
    kept = {path.name for path in tmp_path.glob("dists/trixie/main/*/by-hash/SHA256/*")}
    assert kept == releases[-1] | releases[-2]
