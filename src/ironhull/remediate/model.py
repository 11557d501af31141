"""What is to be done to a foreign image, what is not, and why: frozen values without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ironhull.debian.package import BinaryPackage


@dataclass(frozen=True, slots=True)
class Installed:
    """A package as the image's own database has it."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    status: str
    """`install ok installed`; empty in a database of one file a package, which has none."""
    fields: Mapping[str, str] = field(repr=False)
    """Of the stanza, by name in lower case."""
    raw: str = field(repr=False)
    """The stanza as it stands in the database, without the blank line after it."""
    place: str
    """The file that has it: `/var/lib/dpkg/status`, or one below `status.d`."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """One binary package that gets the archive's version."""

    installed: Installed
    deb: BinaryPackage

    def __str__(self) -> str:
        return f"{self.installed.name} {self.installed.version} → {self.deb.version}"


@dataclass(frozen=True, slots=True)
class Refused:
    """A source package that stays as it is, and why: never in silence."""

    source: str
    packages: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What could be done by the archive and the database alone, before any file is looked at."""

    upgrades: tuple[Upgrade, ...]
    """By name."""
    refused: tuple[Refused, ...]
    """By source."""
