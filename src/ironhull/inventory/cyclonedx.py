"""The inventory as a CycloneDX 1.6 bill of materials. Equal inventories give equal bytes."""

from __future__ import annotations

from typing import Any

from ironhull import __version__
from ironhull.inventory.bom import created, document_id, image_purl, package_id
from ironhull.inventory.model import Inventory, Package

SPECIFICATION = "1.6"
_ROOT, _SYSTEM = "image", "operating-system"


def cyclonedx(inventory: Inventory) -> dict[str, Any]:
    """The document, ready for JSON."""
    components = [_component(package) for package in _once(inventory)]
    system = _system(inventory)
    refs = [item["bom-ref"] for item in (*system, *components)]
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "timestamp": created(inventory),
            "tools": {
                "components": [{"type": "application", "name": "ironhull", "version": __version__}]
            },
            "component": _root(inventory),
        },
        "components": [*system, *components],
        "dependencies": [{"ref": _ROOT, "dependsOn": sorted(refs)}],
    }
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "serialNumber": document_id(body).urn,
        **body,
    }


def _once(inventory: Inventory) -> list[Package]:
    return list({package_id(package): package for package in inventory.packages}.values())


def _root(inventory: Inventory) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": "container",
        "bom-ref": _ROOT,
        "name": inventory.image.name,
    }
    if inventory.image.manifest:
        value["version"] = inventory.image.manifest
    if image_purl(inventory):
        value["purl"] = image_purl(inventory)
    return value


def _system(inventory: Inventory) -> list[dict[str, Any]]:
    distribution = inventory.distribution
    if not distribution.known:
        return []
    value = {"type": "operating-system", "bom-ref": _SYSTEM, "name": distribution.id}
    if distribution.version_id:
        value["version"] = distribution.version_id
    if distribution.pretty_name:
        value["description"] = distribution.pretty_name
    return [value]


def _component(package: Package) -> dict[str, Any]:
    group, _, name = package.name.rpartition(":") if package.type == "maven" else ("", "", "")
    value: dict[str, Any] = {
        "type": "application" if package.type == "binary" else "library",
        "bom-ref": f"package-{package_id(package)}",
        "name": name or package.name,
        "purl": package.purl,
    }
    if group:
        value["group"] = group
    if package.version:
        value["version"] = package.version
    if package.licenses:
        # The packages' own words, which are seldom SPDX identifiers.
        value["licenses"] = [{"license": {"name": text}} for text in package.licenses]
    properties = {
        "type": package.type,
        "location": package.location,
        "layer": package.layer,
        "source": package.source,
        "sourceVersion": package.source_version,
        "ownedBy": package.owned_by,
        "builtUsing": ", ".join(package.built_using),
        "status": package.status,
    }
    value["properties"] = [
        {"name": f"ironhull:{key}", "value": text} for key, text in properties.items() if text
    ]
    return value
