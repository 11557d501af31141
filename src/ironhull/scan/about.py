"""What a VEX statement is about, by package: a finding is compared with what is said of its own.

A statement may list a hundred thousand products, and an image may have thousands of findings. So
each identifier is read once, and stands under the last part of its name, as every spelling that
`vex.purl` takes for the same package has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ironhull.errors import MalformedError
from ironhull.scan.model import Finding
from ironhull.vex.model import VexStatement
from ironhull.vex.purl import Purl, Surroundings, matches_image, matches_package, parse_purl


@dataclass(frozen=True, slots=True)
class ImageProduct:
    """The image as statements may name it."""

    name: str
    digests: frozenset[str]
    place: Surroundings


class About:
    """Asks whether a statement fits findings of one image."""

    def __init__(self, statement: VexStatement, image: ImageProduct) -> None:
        self._place = image.place
        self._packages: dict[str, list[tuple[Purl, _Parts | None]]] = {}
        self._of_image: list[_Parts | None] = []
        for product in statement.products:
            parts = _Parts(product.subcomponents, image.place) if product.subcomponents else None
            for identifier in product.identifiers:
                self._add(identifier, parts, image)

    def fits(self, finding: Finding) -> bool:
        """Whether the statement is about this package, or about the image with this part."""
        if any(parts is None or parts.have(finding) for parts in self._of_image):
            return True
        return any(
            matches_package(purl, finding, self._place) and (parts is None or parts.have(finding))
            for key in _keys_of(finding)
            for purl, parts in self._packages.get(key, ())
        )

    def _add(self, identifier: str, parts: _Parts | None, image: ImageProduct) -> None:
        if identifier.startswith("pkg:"):
            try:
                purl = parse_purl(identifier)
            except MalformedError:
                return
            if not purl.is_image:
                self._packages.setdefault(_key(purl.name), []).append((purl, parts))
                return
        if matches_image(identifier, image.name, image.digests, image.place):
            self._of_image.append(parts)


class _Parts:
    """The parts of a product that a statement means."""

    def __init__(self, identifiers: Iterable[str], place: Surroundings) -> None:
        self._place = place
        self._named: set[str] = set()
        self._packages: dict[str, list[Purl]] = {}
        for identifier in identifiers:
            if not identifier.startswith("pkg:"):
                self._named.add(identifier)
                continue
            try:
                purl = parse_purl(identifier)
            except MalformedError:
                continue
            self._packages.setdefault(_key(purl.name), []).append(purl)

    def have(self, finding: Finding) -> bool:
        """Whether the package of a finding is one of them."""
        if finding.package in self._named or finding.purl in self._named:
            return True
        return any(
            matches_package(purl, finding, self._place)
            for key in _keys_of(finding)
            for purl in self._packages.get(key, ())
        )


def _keys_of(finding: Finding) -> Iterator[str]:
    yield from {_key(finding.package), _key(finding.source)}


def _key(name: str) -> str:
    """Equal for all spellings of one name; of different ones it may be equal too."""
    return re.sub(r"[-_.]+", "-", re.split("[/:]", name)[-1]).lower()
