"""An inventory for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ironhull.inventory.model import SURFACE_LISTS, Inventory
from ironhull.reports.table import table
from ironhull.reports.text import harmless
from ironhull.reports.words import shown_size

_SHOWN = 6
_HEADINGS = ("PACKAGE", "VERSION", "TYPE", "SOURCE OR LOCATION", "OWNED BY")


def inventory_lines(found: Inventory) -> Iterator[str]:
    """What the image is and holds in few lines, then its packages."""
    for label, text in _summary(found):
        yield f"{label + ':':<18}{text}"
    rows = [
        [
            package.name,
            package.version,
            package.type,
            package.source if package.is_distribution else package.location,
            package.owned_by,
        ]
        for package in found.packages
    ]
    if rows:
        yield ""
        yield from table(_HEADINGS, rows)


def _summary(found: Inventory) -> Iterator[tuple[str, str]]:
    image, surface = found.image, found.surface
    yield "image", harmless(image.name)
    if image.manifest or image.config:
        yield "digest", image.manifest or str(image.config)
    if image.platform:
        yield "platform", harmless(str(image.platform))
    distribution = found.distribution
    yield (
        "distribution",
        harmless(distribution.pretty_name or distribution.label)
        if distribution.known
        else f"unknown: {harmless(distribution.reason)}",
    )
    if found.layers:
        stored = sum(layer.size for layer in found.layers)
        yield "layers", f"{len(found.layers)}, {shown_size(stored)} stored"
    yield (
        "files",
        f"{surface.files}, {shown_size(surface.size)}"
        + (f" ({shown_size(found.wasted)} more in hidden copies)" if found.wasted else ""),
    )
    if found.layers:
        yield "user", harmless(found.config.user or "root (none is set)")
    counts = Counter(package.type for package in found.packages)
    yield "packages", ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "none"
    for name in SURFACE_LISTS:
        paths = [finding.path for finding in getattr(surface, name)]
        if paths:
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            yield name.replace("_", " "), harmless(", ".join(paths[:_SHOWN])) + more
    if found.accepted:
        yield "accepted", f"{len(found.accepted)} that cannot be read"
    if found.unparsed:
        yield "not read", f"{len(found.unparsed)} (packages may be missing)"
    for remark in found.remarks[:20]:
        yield remark.kind, harmless(f"{remark.location}: {remark.message}")
