"""Documents of a whole feed → rows, by several processes where there are many documents.

Unpacking, decoding and making rows take three quarters of an import, and no document needs another:
children read slices of a zip, and the parent, which alone has the database, writes in their order.
"""

from __future__ import annotations

import gc
import marshal
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from ironhull.advisories.documents import Member, documents, members
from ironhull.advisories.interface import Deleted, Document, Feed, FeedDate
from ironhull.advisories.model import Row
from ironhull.advisories.rows import Rows

BATCH = 2_000
SLICE = 500
LEAST = 4_000
"""Documents for which processes pay; each costs some hundredths of a second."""
MAX_PROCESSES = 4


def rows_of(place: Path, feed: Feed, key: int, advance: Callable[[int], None]) -> Iterator[Rows]:
    """All rows of the feed's documents at a place, in their order; `key` is the feed's.

    Errors: those of `documents` and `Feed.read`.
    """
    count = min(MAX_PROCESSES, len(os.sched_getaffinity(0)))
    # A fork of a process with threads may hang.
    if count > 1 and place.suffix == ".zip" and place.is_file() and threading.active_count() == 1:
        with members(place, feed.wants) as found:
            if len(found) >= LEAST:
                yield from _together(found, feed, key, advance, count)
            else:
                yield from _batches(feed.read(counted(found, advance)), key)
        return
    yield from _batches(feed.read(counted(documents(place, feed.wants), advance)), key)


def _batches(rows: Iterable[Row | FeedDate | Deleted], key: int) -> Iterator[Rows]:
    rows = iter(rows)
    while chunk := list(islice(rows, BATCH)):
        batch = Rows(key)
        for row in chunk:
            batch.take(row)
        yield batch


def _together(
    found: Sequence[Member], feed: Feed, key: int, advance: Callable[[int], None], processes: int
) -> Iterator[Rows]:
    # Late: who only reads the database needs no processes.
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    starts = range(0, len(found), SLICE)
    given = (found, feed, key)
    with ProcessPoolExecutor(processes, get_context("fork"), _as_a_child, given) as pool:
        try:
            for start, sent in zip(starts, pool.map(_slice, starts), strict=True):
                advance(min(SLICE, len(found) - start))
                yield Rows(key, *marshal.loads(sent))  # noqa: S302 - our own child's
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Child:
    """What a reading process was given, by inheritance: nothing of it has to be sent."""

    found: Sequence[Member]
    feed: Feed
    key: int


def _as_a_child(found: Sequence[Member], feed: Feed, key: int) -> None:
    """Ctrl-C is for the parent, which ends its children; and each has its own place in the zip."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What documents become has no circles; looking for some takes a tenth of the time.
    gc.disable()
    archive = found[0].archive
    if archive.filename is not None:
        archive.fp = Path(archive.filename).open("rb")  # noqa: SIM115 - open as long as the child
    _Child.found, _Child.feed, _Child.key = found, feed, key


def _slice(start: int) -> bytes:
    """The fields of Rows for the documents from a number on: marshal takes a third of pickle."""
    batch = Rows(_Child.key)
    for row in _Child.feed.read(_Child.found[start : start + SLICE]):
        batch.take(row)
    # The parent, whom all wait for, finds them in their order.
    for table in ("claim", "plain_claim"):
        batch.tables[table].sort()
    return marshal.dumps((batch.tables, batch.records, batch.count, batch.date))


def counted(found: Iterable[Document], advance: Callable[[int], None]) -> Iterator[Document]:
    """The documents, each told of when it is asked for."""
    for document in found:
        advance(1)
        yield document
