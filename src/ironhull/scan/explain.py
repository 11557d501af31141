"""Why a package is or is not reported for a vulnerability: every step, with its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ironhull.advisories.database import Database, StoredClaim
from ironhull.advisories.model import State
from ironhull.advisories.names import NODE_SEPARATOR
from ironhull.debian.version import compare
from ironhull.errors import MalformedError
from ironhull.inventory.model import Inventory, Package
from ironhull.scan.debian import tracker_source
from ironhull.scan.model import Finding, FixState, ScanResult
from ironhull.scan.policy import stale
from ironhull.scan.rebuilt import UNKNOWN
from ironhull.scan.target import Target
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class FeedLine:
    """What one feed says: its own words where it has any, else its fields in order."""

    feed: str
    date: str
    record: str
    ecosystem: str
    text: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One installed package and what was compared."""

    package: Package
    answer: str
    """`vulnerable`, `not vulnerable` or `unknown`."""
    why: str
    advice: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole answer for one vulnerability and one image."""

    vulnerability: str
    aliases: tuple[str, ...]
    image: str
    database_date: str
    lines: tuple[FeedLine, ...]
    notes: tuple[str, ...]
    packages: tuple[Explained, ...]
    conclusion: str
    stale: tuple[str, ...] = ()
    """Which of the data are too old to rely on it."""


def explain(
    vulnerability: str,
    inventory: Inventory,
    result: ScanResult,
    database: Database,
    target: Target,
) -> Explanation:
    """Everything known about one vulnerability in one image."""
    records = database.records([vulnerability])
    names = dict.fromkeys([vulnerability])
    for stored in records:
        names |= dict.fromkeys([stored.record.id, *stored.record.aliases])
    claims = database.claims_on(*names)
    concerned = {claim.package for claim in claims}
    found = {
        (finding.package, finding.type, finding.location, finding.version): finding
        for finding in result.findings
        if finding.id in names
    }
    unmatched = {
        (each.package, each.type, each.location, each.version): each.reason
        for each in result.unmatched
    }
    packages = tuple(
        _package(package, claims, found, unmatched, target)
        for package in inventory.packages
        if _subject(package) in concerned
    )
    feeds = {feed.key: feed for feed in database.feeds}
    heads = database.record_heads(claim.record for claim in claims)
    lines = tuple(
        FeedLine(
            feeds[claim.feed].name,
            heads[claim.record][2] or feeds[claim.feed].date,
            heads[claim.record][1],
            claim.ecosystem,
            feed_line(claim),
        )
        for claim in _relevant(claims, packages, target)
    )
    notes = tuple(dict.fromkeys(note for stored in records for note in stored.record.notes))
    return Explanation(
        vulnerability=vulnerability,
        aliases=tuple(name for name in names if name != vulnerability),
        image=result.image,
        database_date=result.database.date,
        lines=lines,
        notes=notes,
        packages=packages,
        conclusion=_conclusion(vulnerability, bool(records), claims, packages),
        stale=tuple(stale(result)),
    )


def _subject(package: Package) -> str:
    """The name by which claims know a package."""
    if package.type == "deb":
        return tracker_source(package.source, package.source_version)[0]
    return package.source if package.type == "apk" else package.name


def _relevant(
    claims: Sequence[StoredClaim], packages: Sequence[Explained], target: Target
) -> Iterator[StoredClaim]:
    """Claims on what is installed, those of the image's own release first."""
    installed = {_subject(each.package) for each in packages}
    chosen = [claim for claim in claims if claim.package in installed] or list(claims)
    yield from sorted(chosen, key=lambda claim: (claim.ecosystem != target.ecosystem,))


def feed_line(claim: StoredClaim) -> str:
    """The feed's own line, or its fields in the feed's order."""
    if claim.state == State.EXPRESSION:
        vulnerable, _, patched = (claim.line or "").partition(NODE_SEPARATOR)
        return f"{claim.package}: vulnerable {vulnerable}; patched {patched}"
    if claim.line:
        return f"{claim.advisory}: {claim.line}" if claim.advisory else claim.line
    parts = [claim.package, claim.state]
    if claim.fixed:
        parts.append(f"fixed_version {claim.fixed}")
    parts += [
        f"introduced {introduced or '0'} fixed {fixed or '-'} last affected {last or '-'}"
        for introduced, fixed, last in claim.parsed_ranges[:10]
    ]
    if claim.urgency:
        parts.append(f"urgency {claim.urgency}")
    if claim.reason:
        parts.append(claim.reason)
    prefix = f"{claim.advisory}: " if claim.advisory else ""
    return prefix + ", ".join(parts)


