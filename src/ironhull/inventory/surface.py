"""The attack surface of an image: programs that help an attacker, and loose permissions."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.inventory.model import SURFACE_LISTS, Exposure, Surface
from ironhull.inventory.paths import parent
from ironhull.inventory.record import (
    DIRECTORY,
    FILE,
    HARD_LINK,
    LIBRARY,
    PROGRAM,
    SCRIPT,
    SYMLINK,
    Attributes,
)
from ironhull.inventory.view import Entry, View
from ironhull.programs import among_programs, program

_MAX_FINDINGS = 5000
_SETUID, _SETGID, _STICKY = 0o4000, 0o2000, 0o1000
_EXECUTE = 0o111


class SurfaceReader:
    """Walks over a view once and sorts what it sees into lists."""

    def __init__(self, view: View, ids: tuple[int, frozenset[int]] | None) -> None:
        self._view = view
        self._ids = ids if ids is not None and ids[0] != 0 else None
        self._lists: dict[str, list[Exposure]] = {name: [] for name in SURFACE_LISTS}
        self._writable: dict[str, Exposure] = {}
        self._counts = dict.fromkeys(("executables", "libraries", "files", "directories"), 0)
        self._size = 0

    def read(self) -> Surface:
        """The surface; owners of the findings are filled in by who knows them."""
        for attributes, count, size in self._view.tally():
            self._count(attributes, count, size)
        # Folders first: a file in a folder that the user may write needs no finding of its own.
        for wanted in (self._folder_matters, self._other_matters):
            for entry in self._view.entries(wanted):
                self._look(entry)
        for path, layer, text in self._view.facts("capabilities"):
            self._add("capabilities", path, text, layer)
        self._secrets()
        self._lists["user_writable"] = [
            found for path, found in self._writable.items() if self._highest(path)
        ]
        lists = {name: tuple(sorted(found)[:_MAX_FINDINGS]) for name, found in self._lists.items()}
        return Surface(**lists, **self._counts, size=self._size)  # type: ignore[arg-type]

    def _folder_matters(self, attributes: Attributes) -> bool:
        """Whether a folder can be more than one of many."""
        loose = attributes.mode & (_SETUID | _SETGID | 0o002)
        return attributes.kind == DIRECTORY and (bool(loose) or self._is_mine(attributes))

    def _other_matters(self, attributes: Attributes) -> bool:
        """Whether an entry that is no folder can be more than one of many."""
        if attributes.kind not in (FILE, HARD_LINK):
            return attributes.kind == SYMLINK
        loose = attributes.mode & (_SETUID | _SETGID | 0o002 | _EXECUTE)
        return bool(loose) or self._is_mine(attributes)

    def _count(self, attributes: Attributes, count: int, size: int) -> None:
        kind, form, mode = attributes.kind, attributes.form, attributes.mode
        if kind == DIRECTORY:
            self._counts["directories"] += count
            return
        self._counts["files"] += count
        if kind not in (FILE, HARD_LINK):
            return
        self._size += size
        if form == LIBRARY:
            self._counts["libraries"] += count
        elif mode & _EXECUTE and form in (PROGRAM, SCRIPT):
            self._counts["executables"] += count

    def _add(self, name: str, path: str, detail: str, layer: int) -> None:
        self._lists[name].append(Exposure(path, detail, str(layer)))

    def _secrets(self) -> None:
        """Those of hidden files too: whoever has the image has all its layers."""
        for path, layer, text in self._view.facts("secrets"):
            self._add("secrets", path, text, layer)
        for layer, record in enumerate(self._view.records):
            for entry, text in record.secrets.items():
                if self._view.shown_as(layer, entry, {}) is None:
                    detail = f"{text}, hidden by a higher layer"
                    self._add("secrets", record.names[entry], detail, layer)

    def _look(self, entry: Entry) -> None:
        if entry.kind == SYMLINK:
            self._program(entry)
            return
        if entry.kind != DIRECTORY:
            self._file(entry)
        self._permissions(entry)

    def _file(self, entry: Entry) -> None:
        if entry.form != LIBRARY and entry.mode & _EXECUTE:
            self._program(entry)
        if entry.mode & _SETUID:
            self._add("setuid", entry.path, f"{entry.mode:04o} uid {entry.uid}", entry.layer)
        if entry.mode & _SETGID and entry.mode & 0o010:
            self._add("setgid", entry.path, f"{entry.mode:04o} gid {entry.gid}", entry.layer)

    def _program(self, entry: Entry) -> None:
        # A link or a script has a program's name only among programs, machine code anywhere.
        if entry.form != PROGRAM and not among_programs(entry.path):
            return
        name, kinds = program(entry.path)
        if not kinds:
            return
        if entry.kind == SYMLINK:
            target = self._view.real(entry.path)
            real = self._view.get(target)
            if real is None or real.kind not in (FILE, HARD_LINK):
                return
            name = f"{name} -> {target}"
        for kind in kinds:
            self._add(kind, entry.path, name, entry.layer)

    def _permissions(self, entry: Entry) -> None:
        detail = f"{entry.mode:04o} {entry.uid}:{entry.gid}"
        if entry.mode & 0o002:
            if entry.kind != DIRECTORY or not entry.mode & _STICKY:
                self._add("world_writable", entry.path, detail, entry.layer)
        elif self._is_mine(entry) and self._highest(entry.path):
            self._writable[entry.path] = Exposure(entry.path, detail, str(entry.layer))

    def _is_mine(self, attributes: Attributes | Entry) -> bool:
        """Whether the default user may write, though not everybody may."""
        if self._ids is None:
            return False
        uid, gids = self._ids
        mine = attributes.uid == uid and attributes.mode & 0o200
        ours = attributes.uid != uid and attributes.gid in gids and attributes.mode & 0o020
        return bool(mine or ours)

    def _highest(self, path: str) -> bool:
        return not any(folder in self._writable for folder in _above(path))


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = parent(path)
        yield path
