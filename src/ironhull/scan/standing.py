"""The findings of many images at once: each different package of a release is matched once.

Unlike a rescan it remembers nothing: the same images and advisories give the same answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ironhull.advisories.database import Database
from ironhull.errors import InputError
from ironhull.inventory.model import Distribution, ImageIdentity, Inventory, Package
from ironhull.scan.matching import Options, scan
from ironhull.scan.model import Finding
from ironhull.state.inventories import InventoryStore

Key = tuple[str, str, str]
"""Type, name and version of a package."""


def findings_by_package(
    distribution: Distribution, packages: Iterable[Package], database: Database, options: Options
) -> dict[Key, list[Finding]]:
    """The open findings of packages of one release, several versions of one name among them.

    InputError for a release that is unknown.
    """
    inventory = Inventory(ImageIdentity("", "stored"), distribution, tuple(packages))
    found: dict[Key, list[Finding]] = {}
    for finding in scan(inventory, database, options).open:
        found.setdefault((finding.type, finding.package, finding.version), []).append(finding)
    return found


def standing_findings(
    store: InventoryStore, database: Database, options: Options, keys: Collection[str]
) -> dict[str, dict[str, Finding]]:
    """Stored images by their keys → the open findings of each, by vulnerability.

    An image of a release that nothing is known of is left out; of several packages with one
    vulnerability the worst finding stands for all.
    """
    packages, installed = store.packages(), store.installed()
    releases: dict[Distribution, list[tuple[str, Sequence[int]]]] = {}
    for image in store.images():
        if image.key in keys:
            distribution = Distribution(image.distribution, image.version_id, image.codename)
            releases.setdefault(distribution, []).append((image.key, installed.get(image.id, [])))
    found: dict[str, dict[str, Finding]] = {}
    for distribution, images in releases.items():
        wanted = sorted({number for _, numbers in images for number in numbers})
        try:
            by_package = findings_by_package(
                distribution, [packages[number] for number in wanted], database, options
            )
        except InputError:
            continue
        for key, numbers in images:
            found[key] = _worst_of((packages[number] for number in numbers), by_package)
    return found


def _worst_of(
    packages: Iterable[Package], by_package: Mapping[Key, list[Finding]]
) -> dict[str, Finding]:
    worst: dict[str, Finding] = {}
    for package in packages:
        for finding in by_package.get((package.type, package.name, package.version), ()):
            known = worst.get(finding.id)
            if known is None or finding.risk < known.risk:
                worst[finding.id] = finding
    return worst
