from __future__ import annotations

from pathlib import Path

from tests.fakes.image import layer_tar

from ironhull.inventory.cache import RecordCache
from ironhull.inventory.layer import read_layer
from ironhull.inventory.record import LayerRecord

DIGESTS = [f"sha256:{number:064x}" for number in range(20)]


def record_of(name: str, files: int = 1) -> LayerRecord:
    tar = layer_tar({f"{name}/{number}": "x" for number in range(files)})
    record = read_layer(iter([tar]), "layer")
    record.diff_id = f"sha256:{name}"
    return record


def size_of(record: LayerRecord) -> int:
    """As it is written, and as its paths are kept."""
    return len(record.dumps()) + record.names.expanded


def test_a_record_that_is_kept_is_not_read_again_and_is_the_same(tmp_path: Path) -> None:
    record = record_of("a")
    RecordCache(tmp_path).put(DIGESTS[0], record)
    plain, keeping = RecordCache(tmp_path), RecordCache(tmp_path, 1 << 20)
    first = keeping.get(DIGESTS[0], None)
    assert first is keeping.get(DIGESTS[0], record.diff_id)
    assert first is not None
    assert first.dumps() == record.dumps()
    assert list(first.names) == list(record.names)
    assert plain.get(DIGESTS[0], None) is not plain.get(DIGESTS[0], None)


def test_a_record_that_is_kept_does_not_hide_a_wrong_diff_id(tmp_path: Path) -> None:
    cache = RecordCache(tmp_path, 1 << 20)
    cache.put(DIGESTS[0], record_of("a"))
    assert cache.get(DIGESTS[0], None) is not None
    assert cache.get(DIGESTS[0], "sha256:b") is None


def test_what_was_asked_for_last_stays_and_the_rest_has_a_bound(tmp_path: Path) -> None:
    cache = RecordCache(tmp_path, 10 * size_of(record_of("a")))
    for digest in DIGESTS:
        cache.put(digest, record_of("a"))
    first = cache.get(DIGESTS[0], None)
    for digest in DIGESTS[1:]:
        cache.get(digest, None)
        assert cache.get(DIGESTS[0], None) is first
    kept = [cache.get(digest, None) for digest in DIGESTS[-9:]]
    for digest, record in zip(DIGESTS[-9:], kept, strict=True):
        assert cache.get(digest, None) is record
    cache.get(DIGESTS[1], None)
    assert cache.get(DIGESTS[0], None) is not first


def test_a_record_larger_than_many_others_is_not_kept(tmp_path: Path) -> None:
    cache = RecordCache(tmp_path, 10 * size_of(record_of("a")))
    cache.put(DIGESTS[0], record_of("a", files=200))
    assert cache.get(DIGESTS[0], None) is not cache.get(DIGESTS[0], None)
