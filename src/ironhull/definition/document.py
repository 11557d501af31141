"""Definitions of a catalog as JSON for other programs: what `list` prints with `--json`."""

from __future__ import annotations

from typing import Any

from ironhull.definition.catalog import CatalogEntry
from ironhull.definition.model import ImageDefinition


def ends_of_life(definition: ImageDefinition) -> list[tuple[str, bool]]:
    """The days after which nobody fixes it, the nearest first; true for the makers' own."""
    dates = definition.dates
    known = [("end-of-life", False), ("upstream-end-of-life", True)]
    return sorted((dates[key], of_makers) for key, of_makers in known if key in dates)


def definition_document(entry: CatalogEntry, definition: ImageDefinition) -> dict[str, Any]:
    """A definition in short: what it is called, is for and runs as."""
    return {
        "name": definition.image,
        "title": definition.name,
        "tags": [*definition.tags],
        "variant": definition.variant,
        "flavor": definition.flavor,
        "distribution": definition.distribution,
        "platforms": [str(platform) for platform in definition.platforms],
        "user": definition.accounts.run_as,
        "dates": dict(definition.dates),
        "file": str(entry.path),
        "digest": definition.digest,
    }
