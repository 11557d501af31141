"""The entries of an index in blocks: of thousands only those beside a change are touched.

Entries stand in the order of names and digests, and their lines with them. Whoever reads a file
again compares block by block, and looks at single lines only where a block is another one; whoever
changes an entry makes one block anew. A list of blocks is never changed, so threads may share it.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import canonical
from ironhull.values import dataclass

NAME = "org.opencontainers.image.ref.name"
SUBJECT = "io.ironhull.subject"
"""Annotation of an entry: the digest that it refers to, so that of thousands of images' referrers
those of one are found without opening all."""
# No line's end stands in JSON's texts: whatever is between two of these is one entry.
BETWEEN = b",\n"
_SIZE = 32
Order = tuple[str, str]


@dataclass(slots=True)
class Entry:
    """One entry; the same object for as long as it stands there."""

    descriptor: Descriptor
    order: Order
    """Its name, its digest."""
    refers: str | None = None
    """What its document refers to, though the entry does not say so; "": nothing, None: unknown."""

    @property
    def subject(self) -> str:
        """What it says it refers to."""
        return self.descriptor.annotations.get(SUBJECT, "")


ORDER = attrgetter("order")


class Block:
    """Entries that follow one another, and their lines as the file has them."""

    __slots__ = ("entries", "first", "raw")

    def __init__(self, entries: tuple[Entry, ...], raw: bytes) -> None:
        self.entries, self.raw = entries, raw
        self.first = entries[0].order

    def lines(self) -> list[bytes]:
        """A line for each entry."""
        return self.raw.split(BETWEEN)


Blocks = list[Block]
_FIRST = attrgetter("first")


def entry_of(descriptor: Descriptor) -> Entry:
    """An entry by itself."""
    return Entry(descriptor, (descriptor.annotations.get(NAME, ""), descriptor.digest))


def made(descriptor: Descriptor) -> tuple[Entry, bytes]:
    """An entry that is new, and its line; read back, so that everyone sees it as the file has it.

    MalformedError for what cannot be read back.
    """
    line = canonical(descriptor.json())
    return entry_of(Descriptor.from_json(json.loads(line))), line


def entries_of(blocks: Blocks) -> Iterator[Entry]:
    """All of them, in their order."""
    return chain.from_iterable(block.entries for block in blocks)


def joined(blocks: Blocks, head: bytes, tail: bytes) -> bytes:
    """All lines between a head and a tail; of megabytes no copy more than it needs."""
    parts = [block.raw for block in blocks] or [b""]
    parts[0] = head + parts[0]
    parts[-1] += tail
    return BETWEEN.join(parts)


def blocks_of(pairs: Sequence[tuple[Entry, bytes]]) -> Blocks:
    """Entries in their order, with their lines; no block is much smaller than another."""
    size = len(pairs) if len(pairs) <= 2 * _SIZE else _SIZE
    return [
        Block(
            tuple(entry for entry, _ in pairs[at : at + size]),
            BETWEEN.join([line for _, line in pairs[at : at + size]]),
        )
        for at in range(0, len(pairs), size or 1)
    ]


def in_order(blocks: Blocks, known: Blocks) -> bool:
    """Whether all entries are; within the blocks that are `known` they are."""
    trusted, last = {id(block) for block in known}, ("", "")
    for block in blocks:
        if last > block.first:
            return False
        if id(block) not in trusted:
            orders = [entry.order for entry in block.entries]
            if orders != sorted(orders):
                return False
        last = block.entries[-1].order
    return True


def place_of(blocks: Blocks, order: Order) -> tuple[int, int] | None:
    """Block and place of the first entry that is not before this name and digest."""
    at = max(bisect_left(blocks, order, key=_FIRST) - 1, 0)
    while at < len(blocks):
        place = bisect_left(blocks[at].entries, order, key=ORDER)
        if place < len(blocks[at].entries):
            return at, place
        at += 1
    return None


def without(blocks: Blocks, name: str, digest: str) -> Entry | None:
    """Take the first entry of a name out of the list, or of none with a digest; None: none there.

    The list is the caller's own; its blocks are not touched.
    """
    place = place_of(blocks, (name, digest))
    if place is None:
        return None
    at, number = place
    block = blocks[at]
    entry = block.entries[number]
    if not (entry.order[0] == name if name else entry.order == ("", digest)):
        return None
    _replace(blocks, at, [pair for pair in _pairs(block) if pair[0] is not entry])
    return entry


def put(blocks: Blocks, entry: Entry, line: bytes) -> bool:
    """Put an entry into the caller's own list; False where its name and digest stand there."""
    place = place_of(blocks, entry.order)
    if place is not None and blocks[place[0]].entries[place[1]].order == entry.order:
        return False
    if not blocks:
        blocks.append(Block((entry,), line))
        return True
    at = max(bisect_right(blocks, entry.order, key=_FIRST) - 1, 0)
    pairs = _pairs(blocks[at])
    pairs.insert(bisect_left(blocks[at].entries, entry.order, key=ORDER), (entry, line))
    _replace(blocks, at, pairs)
    return True


