"""The answer: which rules hold, which do not, and what would satisfy them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from ironhull.oci.digest import Digest
from ironhull.values import dataclass
from ironhull.verify.evidence import Evidence

Status = Literal["pass", "fail", "unknown", "accepted"]
"""`unknown`: nobody can say, which is a no; `accepted`: an exception of the policy, still valid."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule about one image."""

    rule: str
    """Its path in the policy: `vulnerabilities.after-vex`."""
    status: Status
    found: str
    needed: str = ""
    """What would satisfy it; empty where it is satisfied."""
    platform: str = ""
    """`linux/amd64`; empty where it is about the whole."""

    @property
    def holds(self) -> bool:
        """Whether it lets the image pass."""
        return self.status in ("pass", "accepted")


@dataclass(frozen=True, slots=True)
class PolicyName:
    """Which policy it was, so that a verdict can name it."""

    name: str
    file: str
    digest: Digest
    """Of the file's bytes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no about one image."""

    reference: str
    """As it was asked for."""
    evidence: Evidence
    outcomes: tuple[Outcome, ...]
    policy: PolicyName | None
    verified: str
    """When: RFC 3339."""

    @property
    def digest(self) -> Digest:
        """What the reference stood for when it was resolved; all of this is about it alone."""
        return self.evidence.root.digest

    @property
    def passed(self) -> bool:
        """Whether every rule holds. No rule at all is no yes."""
        return bool(self.outcomes) and all(each.holds for each in self.outcomes)

    def without_predicates(self) -> Verdict:
        """The same without what statements say: small, for who keeps many."""
        evidence = self.evidence
        root = evidence.root.without_predicates()
        images = tuple(
            root if each is evidence.root else each.without_predicates() for each in evidence.images
        )
        return replace(self, evidence=Evidence(root, images))

    @property
    def failed(self) -> Sequence[Outcome]:
        """The rules that do not hold."""
        return [each for each in self.outcomes if not each.holds]


@dataclass(frozen=True, slots=True)
class Unverified:
    """An image of several that could not be looked at: no yes either."""

    reference: str
    reason: str
    passed: bool = False
