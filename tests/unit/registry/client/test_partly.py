"""Pulls of which files are fetched, and registries and layers that lie to who does so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.image import make_image
from tests.fakes.registry import FakeRegistry
from tests.unit.chunked.layers import Layer, Members, layer, with_table
from tests.unit.registry.client.conftest import Notes

from ironhull.chunked.format import POSITION
from ironhull.errors import UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.media_types import OCI_LAYER_ZSTD
from ironhull.oci.tar_writer import TarHeader
from ironhull.registry.client.places import (
    LayoutTarget,
    RegistrySource,
    RegistryTarget,
    StoredSource,
)
from ironhull.registry.client.repository import Repository
from ironhull.registry.client.transfer import transfer
from ironhull.store.layout import ImageLayout

Connect = Callable[..., Repository]


def noise(name: str, size: int) -> bytes:
    return hashlib.shake_256(name.encode()).digest(size)


def members(*names: str) -> Members:
    return [(TarHeader(name, "0", 0o644), noise(name, 20_000)) for name in names]


OLD = layer(members("a", "b", "c", "d"))
NEW = layer(members("a", "b", "c", "new"))


def described(made: Layer) -> Descriptor:
    return Descriptor(OCI_LAYER_ZSTD, digest_of(made.blob), len(made.blob), made.annotations)


class Place:
    """A registry that has a layer, and a store that has another one of nearly the same files."""

    def __init__(self, registry: FakeRegistry, connect: Connect, folder: Path, made: Layer) -> None:
        self.registry = registry
        self.layer = described(made)
        registry.blobs["app", self.layer.digest] = made.blob
        self.layout = ImageLayout(folder / "near", create=True)
        self.layout.blobs.put(OLD.blob)
        self.source = RegistrySource(connect(registry), "1", self.layout.blobs)

    def bring(self) -> int:
        moved = self.source.bring(self.layer, self.layout.blobs, lambda amount: None)
        blob = self.layout.blobs.read(self.layer.digest)
        assert digest_of(blob) == self.layer.digest
        return moved

    @property
    def table(self) -> int:
        """Bytes of its table of contents, which come over before anything else."""
        return int(self.layer.annotations[POSITION].split(":")[1])

    def asked(self) -> list[str]:
        return [seen.headers.get("range", "") for seen in self.registry.seen]


@pytest.fixture
def place(registry: FakeRegistry, connect: Connect, tmp_path: Path) -> Callable[..., Place]:
    return lambda made=NEW: Place(registry, connect, tmp_path, made)


def test_only_files_that_are_nowhere_here_are_fetched(place, notes: Notes):
    here = place()
    assert 20_000 < here.bring() < 24_000
    assert [asked.count("-") for asked in here.asked()] == [1, 4]
    assert notes.notes == []


def test_where_nothing_is_near_the_layer_comes_by_one_request_after_its_table(place):
    here = place()
    here.layout.blobs.remove(digest_of(OLD.blob))
    assert here.bring() == here.layer.size + here.table
    assert here.asked()[1:] == [""]


def test_a_layer_that_is_there_is_not_asked_for(place):
    here = place()
    here.layout.blobs.put(NEW.blob)
    assert here.bring() == 0
    assert here.asked() == []


def test_a_registry_with_one_range_at_a_time_is_asked_one_by_one(place, registry, notes: Notes):
    registry.most_ranges = 1
    assert 20_000 < place().bring() < 24_000
    assert notes.notes == []


def test_a_registry_without_ranges_sends_the_whole_and_is_asked_for_ranges_once(
    place, registry, notes: Notes
):
    registry.ranges = False
    here = place()
    assert here.bring() == here.layer.size
    here.layout.blobs.remove(here.layer.digest)
    assert here.bring() == here.layer.size
    assert [asked != "" for asked in here.asked()] == [True, False, False]
    assert notes.notes == []


def test_a_pull_moves_the_bytes_that_it_says(registry, connect: Connect, tmp_path):
    first, second = (ImageLayout(tmp_path / name, create=True) for name in ("first", "second"))
    files = {"usr/a": noise("a", 30_000), "usr/b": noise("b", 30_000), "usr/c": noise("c", 30_000)}
    for name, more in (("1", {}), ("2", {"usr/b": noise("fixed", 30_000)})):
        image = make_image(
            first, [{**files, **more}], names=(f"app:{name}",), compression="zstd:chunked"
        )
        source = StoredSource(first, image, f"app:{name}")
        transfer(source, RegistryTarget(connect(registry), [name]))
    for name in ("1", "2"):
        done = transfer(
            RegistrySource(connect(registry), name, second.blobs),
            LayoutTarget(second, [f"app:{name}"], "store"),
        )
    assert 30_000 < done.bytes_moved < 36_000
    assert second.find("app:2").digest == image.digest


def test_a_copy_to_another_registry_fetches_only_what_is_not_here(place, registry, connect):
    here = place()
    with FakeRegistry() as other:
        target = RegistryTarget(connect(other), ["1"])
        target.take(here.layer, here.source, lambda amount: None)
        assert other.blobs["app", here.layer.digest] == NEW.blob
    assert here.asked()[1].count("-") == 4


def other_place(body: bytes, told: dict[str, str]) -> bytes:
    if "content-range" in told:
        told["content-range"] = told["content-range"].replace("-", "0-")
    return body.replace(b"Content-Range: bytes ", b"Content-Range: bytes 1")


def other_bytes(body: bytes, told: dict[str, str]) -> bytes:
    return body if "content-range" in told else body.replace(NEW.blob[:20], bytes(20))


def other_boundary(body: bytes, told: dict[str, str]) -> bytes:
    return body.replace(b"--xyz", b"--abc")


def too_short(body: bytes, told: dict[str, str]) -> bytes:
    return body[: len(body) * 3 // 4]


def only_the_first(body: bytes, told: dict[str, str]) -> bytes:
    if "content-range" not in told:
        told.clear()
        told["content-range"] = f"bytes 0-9/{len(NEW.blob)}"
        return NEW.blob[:10]
    return body


def without_place(body: bytes, told: dict[str, str]) -> bytes:
    told.pop("content-range", None)
    return body.replace(b"Content-Range", b"Content-Other")


def endless_header(body: bytes, told: dict[str, str]) -> bytes:
    return body.replace(b"Content-Range", b"x" * 5000, 1)


def many_headers(body: bytes, told: dict[str, str]) -> bytes:
    return body.replace(b"Content-Range", b"x: y\r\n" * 50 + b"Content-Range")


@pytest.mark.parametrize(
    "lie",
    [
        *(other_place, other_bytes, other_boundary, too_short, only_the_first),
        *(without_place, endless_header, many_headers),
    ],
)
def test_a_registry_that_answers_ranges_wrongly_is_asked_for_the_whole(
    place, registry, notes: Notes, lie
):
    registry.lie = lie
    here = place()
    # What came for nothing came over too: the table, and parts of which none is another's.
    assert here.layer.size <= here.bring() < 2 * here.layer.size
    (note,) = notes.notes
    assert f"layer {here.layer.digest} is fetched whole: " in note


def swapped(table: dict[str, Any]) -> None:
    one, two = table["entries"][0], table["entries"][1]
    one["digest"], two["digest"] = two["digest"], one["digest"]


def out_of_root(table: dict[str, Any]) -> None:
    table["entries"][0]["name"] = "../a"


def over_each_other(table: dict[str, Any]) -> None:
    table["entries"][1]["offset"] = table["entries"][0]["offset"]


def twice(table: dict[str, Any]) -> None:
    table["entries"][1]["name"] = table["entries"][0]["name"]


def behind_the_end(table: dict[str, Any]) -> None:
    table["entries"][-1] |= {"offset": 10**9, "endOffset": 10**9 + 1}


def one_byte_on(table: dict[str, Any]) -> None:
    """Of as many bytes as the right place, and none of them another file's."""
    table["entries"][-1]["offset"] += 1
    table["entries"][-1]["endOffset"] += 1
    table["entries"][-1]["digest"] = table["entries"][0]["digest"]


