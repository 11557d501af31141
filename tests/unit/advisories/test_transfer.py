"""A database goes out in one file and comes in elsewhere, if it is one and is not older."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import zstandard
from tests.fakes.advisories import bring, osv, write_records

from ironhull.advisories.database import Database
from ironhull.advisories.transfer import export_database, import_database
from ironhull.errors import InputError, MalformedError, UntrustedError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return made(tmp_path / "here", "2024-07-02T00:00:00Z")


def made(folder: Path, modified: str) -> Path:
    record = osv("CVE-2024-0001", "bash", {"Debian:12": "5.3-1"}, modified=modified)
    path = folder / "advisories.sqlite"
    bring(path, osv_debian=write_records(folder / "osv", [record]))
    return path


def test_what_goes_out_comes_in_the_same(path: Path, tmp_path: Path) -> None:
    export_database(path, tmp_path / "out.zst")
    target = tmp_path / "there" / "advisories.sqlite"
    brought = import_database(tmp_path / "out.zst", target)
    assert [feed.name for feed in brought.feeds] == ["osv-debian"]
    with Database(path) as ours, Database(target) as theirs:
        assert ours.claims(["bash"], "debian") == theirs.claims(["bash"], "debian")


def test_an_older_database_is_refused(path: Path, tmp_path: Path) -> None:
    older = made(tmp_path / "older", "2024-07-01T00:00:00Z")
    export_database(older, tmp_path / "older.zst")
    with pytest.raises(UntrustedError, match="older than ours"):
        import_database(tmp_path / "older.zst", path)
    import_database(tmp_path / "older.zst", path, allow_older=True)
    with Database(path) as database:
        assert database.feeds[0].date == "2024-07-01T00:00:00Z"


def test_a_database_that_lacks_a_feed_is_refused(path: Path, tmp_path: Path) -> None:
    export_database(path, tmp_path / "out.zst")
    listing = tmp_path / "list"
    listing.write_text("CVE-2024-0001 (x)\n\t- bash <unfixed>\n")
    bring(path, debian_annotations=listing)
    with pytest.raises(UntrustedError, match="lacks debian-annotations"):
        import_database(tmp_path / "out.zst", path)


def test_a_damaged_file_is_refused_and_the_old_one_stays(path: Path, tmp_path: Path) -> None:
    export_database(path, tmp_path / "out.zst")
    data = bytearray((tmp_path / "out.zst").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "out.zst").write_bytes(data)
    before = path.read_bytes()
    with pytest.raises(MalformedError):
        import_database(tmp_path / "out.zst", path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))


def test_another_database_is_refused(tmp_path: Path, path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE feed (name TEXT)")
    connection.execute("CREATE VIEW claim AS SELECT load_extension('x')")
    connection.commit()
    connection.close()
    packed = tmp_path / "foreign.zst"
    packed.write_bytes(zstandard.ZstdCompressor().compress(foreign.read_bytes()))
    with pytest.raises(MalformedError, match="tables are not those"):
        import_database(packed, path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path, path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"not compressed at all")
    with pytest.raises(MalformedError, match="not a file of"):
        import_database(other, path)


def test_exporting_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ironhull advisories update"):
        export_database(tmp_path / "nothing.sqlite", tmp_path / "out.zst")
