from __future__ import annotations

import base64
import hashlib
import random

import pytest
from tests.unit.chunked.layers import Members, archive, frame, layer

from ironhull.chunked.crc64 import crc64
from ironhull.chunked.format import CHECKSUM, SPLIT_CHECKSUM, TAIL, annotated_table, footer_table
from ironhull.oci.tar_writer import TarHeader

BIG = random.Random(1).randbytes(1 << 21)
TREE: Members = [
    (TarHeader("usr", "5", 0o755), b""),
    (TarHeader("usr/caps", "0", 0o755, 1, 2, mtime=7, xattrs={"security.x": b"\1\0\xff"}), b"abc"),
    (TarHeader("usr/" + "long" * 60, "0", 0o644), b"q" * 512),
    (TarHeader("usr/link", "2", 0o777, link="caps"), b""),
    (TarHeader("usr/hard", "1", 0o755, link="usr/caps"), b""),
    (TarHeader("usr/empty", "0", 0o644), b""),
    (TarHeader("usr/ünï", "0", 0o4755), b"x"),
    (TarHeader("usr/big", "0", 0o644), BIG),
    (TarHeader(".wh.gone", "0", 0o644), b""),
]


def test_a_chunked_layer_decompresses_to_its_archive():
    made = layer(TREE)
    assert made.unpacked() == made.tar


def test_each_content_is_a_frame_of_its_own_at_the_place_that_the_table_says():
    made = layer(TREE)
    contents = {
        entry["name"]: frame(made.blob[entry["offset"] : entry["endOffset"]])
        for entry in made.table()["entries"]
        if "offset" in entry
    }
    assert contents == {header.name: data for header, data in TREE if data}


def test_the_table_says_of_each_member_what_its_header_says():
    entries = {entry["name"]: entry for entry in layer(TREE).table()["entries"]}
    caps = entries["usr/caps"]
    del caps["offset"], caps["endOffset"]
    assert caps == {
        "type": "reg",
        "name": "usr/caps",
        "mode": 0o755,
        "size": 3,
        "uid": 1,
        "gid": 2,
        "modtime": "1970-01-01T00:00:07Z",
        "xattrs": {"security.x": base64.b64encode(b"\1\0\xff").decode()},
        "digest": "sha256:" + hashlib.sha256(b"abc").hexdigest(),
    }
    assert entries["usr/"]["type"] == "dir"
    assert entries["usr/link"] | {"mode": 0} == {
        "type": "symlink",
        "name": "usr/link",
        "linkName": "caps",
        "mode": 0,
        "modtime": "1970-01-01T00:00:00Z",
    }
    assert entries["usr/hard"]["linkName"] == "usr/caps"
    assert "digest" not in entries["usr/empty"]


def test_the_record_of_headers_gives_the_archive_again():
    made = layer(TREE)
    contents = {header.name: data for header, data in TREE if header.kind == "0"}
    pieces = []
    for number, line in enumerate(made.split()):
        assert line["position"] == number
        payload = base64.b64decode(line["payload"])
        if line["type"] == 2:
            pieces.append(payload)
        elif "size" in line:
            content = contents[line["name"]]
            assert payload == crc64(content).to_bytes(8, "big")
            assert line["size"] == len(content)
            pieces.append(content)
    assert b"".join(pieces) == made.tar


def test_annotations_and_footer_name_the_same_table_by_its_digest():
    made = layer(TREE)
    found = annotated_table(made.annotations, len(made.blob))
    assert found is not None
    part, digest = found
    assert footer_table(made.blob[-TAIL:], len(made.blob)) == part
    packed = made.blob[part.offset : part.end]
    assert digest == made.annotations[CHECKSUM]
    assert digest == "sha256:" + hashlib.sha256(packed).hexdigest()
    assert len(frame(packed)) == part.unpacked
    assert made.table()["tarSplitDigest"] == made.annotations[SPLIT_CHECKSUM]


@pytest.mark.parametrize("piece", [100, 511, 512, 1000, 100_000])
def test_a_layer_does_not_depend_on_the_pieces_that_its_archive_comes_in(piece):
    assert layer(TREE, piece) == layer(TREE)


@pytest.mark.parametrize(
    "member",
    [
        TarHeader("usr/caps", "0", 0o644),
        TarHeader("usr/caps/", "5", 0o644),
        TarHeader("caf\udce9", "0", 0o644),
        TarHeader("link", "2", 0o777, link="caf\udce9"),
    ],
)
def test_a_layer_whose_paths_no_table_can_tell_is_ordinary_zstd(member):
    members = [*TREE, (member, b"")]
    made = layer(members)
    assert made.annotations == {}
    assert made.unpacked() == archive(members)
    assert footer_table(made.blob[-TAIL:], len(made.blob)) is None


def test_many_members_without_content_are_no_one_frame_in_memory():
    members: Members = [(TarHeader(f"l{n}", "2", 0o777, link="x" * 90), b"") for n in range(5000)]
    made = layer(members)
    assert made.unpacked() == made.tar
    assert made.blob.count(b"\x28\xb5\x2f\xfd") > 3
