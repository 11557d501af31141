"""What maintainers say of the versions between two builds: by package files that the store has.

Nothing is fetched for a page. The changelog of a package file never changes, so it is read once and
its newest entries are kept beside the catalog's facts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ironhull.build.origins import read_origins
from ironhull.catalog.facts import ChangelogFacts, SourceWords
from ironhull.catalog.index import CatalogIndex
from ironhull.changes.reading import changelog_of
from ironhull.debian.changelog import ChangelogEntry
from ironhull.debian.version import compare
from ironhull.errors import IronhullError, MalformedError, NotFoundError
from ironhull.lock.model import LockedPackage
from ironhull.oci.digest import Digest
from ironhull.reports.text import harmless_lines, one_line
from ironhull.store.changelogs import changelogs_path
from ironhull.workspace.machine import Machine

MAX_SOURCES = 60
"""Source packages that are looked for in one answer, and binary packages of each."""
MAX_BINARIES = 5
MAX_ENTRIES = 40
"""Newest entries of a package file that are kept."""
MAX_ENTRY = 3000
"""Signs of an entry."""
MAX_TOGETHER = 60_000
"""Signs of all entries of one answer."""
MAX_FILE = 64 << 20
"""Bytes of a package file that is read for a page."""


# One at a time: unpacking is work, and the pages of others are to go on.
_READING = threading.Lock()


def stored_words(
    machine: Machine, index: CatalogIndex | None, manifest: str, moved: Sequence[SourceWords]
) -> tuple[SourceWords, ...]:
    """The sources with what is known of them; `manifest` is the newer image of a platform.

    `index` is where changelogs are kept that were read once.
    """
    origins = read_origins(machine.home, Digest(manifest))
    if origins is None:
        note = "not known: this image was not built here"
        return tuple(replace(each, note=note) for each in moved)
    locked = {str(each.name): each for each in origins.packages}

    def found() -> Iterator[SourceWords]:
        for each in moved[:MAX_SOURCES]:
            yield _source(machine, index, each, locked)

    note = f"not looked for: only the first {MAX_SOURCES} are"
    return (*_bounded(found()), *(replace(each, note=note) for each in moved[MAX_SOURCES:]))


def _source(
    machine: Machine,
    index: CatalogIndex | None,
    moved: SourceWords,
    locked: Mapping[str, LockedPackage],
) -> SourceWords:
    # Which of a source's packages carries the changelog is the packager's choice.
    note = ""
    for name in moved.packages[:MAX_BINARIES]:
        package = locked.get(name)
        if package is None:
            continue
        try:
            found = _after(_entries(machine, index, package), moved.before)
        except (IronhullError, OSError) as error:
            note = note or f"not known: {one_line(str(error), 200)}"
            continue
        if found:
            return replace(moved, entries=found)
    return replace(moved, note=note or "its package files have no changelog of it")


def _entries(
    machine: Machine, index: CatalogIndex | None, package: LockedPackage
) -> tuple[ChangelogFacts, ...]:
    kept = index.words(package.sha256) if index is not None else None
    if kept is not None:
        return kept
    store = machine.home.packages
    if not store.has(package.sha256, package.size):
        raise NotFoundError("its package file is not in this machine's store")
    if package.size > MAX_FILE:
        raise MalformedError(f"its package file has {package.size} bytes")
    what = f"{package.name} {package.version}"
    with _READING:
        beside = changelogs_path(store, package.sha256)
        entries = changelog_of(store.path(package.sha256), what, "", beside)
    found = tuple(map(_facts, entries[:MAX_ENTRIES]))
    if index is not None:
        index.put_words(package.sha256, found)
    return found


def _facts(entry: ChangelogEntry) -> ChangelogFacts:
    text = harmless_lines("\n".join(entry.lines))
    cut = f"{text[:MAX_ENTRY]} …" if len(text) > MAX_ENTRY else text
    version, urgency, by, date = (
        one_line(each, 200) for each in (entry.version, entry.urgency, entry.by, entry.date)
    )
    return ChangelogFacts(version, urgency, by, date, cut)


def _after(entries: Sequence[ChangelogFacts], before: str) -> tuple[ChangelogFacts, ...]:
    found = []
    for each in entries:
        try:
            if compare(each.version, before) <= 0:
                break
        except MalformedError:
            pass
        found.append(each)
    return tuple(found)


def _bounded(sources: Iterator[SourceWords]) -> Iterator[SourceWords]:
    """The same, as far as an answer has room: of each its newest entries."""
    left = MAX_TOGETHER
    for each in sources:
        kept = []
        for entry in each.entries:
            left -= len(entry.text)
            if left < 0:
                break
            kept.append(entry)
        gone = len(each.entries) - len(kept)
        note = f"older ones: {gone} more, in `ironhull changelog`" if gone else each.note
        yield replace(each, entries=tuple(kept), note=note)
