"""The layers put together: what a container sees (image-spec layer.md, "Applying Changesets").

The algorithm, from the highest layer to the lowest, so that each entry is looked at once:
1. An entry whose path was seen in a higher layer is replaced, so it is waste.
2. An entry that a higher layer's whiteout removes, or that lies below a whiteout, an opaque folder
   or a path that became a file, or a file that became a folder, is gone, so it is waste too.
3. Everything else is visible. Then the layer's own whiteouts start to hide what is below it.
Before that, paths that run through a lower layer's symbolic link are made real, as engines do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ironhull.errors import MalformedError
from ironhull.inventory.model import Package
from ironhull.inventory.paths import MAX_LINKS, join, parent
from ironhull.inventory.record import DIRECTORY, FILE, HARD_LINK, SYMLINK, LayerRecord

MAX_ENTRIES = 2_000_000
_SHIFT = 32
_INDEX = (1 << _SHIFT) - 1
_FACTS = ("packages", "texts", "licenses", "capabilities", "secrets", "remarks")


@dataclass(frozen=True, slots=True)
class Entry:
    """A visible path. A hard link has the form of the file it names and no size of its own."""

    path: str
    kind: str
    form: str
    mode: int
    uid: int
    gid: int
    size: int
    layer: int
    """Number of the layer, lowest 0."""
    link: str


@dataclass(slots=True)
class Waste:
    """Bytes that no container sees."""

    total: int = 0
    copies: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Path → (layer number, bytes) of each hidden copy."""


class View:
    """The merged file system of `records`, lowest first."""

    def __init__(self, records: Sequence[LayerRecord]) -> None:
        if sum(len(record.paths) for record in records) > MAX_ENTRIES:
            raise MalformedError(f"the layers have more than {MAX_ENTRIES} entries together")
        self.records = _without_linked_parents(records)
        self.waste = Waste()
        self._entries: dict[str, int] = {}
        self._merge()
        self._hard_links: list[dict[str, list[str]]] = [_hard_links(item) for item in self.records]

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def __iter__(self) -> Iterator[Entry]:
        for path, key in self._entries.items():
            yield self._entry(path, key)

    def get(self, path: str) -> Entry | None:
        """The entry at exactly this path; symbolic links are not followed."""
        key = self._entries.get(path)
        return None if key is None else self._entry(path, key)

    def real(self, path: str) -> str:
        """The path with all symbolic links followed, as far as they lead inside the image."""
        links = 0
        done, todo = "", path.split("/")[1:]
        while todo:
            part = todo.pop(0)
            here = f"{done}/{part}"
            key = self._entries.get(here)
            if key is not None and self._kind(key) == SYMLINK and links < MAX_LINKS:
                links += 1
                target = self.records[key >> _SHIFT].links[here]
                todo = join(done or "/", target).split("/")[1:] + todo
                done = ""
            else:
                done = here
        return done or "/"

    def text(self, path: str) -> str | None:
        """A small text file that was kept, symbolic links followed."""
        real = self.real(path)
        key = self._entries.get(real)
        return None if key is None else self.records[key >> _SHIFT].texts.get(real)

    def facts(self, name: str) -> Iterator[tuple[str, int, Any]]:
        """Path, layer number and fact of each visible file that has one; `name` is a record's.

        A file that is gone but for a hard link to it is found under the link's path.
        """
        for number, record in enumerate(self.records):
            facts: Mapping[str, Any] = getattr(record, name)
            for path, fact in facts.items():
                if self._layer(path) == number:
                    yield path, number, fact
                    continue
                for other in self._hard_links[number].get(path, ()):
                    if self._layer(other) == number:
                        yield other, number, _moved(fact, path, other)
                        break

    def _layer(self, path: str) -> int:
        return self._entries.get(path, -1) >> _SHIFT

    def _kind(self, key: int) -> str:
        return self.records[key >> _SHIFT].kinds[key & _INDEX]

    def _entry(self, path: str, key: int) -> Entry:
        layer, index = key >> _SHIFT, key & _INDEX
        record = self.records[layer]
        form, size = record.forms[index], record.sizes[index]
        return Entry(
            path,
            record.kinds[index],
            form,
            record.modes[index],
            record.uids[index],
            record.gids[index],
            size,
            layer,
            record.links.get(path, ""),
        )

    def _merge(self) -> None:
        hidden = _Hidden(self)
        for number in range(len(self.records) - 1, -1, -1):
            record = self.records[number]
            hidden.forget()
            base = number << _SHIFT
            folders: set[str] = set()
            replaced: set[str] = set()
            for index in range(len(record.paths) - 1, -1, -1):
                path = record.paths[index]
                before = self._entries.get(path)
                if before is not None and before >> _SHIFT == number:
                    continue
                kind = record.kinds[index]
                if before is not None or hidden.is_gone(path, kind):
                    if kind != DIRECTORY:
                        replaced.add(path)
                    if kind == FILE:
                        size = record.sizes[index]
                        self.waste.total += size
                        self.waste.copies.setdefault(path, []).append((number, size))
                else:
                    self._entries[path] = base | index
                    folders.add(parent(path))
            hidden.used_as_folders(folders)
            hidden.whiteouts.update(record.whiteouts)
            # A file hides what was below its path, even if it is a folder again above.
            hidden.opaque.update(record.opaque, replaced)

    def hides_below(self, path: str) -> bool:
        """Whether something other than a folder is visible at the path."""
        key = self._entries.get(path)
        return key is not None and self._kind(key) != DIRECTORY


