"""A bill of materials as CycloneDX JSON. Equal bills give equal bytes.

A package has its files as components of its own, and its source package as an ancestor: a
source is not installed, and who scans components must not take it for one that is. The form 1.5 is
for older scanners, which cannot read 1.6 (docs/compatibility.md, *scan CycloneDX 1.5*).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

import msgspec

from ironhull import __version__
from ironhull.sbom.identity import document_id, image_purl
from ironhull.sbom.model import (
    MAX_KEPT,
    Bill,
    BillFile,
    BillOrigin,
    BillPackage,
    BillPatch,
    SourcePackage,
)

Specification = Literal["1.5", "1.6"]
_ROOT, _SYSTEM = "image", "operating-system"
_SHA1, _SHA256 = "SHA-1", "SHA-256"


def cyclonedx(bill: Bill, specification: Specification = "1.6") -> bytes:
    """The document as one line of JSON; 1.5 is for tools that read no newer one."""
    sources = {source.id: source for source in bill.sources}
    components = [
        *_system(bill),
        *(_package(package, sources, specification) for package in bill.packages),
        *map(_origin, bill.origins),
    ]
    refs = [component["bom-ref"] for component in components]
    needs = [
        {"ref": _ref(package.id), "dependsOn": [_ref(other) for other in package.depends_on]}
        for package in bill.packages
        if package.depends_on
    ]
    body = msgspec.json.encode(
        {
            "version": 1,
            "metadata": {
                "timestamp": bill.created,
                "tools": _tools(specification),
                "component": _root(bill),
            },
            "components": components,
            "dependencies": [{"ref": _ROOT, "dependsOn": sorted(refs)}, *needs],
        }
    )
    head = {
        "$schema": f"http://cyclonedx.org/schema/bom-{specification}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": specification,
        "serialNumber": document_id(body).urn,
    }
    return msgspec.json.encode(head)[:-1] + b"," + body[1:]


def _tools(specification: Specification) -> Any:
    tool = {"name": "ironhull", "version": __version__}
    # Tools that read no newer form than 1.5 know the older list only, which 1.5 still allows.
    return [tool] if specification == "1.5" else {"components": [{"type": "application", **tool}]}


def _ref(identifier: str) -> str:
    return f"package-{identifier}"


def _root(bill: Bill) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "container", "bom-ref": _ROOT, "name": bill.name}
    if bill.manifest:
        value["version"] = bill.manifest
    if image_purl(bill):
        value["purl"] = image_purl(bill)
    return value


def _system(bill: Bill) -> list[dict[str, Any]]:
    distribution = bill.distribution
    if not distribution.known:
        return []
    value = {"type": "operating-system", "bom-ref": _SYSTEM, "name": distribution.id}
    if distribution.version_id:
        value["version"] = distribution.version_id
    if distribution.pretty_name:
        value["description"] = distribution.pretty_name
    return [value]


def _package(
    said: BillPackage, sources: dict[str, SourcePackage], specification: Specification
) -> dict[str, Any]:
    package = said.package
    group, _, name = package.name.rpartition(":") if package.type == "maven" else ("", "", "")
    value: dict[str, Any] = {
        "type": "application" if package.type == "binary" else "library",
        "bom-ref": _ref(said.id),
        "name": name or package.name,
        "purl": package.purl,
    }
    if group:
        value["group"] = group
    if package.version:
        value["version"] = package.version
    if said.summary:
        value["description"] = said.summary
    if said.supplier:
        value["supplier"] = {"name": said.supplier.name}
    if said.originator:
        value["publisher"] = said.originator.name
    if said.archive:
        value["hashes"] = [{"alg": _SHA256, "content": said.archive.partition(":")[2]}]
    value |= _licences(said, specification)
    if said.homepage:
        value["externalReferences"] = [{"type": "website", "url": said.homepage}]
    ancestors = [sources[one] for one in (said.source, *said.built_using) if one]
    pedigree: dict[str, Any] = {}
    if ancestors:
        pedigree["ancestors"] = [_source(one) for one in dict.fromkeys(ancestors)]
    if said.patches:
        pedigree["patches"] = [_patch(one) for one in said.patches]
        named = ", ".join(f"{one.name} ({one.digest})" for one in said.patches)
        pedigree["notes"] = f"built from the distribution's source with {named}"
    if pedigree:
        value["pedigree"] = pedigree
    value["properties"] = _properties(said)
    return value | _files(said.files)


def _source(source: SourcePackage) -> dict[str, str]:
    return {
        "type": "library",
        "name": source.name,
        "version": source.version,
        "purl": source.purl,
    }


def _patch(patch: BillPatch) -> dict[str, Any]:
    return {
        "type": "unofficial",
        "diff": {"url": patch.name},
        "resolves": [{"type": "security", "id": name} for name in patch.fixes],
    }


def _licences(said: BillPackage, specification: Specification) -> dict[str, Any]:
    if said.licence.expression:
        one = {"expression": said.licence.expression}
        if specification != "1.5":
            one["acknowledgement"] = "declared"
        return {"licenses": [one]}
    if said.package.type != "deb" and said.package.licenses:
        # The packages' own words, which are no SPDX expression.
        return {"licenses": [{"license": {"name": text}} for text in said.package.licenses]}
    return {}


def _properties(said: BillPackage) -> list[dict[str, str]]:
    package = said.package
    properties = {
        "type": package.type,
        "location": package.location,
        "layer": package.layer,
        "source": package.source,
        "sourceVersion": package.source_version,
        "ownedBy": package.owned_by,
        "builtUsing": ", ".join(package.built_using),
        "status": package.status,
        "licence": said.licence.comment,
        "archive": said.archive_path,
        "repository": said.repository,
    }
    named = {f"ironhull:{key}": text for key, text in properties.items()}
    if package.is_distribution:
        # trivy takes the source package from here alone, and misses what is found in it without.
        named["aquasecurity:trivy:SrcName"] = package.source
        named["aquasecurity:trivy:SrcVersion"] = package.source_version
    return [{"name": name, "value": text} for name, text in named.items() if text]


def _origin(origin: BillOrigin) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": "file" if origin.kind == "fetched" else "data",
        "bom-ref": f"origin-{origin.id}",
        "name": origin.name,
        "description": origin.detail,
    }
    if origin.digest:
        value["hashes"] = [{"alg": _SHA256, "content": origin.digest.partition(":")[2]}]
    properties = {"origin": origin.kind, "url": origin.url}
    value["properties"] = [
        {"name": f"ironhull:{key}", "value": text} for key, text in properties.items() if text
    ]
    return value | _files(origin.files)


def _files(files: Iterable[BillFile]) -> dict[str, Any]:
    components = [*map(_file, files)]
    return {"components": components} if components else {}


@lru_cache(MAX_KEPT)
def _file(file: BillFile) -> msgspec.Raw:
    """Written once: other images have the same packages, with the same files."""
    hashes = [
        {"alg": _SHA1, "content": file.sha1},
        {"alg": _SHA256, "content": file.sha256},
    ]
    return msgspec.Raw(msgspec.json.encode({"type": "file", "name": file.path, "hashes": hashes}))
