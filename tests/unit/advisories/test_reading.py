"""Documents of a zip, however it was written, and rows of them, by however many processes."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ironhull.advisories.documents import members
from ironhull.advisories.feeds.osv import OsvFeed
from ironhull.advisories.reading import rows_of
from ironhull.errors import MalformedError

IN_PROCESSES = """
import os, sys
from pathlib import Path
from ironhull.advisories import reading
from ironhull.advisories.feeds.osv import OsvFeed
from ironhull.errors import MalformedError

reading.LEAST, reading.SLICE = 2, 3
os.sched_getaffinity = lambda pid: {0, 1}
told = []
try:
    for rows in reading.rows_of(Path(sys.argv[1]), OsvFeed("debian"), 7, told.append):
        print(rows)
except MalformedError as error:
    print(error)
print(sum(told))
"""


def record(number: int) -> bytes:
    package = {"ecosystem": "Debian:12", "name": f"source-{number % 3}"}
    events = [{"introduced": "0"}, {"fixed": f"{number}-1"}]
    affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    value = {
        "id": f"DEBIAN-CVE-2024-{1000 + number}",
        "modified": f"2024-01-{number + 1:02}T00:00:00Z",
    }
    return json.dumps(
        value | {"affected": affected, "upstream": [f"CVE-2024-{1000 + number}"]}
    ).encode()


def zip_of(path: Path, documents: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in documents.items():
            archive.writestr(name, data)
    return path


def contents(path: Path) -> dict[str, bytes]:
    with members(path, lambda name: True) as found:
        return {member.name: member.read() for member in found}


def test_processes_give_the_rows_that_one_gives_in_the_same_order(tmp_path: Path) -> None:
    place = zip_of(tmp_path / "all.zip", {f"{n}.json": record(n) for n in range(10)})
    command = [sys.executable, "-c", IN_PROCESSES, place]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    *batches, count = said.splitlines()
    [whole] = rows_of(place, OsvFeed("debian"), 7, lambda amount: None)
    assert (len(batches), count) == (4, "10")
    assert "key=7" not in said
    claims = whole.tables["plain_claim"]
    assert len(claims) == 10
    # Keys of records count from 0 in each batch; all else is the same, row by row.
    for number, row in enumerate(claims):
        same = str((*row[:3], number % 3, *row[4:]))
        assert same in batches[number // 3]


def test_what_a_process_cannot_read_is_said_as_by_one(tmp_path: Path) -> None:
    documents = {f"{n}.json": record(n) for n in range(10)} | {"7.json": b"{}"}
    place = zip_of(tmp_path / "all.zip", documents)
    command = [sys.executable, "-c", IN_PROCESSES, place]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    with pytest.raises(MalformedError) as one:
        list(rows_of(place, OsvFeed("debian"), 7, lambda amount: None))
    assert str(one.value) in said.splitlines()


def test_members_are_read_whatever_wrote_them(tmp_path: Path) -> None:
    documents = {"plain.json": b"{}" * 5000, "empty.json": b"", "na\u00efve.json": b"[1]"}
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in documents.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED)
        archive.writestr("stored.json", b"{}", zipfile.ZIP_STORED)
        info = zipfile.ZipInfo("extra.json")
        info.compress_type, info.extra = zipfile.ZIP_DEFLATED, b"\xfe\xca\xc8\0" + bytes(200)
        archive.writestr(info, b"{}" * 999)
    assert contents(path) == documents | {"stored.json": b"{}", "extra.json": b"{}" * 999}


def test_members_with_their_sizes_behind_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "streamed.zip"
    with path.open("wb") as file:
        unseekable = type(
            "Pipe", (), {"write": lambda self, data: file.write(data), "flush": file.flush}
        )
        with zipfile.ZipFile(unseekable(), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.json", b"[1]")
            archive.writestr("b.json", b"{}" * 100)
    assert contents(path) == {"a.json": b"[1]", "b.json": b"{}" * 100}


@pytest.mark.parametrize("where", ["data", "sum"])
def test_a_damaged_member_is_refused(tmp_path: Path, where: str) -> None:
    path = zip_of(tmp_path / "x.zip", {"a.json": bytes(range(256)) * 40})
    data = bytearray(path.read_bytes())
    place = 60 if where == "data" else data.index(b"PK\1\2") + 16
    data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(MalformedError, match=r"a\.json"):
        contents(path)
