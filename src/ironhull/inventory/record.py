"""What one layer holds, apart from all other layers: the unit that is cached by layer digest.

A record is columns, not objects, so that a layer of a million files stays small. An entry is a
number, the order in the archive; what was read of a file is kept by that number, because a later
entry may have the same path, and a hard link may keep the file when its path is gone. What a
container sees of it all is decided when the layers are put together.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, NamedTuple

import msgspec

from ironhull import __version__
from ironhull.errors import MalformedError
from ironhull.inventory.document import package_from_json, package_json
from ironhull.inventory.model import Package, Remark
from ironhull.inventory.names import Names
from ironhull.values import dataclass

FORMAT: str = f"3-{sys.byteorder}-{__version__}"
"""Records of another form, or of another Ironhull that may have found less, are made again."""

FILE, DIRECTORY, SYMLINK, HARD_LINK, OTHER = "f", "d", "l", "h", "o"
PLAIN, PROGRAM, LIBRARY, SCRIPT = "-", "x", "s", "#"

NOWHERE = -1
"""The number of an entry that is none: for remarks about names that no file can have."""


class Attributes(NamedTuple):
    """What many entries have alike, kept once."""

    kind: str
    form: str
    """PROGRAM, LIBRARY (both ELF) or SCRIPT (`#!`) for regular files."""
    mode: int
    uid: int
    gid: int


@dataclass(slots=True)
class LayerRecord:
    """Entries as parallel columns, lowest number first in the archive."""

    names: Names = field(default_factory=Names)
    attributes: list[Attributes] = field(default_factory=list)
    attribute_ids: array[int] = field(default_factory=lambda: array("I"))
    """Entry → number of its attributes."""
    sizes: array[int] = field(default_factory=lambda: array("q"))
    links: dict[int, str] = field(default_factory=dict)
    """Targets of symbolic links as written, of hard links as absolute paths."""
    inodes: dict[int, int] = field(default_factory=dict)
    """Hard link → the entry of this layer whose file it is, where there is one before it: a file,
    or a hard link to a layer below."""
    whiteouts: list[str] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    packages: dict[int, list[Package]] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    """Small files that are read when the layers are put together: os-release, passwd, …"""
    licenses: dict[int, list[str]] = field(default_factory=dict)
    capabilities: dict[int, str] = field(default_factory=dict)
    secrets: dict[int, str] = field(default_factory=dict)
    remarks: list[tuple[int, Remark]] = field(default_factory=list)
    diff_id: str = ""
    stored: int = 0
    uncompressed: int = 0

    def __len__(self) -> int:
        return len(self.sizes)

    def attributes_of(self, entry: int) -> Attributes:
        """What the archive says of an entry."""
        return self.attributes[self.attribute_ids[entry]]

    def kind(self, entry: int) -> str:
        """FILE, DIRECTORY, SYMLINK, HARD_LINK or OTHER."""
        return self.attributes[self.attribute_ids[entry]].kind

    def files(self) -> int:
        """How many entries are no directories."""
        folders = [number for number, item in enumerate(self.attributes) if item.kind == DIRECTORY]
        return len(self) - sum(self.attribute_ids.count(number) for number in folders)

    def dumps(self) -> bytes:
        """The record as MessagePack; columns as they are in memory."""
        value: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        value["names"] = self.names.columns()
        value |= {name: getattr(self, name).tobytes() for name in _COLUMNS}
        value["packages"] = {
            entry: [package_json(package) for package in packages]
            for entry, packages in self.packages.items()
        }
        value["remarks"] = [
            [entry, remark.kind, remark.location, remark.message] for entry, remark in self.remarks
        ]
        value["format"] = FORMAT
        return msgspec.msgpack.encode(value)

    @classmethod
    def loads(cls, data: bytes) -> LayerRecord:
        """The record that `dumps` wrote; MalformedError for anything else, older formats too."""
        try:
            value = msgspec.msgpack.decode(data)
            if value["format"] != FORMAT:
                raise MalformedError(f"a record of format {value['format']!r:.40}, not {FORMAT}")
            record = cls(**{name: value[name] for name in _PLAIN})
            record.names = Names.of(value["names"])
            record.attributes = [Attributes(*item) for item in value["attributes"]]
            for name in _COLUMNS:
                getattr(record, name).frombytes(value[name])
            record.packages = _packages(value["packages"])
            record.remarks = [
                (entry, Remark(kind, location, message))
                for entry, kind, location, message in value["remarks"]
            ]
        except (
            msgspec.MsgspecError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
        ) as error:
            raise MalformedError(f"a damaged layer record: {error!r:.200}") from None
        if len({len(record.names), len(record.sizes), len(record.attribute_ids)}) != 1:
            raise MalformedError("a damaged layer record: columns of different lengths")
        return record


def moved(fact: Any, old: str, new: str) -> Any:
    """What was read of a file at `old`, packages and remarks, as of a file at `new`."""
    if isinstance(fact, list):
        return [moved(item, old, new) for item in fact]
    if isinstance(fact, Package | Remark) and fact.location.startswith(old):
        return replace(fact, location=new + fact.location[len(old) :])
    return fact


_COLUMNS = ("attribute_ids", "sizes")
_PLAIN = (
    "attributes",
    "links",
    "inodes",
    "whiteouts",
    "opaque",
    "texts",
    "licenses",
    "capabilities",
    "secrets",
    "diff_id",
    "stored",
    "uncompressed",
)


def _packages(value: Mapping[int, Any]) -> dict[int, list[Package]]:
    return {entry: [package_from_json(item) for item in items] for entry, items in value.items()}