class _Hidden:
    """What the layers so far take away from the layers below them."""

    def __init__(self, view: View) -> None:
        self.whiteouts: set[str] = set()
        self.opaque: set[str] = set()
        self._view = view
        self._folders: dict[str, bool] = {}
        self._used: set[str] = set()

    def forget(self) -> None:
        """Begin a lower layer: answers about folders may have changed."""
        self._folders = {}

    def used_as_folders(self, folders: set[str]) -> None:
        """Paths that a higher layer has something in, even if it has no entry for them."""
        for folder in folders:
            while folder not in self._used:
                self._used.add(folder)
                folder = parent(folder)

    def is_gone(self, path: str, kind: str) -> bool:
        if path in self.whiteouts or (kind != DIRECTORY and path in self._used):
            return True
        return path != "/" and self._below(parent(path))

    def _below(self, folder: str) -> bool:
        """Whether nothing of this layer in the folder can be seen."""
        chain = []
        while (answer := self._folders.get(folder)) is None:
            chain.append(folder)
            if folder in self.whiteouts or folder in self.opaque or self._view.hides_below(folder):
                answer = True
                break
            if folder == "/":
                answer = False
                break
            folder = parent(folder)
        for item in chain:
            self._folders[item] = answer
        return answer


def _hard_links(record: LayerRecord) -> dict[str, list[str]]:
    """Target → the paths that are further names of it."""
    found: dict[str, list[str]] = {}
    for path, kind in zip(record.paths, record.kinds, strict=True):
        if kind == HARD_LINK:
            found.setdefault(record.links.get(path, ""), []).append(path)
    return found


def _moved(fact: Any, old: str, new: str) -> Any:
    """Packages of a file that is known by another name now say so."""
    if isinstance(fact, list) and fact and isinstance(fact[0], Package):
        return [replace(item, location=new + item.location[len(old) :]) for item in fact]
    return fact


def _without_linked_parents(records: Sequence[LayerRecord]) -> list[LayerRecord]:
    """Records in which no path runs through a symbolic link of a lower layer."""
    links: dict[str, str] = {}
    result = []
    for record in records:
        if links:
            record = _realigned(record, links)
        for path in record.whiteouts:
            links.pop(path, None)
        for path, kind in zip(record.paths, record.kinds, strict=True):
            if kind == SYMLINK:
                links[path] = join(parent(path), record.links[path])
            elif path in links:
                del links[path]
        result.append(record)
    return result


def _realigned(record: LayerRecord, links: Mapping[str, str]) -> LayerRecord:
    folders = {parent(path) for path in (*record.paths, *record.whiteouts)}
    folders.update(record.opaque)
    linked = {folder for folder in folders if _runs_through(folder, links)}
    if not linked:
        return record
    own = set(record.paths)
    moves = {folder: _real_folder(folder, links, own) for folder in linked}
    moves = {old: new for old, new in moves.items() if old != new}
    return _rewritten(record, moves) if moves else record


def _runs_through(folder: str, links: Mapping[str, str]) -> bool:
    while folder != "/":
        if folder in links:
            return True
        folder = parent(folder)
    return False


def _real_folder(folder: str, links: Mapping[str, str], own: set[str]) -> str:
    """The folder behind lower links; one that the layer itself has as an entry stays as it is."""
    done, todo, left = "", folder.split("/")[1:], MAX_LINKS
    while todo:
        here = f"{done}/{todo.pop(0)}"
        if here in links and here not in own and left:
            left -= 1
            todo = links[here].split("/")[1:] + todo
            todo = [part for part in todo if part]
            done = ""
        else:
            done = here
    return done or "/"


def _rewritten(record: LayerRecord, moves: Mapping[str, str]) -> LayerRecord:
    def moved(path: str) -> str:
        folder = parent(path)
        new = moves.get(folder)
        return path if new is None else f"{new.rstrip('/')}/{path[path.rfind('/') + 1 :]}"

    copy = LayerRecord(**{item.name: getattr(record, item.name) for item in fields(record)})
    copy.paths = [moved(path) for path in record.paths]
    copy.whiteouts = [moved(path) for path in record.whiteouts]
    copy.opaque = [moves.get(folder, folder) for folder in record.opaque]
    copy.links = {
        moved(path): moved(target) if target.startswith("/") else target
        for path, target in record.links.items()
    }
    for name in _FACTS:
        facts = getattr(record, name)
        setattr(copy, name, {moved(p): _moved(fact, p, moved(p)) for p, fact in facts.items()})
    return copy
