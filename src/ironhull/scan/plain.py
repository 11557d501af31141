"""Sources of Debian on which one feed says plainly: fixed in this version, or not yet.

For these a rescan needs no rules: which names a version is vulnerable to follows from names and
fixed versions alone. They are most sources of a fleet. `plain_sets` leaves out every source and
release where more is said (lines without release, reasons, several feeds, a vulnerability twice,
a fix that is no version), so that `debian_rules` alone knows what that means; where both judge,
they name the same vulnerabilities.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import compress

from ironhull.advisories.database import SEPARATOR, ClaimGroup, Database
from ironhull.advisories.ecosystems import SID
from ironhull.debian.version import VersionKey, version_key
from ironhull.errors import MalformedError
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
    database: Database, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], PlainSet]:
    """Source and release → its set, of those that are plain. Without any claim: `NOTHING`."""
    by_source: dict[str, list[ClaimGroup]] = {source: [] for source, _ in wanted}
    for group in database.claim_groups(sorted(by_source), "debian"):
        by_source[group[0]].append(group)
    plain = {source: _by_release(groups) for source, groups in by_source.items()}
    found: dict[tuple[str, str], PlainSet] = {}
    for source, release in wanted:
        here = plain[source].get(release)
        made = _set(here) if here is not None else None
        if made is not None:
            found[source, release] = made
        elif not by_source[source]:
            found[source, release] = NOTHING
    return found


def _by_release(groups: Sequence[ClaimGroup]) -> dict[str, ClaimGroup]:
    """The claims on a source where one feed alone speaks, and only of releases; else nothing."""
    feeds = {feed for group in groups for feed in group[2:4]}
    found = {group[1]: group for group in groups}
    return found if len(feeds) == 1 and SID not in found else {}


def _set(group: ClaimGroup) -> PlainSet | None:
    *_, count, plain, vulnerabilities, fixed = group
    names, fixes = vulnerabilities.split(SEPARATOR), fixed.split(SEPARATOR)
    if not plain == count == len(names) == len(fixes) == len(set(names)):
        return None
    try:
        return PlainSet(names, fixes, {each: version_key(each) for each in set(fixes) if each})
    except MalformedError:
        return None


def state_of(names: Iterable[str]) -> bytes:
    """A digest of sorted names: another one tells that something changed."""
    return hashlib.sha256("\0".join(names).encode()).digest()
