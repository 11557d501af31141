"""Stored inventories against today's advisories, without the images, each difference once.

1. Of all images, each different package of a release is matched once: a *unit*. Where nothing but
   names and fixed versions is said of its source, these are counted without making rules.
2. A ledger remembers which vulnerabilities a unit was ever reported for, and in which round. What
   is not in it is new; it is written down before it is reported and never forgotten, so nothing is
   reported twice, not even what went away and came back.
3. An image is told all that its units learned since its own last round.

For an image that the ledger does not know yet, everything is baseline and nothing is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ironhull.advisories.database import Database
from ironhull.errors import InputError, MalformedError
from ironhull.inventory.model import (
    Distribution,
    ImageIdentity,
    Inventory,
    Package,
    PackageType,
)
from ironhull.scan.debian import tracker_source
from ironhull.scan.evidence import evidence, is_headers, says_not_built
from ironhull.scan.interface import LiveIndex, Matcher, grouped
from ironhull.scan.matching import matchers_for
from ironhull.scan.plain import counted, state_of
from ironhull.scan.rebuilt import rebuilt_by, rebuilt_version
from ironhull.scan.rules import Rule
from ironhull.scan.target import Target, target_of
from ironhull.state.inventories import InventoryStore, StoredImage, StoredPackage
from ironhull.state.ledger import Ledger, LedgerRound, LedgerUnit
from ironhull.values import dataclass


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

    raw: int
    state: bytes
    """Digest of the names; tells whether anything changed."""
    open: int
    """Without those that our evidence clears for every binary package."""
    unmatched: bool = False
    """As `Match.unknown`."""
    rules: Sequence[Rule] | None = None
    """None where none were made to count."""


_NO_MATCH = _Outcome(0, b"", 0, True, ())


@dataclass(slots=True)
class _Unit:
    """One package of one release."""

    ecosystem: str
    stored: StoredPackage
    outcome: _Outcome = _NO_MATCH
    open: int = 0
    number: int = 0
    learned: int = 0
    """The latest round in which the ledger learned something of it."""


_Units = Mapping[str, Mapping[int, _Unit]]
"""Ecosystem of a release → number of a stored package → unit."""


def rescan(
    store: InventoryStore, database: Database, ledger: Ledger, index: LiveIndex
) -> list[ImageRescan]:
    """Every stored image, by name. What is new goes into the ledger."""
    images, installed, packages = store.images(), store.installed(), store.stored_packages()
    releases = _releases(images, installed, packages, database)
    numbers: dict[str, set[int]] = {}
    for image in images:
        target = releases[image.id]
        if isinstance(target, Target):
            numbers.setdefault(target.ecosystem, set()).update(installed.get(image.id, ()))
    units = {
        ecosystem: {number: _Unit(ecosystem, packages[number]) for number in sorted(of_release)}
        for ecosystem, of_release in numbers.items()
    }
    judge = _Judge(database, index)
    _count(units, judge, database)
    with ledger.round() as opened:
        _learn(opened, units, judge)
        return _settle(opened, images, installed, releases, units, judge)


def _releases(
    images: Sequence[StoredImage],
    installed: Mapping[int, Sequence[int]],
    packages: Mapping[int, StoredPackage],
    database: Database,
) -> dict[int, Target | str]:
    """Image → what its distribution packages are matched as, or why they cannot be."""
    found: dict[int, Target | str] = {}
    known: dict[tuple[object, ...], Target | str] = {}
    types = {number: package.type for number, package in packages.items()}
    usual = next(iter(types.values()), None)
    others = {number for number, kind in types.items() if kind != usual}
    for image in images:
        numbers = installed.get(image.id, ())
        # Most images have one kind of packages: asked at once, not package by package.
        single = numbers and others.isdisjoint(numbers)
        kinds = frozenset((usual,) if single else map(types.__getitem__, numbers))
        key = (image.distribution, image.version_id, image.codename, kinds)
        if key not in known:
            samples = {types[number]: packages[number].package for number in numbers}
            distribution = Distribution(image.distribution, image.version_id, image.codename)
            identity = ImageIdentity(image.name, "stored")
            sample = Inventory(identity, distribution, tuple(samples.values()))
            try:
                target = target_of(sample, database.ecosystems)
                known[key] = target if target.covered else target.warnings[0].message
            except InputError as error:
                # It names the image: the next one of the release has a reason of its own.
                found[image.id] = str(error)
                continue
        found[image.id] = known[key]
    return found


def _count(units: _Units, judge: _Judge, database: Database) -> None:
    """Give every unit its outcome: those of one version of a source at once."""
    same: dict[tuple[str, PackageType, str, str, str], list[_Unit]] = {}
    for ecosystem, of_release in units.items():
        for unit in of_release.values():
            _, kind, _, _, source, version, origin = unit.stored
            same.setdefault((ecosystem, kind, source, version, origin), []).append(unit)
    left: list[_Unit] = []
    waiting: dict[tuple[str, str], list[tuple[str, list[_Unit]]]] = {}
    for (ecosystem, kind, source, version, origin), group in same.items():
        if kind == "deb" and ecosystem.startswith("debian:") and _is_debians(version, origin):
            name, tracked = tracker_source(source, version)
            waiting.setdefault((name, ecosystem), []).append((tracked, group))
        else:
            left += group
    versions = {key: [version for version, _ in groups] for key, groups in waiting.items()}
    for (name, ecosystem), answers in counted(database, versions).items():
        groups = waiting.pop((name, ecosystem))
        for (_, group), answer in zip(groups, answers, strict=True):
            outcome = _NO_MATCH if answer is None else _Outcome(*answer, answer[0])
            for unit in group:
                unit.outcome, unit.open = outcome, outcome.raw
                # As `evidence`: the kernel's headers hold nothing of it.
                if name == "linux" and is_headers(unit.stored.name):
                    unit.open = 0
    judge.decide([*left, *(unit for of in waiting.values() for _, group in of for unit in group)])


def _is_debians(source_version: str, origin: str) -> bool:
    """Whether nothing shows that others made the package."""
    return bool(source_version) and not origin and rebuilt_version(source_version) is None


def _source(stored: StoredPackage) -> tuple[str, str]:
    return tracker_source(stored.source, stored.source_version)


class _Judge:
    """Makes rules of units, for those that need them."""

    def __init__(self, database: Database, index: LiveIndex) -> None:
        self._database = database
        self._index = index
        self._matchers: dict[str, Mapping[str, Matcher]] = {}

    def decide(self, units: Sequence[_Unit]) -> None:
        """Give every unit an outcome with rules, at once."""
        groups: dict[tuple[str, str], list[_Unit]] = {}
        for unit in units:
            groups.setdefault((unit.ecosystem, unit.stored.type), []).append(unit)
        self._adopt({at: group for (at, kind), group in groups.items() if kind == "deb"})
        for (ecosystem, kind), group in groups.items():
            matcher = self._of(ecosystem).get(kind)
            if matcher is not None:
                _match_units(matcher, group)

    def rules(self, units: Iterable[_Unit]) -> None:
        """Give rules to those that were counted without."""
        self.decide([unit for unit in units if unit.outcome.rules is None])

    def _of(self, ecosystem: str) -> Mapping[str, Matcher]:
        if ecosystem not in self._matchers:
            family = ecosystem.partition(":")[0]
            target = Target(family, ecosystem)  # type: ignore[arg-type]
            self._matchers[ecosystem] = matchers_for(target, self._database, self._index)
        return self._matchers[ecosystem]

    def _adopt(self, groups: Mapping[str, Sequence[_Unit]]) -> None:
        # One reading of the claims for all releases of Debian: each needs all of a source's.
        needed = {
            ecosystem: {_source(unit.stored)[0] for unit in group}
            for ecosystem, group in groups.items()
            if ecosystem.partition(":")[0] == "debian"
        }
        sources = set().union(*needed.values())
        claims = grouped(self._database.claims(sorted(sources), "debian"), sources)
        for ecosystem, of_release in needed.items():
            self._of(ecosystem)["deb"].adopt({source: claims[source] for source in of_release})


def _match_units(matcher: Matcher, units: Sequence[_Unit]) -> None:
    packages = [unit.stored.package for unit in units]
    matcher.load(packages)
    known: dict[tuple[str, ...], _Outcome] = {}
    for unit, package in zip(units, packages, strict=True):
        # Binary packages of one source and version are vulnerable to the same.
        key: tuple[str, ...] = (package.source, package.source_version, package.origin)
        if package.type == "deb" and rebuilt_by(package) is not None:
            # A vendor's feed may go by binary packages.
            key = (*key, package.name, package.version)
        if not package.source:
            key = (package.type, package.name, package.version)
        if key not in known:
            known[key] = _outcome(matcher, package)
        unit.outcome = known[key]
        unit.open = unit.outcome.open
        if package.type == "deb" and is_headers(package.name):
            unit.open = sum(evidence(package, rule) is None for rule in unit.outcome.rules or ())


def _outcome(matcher: Matcher, package: Package) -> _Outcome:
    try:
        match = matcher.match(package)
    except MalformedError:
        return _NO_MATCH
    rules = match.rules
    state = state_of(sorted(rule.vulnerability for rule in rules))
    reasons = [rule for rule in rules if rule.reason] if package.type == "deb" else []
    cleared = sum(says_not_built(rule) for rule in reasons)
    return _Outcome(len(rules), state, len(rules) - cleared, bool(match.unknown), rules)


def _settle(
    opened: LedgerRound,
    images: Sequence[StoredImage],
    installed: Mapping[int, Sequence[int]],
    releases: Mapping[int, Target | str],
    units: _Units,
    judge: _Judge,
) -> list[ImageRescan]:
    """Say for each image what it is, and what is new of it."""
    counts = {ecosystem: _Counts(of_release) for ecosystem, of_release in units.items()}
    oldest = min((opened.images.get(each.key, opened.number) for each in images), default=0)
    judge.rules(
        unit
        for of_release in units.values()
        for unit in of_release.values()
        if unit.learned > oldest
    )
    results = []
    for image in images:
        target = releases[image.id]
        if isinstance(target, str):
            results.append(ImageRescan(image.name, image.key, None, None, 0, (), target))
            continue
        mine, of_release = installed.get(image.id, ()), counts[target.ecosystem]
        last = opened.images.get(image.key)
        learned = () if last is None else of_release.learned_since(last, mine)
        results.append(
            ImageRescan(
                image=image.name,
                key=image.key,
                raw=(raw := of_release.raw_of(mine)),
                after_vex=raw - of_release.cleared_of(mine),
                unmatched=of_release.unmatched_of(mine),
                new=tuple(_news(opened, learned, last or 0)),
            )
        )
    # What could not be matched has not begun yet.
    opened.tell(each.key for each in results if each.raw is not None)
    return results


class _Counts:
    """The units of a release by number, as sums over many images read them."""

    def __init__(self, units: Mapping[int, _Unit]) -> None:
        self._units = units
        self._raw = {number: unit.outcome.raw for number, unit in units.items()}
        self._cleared = {
            number: unit.outcome.raw - unit.open
            for number, unit in units.items()
            if unit.open != unit.outcome.raw
        }
        self._unmatched = {number for number, unit in units.items() if unit.outcome.unmatched}
        self._latest = max((unit.learned for unit in units.values()), default=0)

    def raw_of(self, numbers: Iterable[int]) -> int:
        """All findings."""
        return sum(map(self._raw.__getitem__, numbers))

    def cleared_of(self, numbers: Iterable[int]) -> int:
        """Those that our evidence clears."""
        if not self._cleared:
            return 0
        return sum(map(self._cleared.__getitem__, filter(self._cleared.__contains__, numbers)))

    def unmatched_of(self, numbers: Iterable[int]) -> int:
        """How many packages nobody can say all about."""
        return sum(map(self._unmatched.__contains__, numbers)) if self._unmatched else 0

    def learned_since(self, last: int, numbers: Iterable[int]) -> Sequence[_Unit]:
        """Those of which the ledger learned something after a round."""
        if self._latest <= last:
            return ()
        return [self._units[number] for number in numbers if self._units[number].learned > last]


def _learn(opened: LedgerRound, units: _Units, judge: _Judge) -> None:
    """Note the vulnerabilities of every unit that were not known of it yet."""
    known = opened.units()
    following = 1 + max((unit.number for unit in known.values()), default=0)
    changed: list[tuple[str, _Unit]] = []
    for ecosystem, of_release in units.items():
        for unit in of_release.values():
            identity = _identity(ecosystem, unit.stored)
            before = known.get(identity)
            if before is None:
                before = LedgerUnit(identity, following, b"", 0)
                following += 1
            _, unit.number, state, unit.learned = before
            if state != unit.outcome.state:
                changed.append((identity, unit))
    judge.rules(unit for _, unit in changed)
    for identity, unit in changed:
        if _note(opened, unit):
            unit.learned = opened.number
        opened.keep(LedgerUnit(identity, unit.number, unit.outcome.state, unit.learned))


def _note(opened: LedgerRound, unit: _Unit) -> bool:
    """Write down what is new of one unit; whether anything was."""
    reported = opened.reported(unit.number)
    fresh = {
        rule.vulnerability: _earlier(rule, reported) or opened.number
        for rule in unit.outcome.rules or ()
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


def _news(opened: LedgerRound, units: Iterable[_Unit], last: int) -> Iterator[NewFinding]:
    told: set[tuple[str, str, str]] = set()
    for unit in units:
        package = unit.stored.package
        fresh = opened.reported_since(unit.number, last)
        for rule in unit.outcome.rules or ():
            key = (rule.vulnerability, package.name, package.version)
            if rule.vulnerability in fresh and key not in told:
                told.add(key)
                yield NewFinding(
                    id=rule.vulnerability,
                    package=package.name,
                    version=package.version,
                    type=package.type,
                    fixed_version=rule.offered,
                    suppressed=evidence(package, rule) is not None,
                )


def _identity(ecosystem: str, stored: StoredPackage) -> str:
    identity = "\0".join((ecosystem, *stored[1:6]))
    return f"{identity}\0{stored.origin}" if stored.origin else identity
