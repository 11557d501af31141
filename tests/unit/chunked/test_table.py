from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.chunked.layers import Members, layer, with_table

from ironhull.chunked.format import CHECKSUM, POSITION, TAIL, annotated_table, footer_table
from ironhull.chunked.near import NearFrames
from ironhull.chunked.plan import plan
from ironhull.chunked.table import read_table
from ironhull.errors import MalformedError, UntrustedError
from ironhull.oci.digest import digest_of
from ironhull.oci.tar_writer import TarHeader
from ironhull.store.blobs import BlobStore

A, B = (hashlib.shake_256(name).digest(3000) for name in (b"a", b"b"))
TREE: Members = [
    (TarHeader("usr", "5", 0o755), b""),
    (TarHeader("usr/a", "0", 0o644), A),
    (TarHeader("usr/b", "0", 0o644), B),
]


def frames(made):
    found = annotated_table(made.annotations, len(made.blob))
    assert found is not None
    part, digest = found
    return read_table(made.blob[part.offset : part.end], part, digest, "it")


def test_a_table_says_where_each_content_is():
    made = layer(TREE)
    assert [one.content for one in frames(made)] == [digest_of(A), digest_of(B)]


def test_the_order_of_entries_does_not_matter():
    made = layer(TREE)
    turned = with_table(made, lambda table: table["entries"].reverse())
    assert frames(turned) == frames(made)


def test_chunks_of_a_file_are_within_it():
    made = with_table(
        layer(TREE),
        lambda table: table["entries"].append({"type": "chunk", "name": "usr/b", "chunkOffset": 9}),
    )
    assert len(frames(made)) == 2


def entry(number: int, **fields: Any) -> Any:
    return lambda table: table["entries"][number].update(fields)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (entry(1, offset=5, endOffset=1), "no place"),
        (entry(1, offset=-5), "no place"),
        (entry(1, offset="5"), "no place"),
        (entry(1, offset=True), "no place"),
        (entry(1, endOffset=10**12), "two files"),
        (entry(2, endOffset=10**12), "behind byte"),
        (entry(2, offset=60), "two files"),
        (entry(1, name="../etc/passwd"), "leads out"),
        (entry(1, name="usr/x/../../../etc"), "leads out"),
        (entry(1, name="/usr/b"), "twice"),
        (entry(1, name="./usr//b"), "twice"),
        (entry(1, name=""), "without a name"),
        (entry(1, name=7), "without a name"),
        (entry(1, name="a\0b"), "without a name"),
        (entry(1, type="socket"), "unknown kind"),
        (entry(1, type=["reg"]), "contents"),
        (entry(1, digest="md5:0"), "contents"),
        (entry(1, digest=5), "contents"),
        (lambda table: table["entries"].append(5), "no object"),
        (lambda table: table.update(entries={}), "version 1"),
        (lambda table: table.update(version=2), "version 2"),
        (lambda table: table.pop("entries"), "no JSON of a table"),
    ],
)
def test_a_table_that_cannot_be_true_is_refused_whole(change, said):
    with pytest.raises(MalformedError, match=said):
        frames(with_table(layer(TREE), change))


def test_a_table_of_too_many_entries_is_refused_before_they_are_objects(monkeypatch):
    monkeypatch.setattr("ironhull.chunked.table.MAX_ENTRIES", 10)
    made = with_table(layer(TREE), lambda table: table.update(more=[[]] * 30))
    with pytest.raises(MalformedError, match="more than 10 entries"):
        frames(made)


def test_a_table_with_another_digest_is_refused():
    made = layer(TREE)
    made.annotations[CHECKSUM] = "sha256:" + hashlib.sha256(b"x").hexdigest()  # type: ignore[index]
    with pytest.raises(UntrustedError, match="has not the digest"):
        frames(made)


@pytest.mark.parametrize("unpacked", [1, 10_000])
def test_a_table_with_another_size_than_it_says_is_refused(unpacked):
    made = layer(TREE)
    offset, size, _, kind = made.annotations[POSITION].split(":")
    made.annotations[POSITION] = f"{offset}:{size}:{unpacked}:{kind}"  # type: ignore[index]
    with pytest.raises(MalformedError, match="has not"):
        frames(made)


@pytest.mark.parametrize(
    "position",
    [
        *("", "1:2:3", "1:2:3:1:5", "-1:2:3:1", "1:0:3:1", "5:10:20:1", "9:10:20:2"),
        *("9:99999999:20:1", "9:10:999999999:1", "9:10:20:²", f"{'9' * 40}:10:20:1"),
    ],
)
def test_a_place_of_the_table_that_cannot_be_is_refused(position):
    said = {CHECKSUM: "sha256:" + "0" * 64, POSITION: position}
    with pytest.raises(MalformedError, match="manifest-position"):
        annotated_table(said, 5000)


def test_a_layer_without_annotations_has_no_table():
    assert annotated_table({}, 5000) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_a_footer(data):
    made = layer(TREE)
    tail = bytearray(made.blob[-TAIL:])
    tail[8 : 8 + len(data[:48])] = data[:48]
    part = footer_table(bytes(tail), len(made.blob))
    assert part is None or part.end <= len(made.blob)
    assert footer_table(data, 5000) is None


def test_what_is_near_is_copied_and_the_rest_is_fetched(tmp_path):
    store = BlobStore(tmp_path / "blobs")
    store.put(layer(TREE[:2]).blob)
    made = layer(TREE)
    a, b = frames(made)
    pieces = plan([a, b], NearFrames((store,)), len(made.blob), 100)
    assert [(piece.offset, piece.end, piece.near is None) for piece in pieces] == [
        (0, a.offset, True),
        (a.offset, a.end, False),
        (a.end, len(made.blob), True),
    ]


def test_with_few_ranges_the_smallest_copies_are_fetched_too(tmp_path):
    members: Members = [
        (TarHeader(f"f{n}", "0", 0o644), hashlib.shake_256(b"%d" % n).digest(1000 + 100 * n))
        for n in range(9)
    ]
    made = layer(members)
    store = BlobStore(tmp_path / "blobs")
    store.put(made.blob)
    pieces = plan(frames(made), NearFrames((store,)), len(made.blob), 4)
    assert sum(piece.near is None for piece in pieces) <= 4
    copied = [piece for piece in pieces if piece.near is not None]
    assert [piece.near.size > 1500 for piece in copied] == [True] * 3
    assert pieces[0].offset == 0
    assert all(one.end == two.offset for one, two in pairwise(pieces))
    assert pieces[-1].end == len(made.blob)


def test_what_lies_about_itself_in_the_store_is_not_near(tmp_path):
    store = BlobStore(tmp_path / "blobs")
    store.put(with_table(layer(TREE), entry(1, offset=5, endOffset=1)).blob)
    store.put(b"x" * 100)
    store.put(b"")
    one = frames(layer(TREE))[0]
    assert NearFrames((store,)).find(one.content, one.end - one.offset) is None
