"""VEX about the components of a CycloneDX bill, by BOM-Links: for readers that know no OpenVEX.

Each statement points to its component as `urn:cdx:SERIAL/VERSION#BOM-REF` (CycloneDX, "BOM-Link"),
so it is about exactly this bill. Packages are found by their purls, whatever qualifiers they have.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ironhull.errors import MalformedError
from ironhull.json_fields import decode, objects, text
from ironhull.oci.document import canonical
from ironhull.vex.cyclonedx import JUSTIFICATION_OF, STATE_OF
from ironhull.vex.model import VexStatement
from ironhull.vex.purl import parse_purl

_Key = tuple[str, str, str, str, str]


def write_bom_vex(statements: Iterable[VexStatement], bill: bytes, timestamp: str) -> str:
    """CycloneDX 1.5 with nothing but what is said of a bill's components; equal input, equal bytes.

    A statement of a package that the bill lacks is left out. MalformedError for what is no
    CycloneDX bill with a serial number.
    """
    value = decode(bill, "the bill")
    serial = text(value, "serialNumber", "the bill")
    if value.get("bomFormat") != "CycloneDX" or not serial.startswith("urn:uuid:"):
        raise MalformedError("the bill is no CycloneDX with a serial number")
    link = f"urn:cdx:{serial.removeprefix('urn:uuid:')}/{value.get('version', 1)}#"
    references = _references(value)
    said = [
        _vulnerability(statement, name, refs)
        for statement in statements
        for name in statement.names[:1]
        if (refs := _affected(statement, references, link))
    ]
    said.sort(key=canonical)
    made = uuid.uuid5(uuid.NAMESPACE_URL, f"{serial}\0{timestamp}\0{json.dumps(said)}")
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{made}",
        "version": 1,
        "metadata": {"timestamp": timestamp},
        "vulnerabilities": said,
    }
    return json.dumps(document, indent=2)


def _references(bill: dict[str, Any]) -> dict[_Key, list[str]]:
    found: dict[_Key, list[str]] = {}
    for component in objects(bill, "components", "the bill"):
        reference, key = component.get("bom-ref"), _key(component.get("purl"))
        if isinstance(reference, str) and key is not None:
            for each in {key, (*key[:4], "")}:
                found.setdefault(each, []).append(reference)
    return found


def _affected(
    statement: VexStatement, references: Mapping[_Key, list[str]], link: str
) -> list[str]:
    parts = (
        part
        for product in statement.products
        for part in (product.subcomponents or product.identifiers)
    )
    keys = (_key(part) for part in parts)
    found = {each for key in keys if key is not None for each in references.get(key, ())}
    return [link + quote(each, safe="") for each in sorted(found)]


def _key(purl: object) -> _Key | None:
    """Type, namespace, name, version and architecture."""
    if not isinstance(purl, str):
        return None
    try:
        read = parse_purl(purl)
    except MalformedError:
        return None
    return read.type, read.namespace, read.name, read.version, read.qualifiers.get("arch", "")


def _vulnerability(statement: VexStatement, name: str, refs: list[str]) -> dict[str, Any]:
    words = "; ".join(filter(None, (statement.impact, statement.action, statement.notes)))
    analysis = {"state": STATE_OF[statement.status], "detail": words}
    justification = JUSTIFICATION_OF.get(statement.justification)
    if justification and statement.status == "not_affected":
        analysis["justification"] = justification
    return {"id": name, "analysis": analysis, "affects": [{"ref": each} for each in refs]}
