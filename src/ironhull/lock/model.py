"""What a lock holds. The file (JSON beside the definition) is read and written by `lock.file`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from ironhull.archive.interface import ReleaseRecord
from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.oci.digest import Digest
from ironhull.values import dataclass


class ReasonKind(StrEnum):
    """By which field of another package one is in; `requested` by the definition."""

    REQUESTED = "requested"
    DEPENDS = "depends"
    PRE_DEPENDS = "pre-depends"
    RECOMMENDS = "recommends"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a package is in: asked for at a place of the definition, or needed by another package."""

    kind: ReasonKind
    by: str
    """Name of the package that needs it; for a request `file:line`, relative to the definition."""
    relation: str
    """The relation as the package writes it, or the request (`nodejs`, `curl=8.14.1-2`)."""
    choice: str = ""
    """Why this one of several alternatives or providers; empty if there was one."""


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """A `Deb` that is in an image, and why: all of it that is kept once it was resolved."""

    name: BinaryName
    version: DebianVersion
    architecture: str
    source: SourceName
    source_version: DebianVersion
    sha256: Digest
    size: int
    """Bytes of the .deb."""
    path: str
    repository: str
    suite: str
    component: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class BrokenEdge:
    """A dependency that the definition cuts with `!name`."""

    package: str
    relation: str
    excluded: str


@dataclass(frozen=True, slots=True)
class LockedPlatform:
    """The packages of an image on one platform."""

    packages: tuple[LockedPackage, ...]
    """Sorted by name."""
    broken: tuple[BrokenEdge, ...] = ()
    stages: Mapping[str, LockedPlatform] = field(default_factory=dict)
    """The packages of each build stage, by its name."""


@dataclass(frozen=True, slots=True)
class Lock:
    """An image's exact packages, and the release files that say so."""

    image: str
    definition: str
    """File name of the definition, which stands in the same folder."""
    request: Digest
    """Of what is asked of the archive: packages, repositories, platforms, distribution."""
    created: str
    """RFC 3339, UTC: the newest Date of the release files."""
    releases: tuple[ReleaseRecord, ...]
    platforms: Mapping[str, LockedPlatform]
    """By OCI platform, for example `linux/amd64`."""
    requests: tuple[str, ...] = ()
    """What was asked for, as the definition writes it, sorted; tells what changed since."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Values that `track` gave, for example NODE_VERSION."""
    digests: Mapping[str, Digest] = field(default_factory=dict)
    """Of keys and files that the definition names by address alone, as they were when locked."""
