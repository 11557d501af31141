"""The inventory as an SPDX 2.3 document. Equal inventories give equal bytes."""

from __future__ import annotations

from typing import Any

from ironhull import __version__
from ironhull.inventory.bom import created, document_id, image_purl, package_id
from ironhull.inventory.model import Inventory, Package

SPECIFICATION = "SPDX-2.3"
_DOCUMENT, _ROOT, _SYSTEM = "SPDXRef-DOCUMENT", "SPDXRef-image", "SPDXRef-operating-system"
_NONE = "NOASSERTION"


def spdx(inventory: Inventory) -> dict[str, Any]:
    """The document, ready for JSON."""
    unique = {package_id(package): package for package in inventory.packages}
    packages = [_root(inventory), *_system(inventory), *map(_package, unique.values())]
    relationships = [_relation(_DOCUMENT, "DESCRIBES", _ROOT)]
    relationships += [_relation(_ROOT, "CONTAINS", item["SPDXID"]) for item in packages[1:]]
    body = {
        "spdxVersion": SPECIFICATION,
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": inventory.image.name,
        "creationInfo": {
            "created": created(inventory),
            "creators": [f"Tool: ironhull-{__version__}"],
        },
        "packages": packages,
        "relationships": relationships,
    }
    return {
        **body,
        "documentNamespace": f"https://spdx.org/spdxdocs/ironhull-{document_id(body)}",
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _described(identifier: str, name: str, version: str, purpose: str, purl: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "SPDXID": identifier,
        "name": name,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "primaryPackagePurpose": purpose,
    }
    if version:
        value["versionInfo"] = version
    if purl:
        value["externalRefs"] = [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl,
            }
        ]
    return value


def _root(inventory: Inventory) -> dict[str, Any]:
    image = inventory.image
    return _described(_ROOT, image.name, image.manifest or "", "CONTAINER", image_purl(inventory))


def _system(inventory: Inventory) -> list[dict[str, Any]]:
    distribution = inventory.distribution
    if not distribution.known:
        return []
    return [_described(_SYSTEM, distribution.id, distribution.version_id, "OPERATING-SYSTEM", "")]


def _package(package: Package) -> dict[str, Any]:
    purpose = "APPLICATION" if package.type == "binary" else "LIBRARY"
    identifier = f"SPDXRef-package-{package_id(package)}"
    value = _described(identifier, package.name, package.version, purpose, package.purl)
    found = f"found in {package.location}"
    value["sourceInfo"] = f"{found} of layer {package.layer}" if package.layer else found
    if package.licenses:
        # Not licenseDeclared: the packages' own words are seldom SPDX expressions.
        value["licenseComments"] = f"the package says: {', '.join(package.licenses)}"
    if package.source and (package.source, package.source_version) != (
        package.name,
        package.version,
    ):
        value["comment"] = f"built from source package {package.source} {package.source_version}"
    return value
