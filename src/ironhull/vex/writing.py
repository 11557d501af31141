"""Writes OpenVEX 0.2.0 about one image. Equal content gives equal bytes and one name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from ironhull.vex.model import VexStatement

CONTEXT = "https://openvex.dev/ns/v0.2.0"
AUTHOR = "Ironhull"


def write_openvex(statements: Iterable[VexStatement], image: str, timestamp: str) -> str:
    """The document about an image; its @id is of its content.

    `image` is its purl by digest, empty for a folder. `timestamp` (RFC 3339) is that of the
    document; statements have none of their own.
    """
    written = [_statement(each) for each in sorted(statements, key=_order)]
    digest = hashlib.sha256(msgspec.json.encode([image, written, timestamp])).hexdigest()
    value = {
        "@context": CONTEXT,
        "@id": f"urn:ironhull:vex:{digest}",
        "author": AUTHOR,
        "role": "Document Creator",
        "timestamp": timestamp,
        "version": 1,
        "tooling": "ironhull",
        "statements": written,
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _order(statement: VexStatement) -> tuple[object, ...]:
    parts = tuple((each.identifier, *each.subcomponents) for each in statement.products)
    return statement.names, statement.status, parts


def _statement(statement: VexStatement) -> dict[str, Any]:
    products = []
    for product in statement.products:
        value: dict[str, Any] = {"@id": product.identifier}
        for other in product.also:
            if other.startswith("sha256:"):
                value["hashes"] = {"sha-256": other.removeprefix("sha256:")}
            else:
                value["identifiers"] = {"purl": other}
        if product.subcomponents:
            value["subcomponents"] = [{"@id": part} for part in product.subcomponents]
        products.append(value)
    value = {
        "vulnerability": {"name": statement.names[0]},
        "products": products,
        "status": statement.status,
    }
    texts = {
        "justification": statement.justification,
        "impact_statement": statement.impact,
        "action_statement": statement.action,
        "status_notes": statement.notes,
    }
    return value | {key: text for key, text in texts.items() if text}
