"""What resolving and building need of a package archive, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from typing import Protocol

from ironhull.debian.names import DebianVersion
from ironhull.debian.package import BinaryPackage, Deb
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Architecture
from ironhull.progress import Progress
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Repository:
    """A root address with suites below it.

    `name` is what locks and reports call it (never an address): `debian`, `debian-security`, or the
    name that a definition gives a repository of its own.
    """

    name: str
    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...] = ("main",)
    keyrings: tuple[bytes, ...] = ()
    """OpenPGP certificates, armoured or binary, that may sign its release files."""
    place: str = field(default="", compare=False)
    """Where a definition names it; empty for one of the mirror."""

    @property
    def remedy(self) -> str:
        """What a person can change who cannot reach it."""
        if self.place:
            return f"the definition names it at {self.place}: is its address right?"
        return "is the mirror's address right (--mirror URL), and the network there?"


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A release file that was verified: what the lock and the provenance say of it."""

    repository: str
    suite: str
    codename: str
    date: str
    """RFC 3339, UTC."""
    valid_until: str | None
    digest: Digest
    """Of the InRelease bytes as read."""
    signed_by: str
    """Fingerprints of the certificates whose signatures hold, separated by blanks."""


class Archive(Protocol):
    """The packages of one architecture over all enabled suites."""

    @property
    def architecture(self) -> Architecture:
        """Debian's word for what its packages run on."""
        ...

    @property
    def releases(self) -> tuple[ReleaseRecord, ...]:
        """The release files that it was read from."""
        ...

    def versions(self, name: str) -> Sequence[BinaryPackage]:
        """Every package of this name, highest version first; of equals, the earlier suite first."""
        ...

    def providers(self, name: str) -> Sequence[tuple[BinaryPackage, DebianVersion | None]]:
        """Packages whose Provides names this, by name and version, with each version provided."""
        ...

    def names(self) -> Iterable[str]:
        """All binary package names, for suggestions."""
        ...


class PackageSource(Protocol):
    """Gets .deb files into the package store."""

    def fetch(self, wanted: Sequence[Deb], progress: Progress) -> None:
        """Have all of them in the store, verified, or raise one error naming what is missing."""
        ...


class Download(Protocol):
    """Gets what stands at an address; `transfer.Transfer` does."""

    def get(
        self, url: str, sink: Callable[[bytes], object], *, limit: int, fresh: bool = False
    ) -> int:
        """Give what an address has to `sink`, piece by piece; its size in bytes."""
        ...
