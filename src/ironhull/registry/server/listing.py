"""Tags: what index.json of the layout says, read once per change of the file.

An entry whose reference name is `repository:tag` is that tag. Entries with another name or none
(attestations that a build put beside its image, for example) are `loose`: see `contents`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.registry.server.names import split_ref_name
from ironhull.registry.server.records import sync_folder
from ironhull.registry.server.rounds import Rounds
from ironhull.store.layout import REF_NAME, ImageLayout


@dataclass(frozen=True, slots=True)
class Listing:
    """index.json at one moment: repository → tag → descriptor, and the entries without a tag."""

    tags: Mapping[str, Mapping[str, Descriptor]]
    loose: tuple[Descriptor, ...]


class Tags:
    """The tags of a layout; safe from several threads and processes."""

    def __init__(self, layout: ImageLayout) -> None:
        self._layout = layout
        self._index = layout.root / "index.json"
        self._lock = threading.Lock()
        # The file is written whole: once for all pushes that wait for it.
        self._points = Rounds(self._write)
        self._read: tuple[tuple[int, int, int], Listing] | None = None
        self._descriptors: list[Descriptor] = []

    def listing(self) -> Listing:
        """What index.json lists now; the same object until the file changes."""
        stamp = self._stamp()
        with self._lock:
            if self._read is None or self._read[0] != stamp:
                before, self._descriptors = self._descriptors, self._layout.descriptors()
                known = None if self._read is None else self._read[1]
                found = _moved(known, before, self._descriptors) if known is not None else None
                self._read = (stamp, found or _listing(self._descriptors))
            return self._read[1]

    def known(self) -> Listing | None:
        """The same where the file did not change since it was read; else None, at once."""
        read = self._read
        return read[1] if read is not None and read[0] == self._stamp() else None

    def point(self, repository: str, tag: str, descriptor: Descriptor) -> None:
        """Let the tag be this manifest: before, the old image; after, the new one; on disk."""
        self.point_all(repository, {tag: descriptor})

    def point_all(self, repository: str, tags: Mapping[str, Descriptor]) -> None:
        """The same with several tags, which move at the same moment."""
        self._points.do({f"{repository}:{tag}": to for tag, to in tags.items()})

    def _write(self, together: Sequence[Mapping[str, Descriptor]]) -> None:
        # Of two that set one tag the later one has it, as when they come one after the other.
        self._layout.point({name: to for names in together for name, to in names.items()})
        sync_folder(self._layout.root)

    def remove(self, repository: str, gone: Callable[[str, Digest], bool]) -> None:
        """Remove the tags of a repository for which `gone(tag, digest)` is true."""

        def kept(descriptor: Descriptor) -> bool:
            name = split_ref_name(descriptor.annotations.get(REF_NAME, ""))
            return name is None or name[0] != repository or not gone(name[1], descriptor.digest)

        self._layout.update(lambda before: [item for item in before if kept(item)])
        sync_folder(self._layout.root)

    def _stamp(self) -> tuple[int, int, int]:
        status = self._index.stat()
        return (status.st_mtime_ns, status.st_ino, status.st_size)


_FEW = 200
_MOST_APART = 20_000


def _moved(known: Listing, before: list[Descriptor], after: list[Descriptor]) -> Listing | None:
    """The listing of `after`, by what differs from `before`; None where that is much, or not sure.

    A push changes one entry of thousands. Entries that stayed are the same objects
    (`store.index_file`), and so are the tags of repositories in which nothing changed.
    """
    start, end = _differing(before, after)
    if max(len(before), len(after)) - start - end > _MOST_APART:
        return None
    old = {id(each): each for each in before[start : len(before) - end]}
    new = {id(each): each for each in after[start : len(after) - end]}
    gone = [each for key, each in old.items() if key not in new]
    fresh = [each for key, each in new.items() if key not in old]
    if len(gone) + len(fresh) > _FEW:
        return None
    tags: dict[str, Mapping[str, Descriptor]] = dict(known.tags)
    copied: dict[str, dict[str, Descriptor]] = {}
    loose = known.loose
    for each in (*gone, *fresh):
        name = split_ref_name(each.annotations.get(REF_NAME, ""))
        if name is None:
            loose = ()
            continue
        repository, tag = name
        if repository not in copied:
            tags[repository] = copied[repository] = dict(tags.get(repository, {}))
        if id(each) in new:
            copied[repository][tag] = each
        else:
            copied[repository].pop(tag, None)
    for repository, left in copied.items():
        if not left:
            del tags[repository]
    if loose is not known.loose:
        loose = tuple(each for each in after if not _is_tag(each))
    # A name that two entries have: which of them stays is for who reads all.
    if sum(map(len, tags.values())) + len(loose) != len(after):
        return None
    return Listing(tags, loose)


def _differing(before: list[Descriptor], after: list[Descriptor]) -> tuple[int, int]:
    """How many entries are the same at the beginning, and behind that at the end.

    By halves: to compare parts of lists takes microseconds for thousands of entries.
    """
    most = min(len(before), len(after))
    start = _largest(most, lambda count: before[:count] == after[:count])
    end = _largest(
        most - start,
        lambda count: before[len(before) - count :] == after[len(after) - count :],
    )
    return start, end


def _largest(most: int, holds: Callable[[int], bool]) -> int:
    """The largest number up to `most` for which it holds, if it holds for all smaller ones."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if holds(middle) else (least, middle - 1)
    return least


def _is_tag(descriptor: Descriptor) -> bool:
    return split_ref_name(descriptor.annotations.get(REF_NAME, "")) is not None


def _listing(descriptors: list[Descriptor]) -> Listing:
    tags: dict[str, dict[str, Descriptor]] = {}
    loose = []
    for descriptor in descriptors:
        name = split_ref_name(descriptor.annotations.get(REF_NAME, ""))
        if name is None:
            loose.append(descriptor)
        else:
            tags.setdefault(name[0], {})[name[1]] = descriptor
    return Listing(tags, tuple(loose))
