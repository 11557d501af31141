"""Distribution packages by source package and source version: Debian, who rebuilds it, Alpine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ironhull.advisories.database import Database, StoredClaim
from ironhull.advisories.ecosystems import EXPERIMENTAL, SID
from ironhull.advisories.feeds.rows import rank_of
from ironhull.advisories.model import State
from ironhull.inventory.model import Package
from ironhull.scan.debian import debian_rules, tracker_source
from ironhull.scan.interface import LiveIndex, Match, grouped
from ironhull.scan.rebuilt import DHI, OURS, UNKNOWN, Rebuilder, rebuilt_by, rebuilt_version
from ironhull.scan.rules import Rule, RuleSet, rule_set
from ironhull.scan.versions.apk import apk_key


class DebianMatcher:
    """Packages of one Debian release. Rules are made once a source and kept.

    What others rebuilt is judged by its vendor's own feed where there is one. Else Debian's data
    say only what is wrong with it: what the order of versions would clear is unknown.
    """

    types = frozenset({"deb"})

    def __init__(
        self,
        database: Database,
        ecosystem: str,
        index: LiveIndex,
        vendors: Mapping[str, DhiMatcher],
    ) -> None:
        self._database = database
        self._vendors = vendors
        self._ecosystem = ecosystem
        self._index = index
        self._ranks = {key: rank_of(name) for key, name in database.feed_names.items()}
        self._sets: dict[str, RuleSet] = {}

    def load(self, packages: Iterable[Package]) -> None:
        """As `Matcher.load`."""
        packages = list(packages)
        for name, vendor in self._vendors.items():
            vendor.load([each for each in packages if _vendor_of(each) == name])
        wanted = {tracker_source(package.source, package.source_version)[0] for package in packages}
        missing = sorted(wanted - self._sets.keys())
        self.adopt(grouped(self._claims(missing), missing))

    def _claims(self, sources: Sequence[str]) -> Iterator[StoredClaim]:
        """All claims that `debian_rules` looks at, and few others.

        Those of other releases are two thirds, and count only where a feed is silent on this one.
        """
        if self._ecosystem in (SID, EXPERIMENTAL):
            yield from self._database.claims(sources, "debian")
            return
        speaking: dict[str, set[int]] = {}
        of_release: dict[str, set[int]] = {}
        for source, ecosystem, feed in self._database.speakers(sources, "debian"):
            speaking.setdefault(source, set()).add(feed)
            if ecosystem == self._ecosystem:
                of_release.setdefault(source, set()).add(feed)
        silent = [source for source in speaking if of_release.get(source) != speaking[source]]
        yield from self._database.claims(silent, "debian")
        others = sorted(speaking.keys() - set(silent))
        yield from self._database.claims_in(others, (self._ecosystem, SID))

    def adopt(self, claims: Mapping[str, Sequence[StoredClaim]]) -> None:
        """As `Matcher.adopt`, by source."""
        for source, of_source in claims.items():
            offers = self._index.offers(source)
            in_release = None if offers is None else bool(offers)
            self._sets[source] = debian_rules(self._ecosystem, of_source, self._ranks, in_release)

    def rules_of(self, name: str, version: str) -> Sequence[Rule]:
        """As `Matcher.rules_of`, of a source as the tracker calls it."""
        rules = self._sets[name]
        rebuilder = None if self._has(name, version) else rebuilt_version(version)
        if rebuilder is None:
            return rules.matching(version)
        if rebuilder.vendor == OURS:
            return rules.matching(rebuilder.base)
        return unsure(rules, version, rebuilder)

    def match(self, package: Package) -> Match:
        """As `Matcher.match`."""
        source, version = tracker_source(package.source, package.source_version)
        rules = self._sets[source]
        rebuilder = rebuilt_by(package)
        if rebuilder is None or self._has(source, version):
            return Match(package, rules.matching(version), rules.note)
        if rebuilder.vendor == OURS:
            # What its patches fix besides is said by VEX, never by the order of versions.
            return Match(package, rules.matching(rebuilder.base), rules.note)
        vendor = self._vendors.get(rebuilder.vendor)
        if vendor is not None and vendor.covered:
            return vendor.match(package)
        found = unsure(rules, version, rebuilder)
        return Match(package, found, rules.note, rebuilder.words)

    def _has(self, source: str, version: str) -> bool:
        """Whether the archive has this very version, so that it is Debian's own."""
        offers = self._index.offers(source) or {}
        return any(
            version == offered for suite, offered in offers.items() if "backports" not in suite
        )


def _vendor_of(package: Package) -> str:
    rebuilder = rebuilt_by(package)
    return "" if rebuilder is None else rebuilder.vendor


def unsure(rules: RuleSet, version: str, rebuilder: Rebuilder) -> list[Rule]:
    """What Debian's data say of a version that others made: vulnerable below the fix, as always.

    What it was made from may lack a fix that the whole version sorts after: state `unknown`. What
    Debian says of its own build (urgency, why it is not affected) is not said of another's.
    """
    told = f"judged by Debian's data; rebuilt by {rebuilder.name} ({rebuilder.sign})"
    found = [
        rule._replace(
            urgency="",
            reason=told,
            state=rule.state if rule.state == State.FIXED else State.UNFIXED.value,
        )
        for rule in rules.matching(version)
    ]
    known = {rule.vulnerability for rule in found}
    found += [
        rule._replace(
            offered="",
            state=UNKNOWN,
            urgency="",
            reason=f"{rebuilder.words}; Debian's fix is {rule.threshold}",
        )
        for rule in rules.matching(rebuilder.base)
        if rule.vulnerability not in known
    ]
    return found


class DhiMatcher:
    """Packages of Docker Hardened Images by their own feed alone; Debian's data are never asked.

    The feed may call a package by its source or by its own name: both are looked up.
    """

    types = frozenset({"deb"})

    def __init__(self, database: Database, ecosystem: str) -> None:
        self._database = database
        self._ecosystem = ecosystem
        self._sets: dict[str, RuleSet] = {}
        self.covered = ecosystem in database.ecosystems
        """Whether any feed speaks of them."""

    def load(self, packages: Iterable[Package]) -> None:
        """As `Matcher.load`."""
        wanted = {name for package in packages for name in (package.source, package.name)}
        missing = sorted(wanted - self._sets.keys())
        if missing:
            self.adopt(grouped(self._database.claims(missing, DHI), missing))

    def adopt(self, claims: Mapping[str, Sequence[StoredClaim]]) -> None:
        """As `Matcher.adopt`, by source or package."""
        for name, of_name in claims.items():
            here = [claim for claim in of_name if claim.ecosystem == self._ecosystem]
            self._sets[name] = debian_rules(self._ecosystem, here, {}, in_release=True)

    def rules_of(self, name: str, version: str) -> Sequence[Rule]:
        """As `Matcher.rules_of`, of a source or package."""
        return self._sets[name].matching(version)

    def match(self, package: Package) -> Match:
        """As `Matcher.match`."""
        if not self.covered:
            words = Rebuilder("Docker Hardened Images", "ID=dhi", "").words
            return Match(package, (), unknown=f"{words}, and there is no feed of theirs (osv-dhi)")
        found = {
            rule.vulnerability: rule
            for name, version in (
                (package.name, package.version),
                (package.source, package.source_version or package.version),
            )
            for rule in self._sets[name].matching(version)
        }
        return Match(package, tuple(found.values()))


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
