"""Paths that run through a symbolic link, made real as engines do when they apply a layer.

Members are applied in their order. One below `lib`, where `lib` is a link to `usr/lib` by then,
lands in `usr/lib`; a member that is `lib` itself, as a folder, takes the link's place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ironhull.errors import MalformedError
from ironhull.inventory.names import Names
from ironhull.inventory.paths import MAX_LINKS, join, parent
from ironhull.inventory.record import HARD_LINK, SYMLINK, LayerRecord

_MAX_STEPS = 50_000_000
Links = dict[str, str]
"""Path of a symbolic link → the absolute path that it points at."""


def realigned(records: Sequence[LayerRecord]) -> list[LayerRecord]:
    """The records, lowest first, with no path that runs through a symbolic link.

    Entries keep their numbers; where nothing is to be done a record stays the same object.
    """
    links: Links = {}
    result = []
    for record in records:
        own = _symlinks(record)
        if own or links:
            _remove(record, links)
            if _touches(record, links.keys() | own.values()):
                record = _Applied(record, links, own).record
            else:
                _update(record, links, own)
        result.append(record)
    return result


def _symlinks(record: LayerRecord) -> dict[int, str]:
    """The entries that are symbolic links, and their paths."""
    return {entry: record.names[entry] for entry in record.links if record.kind(entry) == SYMLINK}


def _remove(record: LayerRecord, links: Links) -> None:
    """Forget links of lower layers that the whiteouts of a layer take away."""
    if links and (record.whiteouts or record.opaque):
        gone, emptied = set(record.whiteouts), {*record.whiteouts, *record.opaque}
        for path in [path for path in links if path in gone or _is_below(path, emptied)]:
            del links[path]


def _is_below(path: str, folders: set[str]) -> bool:
    while path != "/":
        path = parent(path)
        if path in folders:
            return True
    return False


def _touches(record: LayerRecord, links: set[str]) -> bool:
    """Whether any path of the record, or target of a hard link, runs through one of the links."""
    folders = {folder[:-1] for folder in record.names.folders}
    folders.update(map(parent, record.whiteouts), record.opaque)
    folders.update(
        parent(target) for entry, target in record.links.items() if record.kind(entry) == HARD_LINK
    )
    seen: set[str] = set()
    for folder in folders:
        while folder not in seen:
            if folder in links:
                return True
            seen.add(folder)
            folder = parent(folder) if folder else folder
    return False


def _update(record: LayerRecord, links: Links, own: Mapping[int, str]) -> None:
    """Let the entries of a layer replace links of lower ones, and add its own."""
    if links:
        for path in record.names:
            links.pop(path, None)
    for entry, path in own.items():
        links[path] = join(parent(path), record.links[entry])


class _Applied:
    """A record whose entries are applied one after the other to what lies below."""

    def __init__(self, record: LayerRecord, links: Links, own: Mapping[int, str]) -> None:
        self._links = links
        self._real: dict[str, str] = {}
        self._steps = 0
        whiteouts = [self._moved(path) for path in record.whiteouts]
        opaque = [self._folder(path) for path in record.opaque]
        names, targets = Names(), dict(record.links)
        for entry, path in enumerate(record.names):
            path = self._moved(path)
            cut = path.rfind("/") + 1
            names.add(path[:cut], path[cut:])
            if entry in own:
                self._set(path, join(parent(path), record.links[entry]))
            elif entry in targets and record.kind(entry) == HARD_LINK:
                targets[entry] = self._moved(targets[entry])
            if path in links and entry not in own:
                self._set(path, None)
        self.record = replace(
            record, names=names, links=targets, whiteouts=whiteouts, opaque=opaque
        )

    def _set(self, path: str, target: str | None) -> None:
        """Put a link at the path, or anything else; what was known of folders may be wrong now."""
        if target is None:
            del self._links[path]
        else:
            self._links[path] = target
        self._real.clear()

    def _moved(self, path: str) -> str:
        folder = parent(path)
        real = self._folder(folder)
        return path if real == folder else f"{real.rstrip('/')}/{path[path.rfind('/') + 1 :]}"

    def _folder(self, folder: str) -> str:
        real = self._real.get(folder)
        if real is None:
            real = self._real[folder] = self._followed(folder)
        return real

    def _followed(self, folder: str) -> str:
        done, todo, left = "", folder.split("/")[1:], MAX_LINKS
        while todo:
            here = f"{done}/{todo.pop(0)}"
            target = self._links.get(here) if left else None
            if target is None:
                done = here if here != "/" else done
                continue
            left -= 1
            todo = [part for part in target.split("/") if part] + todo
            self._steps += len(todo)
            if self._steps > _MAX_STEPS:
                raise MalformedError("symbolic links so long and many that they lead nowhere")
            done = ""
        return done or "/"