def _package(
    package: Package,
    claims: Sequence[StoredClaim],
    found: Mapping[tuple[str, str, str, str], Finding],
    unmatched: Mapping[tuple[str, str, str, str], str],
    target: Target,
) -> Explained:
    if package.owned_by and not package.is_distribution:
        why = (
            f"{package.location} was installed by the distribution package {package.owned_by},"
            " which is matched in its place"
        )
        return Explained(package, "not vulnerable", why, "nothing to do for this entry")
    key = (package.name, package.type, package.location, package.version)
    finding = found.get(key)
    if finding is not None and finding.state == UNKNOWN:
        return Explained(package, "unknown", compared(finding), _ASK, finding)
    if finding is None and key in unmatched:
        return Explained(package, "unknown", _not_matched(package, unmatched[key]), _ASK)
    if finding is not None:
        ours = [claim for claim in claims if claim.package == _subject(package)]
        todo = advice(finding, _fixed_elsewhere(ours, target))
        return Explained(package, "vulnerable", compared(finding), todo, finding)
    ours = [claim for claim in claims if claim.package == _subject(package)]
    return Explained(package, "not vulnerable", why_not(package, ours, target), "nothing to do")


_ASK = "ask who built it, or take the distribution's own package"


def _not_matched(package: Package, reason: str) -> str:
    version = package.source_version or package.version
    return f"{_subject(package)} {version} was not matched: {reason}"


def compared(finding: Finding) -> str:
    """Which versions were compared, in words."""
    source = f"source {finding.source} " if finding.source else ""
    installed = f"{source}{finding.source_version or finding.version}"
    if finding.state == UNKNOWN:
        return f"{installed}: {finding.reason}, and the order of versions cannot tell"
    if finding.fixed_version:
        return f"{installed} is earlier than {finding.fixed_version}, which fixes it"
    reason = f": {finding.reason}" if finding.reason else ""
    return f"{installed} is vulnerable and no fix is named ({finding.state}{reason})"


def why_not(package: Package, claims: Iterable[StoredClaim], target: Target) -> str:
    """Why a package that no scan reports is not vulnerable, by the claims on it."""
    version = tracker_source(package.source, package.source_version)[1] or package.version
    for claim in claims:
        if claim.ecosystem not in (target.ecosystem, package.type):
            continue
        if claim.state == State.NOT_AFFECTED:
            return f"{claim.package} is not affected: {claim.reason or 'no reason is given'}"
        if claim.state == State.FIXED and claim.fixed and package.type == "deb":
            try:
                if compare(version, claim.fixed) >= 0:
                    return f"{claim.package} {version} is not earlier than {claim.fixed}, the fix"
            except MalformedError as error:
                return f"cannot be compared: {error}"
    release = target.ecosystem.replace(":", " ") or "this version"
    return f"{version} is outside of what the feeds say is affected in {release}"


def _fixed_elsewhere(claims: Iterable[StoredClaim], target: Target) -> str:
    """In which other releases of the distribution which version has the fix; empty if in none."""
    family = target.ecosystem.partition(":")[0]
    found = {
        claim.ecosystem.partition(":")[2]: claim.fixed
        for claim in claims
        if claim.fixed
        and claim.ecosystem != target.ecosystem
        and claim.ecosystem.partition(":")[0] == family
    }
    return ", ".join(f"{version} in {family} {release}" for release, version in found.items())


def advice(finding: Finding, elsewhere: str = "") -> str:
    """What to do about a finding; `elsewhere`: the releases that have a fix, for `explain`."""
    if finding.suppressed and finding.vex is not None:
        return f"nothing: {finding.vex.status} ({finding.vex.statement or finding.vex.document})"
    package = finding.source or finding.package
    match finding.fix_state:
        case FixState.AVAILABLE:
            return f"rebuild: {package} {finding.fixed_version} is in {finding.fix_suite}"
        case FixState.FIXED:
            return f"update {package} to {finding.fixed_version}"
        case FixState.PENDING:
            return f"wait: {finding.fixed_version} is on record but not in the archive yet"
        case FixState.NOT_PLANNED:
            other = f" for this release (fixed by {elsewhere})" if elsewhere else ""
            return f"mitigate, replace or accept the risk: no fix is planned{other}"
        case FixState.UNKNOWN:
            if finding.state == UNKNOWN:
                return _ASK
            if elsewhere:
                return f"watch it: this release has no fix yet (fixed by {elsewhere})"
            return "watch it: no fix is known"


def _conclusion(
    vulnerability: str,
    known: bool,
    claims: Sequence[StoredClaim],
    packages: Sequence[Explained],
) -> str:
    vulnerable = [each.package.name for each in packages if each.answer == "vulnerable"]
    if vulnerable:
        return f"{vulnerability} is reported for {', '.join(sorted(set(vulnerable)))}"
    unknown = sorted({each.package.name for each in packages if each.answer == "unknown"})
    if unknown:
        return f"whether {vulnerability} concerns {', '.join(unknown)} is unknown"
    if packages:
        return f"{vulnerability} is not reported: no installed version is affected"
    if claims:
        names = ", ".join(sorted({claim.package for claim in claims})[:10])
        return f"{vulnerability} is not reported: none of its packages is installed ({names})"
    if known:
        return (
            f"{vulnerability} is known but no feed names a package for it: whether the image is"
            " affected is unknown"
        )
    return f"{vulnerability} is in no feed of the database: nothing can be said about it"
