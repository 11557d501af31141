"""Rules: what the claims on one source package come to in one release, before any version.

A rule says: vulnerable to this, below that version. Rules of a package are sorted by version, so
that the many images of a fleet cost a binary search each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from ironhull.advisories.database import StoredClaim
from ironhull.errors import MalformedError
from ironhull.values import dataclass


class Rule(NamedTuple):
    """One vulnerability of a source package in a release. Made by the hundred thousand."""

    vulnerability: str
    threshold: str
    """Installed versions below this are vulnerable; empty: all are."""
    offered: str
    """The version that fixes it in this release; empty if none is named."""
    state: str
    urgency: str
    reason: str
    claim: StoredClaim
    """The one that decided."""
    others: tuple[StoredClaim, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one package, for one way of ordering versions."""

    always: tuple[Rule, ...]
    keys: tuple[Any, ...]
    below: tuple[Rule | StoredClaim, ...]
    """Sorted as `keys`, which are those of the thresholds. Of claims few become rules, late."""
    order: Callable[[str], Any]
    note: str = ""
    """For example: matched as in an older release."""

    def matching(self, version: str) -> Sequence[Rule]:
        """The rules by which this version is vulnerable; MalformedError for no version."""
        at = bisect_right(self.keys, self.order(version))
        return (*self.always, *map(_made, self.below[at:]))


def rule_set(
    rules: Iterable[Rule | StoredClaim], order: Callable[[str], Any], note: str = ""
) -> RuleSet:
    """Sort rules by their thresholds. A threshold that is no version counts as `never fixed`.

    A claim stands for the rule that it is if nothing else is said.
    """
    always: list[Rule] = []
    below: list[tuple[Any, Rule | StoredClaim]] = []
    for rule in rules:
        threshold = rule.threshold if isinstance(rule, Rule) else rule.fixed
        if not threshold:
            always.append(_made(rule))
            continue
        try:
            below.append((order(threshold), rule))
        except MalformedError as error:
            # Fail closed: the feed names a fix that cannot be compared with anything.
            made = _made(rule)
            reason = f"{made.reason}; {error}".strip("; ")
            always.append(_unsure(made, reason))
    below.sort(key=itemgetter(0))
    return RuleSet(
        tuple(always), tuple(key for key, _ in below), tuple(rule for _, rule in below), order, note
    )


def _made(rule: Rule | StoredClaim) -> Rule:
    """The rule itself, or that of a claim to which nothing needs to be added."""
    if isinstance(rule, Rule):
        return rule
    fixed, urgency = rule.fixed or "", rule.urgency or ""
    return Rule(
        rule.vulnerability,
        fixed,
        fixed,
        rule.state,
        "" if urgency == "not yet assigned" else urgency,
        rule.reason or "",
        rule,
    )


def _unsure(rule: Rule, reason: str) -> Rule:
    return Rule(
        rule.vulnerability, "", "", "undetermined", rule.urgency, reason, rule.claim, rule.others
    )