@pytest.mark.parametrize(
    "lie", [swapped, out_of_root, over_each_other, twice, behind_the_end, one_byte_on]
)
def test_a_layer_whose_table_lies_is_fetched_whole(place, notes: Notes, lie):
    here = place(with_table(NEW, lie))
    assert here.layer.size + here.table <= here.bring() < 2 * here.layer.size
    (note,) = notes.notes
    assert "is fetched whole: " in note


@pytest.mark.parametrize("size", [1, 10**15, -1, "20000", [0], None])
def test_what_a_table_says_of_a_files_size_decides_nothing(place, size: object):
    def lie(table: dict[str, Any]) -> None:
        for entry in table["entries"]:
            entry["size"] = size

    here = place(with_table(NEW, lie))
    assert here.bring() <= here.layer.size + here.table


def test_a_table_that_is_not_the_manifests_is_not_believed(place, notes: Notes):
    here = place()
    said = {
        key: NEW.annotations[key].replace("sha256:", "sha256:0")[:71] for key in NEW.annotations
    }
    here.layer = Descriptor(OCI_LAYER_ZSTD, here.layer.digest, here.layer.size, said)
    assert here.bring() == here.layer.size + here.table
    assert "has not the digest" in notes.notes[0]


def test_a_registry_that_gives_another_layer_gives_none(place, registry):
    here = place()
    registry.blobs["app", here.layer.digest] = bytes(len(NEW.blob))
    with pytest.raises(UntrustedError):
        here.bring()
    assert not here.layout.blobs.has(here.layer.digest)


def hang_up(handler: Any) -> bool:
    """The head of a right answer, and nothing of what it announces."""
    first, last = map(int, handler.headers["range"].removeprefix("bytes=").split("-"))
    handler.send_response(206)
    handler.send_header("content-range", f"bytes {first}-{last}/{len(NEW.blob)}")
    handler.send_header("content-length", str(last - first + 1))
    handler.end_headers()
    handler.hang_up()
    return True


def test_a_connection_that_breaks_within_ranges_ends_with_the_whole(place, registry, notes: Notes):
    here = place()
    registry.fail("GET", r"/blobs/", hang_up)
    assert here.bring() == here.layer.size
    assert notes.notes == []
