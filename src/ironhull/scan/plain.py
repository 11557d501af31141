"""Sources of Debian on which one feed says plainly: fixed in this version, or not yet.

For these a rescan needs no rules: which names a version is vulnerable to follows from names and
fixed versions alone. They are most sources of a fleet. `plain_sets` leaves out every source and
release where more is said (lines without release, reasons, several feeds, a vulnerability twice,
a fix that is no version), so that `debian_rules` alone knows what that means; where both judge,
they name the same vulnerabilities.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, groupby
from operator import itemgetter

from ironhull.advisories.database import SEPARATOR, ClaimGroup, Database
from ironhull.advisories.ecosystems import SID
from ironhull.debian.version import VersionKey, version_key
from ironhull.errors import MalformedError
from ironhull.scan.halves import halves
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class PlainSet:
    """What a source is vulnerable to in one release, by name, and where each is fixed."""

    names: Sequence[str]
    fixes: Sequence[str]
    """For each name a version, empty where there is none."""
    keys: Mapping[str, VersionKey]

    def matching(self, version: str) -> list[str]:
        """The names of `RuleSet.matching`, sorted; MalformedError for no version."""
        key = version_key(version)
        later = {fixed for fixed, its in self.keys.items() if its > key}
        later.add("")
        return list(compress(self.names, map(later.__contains__, self.fixes)))


NOTHING = PlainSet((), (), {})


def plain_sets(
    database: Database, wanted: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str, PlainSet]]:
    """Source, release and its set, of those that are plain. Without any claim: `NOTHING`.

    Source by source, so that no more than one chunk of claims is in memory at a time.
    """
    releases: dict[str, list[str]] = {}
    for source, release in wanted:
        releases.setdefault(source, []).append(release)
    claims = database.claim_groups(sorted(releases), "debian")
    for source, groups in groupby(claims, itemgetter(0)):
        plain = _by_release(list(groups))
        for release in releases.pop(source):
            here = plain.get(release)
            made = _set(here) if here is not None else None
            if made is not None:
                yield source, release, made
    for source, left in releases.items():
        for release in left:
            yield source, release, NOTHING


Counted = tuple[int, bytes] | None
"""How many vulnerabilities a version has, and `state_of` their names; None for no version."""


_Wanted = Mapping[tuple[str, str], Sequence[str]]
_Answers = dict[tuple[str, str], list[Counted]]
_MANY = 1000
"""Sources of a release for which a second process pays."""


def counted(database: Database, wanted: _Wanted) -> _Answers:
    """Source and release → what each of the wanted versions is vulnerable to, where it is plain.

    Of many, a second process counts half.
    """
    if len(wanted) < _MANY:
        return _counted(database, wanted)
    names = sorted(wanted)
    first, second = names[: len(names) // 2], names[len(names) // 2 :]
    feeds = database.feeds

    def there() -> _Answers | None:
        # A connection is no other process's to use, and by now there may be another database.
        with Database(database.path) as same:
            mine = {name: wanted[name] for name in second}
            return _counted(same, mine) if same.feeds == feeds else None

    here, others = halves(lambda: _counted(database, {name: wanted[name] for name in first}), there)
    if others is None:
        others = _counted(database, {name: wanted[name] for name in second})
    return here | others


def _counted(database: Database, wanted: _Wanted) -> _Answers:
    return {
        (source, release): [_judged(names, version) for version in wanted[source, release]]
        for source, release, names in plain_sets(database, wanted)
    }


def _judged(names: PlainSet, version: str) -> Counted:
    try:
        found = names.matching(version)
    except MalformedError:
        return None
    return len(found), state_of(found)


def _by_release(groups: Sequence[ClaimGroup]) -> dict[str, ClaimGroup]:
    """The claims on a source where one feed alone speaks, and only of releases; else nothing."""
    feeds = {feed for group in groups for feed in group[2:4]}
    found = {group[1]: group for group in groups}
    return found if len(feeds) == 1 and SID not in found else {}


def _set(group: ClaimGroup) -> PlainSet | None:
    *_, plain, vulnerabilities, fixed = group
    names, fixes = vulnerabilities.split(SEPARATOR), fixed.split(SEPARATOR)
    if not plain == len(names) == len(fixes) == len(set(names)):
        return None
    try:
        return PlainSet(names, fixes, {each: version_key(each) for each in set(fixes) if each})
    except MalformedError:
        return None


def state_of(names: Iterable[str]) -> bytes:
    """A digest of sorted names: another one tells that something changed."""
    return hashlib.sha256("\0".join(names).encode()).digest()
