"""Stored inventories against today's advisories, without the images, each difference once.

1. Of all images, each different package of a release is matched once: a *unit*.
2. A ledger remembers which vulnerabilities a unit was ever reported for, and in which round. What
   is not in it is new; it is written down before it is reported and never forgotten, so nothing is
   reported twice, not even what went away and came back.
3. An image is told all that its units learned since its own last round.

For an image that the ledger does not know yet, everything is baseline and nothing is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ironhull.advisories.database import Database
from ironhull.errors import InputError, MalformedError
from ironhull.inventory.model import Distribution, ImageIdentity, Inventory, Package
from ironhull.scan.debian import tracker_source
from ironhull.scan.evidence import evidence, is_headers, says_not_built
from ironhull.scan.interface import LiveIndex, Matcher, grouped
from ironhull.scan.matching import matchers_for
from ironhull.scan.rebuilt import rebuilt_by
from ironhull.scan.rules import Rule
from ironhull.scan.target import Target, target_of
from ironhull.state.inventories import InventoryStore, StoredImage
from ironhull.state.ledger import Ledger, LedgerRound, LedgerUnit


@dataclass(frozen=True, slots=True)
class NewFinding:
    """A vulnerability that was never reported for this package of this release before."""

    id: str
    package: str
    version: str
    type: str
    fixed_version: str
    suppressed: bool
    """Our own evidence says that it does not concern the package."""


@dataclass(frozen=True, slots=True)
class ImageRescan:
    """One stored image against today's advisories. The counts are None where nothing is known."""

    image: str
    key: str
    raw: int | None
    after_vex: int | None
    """After our own evidence; VEX documents belong to a scan."""
    unmatched: int
    new: tuple[NewFinding, ...] = ()
    reason: str = ""
    """Why nothing is known."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a version of a source is vulnerable to; its binary packages share it."""

    rules: Sequence[Rule]
    state: bytes
    """Digest of the names; tells whether anything changed."""
    open: int
    """Without those that our evidence clears for every binary package."""
    unknown: str
    """As `Match.unknown`."""


@dataclass(slots=True)
class _Unit:
    """One package of one release."""

    package: Package
    rules: Sequence[Rule] = ()
    state: bytes = b""
    raw: int = 0
    open: int = 0
    unmatched: bool = False
    number: int = 0
    learned: int = 0
    """The latest round in which the ledger learned something of it."""


_Units = Mapping[str, Mapping[int, _Unit]]
"""Ecosystem of a release → number of a stored package → unit."""


def rescan(
    store: InventoryStore, database: Database, ledger: Ledger, index: LiveIndex
) -> list[ImageRescan]:
    """Every stored image, by name. What is new goes into the ledger."""
    images, installed, packages = store.images(), store.installed(), store.packages()
    releases = _releases(images, installed, packages, database)
    numbers: dict[str, set[int]] = {}
    for image in images:
        target = releases[image.id]
        if isinstance(target, Target):
            numbers.setdefault(target.ecosystem, set()).update(installed.get(image.id, ()))
    units = {
        ecosystem: {number: _Unit(packages[number]) for number in sorted(of_release)}
        for ecosystem, of_release in numbers.items()
    }
    _match(units, database, index)
    with ledger.round() as opened:
        return _settle(opened, images, installed, releases, units)


def _releases(
    images: Sequence[StoredImage],
    installed: Mapping[int, list[int]],
    packages: Mapping[int, Package],
    database: Database,
) -> dict[int, Target | str]:
    """Image → what its distribution packages are matched as, or why they cannot be."""
    found: dict[int, Target | str] = {}
    known: dict[tuple[object, ...], Target | str] = {}
    for image in images:
        kinds = {packages[number].type: packages[number] for number in installed.get(image.id, ())}
        key = (image.distribution, image.version_id, image.codename, frozenset(kinds))
        if key not in known:
            distribution = Distribution(image.distribution, image.version_id, image.codename)
            identity = ImageIdentity(image.name, "stored")
            sample = Inventory(identity, distribution, tuple(kinds.values()))
            try:
                target = target_of(sample, database.ecosystems)
                known[key] = target if target.covered else target.warnings[0].message
            except InputError as error:
                known[key] = str(error)
        found[image.id] = known[key]
    return found


def _match(units: _Units, database: Database, index: LiveIndex) -> None:
    # One reading of the claims for all releases of Debian: each needs all of a source's.
    sources = {
        tracker_source(unit.package.source, unit.package.source_version)[0]
        for of_release in units.values()
        for unit in of_release.values()
        if unit.package.type == "deb"
    }
    claims = grouped(database.claims(sorted(sources), "debian"), sources)
    for ecosystem, of_release in units.items():
        family = ecosystem.partition(":")[0]
        target = Target(family, ecosystem)  # type: ignore[arg-type]
        matchers = matchers_for(target, database, index)
        debian = matchers.get("deb")
        by_type: dict[str, list[_Unit]] = {}
        for unit in of_release.values():
            by_type.setdefault(unit.package.type, []).append(unit)
        if debian is not None and family == "debian":
            needed = {
                tracker_source(unit.package.source, unit.package.source_version)[0]
                for unit in by_type.get("deb", ())
            }
            debian.adopt({source: claims[source] for source in needed})
        for kind, of_type in by_type.items():
            matcher = matchers.get(kind)
            if matcher is None:
                for unit in of_type:
                    unit.unmatched = True
            else:
                _match_units(matcher, of_type)


