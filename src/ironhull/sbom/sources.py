"""The source packages that an image's binary packages were built from."""

from __future__ import annotations

import re
from urllib.parse import quote

from ironhull.inventory.model import Distribution, Package
from ironhull.sbom.identity import short_id
from ironhull.sbom.model import SourcePackage

_BUILT_USING = re.compile(r"([a-z0-9][a-z0-9+.-]*)\s*\(\s*=\s*([^\s()]+)\s*\)")


def built_using(package: Package) -> list[tuple[str, str]]:
    """Names and versions of the sources that a package says it was built using."""
    found = (_BUILT_USING.fullmatch(text) for text in package.built_using)
    return [(said[1], said[2]) for said in found if said]


class SourceList:
    """Gathers source packages, each once."""

    def __init__(self, distribution: Distribution) -> None:
        self._distribution = distribution
        self._known: dict[tuple[str, str], SourcePackage] = {}

    def of(self, package: Package) -> str:
        """The id of a binary package's source; empty where it has none that is known."""
        if package.type != "deb" or not package.source:
            return ""
        return self._add(package.source, package.source_version)

    def built_using(self, package: Package) -> tuple[str, ...]:
        """The ids of what else a package was built of."""
        return tuple(sorted({self._add(*said) for said in built_using(package)}))

    def all(self) -> tuple[SourcePackage, ...]:
        """By name and version."""
        return tuple(self._known[key] for key in sorted(self._known))

    def _add(self, name: str, version: str) -> str:
        known = self._known.get((name, version))
        if known is None:
            purl = _purl(name, version, self._distribution)
            known = SourcePackage(short_id("source", name, version), name, version, purl)
            self._known[(name, version)] = known
        return known.id


def _purl(name: str, version: str, distribution: Distribution) -> str:
    """As of a binary package, with `arch=source` (purl-spec, type deb)."""
    namespace = quote(distribution.id or "debian", safe="")
    distro = f"&distro={quote(distribution.label, safe=':~')}" if distribution.label else ""
    path = f"pkg:deb/{namespace}/{quote(name, safe=':~')}@{quote(version, safe=':~')}"
    return f"{path}?arch=source{distro}"
