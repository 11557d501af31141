"""VEX documents as one set of values, whichever format they came in."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.vex.status import VexStatus


@dataclass(frozen=True, slots=True)
class Product:
    """What a statement is about: an identifier, and the parts of it that are meant."""

    identifier: str
    """A purl, an image reference or a digest, as written."""
    subcomponents: tuple[str, ...] = ()
    """Identifiers of the parts; empty: the whole product."""
    also: tuple[str, ...] = ()
    """Other identifiers of the same thing: any one of them is enough."""

    @property
    def identifiers(self) -> tuple[str, ...]:
        """All that the product is known by, the first one first."""
        return (self.identifier, *self.also)


@dataclass(frozen=True, slots=True)
class VexStatement:
    """One statement about one or more names of a vulnerability."""

    names: tuple[str, ...]
    """Identifier and aliases."""
    products: tuple[Product, ...]
    status: VexStatus
    justification: str = ""
    impact: str = ""
    action: str = ""
    notes: str = ""
    timestamp: str = ""

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Of all its products, and of their parts."""
        return tuple(
            identifier
            for product in self.products
            for identifier in (*product.identifiers, *product.subcomponents)
        )


@dataclass(frozen=True, slots=True)
class VexDocument:
    """One document."""

    name: str
    """File name or referrer, as messages say it."""
    format: str
    """`OpenVEX`, `CSAF` or `CycloneDX`."""
    id: str
    author: str
    timestamp: str
    statements: tuple[VexStatement, ...]
