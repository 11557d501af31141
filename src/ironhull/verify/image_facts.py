"""What rules may ask of what is in an image: loaded by the rules that do, for most do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ironhull.inventory.model import Inventory
from ironhull.scan.model import ScanResult
from ironhull.verify.evidence import Subject
from ironhull.verify.facts import Case, Unknown
from ironhull.vex.model import VexDocument


@runtime_checkable
class ImageFacts(Protocol):
    """What is known of one verified manifest's files; each answer is about exactly its digest."""

    def inventory(self, subject: Subject) -> Inventory | Unknown:
        """What is in it, by our own reading."""
        ...

    def scan(self, subject: Subject, documents: Sequence[VexDocument]) -> ScanResult | Unknown:
        """Its vulnerabilities by this machine's advisories, with VEX applied."""
        ...

    def ends_of_life(self, subject: Subject) -> Sequence[tuple[str, str]] | Unknown:
        """What it consists of and the last day of each, `YYYY-MM-DD`; empty: not known."""
        ...


def image_facts(case: Case) -> ImageFacts:
    """Those of a case; TypeError where its facts have none."""
    found = case.facts.image_facts()
    if not isinstance(found, ImageFacts):
        raise TypeError(f"{type(found).__name__} knows nothing of what is in images")
    return found
