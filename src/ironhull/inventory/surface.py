"""The attack surface of an image: programs that help an attacker, and loose permissions."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.inventory.model import SURFACE_LISTS, Exposure, Surface
from ironhull.inventory.paths import parent
from ironhull.inventory.record import DIRECTORY, FILE, HARD_LINK, LIBRARY, PROGRAM, SCRIPT, SYMLINK
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
        for entry in self._view:
            self._look(entry)
        for path, layer, text in self._view.facts("capabilities"):
            self._add("capabilities", path, text, layer)
        self._secrets()
        self._lists["user_writable"] = [
            found for path, found in self._writable.items() if self._highest(path)
        ]
        lists = {name: tuple(sorted(found)[:_MAX_FINDINGS]) for name, found in self._lists.items()}
        return Surface(**lists, **self._counts, size=self._size)  # type: ignore[arg-type]

    def _add(self, name: str, path: str, detail: str, layer: int) -> None:
        self._lists[name].append(Exposure(path, detail, str(layer)))

    def _secrets(self) -> None:
        """Those of hidden files too: whoever has the image has all its layers."""
        visible = {path: layer for path, layer, _ in self._view.facts("secrets")}
        for layer, record in enumerate(self._view.records):
            for path, text in record.secrets.items():
                hidden = "" if visible.get(path) == layer else ", hidden by a higher layer"
                self._add("secrets", path, f"{text}{hidden}", layer)

    def _look(self, entry: Entry) -> None:
        match entry.kind:
            case "d":
                self._counts["directories"] += 1
            case "f" | "h":
                self._file(entry)
            case "l":
                self._counts["files"] += 1
                self._program(entry)
                return
            case _:
                self._counts["files"] += 1
                return
        self._permissions(entry)

    def _file(self, entry: Entry) -> None:
        self._counts["files"] += 1
        self._size += entry.size
        if entry.form == LIBRARY:
            self._counts["libraries"] += 1
        elif entry.mode & _EXECUTE:
            if entry.form in (PROGRAM, SCRIPT):
                self._counts["executables"] += 1
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
        elif self._ids is not None:
            uid, gids = self._ids
            mine = entry.uid == uid and entry.mode & 0o200
            ours = entry.uid != uid and entry.gid in gids and entry.mode & 0o020
            if mine or ours:
                self._writable[entry.path] = Exposure(entry.path, detail, str(entry.layer))

    def _highest(self, path: str) -> bool:
        return not any(folder in self._writable for folder in _above(path))


def _above(path: str) -> Iterator[str]:
    while path != "/":
        path = parent(path)
        yield path
