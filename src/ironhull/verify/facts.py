"""What rules may ask besides the signed statements: the image itself, and what this machine knows.

Asked only by the rules that need it: most policies are decided without opening a layer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ironhull.verify.evidence import Evidence, Subject
from ironhull.verify.policy.model import Policy
from ironhull.verify.rebuilders import Link


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say, and why: never a yes."""

    reason: str


class Facts(Protocol):
    """What is known of one verified manifest; each answer is about exactly its digest."""

    def config(self, subject: Subject) -> Mapping[str, Any]:
        """The image's configuration (image-spec config.md), read by its digest."""
        ...

    def image_facts(self) -> object:
        """What is asked of what is in it, an `ImageFacts`: its types take their time to load."""
        ...

    def epss_model(self) -> str | Unknown:
        """Version of the model that this machine's EPSS scores are of."""
        ...

    def rebuilt(
        self, digests: Collection[str], rebuilders: Collection[str], attached: Collection[Link]
    ) -> Mapping[str, frozenset[str]] | Unknown:
        """Packages' sha256 → which of the rebuilders (key fingerprints) got the same bytes.

        By the attestations that were given, and those `attached` to the image.
        """
        ...

    def older_than_seen(self, evidence: Evidence) -> str | Unknown:
        """Why this publication is older than one that was seen; empty if it is not."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """One platform's image in the light of a policy."""

    reference: str
    evidence: Evidence
    image: Subject
    policy: Policy
    facts: Facts
    now: datetime

    @property
    def platform(self) -> str:
        """For outcomes; empty where there is only one image."""
        return str(self.image.platform) if self.image.platform else ""
