"""Statements that have to be there."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.verify.facts import Case
from ironhull.verify.kinds import SUMMARY, is_of, types_of
from ironhull.verify.rules.choosing import chosen, missing, outcome
from ironhull.verify.rules.summaries import verified
from ironhull.verify.verdict import Outcome


def statements(case: Case) -> Iterator[Outcome]:
    """One outcome for each statement that the policy asks for."""
    for rule in case.policy.statements:
        types = types_of(rule.type)
        if is_of(rule.type, (SUMMARY,)):
            yield verified(case, rule.signers)
            continue
        found = chosen(case, types, rule.signers)
        if found:
            names = sorted({str(signer) for each in found for signer in each.signers})
            yield outcome(case, "statements", "pass", f"{rule.type}: signed by {', '.join(names)}")
        else:
            yield missing(case, "statements", rule.type, types, rule.signers)
