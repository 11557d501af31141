"""What one layer holds, apart from all other layers: the unit that is cached by layer digest.

A record is columns, not objects, so that a layer of a million files stays small. Facts are kept by
path; what a container sees of them is decided when the layers are put together.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ironhull import __version__
from ironhull.errors import MalformedError
from ironhull.inventory.document import package_from_json, package_json
from ironhull.inventory.model import Package, Remark

FORMAT = f"1-{__version__}"
"""Records of another form, or of another Ironhull that may have found less, are made again."""

FILE, DIRECTORY, SYMLINK, HARD_LINK, OTHER = "f", "d", "l", "h", "o"
PLAIN, PROGRAM, LIBRARY, SCRIPT = "-", "x", "s", "#"

_COLUMNS = ("modes", "uids", "gids", "sizes")


@dataclass(slots=True)
class LayerRecord:
    """Entries as parallel columns, lowest index first in the archive."""

    paths: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    """PROGRAM, LIBRARY (both ELF) or SCRIPT (`#!`) for regular files."""
    modes: array[int] = field(default_factory=lambda: array("q"))
    uids: array[int] = field(default_factory=lambda: array("q"))
    gids: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    links: dict[str, str] = field(default_factory=dict)
    """Targets of symbolic links as written, of hard links as absolute paths."""
    whiteouts: list[str] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    packages: dict[str, list[Package]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """Small files that are read when the layers are put together: os-release, passwd, …"""
    licenses: dict[str, list[str]] = field(default_factory=dict)
    capabilities: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[Remark]] = field(default_factory=dict)
    diff_id: str = ""
    stored: int = 0
    uncompressed: int = 0

    def files(self) -> int:
        """Entries that are no directories."""
        return len(self.kinds) - self.kinds.count(DIRECTORY)

    def dumps(self) -> bytes:
        """The record as JSON."""
        value: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        value |= {name: getattr(self, name).tolist() for name in _COLUMNS}
        value["kinds"], value["forms"] = "".join(self.kinds), "".join(self.forms)
        value["packages"] = {
            path: [package_json(package) for package in packages]
            for path, packages in self.packages.items()
        }
        value["remarks"] = {
            path: [[remark.kind, remark.location, remark.message] for remark in remarks]
            for path, remarks in self.remarks.items()
        }
        value["format"] = FORMAT
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def loads(cls, data: bytes) -> LayerRecord:
        """The record that `dumps` wrote; MalformedError for anything else, older formats too."""
        try:
            value = json.loads(data)
            if value["format"] != FORMAT:
                raise MalformedError(f"a record of format {value['format']!r:.20}, not {FORMAT}")
            record = cls(**{name: value[name] for name in _PLAIN})
            for name in _COLUMNS:
                setattr(record, name, array("q", value[name]))
            record.kinds, record.forms = list(value["kinds"]), list(value["forms"])
            record.packages = _packages(value["packages"])
            record.remarks = {
                path: [Remark(*parts) for parts in remarks]
                for path, remarks in value["remarks"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise MalformedError(f"a damaged layer record: {error!r:.200}") from None
        lengths = {len(record.paths), len(record.kinds), len(record.forms)}
        lengths |= {len(getattr(record, name)) for name in _COLUMNS}
        if len(lengths) != 1:
            raise MalformedError("a damaged layer record: columns of different lengths")
        return record


_PLAIN = (
    "paths",
    "links",
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


def _packages(value: Mapping[str, Any]) -> dict[str, list[Package]]:
    return {path: [package_from_json(item) for item in items] for path, items in value.items()}
