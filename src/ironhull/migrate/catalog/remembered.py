"""One's own catalog, as it answered before: reading definitions costs more than migrating does.

Answers are kept in one file, together with what the folders of definitions were like when they were
given: path, size and time of each file below them, as make and git judge. If anything there is
different, all of them are forgotten. A memory that cannot be read or written costs only time.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ironhull.errors import EnvironmentProblem
from ironhull.migrate.catalog.interface import Catalog, ImageFacts, source_of
from ironhull.store.files import replace_file

MAX_BYTES = 8 << 20
MAX_FILES = 50_000
"""Of a folder with more, or with a link to another one, nothing is remembered."""


class _Memory(msgspec.Struct):
    """What the file holds."""

    state: str
    """Of the folders; see `folders_state`."""
    versions: dict[str, tuple[str, ...]] = {}
    found: dict[str, ImageFacts | None] = {}
    """By `IMAGE VERSION` and, if it is one, ` dev`."""


_MEMORY = msgspec.json.Decoder(_Memory)


class RememberedCatalog:
    """A catalog that opens the real one only for what was not asked before."""

    extensible = True

    def __init__(
        self, registry: str, folders: Sequence[Path], memory: Path, opened: Callable[[], Catalog]
    ) -> None:
        """`opened` gives the catalog of `folders`; `memory` is the file of its answers."""
        self.registry = registry
        self.source = source_of(folders)
        self._file = memory
        self._opened = opened
        self._real: Catalog | None = None
        self._state = f"{registry} {folders_state(folders)}"
        self._memory = self._read()

    def versions(self, image: str) -> tuple[str, ...]:
        """As `Catalog.versions`."""
        if image not in self._memory.versions:
            self._memory.versions[image] = self._asked().versions(image)
            self._write()
        return self._memory.versions[image]

    def find(self, image: str, version: str, *, dev: bool) -> ImageFacts | None:
        """As `Catalog.find`; the errors of a broken definition are not remembered."""
        key = f"{image} {version}{' dev' if dev else ''}"
        if key not in self._memory.found:
            self._memory.found[key] = self._asked().find(image, version, dev=dev)
            self._write()
        return self._memory.found[key]

    def _asked(self) -> Catalog:
        if self._real is None:
            self._real = self._opened()
        return self._real

    def _read(self) -> _Memory:
        try:
            with self._file.open("rb") as file:
                memory = _MEMORY.decode(file.read(MAX_BYTES))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _Memory(self._state)
        return memory if memory.state == self._state else _Memory(self._state)

    def _write(self) -> None:
        if self._state.endswith(" "):
            return
        data = msgspec.json.encode(self._memory)
        if len(data) > MAX_BYTES:
            return
        try:
            replace_file(self._file, data, durable=False)
        except EnvironmentProblem:
            return


def folders_state(folders: Sequence[Path]) -> str:
    """A digest of path, size and time of each file below them; empty if that cannot be said."""
    state = hashlib.sha256()
    # Where one of several is missing there is no answer.
    state.update(repr([(str(folder), folder.is_dir()) for folder in folders]).encode())
    below = [path for folder in folders for path in sorted(folder.rglob("*"))]
    for number, path in enumerate(below):
        if number == MAX_FILES:
            return ""
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode) and path.is_symlink():
            return ""
        if not stat.S_ISDIR(status.st_mode):
            text = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n"
            state.update(text.encode(errors="replace"))
    return state.hexdigest()
