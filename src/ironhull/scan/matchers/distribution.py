"""Distribution packages by source package and source version: Debian and Alpine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ironhull.advisories.database import Database, StoredClaim
from ironhull.advisories.feeds.rows import rank_of
from ironhull.advisories.model import State
from ironhull.inventory.model import Package
from ironhull.scan.debian import debian_rules, tracker_source
from ironhull.scan.interface import LiveIndex, Match, grouped
from ironhull.scan.rules import Rule, RuleSet, rule_set
from ironhull.scan.versions.apk import apk_key


class DebianMatcher:
    """Packages of one Debian release. Rules are made once a source and kept."""

    types = frozenset({"deb"})

    def __init__(self, database: Database, ecosystem: str, index: LiveIndex) -> None:
        self._database = database
        self._ecosystem = ecosystem
        self._index = index
        self._ranks = {key: rank_of(name) for key, name in database.feed_names.items()}
        self._sets: dict[str, RuleSet] = {}

    def load(self, packages: Iterable[Package]) -> None:
        """As `Matcher.load`."""
        wanted = {tracker_source(package.source, package.source_version)[0] for package in packages}
        missing = sorted(wanted - self._sets.keys())
        self.adopt(grouped(self._database.claims(missing, "debian"), missing))

    def adopt(self, claims: Mapping[str, Sequence[StoredClaim]]) -> None:
        """As `Matcher.adopt`, by source."""
        for source, of_source in claims.items():
            offers = self._index.offers(source)
            in_release = None if offers is None else bool(offers)
            self._sets[source] = debian_rules(self._ecosystem, of_source, self._ranks, in_release)

    def rules_of(self, name: str, version: str) -> Sequence[Rule]:
        """As `Matcher.rules_of`, of a source as the tracker calls it."""
        return self._sets[name].matching(version)

    def match(self, package: Package) -> Match:
        """As `Matcher.match`."""
        source, version = tracker_source(package.source, package.source_version)
        rules = self._sets[source]
        return Match(package, rules.matching(version), rules.note)


class AlpineMatcher:
    """Packages of one Alpine branch, by origin, in apk's version order."""

    types = frozenset({"apk"})

    def __init__(self, database: Database, ecosystem: str) -> None:
        self._database = database
        self._ecosystem = ecosystem
        self._sets: dict[str, RuleSet] = {}

    def load(self, packages: Iterable[Package]) -> None:
        """As `Matcher.load`."""
        missing = sorted({package.source for package in packages} - self._sets.keys())
        self.adopt(grouped(self._database.claims(missing, "alpine"), missing))

    def adopt(self, claims: Mapping[str, Sequence[StoredClaim]]) -> None:
        """As `Matcher.adopt`, by origin."""
        for source, of_source in claims.items():
            here = [claim for claim in of_source if claim.ecosystem == self._ecosystem]
            self._sets[source] = _alpine_rules(here)

    def rules_of(self, name: str, version: str) -> Sequence[Rule]:
        """As `Matcher.rules_of`, of an origin."""
        return self._sets[name].matching(version)

    def match(self, package: Package) -> Match:
        """As `Matcher.match`."""
        return Match(package, self.rules_of(package.source, package.source_version))


def _alpine_rules(claims: Sequence[StoredClaim]) -> RuleSet:
    """One rule a vulnerability. Where several feeds name a fix, the first one that is there."""
    chosen: dict[str, StoredClaim] = {}
    for claim in claims:
        if claim.state == State.NOT_AFFECTED:
            chosen[claim.vulnerability] = claim
        elif claim.state in (State.FIXED, State.UNFIXED):
            known = chosen.get(claim.vulnerability)
            if known is None or (known.state == State.UNFIXED and claim.fixed):
                chosen[claim.vulnerability] = claim
    rules = (
        Rule(
            vulnerability=vulnerability,
            threshold=claim.fixed or "",
            offered=claim.fixed or "",
            state=claim.state,
            urgency="",
            reason=claim.reason or "",
            claim=claim,
        )
        for vulnerability, claim in chosen.items()
        if claim.state != State.NOT_AFFECTED
    )
    return rule_set(rules, apk_key)
