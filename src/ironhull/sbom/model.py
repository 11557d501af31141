"""A bill of materials: frozen values without I/O, which `cyclonedx` and `spdx` write as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal, NamedTuple

from ironhull.inventory.model import Distribution, Package
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Platform
from ironhull.values import dataclass

UNKNOWN_TIME = "1970-01-01T00:00:00Z"
MAX_KEPT = 1 << 14
"""Files that a process keeps, with what documents say of them, for the images that come next."""


class BillFile(NamedTuple):
    """One regular file of the image, under one of its names."""

    path: str
    """Absolute."""
    size: int
    sha1: str
    """Hexadecimal, as `sha256`."""
    sha256: str
    is_binary: bool = False
    """An ELF program or library."""


class LicenceText(NamedTuple):
    """A licence that is not on the SPDX License List."""

    id: str
    """`LicenseRef-…`: different texts have different ones, whatever they are called."""
    name: str
    """As the package calls it."""
    text: str
    """Empty where the package gives none."""


@dataclass(frozen=True, slots=True)
class Licence:
    """What a package says of its licence."""

    expression: str = ""
    """An SPDX licence expression; empty: not known, which is never made up."""
    texts: tuple[LicenceText, ...] = ()
    """Of the references in the expression."""
    comment: str = ""
    """Where it is said, or why nothing is known."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who made or gives a package."""

    kind: Literal["Person", "Organization"]
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class SourcePackage:
    """A source package that binary packages of the image were built from."""

    id: str
    name: str
    version: str
    purl: str


class BillPatch(NamedTuple):
    """A patch over the distribution's source."""

    id: str
    """Sixteen hexadecimal digits, the same for the same patch."""
    name: str
    """Its file's."""
    digest: Digest
    fixes: tuple[str, ...]
    """Vulnerabilities."""


@dataclass(frozen=True, slots=True)
class BillPackage:
    """A package of the image, with its files."""

    id: str
    """Sixteen hexadecimal digits, the same for the same package at the same place."""
    package: Package
    licence: Licence = Licence()
    supplier: Party | None = None
    """Who the image's builder got it from; None: not known."""
    originator: Party | None = None
    """Its maintainer."""
    homepage: str = ""
    summary: str = ""
    archive: Digest | None = None
    """Of the file that it was unpacked from, for example the .deb."""
    archive_path: str = ""
    """Of that file, relative to the root of its repository."""
    repository: str = ""
    """The repository's name and suite."""
    source: str = ""
    """Id of its source package; empty: not known, or none."""
    built_using: tuple[str, ...] = ()
    """Ids of source packages of which parts are in it."""
    patches: tuple[BillPatch, ...] = ()
    """What its source was changed by before it was built."""
    depends_on: tuple[str, ...] = ()
    """Ids of the packages in the image that its Depends and Pre-Depends mean."""
    files: tuple[BillFile, ...] = ()


@dataclass(frozen=True, slots=True)
class BillOrigin:
    """Where files come from that no package brought."""

    id: str
    kind: Literal["step", "definition", "fetched", "database", "unknown"]
    name: str
    detail: str
    """A sentence."""
    url: str = ""
    """Of a fetched file."""
    digest: Digest | None = None
    """Of a fetched file."""
    files: tuple[BillFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """What one image, for one platform, consists of."""

    name: str
    """The image's name, without the place where it lies."""
    manifest: Digest | None
    platform: Platform | None
    created: str
    """When the image says that it was made, RFC 3339 in UTC; the epoch if it does not."""
    distribution: Distribution = field(default_factory=Distribution)
    packages: tuple[BillPackage, ...] = ()
    sources: tuple[SourcePackage, ...] = ()
    origins: tuple[BillOrigin, ...] = ()

    @property
    def files(self) -> Iterator[BillFile]:
        """All files, each once."""
        for package in self.packages:
            yield from package.files
        for origin in self.origins:
            yield from origin.files

    @property
    def licence_texts(self) -> tuple[LicenceText, ...]:
        """Of all packages, each once, sorted."""
        return tuple(sorted({text for one in self.packages for text in one.licence.texts}))
