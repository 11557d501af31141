"""The directory of a zip: what zipfile lists, or nothing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.advisories.documents import members
from ironhull.advisories.zip_directory import plain_entries
from ironhull.errors import InputError

FIELDS = (
    "filename",
    "orig_filename",
    "flag_bits",
    "compress_type",
    "CRC",
    "compress_size",
    "file_size",
    "header_offset",
)
NAMES = st.text(st.characters(min_codepoint=1, max_codepoint=126), min_size=1, max_size=12)
METHODS = st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))


def a_zip(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A zip of files: name → content and method."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, (content, method) in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


PLAIN = a_zip({"a.json": (b"{}", zipfile.ZIP_DEFLATED), "b/": (b"", zipfile.ZIP_STORED)})


def listed(data: bytes) -> list[tuple[object, ...]] | None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.zip"
        path.write_bytes(data)
        entries = plain_entries(path)
        if entries is None:
            return None
        with zipfile.ZipFile(path) as archive:
            assert [each.is_dir() for each in entries] == [
                each.is_dir() for each in archive.infolist()
            ]
            expected = [tuple(getattr(each, f) for f in FIELDS) for each in archive.infolist()]
        found = [tuple(getattr(each, f) for f in FIELDS) for each in entries]
        assert found == expected
        return expected


@given(st.dictionaries(NAMES, st.tuples(st.binary(max_size=40), METHODS), max_size=5))
def test_a_plain_zip_is_listed_as_zipfile_does(files: dict[str, tuple[bytes, int]]) -> None:
    found = listed(a_zip(files))
    assert found is not None
    assert len(found) == len(files)


@given(st.integers(0, len(PLAIN) - 1), st.integers(0, 255))
def test_where_a_byte_is_another_it_is_as_zipfile_does_or_not_listed(at: int, byte: int) -> None:
    listed(PLAIN[:at] + bytes([byte]) + PLAIN[at + 1 :])


@pytest.mark.parametrize("size", range(len(PLAIN)))
def test_a_zip_that_is_cut_off_is_not_listed(size: int) -> None:
    assert listed(PLAIN[:size]) is None


def commented(archive: zipfile.ZipFile) -> None:
    archive.comment = b"made by hand"
    archive.writestr("a.json", "{}")


def with_extra(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("a.json")
    info.extra = b"\xfe\xca\0\0"
    archive.writestr(info, "{}")


def named_abroad(archive: zipfile.ZipFile) -> None:
    archive.writestr("ä.json", "{}")


def packed_otherwise(archive: zipfile.ZipFile) -> None:
    archive.writestr("a.json", "{}", zipfile.ZIP_BZIP2)


def twice(archive: zipfile.ZipFile) -> None:
    archive.writestr("a.json", "{}")
    archive.writestr("a.json", "[]")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("write", [commented, with_extra, named_abroad, packed_otherwise, twice])
def test_what_is_unusual_is_left_to_zipfile(write: Callable[[zipfile.ZipFile], None]) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        write(archive)
    assert listed(file.getvalue()) is None
    assert listed(b"#!/bin/sh\n" + PLAIN) is None


def test_a_member_that_needs_zipfile_gets_its_errors(tmp_path: Path) -> None:
    path, content = tmp_path / "x.zip", b"{" + b" " * 300 + b"}"
    data = a_zip({"a.json": (content, zipfile.ZIP_DEFLATED), "s": (b"as it is", 0)})
    path.write_bytes(data)
    with members(path, lambda name: True) as found:
        assert [each.read() for each in found] == [content, b"as it is"]
    path.write_bytes(data.replace(b"PK\3\4", b"PK\3\5", 1))
    assert plain_entries(path) is not None
    with members(path, lambda name: True) as found:
        with pytest.raises(InputError, match=r"a\.json: damaged zip member"):
            found[0].read()
        assert found[1].read() == b"as it is"