def _pairs(block: Block) -> list[tuple[Entry, bytes]]:
    return list(zip(block.entries, block.lines(), strict=True))


def _replace(blocks: Blocks, at: int, pairs: list[tuple[Entry, bytes]]) -> None:
    blocks[at : at + 1] = blocks_of(pairs)


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """What a file has by now."""

    blocks: Blocks
    gone: Sequence[Entry]
    new: Sequence[Entry]


def read_again(before: Blocks, raw: bytes, at: int, end: int) -> ReadAgain | None:
    """The lines of a file from `at` to `end`, beside what it had; None where one is no entry.

    1. A block that follows as it was stays, whatever its size, for one comparison of bytes.
    2. Where it is another one, single lines are read until one begins a block that comes later
       (`_Lines`): those that are known keep their entries.
    3. So the blocks that were passed over are replaced by what was read.
    """
    blocks: Blocks = []
    gone: list[Entry] = []
    lines, number = _Lines(before, raw, end), 0
    while at < end or number < len(before):
        # 1
        if number < len(before) and _follows(raw, before[number].raw, at, end):
            blocks.append(before[number])
            at += len(before[number].raw) + len(BETWEEN)
            number += 1
            continue
        # 2
        pairs, at, after = lines.read(at, number)
        if pairs is None:
            return None
        # 3
        kept = {id(entry) for entry, _ in pairs}
        gone += [each for each in entries_of(before[number:after]) if id(each) not in kept]
        blocks += blocks_of(pairs)
        number = after
    return ReadAgain(blocks, gone, lines.new)


class _Lines:
    """The single lines of a file, where it differs from the blocks that were there before."""

    def __init__(self, before: Blocks, raw: bytes, end: int) -> None:
        self.new: list[Entry] = []
        self._before, self._raw, self._end = before, raw, end
        self._begins: dict[bytes, int] | None = None

    def read(self, at: int, number: int) -> tuple[list[tuple[Entry, bytes]] | None, int, int]:
        """Entries and lines from a place on, where they end, and the block that follows there.

        `number` is the block that was expected. None instead of entries where one is no entry.
        """
        known: dict[bytes, Entry] = {}
        asked = number
        pairs: list[tuple[Entry, bytes]] = []
        while at < self._end:
            stop = self._raw.find(BETWEEN, at, self._end)
            line = self._raw[at : self._end if stop < 0 else stop]
            later = self._beginning(line)
            if later > number:
                return pairs, at, later
            if line not in known and asked < len(self._before):
                # What another process has put in has moved the lines behind it by a block at most.
                block = self._before[asked]
                known |= zip(block.lines(), block.entries, strict=True)
                asked += 1
            entry = known.pop(line, None)
            if entry is None:
                entry = _parsed(line)
                if entry is None:
                    return None, at, number
                self.new.append(entry)
            pairs.append((entry, line))
            at += len(line) + len(BETWEEN)
        return pairs, at, len(self._before)

    def _beginning(self, line: bytes) -> int:
        """The block that this line begins; -1: none."""
        if self._begins is None:
            self._begins = {_first_line(each): n for n, each in enumerate(self._before)}
        return self._begins.get(line, -1)


def _first_line(block: Block) -> bytes:
    stop = block.raw.find(BETWEEN)
    return block.raw if stop < 0 else block.raw[:stop]


def _follows(raw: bytes, block: bytes, at: int, end: int) -> bool:
    stop = at + len(block)
    return raw.startswith(block, at) and (stop == end or raw.startswith(BETWEEN, stop))


def _parsed(line: bytes) -> Entry | None:
    """An entry as it stands in a file; None where that is no JSON."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry_of(Descriptor.from_json(value))
