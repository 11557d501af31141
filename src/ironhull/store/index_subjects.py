"""What the entries of an index refer to, kept up with each entry that comes or goes.

Most say it (`SUBJECT`). Of those that do not, images among them, each is looked into once, whatever
becomes of the index around it: a catalog has thousands of them, and each image asks ten times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from ironhull.store.index_blocks import ORDER, Entry

_Groups = dict[str, tuple[Entry, ...]]
# Held while entries are looked into, or copied: nobody sees half of it.
_looking = threading.Lock()


class Subjects:
    """The entries of one index by what they refer to; each group in the order of its entries."""

    __slots__ = ("_found", "_plain", "_said", "_unknown")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._said: _Groups = {}
        self._found: _Groups = {}
        # By digest: what does not say to what it refers.
        self._plain: _Groups = {}
        self._unknown: dict[int, Entry] = {}
        said: dict[str, list[Entry]] = {}
        for entry in entries:
            if subject := entry.subject:
                said.setdefault(subject, []).append(entry)
            else:
                self._add(entry)
        self._said |= {subject: tuple(each) for subject, each in said.items()}

    def changed(self, gone: Iterable[Entry], new: Iterable[Entry]) -> Subjects:
        """The same of an index without some entries, and with others."""
        other = Subjects()
        with _looking:
            other._said, other._found = self._said.copy(), self._found.copy()
            other._plain, other._unknown = self._plain.copy(), self._unknown.copy()
        for entry in gone:
            other._remove(entry)
        for entry in new:
            other._add(entry)
        return other

    def said(self, subject: str) -> tuple[Entry, ...]:
        """The entries that say that they refer to a digest."""
        return self._said.get(subject, ())

    def all_said(self) -> list[str]:
        """All digests that entries say they refer to."""
        return list(self._said)

    def plain(self, digest: str) -> tuple[Entry, ...]:
        """The entries of a digest that do not say to what they refer."""
        return self._plain.get(digest, ())

    def opened(self, looked: Callable[[Entry], str | None]) -> dict[str, tuple[Entry, ...]]:
        """By subject: entries that refer to it without saying so.

        `looked` looks into an entry: its subject, "" where it has none, None where that cannot be
        told now. Not to be changed.
        """
        if self._unknown:
            with _looking:
                for key, entry in list(self._unknown.items()):
                    if entry.refers is None:
                        entry.refers = looked(entry)
                    if entry.refers is not None:
                        if entry.refers:
                            _put(self._found, entry.refers, entry)
                        del self._unknown[key]
        return self._found

    def _add(self, entry: Entry) -> None:
        if entry.subject:
            _put(self._said, entry.subject, entry)
            return
        _put(self._plain, entry.descriptor.digest, entry)
        if entry.refers is None:
            self._unknown[id(entry)] = entry
        elif entry.refers:
            _put(self._found, entry.refers, entry)

    def _remove(self, entry: Entry) -> None:
        if entry.subject:
            _take(self._said, entry.subject, entry)
            return
        _take(self._plain, entry.descriptor.digest, entry)
        if self._unknown.pop(id(entry), None) is None and entry.refers:
            _take(self._found, entry.refers, entry)


def _put(groups: _Groups, key: str, entry: Entry) -> None:
    groups[key] = tuple(sorted((*groups.get(key, ()), entry), key=ORDER))


def _take(groups: _Groups, key: str, entry: Entry) -> None:
    left = tuple(each for each in groups.get(key, ()) if each is not entry)
    groups[key] = left
    if not left:
        del groups[key]
