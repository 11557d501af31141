"""What attesting a rebuild is told besides the image: what is known of it, and its changelog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ironhull.changes.document import document_of
from ironhull.compare.model import MeasuredImage
from ironhull.inventory.model import Inventory
from ironhull.oci.digest import Digest
from ironhull.oci.document import canonical
from ironhull.oci.platform import Platform
from ironhull.sbom.identity import image_name
from ironhull.sbom.model import Bill
from ironhull.scan.model import ScanResult
from ironhull.statements.kinds import CHANGELOG
from ironhull.workspace.changelog import changes_between
from ironhull.workspace.machine import Machine
from ironhull.workspace.predicates import LookedInto


def said_of_changes(
    machine: Machine, name: str, older: Sequence[MeasuredImage], newer: Sequence[MeasuredImage]
) -> dict[Platform, Mapping[str, bytes]]:
    """What changed in each platform of an image since the older image's, as predicates by type.

    `name` is what the image is called. A platform that the older image does not have has none.
    """
    said: dict[Platform, Mapping[str, bytes]] = {}
    before = {side.inventory.image.platform: side for side in older}
    for side in newer:
        platform = side.inventory.image.platform
        if platform is None or platform not in before:
            continue
        document = document_of(changes_between(machine, before[platform], side))
        # When it was compared is no matter of the image: the statement would differ each time.
        del document["made"]
        # Nor what each is called on this machine.
        old, new = document["before"], document["after"]
        predicate = {
            **document,
            "image": name,
            "before": {**old, "name": old["digest"] or old["manifest"]},
            "after": {**new, "name": name, "digest": None},
        }
        said[platform] = {CHANGELOG: canonical(predicate)}
    return said


def known_of(
    name: str,
    looked_into: Sequence[tuple[Inventory, Bill]],
    results: Mapping[str, ScanResult],
    more: Mapping[Platform, Mapping[str, bytes]],
) -> dict[Digest, LookedInto]:
    """What was found of each platform before the image had its name, by manifest, and by the name.

    `results` are scans by the images' keys, `more` is as `said_of_changes` gives it.
    """
    found: dict[Digest, LookedInto] = {}
    for inventory, bill in looked_into:
        identity = inventory.image
        if identity.manifest is None or identity.platform is None:
            continue
        scan = results.get(identity.key)
        named = replace(inventory, image=replace(identity, name=name))
        found[identity.manifest] = LookedInto(
            named,
            replace(bill, name=image_name(named)),
            replace(scan, image=name) if scan else None,
            more.get(identity.platform, {}),
        )
    return found
