"""What a definition of the kind `source-package` says, checked and frozen."""

from __future__ import annotations

import re
from pathlib import Path

from ironhull.debian.names import DebianVersion, SourceName
from ironhull.definition.place import Place
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.document import canonical
from ironhull.oci.platform import Platform
from ironhull.values import dataclass

KIND = "source-package"
FIXES_FIELD = "Ironhull-Fixes"
"""Of each binary package's control file: the vulnerabilities that its patches fix."""
OWN_VERSION = re.compile(r"\+ih[0-9]+\Z")
"""Found in the version of a package that an Ironhull built with patches."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch, for `patch -p1` in the unpacked source."""

    name: str
    """Its file's, without folders."""
    content: bytes
    fixes: tuple[str, ...]
    """Vulnerabilities, for example CVE-2026-27171."""
    about: str
    place: Place


@dataclass(frozen=True, slots=True)
class PatchedSource:
    """A source package of the archive in one version, and what is changed in it."""

    file: Path
    place: Place
    source: SourceName
    base: DebianVersion
    """The archive's version."""
    revision: int
    distribution: str
    """`debian-13`."""
    codename: str
    platforms: tuple[Platform, ...]
    patches: tuple[Patch, ...]
    profiles: tuple[str, ...] = ()
    """Active build profiles: `nocheck`, `nodoc`, …"""

    @property
    def version(self) -> DebianVersion:
        """Of the patched package: `1.2-3+ih1`."""
        return DebianVersion(f"{self.base}+ih{self.revision}")

    @property
    def fixes(self) -> tuple[str, ...]:
        """All vulnerabilities that the patches fix, sorted."""
        return tuple(sorted({name for patch in self.patches for name in patch.fixes}))

    @property
    def request(self) -> Digest:
        """Of what is asked of the archive; patches can change without it becoming another."""
        value = {
            "source": [self.source, self.base],
            "distribution": self.distribution,
            "platforms": sorted(str(platform) for platform in self.platforms),
            "profiles": sorted(self.profiles),
        }
        return digest_of(canonical(value))
