"""OpenVEX 0.2 (and 0.0.x, where products are plain texts)."""

from __future__ import annotations

from typing import Any, get_args

from ironhull.errors import MalformedError
from ironhull.json_fields import an_object, objects, text, texts
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.status import VexStatus

STATUSES = frozenset(get_args(VexStatus))


def recognises(value: dict[str, Any]) -> bool:
    """Whether a JSON object means to be OpenVEX."""
    context = value.get("@context")
    return isinstance(context, str) and "openvex" in context


def parse(value: dict[str, Any], name: str) -> VexDocument:
    """The document's statements; MalformedError names the first that is unsound."""
    timestamp = text(value, "timestamp", name)
    if "statements" not in value:
        raise MalformedError(f"{name}: OpenVEX without statements")
    statements = [
        _statement(item, f"{name}: statement {number}", timestamp)
        for number, item in enumerate(objects(value, "statements", name), 1)
    ]
    return VexDocument(
        name=name,
        format="OpenVEX",
        id=text(value, "@id", name),
        author=text(value, "author", name),
        timestamp=timestamp,
        statements=tuple(statements),
    )


def _statement(item: dict[str, Any], where: str, timestamp: str) -> VexStatement:
    status = text(item, "status", where)
    if status not in STATUSES:
        raise MalformedError(f"{where}: unknown status {status!r:.40}")
    given = item.get("vulnerability")
    if isinstance(given, str):
        names = [given]
    else:
        vulnerability = an_object(item, "vulnerability", where)
        own = text(vulnerability, "name", where) or text(vulnerability, "@id", where)
        names = [own, *texts(vulnerability, "aliases", where)]
    if not names[0]:
        raise MalformedError(f"{where}: no vulnerability")
    return VexStatement(
        names=tuple(dict.fromkeys(names)),
        products=tuple(_products(item, where)),
        status=status,  # type: ignore[arg-type]
        justification=text(item, "justification", where),
        impact=text(item, "impact_statement", where),
        action=text(item, "action_statement", where),
        notes=text(item, "status_notes", where),
        timestamp=text(item, "timestamp", where) or timestamp,
    )


def _products(item: dict[str, Any], where: str) -> list[Product]:
    given = item.get("products") or []
    if not isinstance(given, list):
        raise MalformedError(f"{where}: products is not a list")
    products = []
    for product in given:
        if isinstance(product, str):
            products.append(Product(product, tuple(texts(item, "subcomponents", where))))
        elif isinstance(product, dict):
            parts = objects(product, "subcomponents", where)
            inside = tuple(each for part in parts for each in _names(part, where))
            if names := _names(product, where):
                products.append(Product(names[0], inside, tuple(names[1:])))
        else:
            raise MalformedError(f"{where}: a product is neither a text nor an object")
    return products


def _names(component: dict[str, Any], where: str) -> list[str]:
    """The identifiers of a component; any one of them is enough."""
    identifiers = an_object(component, "identifiers", where)
    hashes = an_object(component, "hashes", where)
    found = [text(component, "@id", where), text(identifiers, "purl", where)]
    sha256 = text(hashes, "sha-256", where) or text(hashes, "sha256", where)
    if sha256:
        found.append(f"sha256:{sha256.lower()}")
    return [name for name in dict.fromkeys(found) if name]
