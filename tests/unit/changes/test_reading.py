"""The changelog in a .deb."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.fakes.deb import Entry, file, make_deb, symlink

from ironhull.changes.reading import MAX_PACKED, Changelogs, changelog_of
from ironhull.errors import MalformedError
from ironhull.oci.digest import digest_of
from ironhull.store.blobs import BlobStore
from ironhull.store.changelogs import changelogs_path, keep_changelogs

DOC = "usr/share/doc/engine"


def entry(version: str, words: str = "things") -> str:
    return (
        f"engine ({version}) sid; urgency=low\n\n  * {words}\n\n"
        " -- Ada <ada@example.invalid>  Thu, 01 Jan 2026 00:00:00 +0000\n\n"
    )


def packed(*texts: str) -> Entry:
    return file(gzip.compress("".join(texts).encode(), mtime=0))


def versions(tmp_path: Path, files: dict[str, Entry], since: str = "") -> list[str]:
    path = tmp_path / "engine.deb"
    path.write_bytes(make_deb("engine", "3-1", files=files))
    return [each.version for each in changelog_of(path, "engine 3-1 (amd64)", since)]


def test_it_is_found_among_the_packages_files(tmp_path: Path) -> None:
    files = {"usr/bin/engine": file(b"x"), f"{DOC}/changelog.Debian.gz": packed(entry("3-1"))}
    assert versions(tmp_path, files) == ["3-1"]


def test_the_authors_own_is_not_taken_for_the_distributions(tmp_path: Path) -> None:
    files = {
        f"{DOC}/changelog.gz": packed("Version 3\n* all new\n"),
        f"{DOC}/changelog.Debian.gz": packed(entry("3-1"), entry("2-1")),
    }
    assert versions(tmp_path, files, "2-1") == ["3-1"]
    del files[f"{DOC}/changelog.Debian.gz"]
    assert versions(tmp_path, files) == []


def test_the_distributions_own_program_has_one_without_its_name(tmp_path: Path) -> None:
    assert versions(tmp_path, {f"{DOC}/changelog.gz": packed(entry("3"))}) == ["3"]


def test_what_was_rebuilt_by_the_archive_says_so_first(tmp_path: Path) -> None:
    files = {
        f"{DOC}/changelog.Debian.gz": packed(entry("3-1"), entry("2-1")),
        f"{DOC}/changelog.Debian.amd64.gz": packed(entry("3-1+b1"), entry("3-1")),
    }
    assert versions(tmp_path, files, "2-1") == ["3-1+b1", "3-1"]


def test_a_link_to_another_packages_changelog_has_none(tmp_path: Path) -> None:
    files = {f"{DOC}/changelog.Debian.gz": symlink("../engine-data/changelog.Debian.gz")}
    assert versions(tmp_path, files) == []


def test_another_packages_changelog_is_not_taken(tmp_path: Path) -> None:
    files = {"usr/share/doc/other/changelog.Debian.gz": packed(entry("9"))}
    assert versions(tmp_path, files) == []


def test_damaged_data_count_as_none(tmp_path: Path) -> None:
    whole = gzip.compress(entry("3-1").encode(), mtime=0)
    files = {f"{DOC}/changelog.Debian.gz": file(whole[:30])}
    assert versions(tmp_path, files) == []


def test_one_that_is_too_large_is_refused(tmp_path: Path) -> None:
    files = {f"{DOC}/changelog.Debian.gz": file(bytes(MAX_PACKED + 1))}
    with pytest.raises(MalformedError, match=r"engine 3-1 \(amd64\): .* has more than"):
        versions(tmp_path, files)


def test_what_all_images_of_a_round_are_told_is_unpacked_once(tmp_path: Path) -> None:
    path, read = tmp_path / "engine.deb", Changelogs()
    files = {f"{DOC}/changelog.Debian.gz": packed(entry("3-1"), entry("2-1"))}
    path.write_bytes(make_deb("engine", "3-1", files=files))
    assert [each.version for each in read.read(path, "engine", "2-1")] == ["3-1"]
    path.unlink()
    assert [each.version for each in read.read(path, "engine", "2-1")] == ["3-1"]
    with pytest.raises(FileNotFoundError):
        read.read(path, "engine", "1-1")


def test_a_long_changelog_is_not_held(tmp_path: Path) -> None:
    path, read = tmp_path / "engine.deb", Changelogs()
    files = {f"{DOC}/changelog.Debian.gz": packed(entry("3-1", "things\n  * more" * 1000))}
    path.write_bytes(make_deb("engine", "3-1", files=files))
    assert len(read.read(path, "engine", "")) == 1
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read.read(path, "engine", "")


def test_what_a_build_kept_is_read_in_place_of_the_package(tmp_path: Path) -> None:
    packages, deb = BlobStore(tmp_path / "packages"), digest_of(b"engine")
    kept = changelogs_path(packages, deb)
    keep_changelogs(packages, deb, {"changelog.gz": gzip.compress(entry("3").encode())})
    gone = tmp_path / "gone.deb"
    assert [each.version for each in changelog_of(gone, "engine", "", kept)] == ["3"]
    keep_changelogs(packages, deb, {})
    assert changelog_of(gone, "engine", "", kept) == ()


@pytest.mark.parametrize("damaged", [b"", b"\x81\xa1a", b"\x81\xa1a\xa1b", b"\x93"])
def test_what_was_kept_and_is_damaged_is_read_in_the_package(tmp_path: Path, damaged) -> None:
    path, kept = tmp_path / "engine.deb", tmp_path / "kept"
    files = {f"{DOC}/changelog.Debian.gz": packed(entry("3-1"))}
    path.write_bytes(make_deb("engine", "3-1", files=files))
    kept.write_bytes(damaged)
    assert [each.version for each in changelog_of(path, "engine", "", kept)] == ["3-1"]
