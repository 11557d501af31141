"""The SBOM is there, and has what the image has: our own reading beside it."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.verify.facts import Case
from ironhull.verify.kinds import SBOMS
from ironhull.verify.rules.choosing import chosen, missing, outcome
from ironhull.verify.verdict import Outcome


def sbom(case: Case) -> Iterator[Outcome]:
    """Whether there is one, and whether each that counts is right: a reader may take any."""
    rule = case.policy.sbom
    if rule is None:
        return
    types = SBOMS
    found = chosen(case, types, rule.signers)
    if not found:
        yield missing(case, "sbom.present", "sbom", types, rule.signers)
        return
    yield outcome(case, "sbom.present", "pass", f"{len(found)} signed")
    if rule.matches:
        # What reads purls: only for who compares packages.
        from ironhull.verify.rules.sbom_packages import sbom_packages

        yield sbom_packages(case, found, everything=rule.matches == "all")
