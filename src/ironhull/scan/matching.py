"""Matches an inventory with the advisories: every package compared, or counted as unmatched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta

from ironhull.advisories.database import Database, Rating
from ironhull.advisories.model import State
from ironhull.advisories.names import rating
from ironhull.debian.version import compare
from ironhull.errors import MalformedError
from ironhull.inventory.model import Inventory, Package
from ironhull.reports.words import tally
from ironhull.scan.evidence import evidence
from ironhull.scan.freshness import database_info
from ironhull.scan.interface import LiveIndex, Match, Matcher, NoIndex
from ironhull.scan.matchers.distribution import AlpineMatcher, DebianMatcher, DhiMatcher
from ironhull.scan.matchers.language import ORDERS, LanguageMatcher, NodeMatcher
from ironhull.scan.model import (
    Caveat,
    DatabaseInfo,
    Finding,
    FixState,
    ScanResult,
    Unmatched,
    Verdict,
)
from ironhull.scan.rebuilt import DHI
from ironhull.scan.rules import Rule
from ironhull.scan.support import (
    package_support,
    release_support,
    runtime_support,
    static_linking,
)
from ironhull.scan.target import Target, target_of
from ironhull.values import dataclass

_WORDS = {"moderate": "medium", "important": "high", "unimportant": "negligible"}
_NO_FIX = frozenset({State.IGNORED, State.END_OF_LIFE})
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Options:
    """How a scan is done."""

    now: datetime
    max_age: timedelta | None = None
    """Older data make the verdict `stale`; None: any age will do, and what is old is only said."""
    index: LiveIndex = field(default_factory=NoIndex)
    evidence: bool = True
    """Whether our own evidence is applied as VEX is."""


@dataclass(frozen=True, slots=True)
class Matched:
    """All packages compared; what findings are made from."""

    target: Target
    matches: tuple[Match, ...]
    unmatched: tuple[Unmatched, ...]
    warnings: tuple[Caveat, ...]


def scan(inventory: Inventory, database: Database, options: Options) -> ScanResult:
    """The result before any VEX document; InputError for a distribution that is unknown."""
    matched = match(inventory, database, options)
    findings = findings_of(matched, database, options)
    kinds = _kinds(matched.target, inventory.packages)
    info, stale = database_info(database, options.now, options.max_age, kinds)
    warnings = [*matched.warnings, *stale]
    warnings += [
        Caveat("inventory", remark.location, remark.message) for remark in inventory.unparsed
    ]
    warnings += _accepted(inventory)
    distribution = inventory.distribution
    return ScanResult(
        image=inventory.image.name,
        digest=inventory.image.digest or inventory.image.key,
        distribution=distribution.label,
        distribution_name=distribution.pretty_name,
        database=info,
        findings=findings,
        unmatched=matched.unmatched,
        warnings=tuple(warnings),
        packages=len(inventory.packages),
        scanned=options.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        verdict=_verdict(matched, info, inventory),
        manifest=inventory.image.manifest or "",
    )


def _accepted(inventory: Inventory) -> Iterable[Caveat]:
    """One caveat for all unreadable files that a person has accepted."""
    found = [remark.location for remark in inventory.accepted]
    if found:
        named = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
        message = f"could not be read, which was accepted: {named}"
        yield Caveat("accepted", f"{len(found)} file{'s' if len(found) > 1 else ''}", message)


def _verdict(matched: Matched, info: DatabaseInfo, inventory: Inventory) -> Verdict:
    if not matched.target.covered:
        return "unknown"
    if info.refused:
        return "stale"
    ended = any(
        warning.kind == "eol" and warning.subject == matched.target.ecosystem.replace(":", " ")
        for warning in matched.warnings
    )
    if ended:
        return "eol"
    return "partial" if matched.unmatched or inventory.unparsed else "complete"


def match(inventory: Inventory, database: Database, options: Options) -> Matched:
    """Compare every package with the claims on it."""
    target = target_of(inventory, database.ecosystems)
    packages = inventory.packages
    matchers = matchers_for(target, database, options.index)
    wanted = [package for package in packages if not _left_to_distribution(package)]
    matches: list[Match] = []
    unmatched: list[Unmatched] = []
    warnings: list[Caveat] = list(target.warnings)
    for kind in dict.fromkeys(package.type for package in wanted):
        of_kind = [package for package in wanted if package.type == kind]
        matcher = matchers.get(kind)
        if matcher is None:
            unmatched.extend(
                _unmatched(package, f"no matcher for {kind} packages here") for package in of_kind
            )
            continue
        if kind in ORDERS and kind not in database.ecosystems:
            count = len(of_kind)
            message = (
                f"not matched, since no feed of the database covers it: {tally(count, 'package')}"
            )
            warnings.append(Caveat("no-data", kind, message))
            unmatched.extend(_unmatched(package, f"no {kind} advisories") for package in of_kind)
            continue
        found, failed = _match_all(matcher, of_kind)
        matches += found
        unmatched += failed
    warnings += _support(database, target, packages, matchers, options)
    notes = sorted({(found.package.source, found.note) for found in matches if found.note})
    warnings += [Caveat("fallback", source, note) for source, note in notes]
    return Matched(target, tuple(matches), tuple(unmatched), tuple(warnings))


def _kinds(target: Target, packages: Iterable[Package]) -> list[str]:
    """The kinds of advisories that these packages are matched against."""
    found = [package.type for package in packages if not _left_to_distribution(package)]
    languages = [kind for kind in dict.fromkeys(found) if kind in ORDERS]
    return [target.family, *languages] if target.family else list(languages)


def _left_to_distribution(package: Package) -> bool:
    """Language packages that a distribution package installed: it is matched in their place."""
    return not package.is_distribution and bool(package.owned_by)


def matchers_for(target: Target, database: Database, index: LiveIndex) -> Mapping[str, Matcher]:
    """Package type → what matches it."""
    matchers: dict[str, Matcher] = {kind: LanguageMatcher(database, kind) for kind in ORDERS}
    matchers["binary"] = NodeMatcher(database)
    if target.family == "debian":
        vendors = {DHI: DhiMatcher(database, f"{DHI}:{target.ecosystem}")}
        matchers["deb"] = DebianMatcher(database, target.ecosystem, index, vendors)
    elif target.family == DHI:
        matchers["deb"] = DhiMatcher(database, target.ecosystem)
    elif target.family == "alpine":
        matchers["apk"] = AlpineMatcher(database, target.ecosystem)
    return matchers


def _match_all(
    matcher: Matcher, packages: Sequence[Package]
) -> tuple[list[Match], list[Unmatched]]:
    matcher.load(packages)
    matches: list[Match] = []
    unmatched: list[Unmatched] = []
    for package in packages:
        if not package.version:
            unmatched.append(_unmatched(package, "it records no version"))
            continue
        try:
            found = matcher.match(package)
        except MalformedError as error:
            unmatched.append(_unmatched(package, str(error)))
            continue
        matches.append(found)
        if found.unknown:
            unmatched.append(_unmatched(package, found.unknown))
    return matches, unmatched


def _unmatched(package: Package, reason: str) -> Unmatched:
    return Unmatched(package.name, package.version, package.type, package.location, reason)


def _support(
    database: Database,
    target: Target,
    packages: Sequence[Package],
    matchers: Mapping[str, Matcher],
    options: Options,
) -> list[Caveat]:
    today = options.now.date()
    warnings = release_support(database, target, today)
    warnings += runtime_support(database, packages, today)
    if target.family == "debian":
        warnings += package_support(database.support, packages, target.release, today)
        warnings += static_linking(packages, matchers["deb"])
    return warnings


def findings_of(matched: Matched, database: Database, options: Options) -> tuple[Finding, ...]:
    """Findings with everything that is known about them, the worst first."""
    identifiers = {rule.vulnerability for match in matched.matches for rule in match.rules}
    keys = {rule.claim.record for match in matched.matches for rule in match.rules}
    # A CVE's own record is shared by many findings; that of a GHSA is not under the CVE's name.
    named = database.scores_of(identifiers)
    details = Details(
        ratings=named,
        records=database.record_ratings(keys) if len(named) < len(identifiers) else {},
        kev={name: entry.added for name, entry in database.exploited(identifiers).items()},
        epss={
            name: (score.epss, score.percentile)
            for name, score in database.scores(identifiers).items()
        },
        heads=database.record_heads(keys),
    )
    findings = [
        finding(match.package, rule, details, options)
        for match in matched.matches
        for rule in match.rules
    ]
    findings.sort(key=lambda found: (found.risk, found.id, found.package, found.location))
    return tuple(findings)


@dataclass(frozen=True, slots=True)
class Details:
    """What the database says about vulnerabilities, whoever is affected."""

    ratings: Mapping[str, Rating]
    records: Mapping[int, Rating]
    kev: Mapping[str, str]
    epss: Mapping[str, tuple[float, float]]
    heads: Mapping[int, tuple[str, str, str]]


_NO_RATING: Rating = (0.0, "", "", "", "")


def finding(package: Package, rule: Rule, details: Details, options: Options) -> Finding:
    """One finding."""
    key = rule.claim.record
    rated = details.ratings.get(rule.vulnerability) or details.records.get(key, _NO_RATING)
    score, vector, word, title, published = rated
    feed, record, date = details.heads.get(key, ("", "", ""))
    epss = details.epss.get(rule.vulnerability)
    fix_state, suite = fix_of(rule, options.index)
    return Finding(
        id=rule.vulnerability,
        package=package.name,
        version=package.version,
        source=package.source,
        source_version=package.source_version,
        type=package.type,
        location=package.location,
        layer=package.layer,
        purl=package.purl,
        fix_state=fix_state,
        fixed_version=rule.offered,
        fix_suite=suite,
        severity=severity(rule.urgency, score, word),
        urgency=rule.urgency,
        cvss=score or None,
        vector=vector,
        kev=details.kev.get(rule.vulnerability, ""),
        epss=epss[0] if epss else None,
        percentile=epss[1] if epss else None,
        state=rule.state,
        reason=rule.reason,
        title=title,
        feed=feed,
        record=record,
        record_date=date,
        published=published,
        advisory=rule.claim.advisory or "",
        bug=next((claim.bug for claim in (rule.claim, *rule.others) if claim.bug), 0),
        vex=evidence(package, rule) if options.evidence else None,
    )


def severity(urgency: str, score: float, word: str) -> str:
    """The distribution's urgency for this package if it gave one, else CVSS, else the feed's."""
    if urgency in ("unimportant", "low", "medium", "high"):
        return _WORDS.get(urgency, urgency)
    if score:
        return rating(score)
    return _WORDS.get(word, word) if word else "unknown"


def fix_of(rule: Rule, index: LiveIndex) -> tuple[FixState, str]:
    """What can be done, and the suite that has the fix."""
    if rule.offered:
        offers = index.offers(rule.claim.package)
        if not offers or ":" not in rule.claim.ecosystem:
            return FixState.FIXED, ""
        having = [suite for suite, version in offers.items() if _reaches(version, rule.offered)]
        return (FixState.AVAILABLE, having[0]) if having else (FixState.PENDING, "")
    if rule.state in _NO_FIX or rule.urgency == "unimportant":
        return FixState.NOT_PLANNED, ""
    return FixState.UNKNOWN, ""


def _reaches(version: str, fixed: str) -> bool:
    try:
        return compare(version, fixed) >= 0
    except MalformedError:
        return False
