"""VEX in CycloneDX 1.4 and later: `vulnerabilities[].analysis`, inside a BOM or beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ironhull.errors import MalformedError
from ironhull.json_fields import an_object, objects, text, texts
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.status import VexStatus

STATES: Mapping[str, VexStatus] = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "exploitable": "affected",
    "in_triage": "under_investigation",
    "false_positive": "not_affected",
    "not_affected": "not_affected",
}
JUSTIFICATIONS = {
    "code_not_present": "vulnerable_code_not_present",
    "code_not_reachable": "vulnerable_code_not_in_execute_path",
    "requires_configuration": "vulnerable_code_cannot_be_controlled_by_adversary",
    "requires_dependency": "component_not_present",
    "requires_environment": "vulnerable_code_cannot_be_controlled_by_adversary",
    "protected_by_compiler": "inline_mitigations_already_exist",
    "protected_at_runtime": "inline_mitigations_already_exist",
    "protected_at_perimeter": "inline_mitigations_already_exist",
    "protected_by_mitigating_control": "inline_mitigations_already_exist",
}
"""Of CycloneDX to OpenVEX's five."""
STATE_OF: Mapping[str, str] = {
    "not_affected": "not_affected",
    "affected": "exploitable",
    "fixed": "resolved",
    "under_investigation": "in_triage",
}
JUSTIFICATION_OF = {
    "component_not_present": "code_not_present",
    "vulnerable_code_not_present": "code_not_present",
    "vulnerable_code_not_in_execute_path": "code_not_reachable",
    "vulnerable_code_cannot_be_controlled_by_adversary": "requires_environment",
    "inline_mitigations_already_exist": "protected_by_mitigating_control",
}
"""Back again, for what writes CycloneDX."""


def recognises(value: dict[str, Any]) -> bool:
    """Whether a JSON object means to be CycloneDX."""
    return value.get("bomFormat") == "CycloneDX"


def parse(value: dict[str, Any], name: str) -> VexDocument:
    """The analysed vulnerabilities. One without an analysis says nothing and is left out."""
    metadata = an_object(value, "metadata", name)
    timestamp = text(metadata, "timestamp", name)
    references = _references(value, metadata, name)
    subject = an_object(metadata, "component", name)
    statements = [
        statement
        for number, item in enumerate(objects(value, "vulnerabilities", name), 1)
        if (
            statement := _statement(
                item, f"{name}: vulnerability {number}", timestamp, references, subject
            )
        )
    ]
    return VexDocument(
        name=name,
        format="CycloneDX",
        id=text(value, "serialNumber", name),
        author=_author(metadata, name),
        timestamp=timestamp,
        statements=tuple(statements),
    )


def _author(metadata: dict[str, Any], name: str) -> str:
    for key in ("supplier", "manufacturer", "manufacture"):
        found = text(an_object(metadata, key, name), "name", name)
        if found:
            return found
    authors = objects(metadata, "authors", name)
    return text(authors[0], "name", name) if authors else ""


def _references(value: dict[str, Any], metadata: dict[str, Any], name: str) -> dict[str, str]:
    """bom-ref → purl of every component, the subject included."""
    found: dict[str, str] = {}
    stack = [*objects(value, "components", name), an_object(metadata, "component", name)]
    while stack:
        component = stack.pop()
        reference, purl = text(component, "bom-ref", name), text(component, "purl", name)
        if reference and purl:
            found[reference] = purl
        stack.extend(objects(component, "components", name))
    return found


def _statement(
    item: dict[str, Any],
    where: str,
    timestamp: str,
    references: Mapping[str, str],
    subject: dict[str, Any],
) -> VexStatement | None:
    analysis = an_object(item, "analysis", where)
    state = text(analysis, "state", where)
    if not state:
        return None
    if state not in STATES:
        raise MalformedError(f"{where}: unknown state {state!r:.40}")
    identifier = text(item, "id", where)
    if not identifier:
        raise MalformedError(f"{where}: no id")
    aliases = [text(each, "id", where) for each in objects(item, "references", where)]
    justification = text(analysis, "justification", where)
    detail = text(analysis, "detail", where)
    status = STATES[state]
    affected = [
        _identifier(text(each, "ref", where), references)
        for each in objects(item, "affects", where)
    ]
    whole = text(subject, "purl", where)
    return VexStatement(
        names=tuple(name for name in dict.fromkeys([identifier, *aliases]) if name),
        products=tuple(_product(each, whole) for each in affected if each),
        status=status,
        justification=JUSTIFICATIONS.get(justification, justification),
        impact=detail if status == "not_affected" else "",
        action=", ".join(texts(analysis, "response", where)) or detail
        if status == "affected"
        else "",
        notes=detail,
        timestamp=text(analysis, "lastUpdated", where)
        or text(analysis, "firstIssued", where)
        or timestamp,
    )


def _product(identifier: str, whole: str) -> Product:
    """A component of the image that the document describes, or the component alone."""
    if whole.startswith(("pkg:oci/", "pkg:docker/")) and identifier != whole:
        return Product(whole, (identifier,))
    return Product(identifier)


def _identifier(reference: str, references: Mapping[str, str]) -> str:
    """A bom-ref of this document, or of another one by BOM-Link (`urn:cdx:…#ref`)."""
    if reference.startswith("urn:cdx:"):
        reference = unquote(reference.partition("#")[2])
    return references.get(reference, reference)
