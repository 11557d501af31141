"""Binary packages as an archive's Packages index describes them."""

from __future__ import annotations

from typing import Protocol

from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.oci.digest import Digest
from ironhull.values import dataclass


class Deb(Protocol):
    """A .deb: what it has to be, and where it is. An index's stanza and a lock's entry say it."""

    @property
    def name(self) -> str:
        """The binary package."""
        ...

    @property
    def version(self) -> str:
        """Its version, as read."""
        ...

    @property
    def architecture(self) -> str:
        """Of the file: amd64, …, or all."""
        ...

    @property
    def sha256(self) -> Digest:
        """Of the file."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    @property
    def path(self) -> str:
        """In the pool, relative to the root of the repository."""
        ...

    @property
    def repository(self) -> str:
        """The name of the repository, never its address."""
        ...


@dataclass(frozen=True, slots=True)
class BinaryPackage:
    """One stanza of a Packages index: a `Deb`, and what resolving asks of it.

    Relations are texts; see `ironhull.debian.relation`.
    """

    name: BinaryName
    version: DebianVersion
    architecture: str
    """Debian's architecture of the file: `amd64`, …, or `all`."""
    source: SourceName
    source_version: DebianVersion
    sha256: Digest
    size: int
    """Bytes of the .deb."""
    installed_size: int
    """KiB, as the package says."""
    path: str
    """The `Filename` field: pool path relative to the repository's root."""
    repository: str
    """Identifier of the repository, as in `ironhull.archive.interface.Repository.name`."""
    suite: str
    component: str
    depends: str = ""
    pre_depends: str = ""
    recommends: str = ""
    provides: str = ""
    conflicts: str = ""
    breaks: str = ""
    replaces: str = ""
    multi_arch: str = "no"
    essential: bool = False
    priority: str = "optional"
    section: str = ""
