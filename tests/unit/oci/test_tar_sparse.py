"""Sparse members are the files that they are on disk, in each of GNU tar's formats."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.sparse import FORMATS, Parts, header, sparse_member

from ironhull.errors import MalformedError
from ironhull.oci.tar import TarLimits, TarReader
from ironhull.oci.tar_sparse import HOLE

END = bytes(1024)


def contents(data: bytes, step: int = 1000, limits: TarLimits | None = None) -> dict[str, bytes]:
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    reader = TarReader(pieces, "test", limits)
    return {member.name: b"".join(reader.content()) for member in reader}


@pytest.mark.parametrize("form", FORMATS)
@given(
    st.lists(st.integers(0, 3000), min_size=2, max_size=60, unique=True),
    st.integers(0, 3000),
    st.integers(1, 5000),
)
def test_every_format_gives_the_file_with_its_holes(
    form: str, edges: list[int], rest: int, step: int
) -> None:
    edges.sort()
    spans = list(pairwise(edges))[1::2]
    parts = [(start, bytes([start % 255 + 1]) * (end - start)) for start, end in spans]
    expected = bytearray(edges[-1] + rest)
    for offset, data in parts:
        expected[offset : offset + len(data)] = data
    archive = sparse_member("x", parts, len(expected), form) + sparse_member("y", [], 9, form)
    assert contents(archive + END, step) == {"x": bytes(expected), "y": bytes(9)}


@pytest.mark.parametrize("form", FORMATS)
def test_a_head_shows_holes_and_data_and_takes_nothing(form: str) -> None:
    parts: Parts = [(3, b"abc"), (9, b"d")]
    reader = TarReader([sparse_member("x", parts, 12, form) + END], "test")
    [(member, head, whole)] = [(m, reader.head(10), reader.read(12)) for m in reader]
    assert (member.size, member.sparse) == (12, True)
    assert head == bytes(3) + b"abc" + bytes(3) + b"d"
    assert whole == head + bytes(2)


@pytest.mark.parametrize("form", FORMATS)
def test_a_limit_is_held_against_the_size_on_disk(form: str) -> None:
    reader = TarReader([sparse_member("x", [(0, b"a")], 1 << 30, form) + END], "test")
    assert [reader.read(1 << 20) for _ in reader] == [None]


def test_a_large_hole_costs_nothing_until_it_is_read_and_then_counts() -> None:
    data = sparse_member("x", [(0, b"a")], 1 << 39, "1.0") + sparse_member("y", [], 99, "1.0") + END
    assert [member.size for member in TarReader([data], "test")] == [1 << 39, 99]
    with pytest.raises(MalformedError, match="holes of more than"):
        contents(data)


def test_whole_pieces_of_a_hole_are_one_object() -> None:
    size = 3 * len(HOLE)
    reader = TarReader([sparse_member("x", [(size, b"end")], size + 3, "1.0") + END], "test")
    [pieces] = [list(reader.content()) for _ in reader]
    assert [piece is HOLE for piece in pieces] == [True, True, True, False]


def test_a_version_that_nobody_knows_is_a_plain_file_as_engines_take_it() -> None:
    data = sparse_member("x", [(0, b"a")], 9, "1.0").replace(b"major=1", b"major=7")
    assert list(contents(data + END)) == ["GNUSparseFile.0/x"]


@pytest.mark.parametrize(
    ("parts", "size"),
    [([(5, b"aaa"), (6, b"b")], 20), ([(5, b"a"), (2, b"b")], 20), ([(5, b"abc")], 7)],
)
@pytest.mark.parametrize("form", FORMATS)
def test_maps_that_lie_are_refused(form: str, parts: Parts, size: int) -> None:
    with pytest.raises(MalformedError, match="sparse map"):
        contents(sparse_member("x", parts, size, form) + END)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"\n5\n", b"\n6\n", "does not fit"),
        (b"2\n5\n", b"3\n5\n", "without an end"),
        (b"2\n5\n", b"z\n5\n", "for a number"),
        (b"2\n5\n3", b"2\n5\n2", "2 bytes for 3"),
    ],
)
def test_counted_maps_that_lie_are_refused(old: bytes, new: bytes, what: str) -> None:
    data = sparse_member("x", [(5, b"abc")], 8, "1.0").replace(b"1\n5\n", b"2\n5\n")
    data = data.replace(b"2\n5\n3\n", b"2\n5\n3\n8\n0\n")
    assert b"2\n5\n3\n8\n0\n" in data
    with pytest.raises(MalformedError, match=what):
        contents(data.replace(old, new, 1) + END)


def test_an_old_map_without_an_end_is_refused() -> None:
    block = bytes(504) + b"\1" + bytes(7)
    data = header(b"x", b"S", 0, bytes(41) + bytes(96) + b"\1" + b"%011o\0" % 9)
    with pytest.raises(MalformedError, match="without an end"):
        contents(data + block * 3000)
