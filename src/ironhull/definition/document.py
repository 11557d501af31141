"""Definitions of a catalog as JSON for other programs: what `list` prints with `--json`."""

from __future__ import annotations

from typing import Any

from ironhull.definition.catalog import CatalogEntry
from ironhull.definition.model import ImageDefinition


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
