"""CSAF 2.0, profile VEX (OASIS CSAF 2.0 section 4.5), and 2.1 where it reads the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ironhull.errors import MalformedError
from ironhull.json_fields import an_object, objects, text, texts
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.status import VexStatus

STATUSES: Mapping[str, VexStatus] = {
    "known_not_affected": "not_affected",
    "known_affected": "affected",
    "first_affected": "affected",
    "last_affected": "affected",
    "fixed": "fixed",
    "first_fixed": "fixed",
    "under_investigation": "under_investigation",
}
MAX_BRANCHES = 200_000


def recognises(value: dict[str, Any]) -> bool:
    """Whether a JSON object means to be CSAF."""
    document = value.get("document")
    return isinstance(document, dict) and "csaf_version" in document


def parse(value: dict[str, Any], name: str) -> VexDocument:
    """The statements, one for each vulnerability, status and justification."""
    document = an_object(value, "document", name)
    tracking = an_object(document, "tracking", name)
    timestamp = text(tracking, "current_release_date", name)
    products = _products(an_object(value, "product_tree", name), name)
    groups = _groups(an_object(value, "product_tree", name), name)
    statements: list[VexStatement] = []
    for number, item in enumerate(objects(value, "vulnerabilities", name), 1):
        where = f"{name}: vulnerability {number}"
        statements.extend(_statements(item, where, products, groups, timestamp))
    return VexDocument(
        name=name,
        format="CSAF",
        id=text(tracking, "id", name),
        author=text(an_object(document, "publisher", name), "name", name),
        timestamp=timestamp,
        statements=tuple(statements),
    )


def _products(tree: dict[str, Any], name: str) -> dict[str, list[Product]]:
    """product_id → what it means."""
    found: dict[str, list[Product]] = {}
    for full in objects(tree, "full_product_names", name):
        _add(full, found, name)
    stack, seen = objects(tree, "branches", name)[:], 0
    while stack:
        branch = stack.pop()
        seen += 1
        if seen > MAX_BRANCHES:
            raise MalformedError(f"{name}: a product tree of over {MAX_BRANCHES} branches")
        if "product" in branch:
            _add(an_object(branch, "product", name), found, name)
        stack.extend(objects(branch, "branches", name))
    for relation in objects(tree, "relationships", name):
        part = found.get(text(relation, "product_reference", name), [])
        whole = found.get(text(relation, "relates_to_product_reference", name), [])
        full = an_object(relation, "full_product_name", name)
        combined = [
            Product(product.identifier, tuple(each.identifier for each in part))
            for product in whole
        ]
        # A platform without an identifier of its own (a name alone) says nothing to match by.
        found[text(full, "product_id", name)] = combined or part
    return found


def _add(full: dict[str, Any], found: dict[str, list[Product]], name: str) -> None:
    helper = an_object(full, "product_identification_helper", name)
    purls = [text(helper, "purl", name), *texts(helper, "purls", name)]
    purls += [
        f"sha256:{text(each, 'value', name).lower()}"
        for hashed in objects(helper, "hashes", name)
        for each in objects(hashed, "file_hashes", name)
        if text(each, "algorithm", name).lower() == "sha256"
    ]
    found[text(full, "product_id", name)] = [Product(purl) for purl in purls if purl]


def _groups(tree: dict[str, Any], name: str) -> dict[str, list[str]]:
    return {
        text(group, "group_id", name): texts(group, "product_ids", name)
        for group in objects(tree, "product_groups", name)
    }


def _statements(
    item: dict[str, Any],
    where: str,
    products: Mapping[str, list[Product]],
    groups: Mapping[str, list[str]],
    timestamp: str,
) -> Iterable[VexStatement]:
    names = [text(item, "cve", where)]
    names += [text(each, "text", where) for each in objects(item, "ids", where)]
    names = [name for name in dict.fromkeys(names) if name]
    if not names:
        raise MalformedError(f"{where}: neither cve nor ids")
    flags = _by_product(item, "flags", "label", where, groups)
    threats = _by_product(item, "threats", "details", where, groups)
    remedies = _by_product(item, "remediations", "details", where, groups)
    for key, given in an_object(item, "product_status", where).items():
        if key not in STATUSES:
            continue
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise MalformedError(f"{where}: {key} is not a list of product ids")
        for identifier in given:
            if identifier not in products:
                raise MalformedError(f"{where}: {key} names an unknown product {identifier!r:.80}")
            yield VexStatement(
                names=tuple(names),
                products=tuple(products[identifier]),
                status=STATUSES[key],
                justification=flags.get(identifier, ""),
                impact=threats.get(identifier, threats.get("", "")),
                action=remedies.get(identifier, remedies.get("", "")),
                timestamp=timestamp,
            )


def _by_product(
    item: dict[str, Any],
    key: str,
    field: str,
    where: str,
    groups: Mapping[str, list[str]],
) -> dict[str, str]:
    """product_id → the text of a flag, threat or remediation; "" for one about all products."""
    found: dict[str, str] = {}
    for each in objects(item, key, where):
        identifiers = texts(each, "product_ids", where)[:]
        for group in texts(each, "group_ids", where):
            identifiers += groups.get(group, [])
        for identifier in identifiers or [""]:
            found.setdefault(identifier, text(each, field, where))
    return found
