"""Statements that the feeds contradict: `fixed` where they name a later fix, `affected` where none.

1. What a statement is about becomes packages: those of an image that is known by its digest, or
   the one that a purl names with version and release.
2. They are matched as an image's are.
3. A statement of a fix with a finding, or of `affected` without one where the feed knows the
   vulnerability, contradicts. What cannot be matched is counted and not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

from ironhull.advisories.database import Database
from ironhull.debian.codenames import NUMBERS
from ironhull.errors import InputError, MalformedError
from ironhull.inventory.model import Distribution, ImageIdentity, Inventory, Package, PackageType
from ironhull.scan.matching import Options, scan
from ironhull.scan.model import Finding, ScanResult
from ironhull.vex.lint import LintViolation, claims_a_fix
from ironhull.vex.model import Product, VexDocument, VexStatement
from ironhull.vex.purl import RELEASES, Purl, Surroundings, matches_package, parse_purl

Known = Callable[[str], Inventory | None]
"""Manifest or index digest → what is in that image, if anybody knows."""
_RULE = "contradicts-feed"


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing a document with the feeds gave."""

    violations: tuple[LintViolation, ...]
    compared: int
    """Packages of statements that say fixed or affected, and that could be matched."""
    left: int
    """Those that could not: no version, no release, no such image here, no feed for it."""


class Feeds:
    """The feeds as statements are held against them; images are matched once."""

    def __init__(self, database: Database, known: Known, options: Options) -> None:
        self._database, self._known, self._options = database, known, options
        self._results: dict[str, ScanResult | None] = {}

    def compare(self, document: VexDocument) -> Compared:
        """All statements of a document that say that a fix is in, or that there is none."""
        found, compared, left = [], 0, 0
        for statement in document.statements:
            fix = statement.status == "fixed" or (
                statement.status == "not_affected" and claims_a_fix(statement)
            )
            if not fix and statement.status != "affected":
                continue
            for purl, inventory in self._subjects(statement):
                result = None if inventory is None else self._matched(inventory)
                if purl is None or inventory is None or result is None:
                    left += 1
                    continue
                compared += 1
                text = self._against(statement, purl, inventory, result, fix=fix)
                if text:
                    level: Literal["error", "warning"] = "error" if fix else "warning"
                    name = statement.names[0]
                    found.append(LintViolation(_RULE, level, document.name, name, text))
        return Compared(tuple(dict.fromkeys(found)), compared, left)

    def _subjects(self, statement: VexStatement) -> Iterator[tuple[Purl | None, Inventory | None]]:
        for product in statement.products:
            whole = _purl(product.identifier)
            image = whole is None or whole.is_image
            inventory = self._named(product) if image else None
            if image and not product.subcomponents:
                yield None, None
            for text in product.subcomponents if image else (product.identifier,):
                purl = _purl(text)
                yield purl, inventory or (None if purl is None else self._alone(purl))

    def _named(self, product: Product) -> Inventory | None:
        """What is known of an image, by whichever of its digests."""
        for identifier in product.identifiers:
            purl = _purl(identifier)
            digest = purl.version if purl else identifier.rpartition("@")[2]
            known = self._known(digest) if digest.startswith("sha256:") else None
            if known is not None:
                return known
        return None

    def _alone(self, purl: Purl) -> Inventory | None:
        """An image that holds this package and nothing else; None where too little is said."""
        if not purl.version or purl.is_image:
            return None
        distribution = Distribution()
        source, source_version = "", ""
        if purl.type in ("deb", "apk"):
            said = next((purl.qualifiers[key] for key in RELEASES if purl.qualifiers.get(key)), "")
            release = said.lower().removeprefix(f"{purl.namespace}-")
            if not release or not purl.namespace:
                return None
            distribution = Distribution(purl.namespace, NUMBERS.get(release, release))
            source, _, source_version = purl.qualifiers.get("upstream", "").partition("@")
            source = source or purl.name
            if not self._database.claims([source], purl.namespace):
                # The name of a binary package, and nobody says what it was built from.
                return None
        package = Package(
            purl.full_name,
            purl.version,
            cast(PackageType, purl.type),
            "/",
            source=source,
            source_version=source_version or (purl.version if source else ""),
        )
        name = f"{purl.type}/{purl.namespace}/{purl.name}@{purl.version} {distribution.label}"
        return Inventory(ImageIdentity(name, "statement"), distribution, (package,))

    def _matched(self, inventory: Inventory) -> ScanResult | None:
        key = inventory.image.key or inventory.image.name
        if key not in self._results:
            try:
                result = scan(inventory, self._database, self._options)
                usable = result.verdict != "unknown" and not (
                    inventory.image.kind == "statement" and result.unmatched
                )
                self._results[key] = result if usable else None
            except InputError:
                self._results[key] = None
        return self._results[key]

    def _against(
        self,
        statement: VexStatement,
        purl: Purl,
        inventory: Inventory,
        result: ScanResult,
        *,
        fix: bool,
    ) -> str:
        platform = inventory.image.platform
        place = Surroundings(
            inventory.distribution.label,
            purl.qualifiers.get("arch", "") if platform is None else platform.architecture,
        )
        found = [
            each
            for each in result.findings
            if {each.id, each.record, each.advisory} & set(statement.names)
            and matches_package(purl, each, place)
        ]
        if fix:
            return next((_unfixed(each) for each in found if not each.unknown), "")
        return "" if found else self._not_affected(statement, purl, inventory)

    def _not_affected(self, statement: VexStatement, purl: Purl, inventory: Inventory) -> str:
        """What the feed says to `affected` without a finding; empty where it is silent."""
        sources = {
            each.source
            for each in inventory.packages
            if each.source and purl.name in (each.name, each.source)
            and purl.version in (each.version, each.source_version)
        }  # fmt: skip
        family = inventory.distribution.id
        ecosystem = f"{family}:{inventory.distribution.version_id.partition('.')[0]}"
        for claim in self._database.claims(sorted(sources), family):
            if claim.vulnerability in statement.names and claim.ecosystem == ecosystem:
                fixed = f", fixed in {claim.fixed}" if claim.fixed else ""
                return (
                    f"affected, and the feed says of {claim.package} {claim.state}{fixed}:"
                    f" {purl.version} is not vulnerable"
                )
        return ""


def _unfixed(finding: Finding) -> str:
    installed = finding.source_version or finding.version
    if finding.fixed_version:
        return f"{finding.feed} names {finding.fixed_version} as the fix, {installed} is meant"
    return f"{finding.feed} knows no fix ({finding.state}), and {installed} is said to have it"


def _purl(text: str) -> Purl | None:
    try:
        return parse_purl(text) if text.startswith("pkg:") else None
    except MalformedError:
        return None
