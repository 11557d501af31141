"""Applies VEX statements and accepted risks to findings. Nothing is ever removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ironhull.errors import MalformedError
from ironhull.scan.model import Assessment, Caveat, Finding, ScanResult
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.purl import matches_image, matches_package, parse_purl

# Of statements of the same moment the least hopeful one counts.
_DOUBT = {"affected": 3, "under_investigation": 2, "not_affected": 1, "fixed": 0}


@dataclass(frozen=True, slots=True)
class ImageProduct:
    """The image as statements may name it."""

    name: str
    digests: frozenset[str]
    distribution: str


def apply_vex(
    result: ScanResult,
    documents: Iterable[VexDocument],
    image: ImageProduct,
    aliases: Mapping[str, Iterable[str]],
) -> ScanResult:
    """The result with the newest fitting statement at each finding.

    `aliases`: identifier → other names of the same vulnerability. A document of which nothing fits
    the image is said in a caveat.
    """
    by_name: dict[str, list[tuple[VexDocument, VexStatement]]] = {}
    documents = list(documents)
    for document in documents:
        for statement in document.statements:
            for name in statement.names:
                by_name.setdefault(name, []).append((document, statement))
    used: set[str] = set()
    findings = []
    for finding in result.findings:
        candidates = [
            pair
            for name in (finding.id, *aliases.get(finding.id, ()))
            for pair in by_name.get(name, ())
            if any(_fits(product, finding, image) for product in pair[1].products)
        ]
        if candidates:
            document, statement = max(candidates, key=_weight)
            used |= {candidate.name for candidate, _ in candidates}
            finding = replace(finding, vex=_said(document, statement))
        findings.append(finding)
    unused = [
        Caveat("vex", document.name, _unused(document))
        for document in documents
        if document.name not in used
    ]
    return replace(result, findings=tuple(findings), warnings=(*result.warnings, *unused))


def _weight(pair: tuple[VexDocument, VexStatement]) -> tuple[str, int]:
    document, statement = pair
    return statement.timestamp or document.timestamp, _DOUBT[statement.status]


def _said(document: VexDocument, statement: VexStatement) -> Assessment:
    return Assessment(
        status=statement.status,
        justification=statement.justification,
        statement=statement.impact or statement.action or statement.notes,
        document=document.name,
        author=document.author,
        date=statement.timestamp or document.timestamp,
    )


def _unused(document: VexDocument) -> str:
    if not document.statements:
        return "it has no statement"
    return (
        f"none of its {len(document.statements)} statements fits a finding of this image"
        " (`ironhull vex lint` says what keeps products from matching)"
    )


def _fits(product: Product, finding: Finding, image: ImageProduct) -> bool:
    if product.identifier.startswith("pkg:"):
        try:
            purl = parse_purl(product.identifier)
        except MalformedError:
            return False
        if not purl.is_image:
            return matches_package(purl, finding, image.distribution) and not (
                product.subcomponents
                and not any(_part(part, finding, image) for part in product.subcomponents)
            )
    if not matches_image(product.identifier, image.name, image.digests):
        return False
    return not product.subcomponents or any(
        _part(part, finding, image) for part in product.subcomponents
    )


def _part(identifier: str, finding: Finding, image: ImageProduct) -> bool:
    if not identifier.startswith("pkg:"):
        return identifier in (finding.package, finding.purl)
    try:
        return matches_package(parse_purl(identifier), finding, image.distribution)
    except MalformedError:
        return False
