"""What a step may look at besides the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ironhull.build.record import PackagePart
from ironhull.definition.model import ImageDefinition
from ironhull.oci.platform import Platform


@dataclass(frozen=True, slots=True)
class StepContext:
    """The image that is being composed, as far as it is known. A value; steps change the tree."""

    definition: ImageDefinition
    platform: Platform
    parts: tuple[PackagePart, ...]
    debs: Mapping[str, Path]
    """Package name → its .deb in the package store."""
    requested: frozenset[str]
    """Names of the packages that the definition asks for; the others are dependencies."""

    @property
    def packages(self) -> tuple[PackagePart, ...]:
        """The parts that are binary packages; the others are fetched files."""
        return tuple(part for part in self.parts if part.fields)

    def part(self, name: str) -> PackagePart | None:
        """The package of this name, if it is in the image."""
        return next((part for part in self.packages if part.name == name), None)

    def captured(self, path: str) -> bytes | None:
        """Contents of a captured file, whichever package brought it."""
        for part in self.parts:
            if path in part.captured:
                return part.captured[path]
        return None