def _match_units(matcher: Matcher, units: Sequence[_Unit]) -> None:
    matcher.load([unit.package for unit in units])
    known: dict[tuple[str, ...], _Outcome | None] = {}
    for unit in units:
        package = unit.package
        # Binary packages of one source and version are vulnerable to the same.
        key: tuple[str, ...] = (package.source, package.source_version, package.origin)
        if package.type == "deb" and rebuilt_by(package) is not None:
            # A vendor's feed may go by binary packages.
            key = (*key, package.name, package.version)
        if not package.source:
            key = (package.type, package.name, package.version)
        if key not in known:
            known[key] = _outcome(matcher, package)
        outcome = known[key]
        if outcome is None:
            unit.unmatched = True
            continue
        unit.rules, unit.state, unit.raw = outcome.rules, outcome.state, len(outcome.rules)
        unit.open, unit.unmatched = outcome.open, bool(outcome.unknown)
        if package.type == "deb" and is_headers(package):
            unit.open = sum(evidence(package, rule) is None for rule in outcome.rules)


def _outcome(matcher: Matcher, package: Package) -> _Outcome | None:
    try:
        match = matcher.match(package)
    except MalformedError:
        return None
    rules = match.rules
    # Another order of the same names is looked at as if it were news, and then found to be none.
    names = [rule.vulnerability for rule in rules]
    state = hashlib.sha256("\0".join(names).encode()).digest()
    reasons = [rule for rule in rules if rule.reason] if package.type == "deb" else []
    cleared = sum(says_not_built(rule) for rule in reasons)
    return _Outcome(rules, state, len(rules) - cleared, match.unknown)


def _settle(
    opened: LedgerRound,
    images: Sequence[StoredImage],
    installed: Mapping[int, list[int]],
    releases: Mapping[int, Target | str],
    units: _Units,
) -> list[ImageRescan]:
    """Write down what is new, then say for each image what it is."""
    _learn(opened, units)
    results = []
    for image in images:
        target = releases[image.id]
        if isinstance(target, str):
            results.append(ImageRescan(image.name, image.key, None, None, 0, (), target))
            continue
        of_release = units[target.ecosystem]
        mine = [of_release[number] for number in installed.get(image.id, ())]
        last = opened.images.get(image.key)
        new = () if last is None else tuple(_news(opened, mine, last))
        results.append(
            ImageRescan(
                image=image.name,
                key=image.key,
                raw=sum(unit.raw for unit in mine),
                after_vex=sum(unit.open for unit in mine),
                unmatched=sum(unit.unmatched for unit in mine),
                new=new,
            )
        )
    # What could not be matched has not begun yet.
    opened.tell(each.key for each in results if each.raw is not None)
    return results


def _learn(opened: LedgerRound, units: _Units) -> None:
    """Note the vulnerabilities of every unit that were not known of it yet."""
    known = opened.units()
    following = 1 + max((unit.number for unit in known.values()), default=0)
    for ecosystem, of_release in units.items():
        for unit in of_release.values():
            identity = _identity(ecosystem, unit.package)
            before = known.get(identity)
            if before is None:
                before = LedgerUnit(following, b"", 0)
                following += 1
            unit.number, unit.learned = before.number, before.learned
            if before.state == unit.state:
                continue
            if _note(opened, unit):
                unit.learned = opened.number
            known[identity] = LedgerUnit(unit.number, unit.state, unit.learned)
            opened.keep(identity, known[identity])


def _note(opened: LedgerRound, unit: _Unit) -> bool:
    """Write down what is new of one unit; whether anything was."""
    reported = opened.reported(unit.number)
    fresh = {
        rule.vulnerability: _earlier(rule, reported) or opened.number
        for rule in unit.rules
        if rule.vulnerability not in reported
    }
    opened.report(unit.number, fresh)
    return opened.number in fresh.values()


def _earlier(rule: Rule, reported: Mapping[str, int]) -> int:
    """The round in which it was reported under the tracker's temporary name, or 0."""
    bugs = {claim.bug for claim in (rule.claim, *rule.others) if claim.bug}
    for bug in bugs:
        for name, known in reported.items():
            if name.startswith(f"TEMP-{bug:07d}-"):
                return known
    return 0


def _news(opened: LedgerRound, units: Sequence[_Unit], last: int) -> Iterator[NewFinding]:
    told: set[tuple[str, str, str]] = set()
    for unit in units:
        if unit.learned <= last:
            continue
        fresh = opened.reported_since(unit.number, last)
        for rule in unit.rules:
            key = (rule.vulnerability, unit.package.name, unit.package.version)
            if rule.vulnerability in fresh and key not in told:
                told.add(key)
                yield NewFinding(
                    id=rule.vulnerability,
                    package=unit.package.name,
                    version=unit.package.version,
                    type=unit.package.type,
                    fixed_version=rule.offered,
                    suppressed=evidence(unit.package, rule) is not None,
                )


def _identity(ecosystem: str, package: Package) -> str:
    parts = (package.type, package.name, package.version, package.source, package.source_version)
    origin = (package.origin,) if package.origin else ()
    return "\0".join((ecosystem, *parts, *origin))
