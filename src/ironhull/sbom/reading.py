"""The contents of all layers of an open image, those that are not cached read side by side."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from ironhull.inventory.layer import Entries, is_kept
from ironhull.inventory.paths import absolute
from ironhull.inventory.record import FILE, LayerRecord
from ironhull.inventory.sources.interface import OpenImage
from ironhull.inventory.take import MAX_WORKERS, Taker
from ironhull.inventory.view import View
from ironhull.oci import tar
from ironhull.sbom.contents import EACH, ContentsCache, LayerContents


class ContentsWatcher:
    """Keeps the contents of a layer that is read for its record: so it is read once, not twice."""

    def __init__(self, cache: ContentsCache) -> None:
        self._cache = cache
        self._contents = LayerContents()

    def entries(self, entries: Entries) -> Entries:
        """As `Watcher.entries`."""
        entry = -1
        for member, content in entries:
            if not is_kept(member):
                yield member, content
                continue
            entry += 1
            if member.kind != tar.FILE:
                yield member, content
                continue
            path = absolute(member.name) or "/"
            seen = self._contents.begin(path, member, content)
            yield member, seen
            self._contents.end(entry, path, seen)

    def done(self, digest: str) -> None:
        """As `Watcher.done`."""
        self._cache.put(digest, self._contents)


def read_contents(
    taker: Taker, image: OpenImage, view: View, cache: ContentsCache | None
) -> list[LayerContents]:
    """What the files of each layer are, lowest first; errors as of `Taker.contents`."""
    digests = [layer.digest for layer in image.layers] or [""]
    known: dict[str, LayerContents] = {}
    missing: dict[str, int] = {}
    for number, digest in enumerate(digests):
        found = cache.get(digest) if cache is not None and digest else None
        if found is not None and _fits(found, view.records[number]):
            known[digest] = found
        else:
            missing.setdefault(digest, number)
    if missing:
        known |= _read_all(taker, image, view, missing)
    if cache is not None:
        for digest in missing:
            if digest:
                cache.put(digest, known[digest])
    return [known[digest] for digest in digests]


def _fits(contents: LayerContents, record: LayerRecord) -> bool:
    return len(contents.digests) == EACH * _count(record)


def _count(record: LayerRecord) -> int:
    files = [number for number, item in enumerate(record.attributes) if item.kind == FILE]
    return sum(record.attribute_ids.count(number) for number in files)


def _read_all(
    taker: Taker, image: OpenImage, view: View, missing: dict[str, int]
) -> dict[str, LayerContents]:
    total = sum(_count(view.records[number]) for number in missing.values())
    advance = taker.progress.start(f"hashing files of {image.identity.name}", total, "files")

    def one(number: int) -> LayerContents:
        record, contents = view.records[number], LayerContents()
        kinds = [item.kind for item in record.attributes]
        wanted = {
            (number, entry): None
            for entry, item in enumerate(record.attribute_ids)
            if kinds[item] == FILE
        }
        for (_, entry), member, content in taker.contents(image, wanted):
            contents.add(entry, absolute(member.name) or "/", member, content)
            advance(1)
        return contents

    workers = min(taker.workers or MAX_WORKERS, len(os.sched_getaffinity(0)), len(missing))
    # The largest first: the last one to end should be a small one.
    numbers = sorted(missing.values(), key=lambda number: -view.records[number].uncompressed)
    with ThreadPoolExecutor(workers) as pool:
        futures = {number: pool.submit(one, number) for number in numbers}
        try:
            return {digest: futures[number].result() for digest, number in missing.items()}
        finally:
            for future in futures.values():
                future.cancel()
