"""Which entries of which layer a container sees, and what the others waste.

The steps are those of `ironhull.inventory.view`, which is who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

from ironhull.inventory.names import table_for
from ironhull.inventory.paths import parent
from ironhull.inventory.record import DIRECTORY, FILE, LayerRecord
from ironhull.values import dataclass

SHIFT = 21
INDEX = (1 << SHIFT) - 1
"""A key is the layer's number and, in its lower bits, the entry's."""
MAX_LAYERS = 1 << 10
MAX_ENTRIES = 2_000_000


@dataclass(slots=True)
class Waste:
    """Bytes that no container sees."""

    total: int = 0
    copies: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Path → (layer number, bytes) of each hidden copy."""

    def add(self, path: str, layer: int, size: int) -> None:
        """Count a copy that no container sees."""
        self.total += size
        self.copies.setdefault(path, []).append((layer, size))

    def keep(self, path: str, layer: int, size: int) -> None:
        """Take a copy back, which was counted or not: it can be seen under another name."""
        copies = self.copies.get(path, [])
        if (layer, size) in copies:
            self.total -= size
            copies.remove((layer, size))
            if not copies:
                del self.copies[path]


class Merge:
    """Puts layers, lowest first, together: `table`, `shown` and `waste` are the result."""

    def __init__(self, records: Sequence[LayerRecord]) -> None:
        self._records = records
        self.table = table_for([record.names for record in records], self.path)
        """Path → key of the visible entry."""
        self.shown = [bytearray(len(record)) for record in records]
        """Layer → entry → whether it is visible."""
        self.waste = Waste()
        self._hidden = _Hidden(self._is_no_folder)
        for number in range(len(records) - 1, -1, -1):
            self._layer(number)

    def path(self, key: int) -> str:
        """The path of the entry that a key is for."""
        return self._records[key >> SHIFT].names[key & INDEX]

    def _layer(self, number: int) -> None:
        """Add what can be seen of a layer below those that are there."""
        record, shown, hidden = self._records[number], self.shown[number], self._hidden
        kinds = [item.kind for item in record.attributes]
        base = number << SHIFT
        hidden.forget()
        is_top = hidden.is_empty
        replaced: set[str] = set()
        folders, owners = record.names.folders, record.names.owners
        ids, add = record.attribute_ids, self.table.add
        whiteouts, used = hidden.whiteouts, hidden.used
        # Asked once for all that is directly in a folder, when the first of it comes.
        below: list[bool | None] = [None] * len(folders)
        for entry, path in enumerate(record.names):
            kind = kinds[ids[entry]]
            # The top layer, mostly the only large one, cannot be hidden by anything: no question
            # asked.
            if is_top:
                gone: bool | None = False
            elif path in whiteouts or (path in used and kind != DIRECTORY):
                gone = True
            elif path == "/":
                gone = False
            else:
                owner = owners[entry]
                gone = below[owner]
                if gone is None:
                    gone = below[owner] = hidden.is_below(folders[owner][:-1] or "/")
            if not gone:
                key = base | entry
                before = add(path, key)
                if before == key:
                    shown[entry] = 1
                    continue
                # A key is layer and entry in one number, so that a million paths need no million
                # tuples.
                if before >> SHIFT == number:
                    # Of two members with one name the later one counts.
                    shown[before & INDEX] = 0
                    shown[entry] = 1
                    self.table.replace(path, key)
                    continue
            if kind != DIRECTORY:
                replaced.add(path)
                if kind == FILE:
                    # Of what is hidden only files have bytes that are pulled for nothing.
                    self.waste.add(path, number, record.sizes[entry])
        # Also of what is hidden: a file that the layer made a folder stays gone.
        hidden.used_as_folders({folder[:-1] or "/" for folder in folders})
        hidden.whiteouts.update(record.whiteouts)
        # A file hides what was below its path, even if it is a folder again above.
        hidden.opaque.update(record.opaque, replaced)

    def _is_no_folder(self, path: str) -> bool:
        """Whether something other than a folder is visible at the path."""
        key = self.table.get(path)
        return key is not None and self._records[key >> SHIFT].kind(key & INDEX) != DIRECTORY


class _Hidden:
    """What the layers so far take away from the layers below them."""

    def __init__(self, is_no_folder: Callable[[str], bool]) -> None:
        self.whiteouts: set[str] = set()
        self.opaque: set[str] = set()
        self._is_no_folder = is_no_folder
        self._folders: dict[str, bool] = {}
        self.used: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Whether no layer came yet that had anything."""
        return not (self.whiteouts or self.opaque or self.used)

    def forget(self) -> None:
        """Begin a lower layer: answers about folders may have changed."""
        self._folders = {}

    def used_as_folders(self, folders: set[str]) -> None:
        """Paths that a higher layer has something in, even if it has no entry for them."""
        for folder in folders:
            while folder not in self.used:
                self.used.add(folder)
                folder = parent(folder)

    def is_below(self, folder: str) -> bool:
        """Whether nothing of this layer in the folder can be seen."""
        chain = []
        # Up to the first folder whose answer is known; all on the way then have the same one.
        while (answer := self._folders.get(folder)) is None:
            chain.append(folder)
            if folder in self.whiteouts or folder in self.opaque or self._is_no_folder(folder):
                answer = True
                break
            if folder == "/":
                answer = False
                break
            folder = parent(folder)
        for item in chain:
            self._folders[item] = answer
        return answer
