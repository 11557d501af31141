"""Language packages by OSV ranges in the order of their own ecosystem, and Node.js itself.

OSV schema, "Evaluation": a version is affected if it is listed, or if it is in a range. Packages
that a distribution package installed are not matched here: their fixes are the distribution's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ironhull.advisories.database import Database, StoredClaim
from ironhull.advisories.model import Range, State
from ironhull.advisories.names import NODE, NODE_SEPARATOR, normal_name
from ironhull.errors import MalformedError
from ironhull.inventory.model import Package
from ironhull.scan.interface import Match, grouped
from ironhull.scan.rules import Rule
from ironhull.scan.versions.languages import (
    composer_key,
    gem_key,
    maven_key,
    nuget_key,
    pep440_key,
)
from ironhull.scan.versions.semver import go_key, satisfies, semver_key

ORDERS: Mapping[str, Callable[[str], Any]] = {
    "npm": semver_key,
    "pypi": pep440_key,
    "golang": go_key,
    "maven": maven_key,
    "gem": gem_key,
    "composer": composer_key,
    "nuget": nuget_key,
    "cargo": semver_key,
}


_NODE = "node"


class LanguageMatcher:
    """Packages of one ecosystem; the purl type is the ecosystem's name in the database."""

    def __init__(self, database: Database, kind: str) -> None:
        self.types = frozenset({kind})
        self._database = database
        self._kind = kind
        self._order = ORDERS[kind]
        self._claims: dict[str, Sequence[StoredClaim]] = {}

    def load(self, packages: Iterable[Package]) -> None:
        """As `Matcher.load`."""
        wanted = {normal_name(self._kind, package.name) for package in packages}
        missing = sorted(wanted - self._claims.keys())
        self.adopt(grouped(self._database.claims(missing, self._kind), missing))

    def adopt(self, claims: Mapping[str, Sequence[StoredClaim]]) -> None:
        """As `Matcher.adopt`, by the name as the ecosystem compares it."""
        self._claims |= claims

    def match(self, package: Package) -> Match:
        """As `Matcher.match`."""
        name = normal_name(self._kind, package.name)
        return Match(package, self.rules_of(name, package.version))

    def rules_of(self, name: str, version: str) -> Sequence[Rule]:
        """As `Matcher.rules_of`, of a name as the ecosystem compares it."""
        # Without a claim on it nothing depends on how a package's version compares.
        found: dict[str, Rule] = {}
        for claim in self._claims[name]:
            rule = self._rule(version, claim)
            if rule is not None:
                # Several records may tell of one vulnerability; one that names a fix is worth more.
                known = found.get(rule.vulnerability)
                if known is None or (rule.offered and not known.offered):
                    found[rule.vulnerability] = rule
        return tuple(found.values())

    def _rule(self, version: str, claim: StoredClaim) -> Rule | None:
        fixed = affected(version, claim.parsed_ranges, claim.parsed_versions, self._order)
        if fixed is None:
            return None
        return Rule(
            vulnerability=claim.vulnerability,
            threshold=fixed,
            offered=fixed,
            state=State.FIXED.value if fixed else State.UNFIXED.value,
            urgency="",
            reason=claim.reason or "",
            claim=claim,
        )


def affected(
    version: str, ranges: Iterable[Range], versions: Iterable[str], order: Callable[[str], Any]
) -> str | None:
    """The version that fixes it (empty if none is named), or None where it is not affected.

    Raises MalformedError where a version of either side cannot be compared.
    """
    if version in versions:
        return ""
    key = order(version)
    for introduced, fixed, last in ranges:
        if introduced not in ("", "0") and key < order(introduced):
            continue
        if fixed and key >= order(fixed):
            continue
        if last and key > order(last):
            continue
        return fixed
    return None


class NodeMatcher:
    """The Node.js runtime against its project's own index."""

    types = frozenset({"binary"})

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claims: Sequence[StoredClaim] | None = None

    def load(self, packages: Iterable[Package]) -> None:
        """As `Matcher.load`."""
        if self._claims is None:
            self._claims = self._database.claims([_NODE], NODE)

    def adopt(self, claims: Mapping[str, Sequence[StoredClaim]]) -> None:
        """As `Matcher.adopt`."""
        self._claims = claims.get(_NODE, ())

    def rules_of(self, name: str, version: str) -> Sequence[Rule]:
        """As `Matcher.rules_of`; there is but one name."""
        found = {
            claim.vulnerability: rule
            for claim in self._claims or ()
            if (rule := _node_rule(version, claim)) is not None
        }
        return tuple(found.values())

    def match(self, package: Package) -> Match:
        """As `Matcher.match`."""
        if package.name not in (_NODE, "nodejs"):
            return Match(package, ())
        return Match(package, self.rules_of(_NODE, package.version))


def _node_rule(version: str, claim: StoredClaim) -> Rule | None:
    vulnerable, _, patched = (claim.line or "").partition(NODE_SEPARATOR)
    if not satisfies(version, vulnerable) or (patched and satisfies(version, patched)):
        return None
    fixed = _patch(version, patched)
    return Rule(
        vulnerability=claim.vulnerability,
        threshold=fixed,
        offered=fixed,
        state=State.FIXED.value if fixed else State.UNFIXED.value,
        urgency="",
        reason="",
        claim=claim,
    )


def _patch(version: str, patched: str) -> str:
    """The lowest patched version of the same major line, else the lowest above."""
    key = semver_key(version)
    candidates = []
    for part in patched.split("||"):
        text = part.strip().lstrip("^~>=< ")
        try:
            candidate = semver_key(text)
        except MalformedError:
            continue
        if candidate > key:
            candidates.append((candidate[0] != key[0], candidate, text))
    return min(candidates)[2] if candidates else ""
