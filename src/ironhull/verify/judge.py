"""A policy on an image: every rule for every platform, all that fails at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from ironhull.statements.kinds import REBUILDS, SIGNATURE
from ironhull.verify.evidence import Evidence
from ironhull.verify.facts import Case, Facts
from ironhull.verify.kinds import PROVENANCES, SBOMS, SCANS, SUMMARY, VEXES, is_of, types_of
from ironhull.verify.policy.model import AgeRule, Policy, VulnerabilityRule
from ironhull.verify.signed import signed
from ironhull.verify.verdict import Outcome

Rule = Callable[[Case], Iterator[Outcome]]


def _rules(policy: Policy) -> Iterator[Rule]:
    """The rules that a policy has.

    Each is imported when a policy has it: what reads purls, dates and vulnerabilities takes longer
    to load than an image takes to verify.
    """
    from ironhull.verify.rules.statements import statements

    yield statements
    if policy.provenance is not None:
        from ironhull.verify.rules.provenance import provenance

        yield provenance
    if policy.sbom is not None:
        from ironhull.verify.rules.sbom import sbom

        yield sbom
    if policy.age != AgeRule():
        from ironhull.verify.rules.age import age

        yield age
    if policy.vex is not None or policy.vulnerabilities != VulnerabilityRule():
        from ironhull.verify.rules.vulnerabilities import vulnerabilities

        yield vulnerabilities
    if policy.no_root or policy.contents or policy.base is not None or policy.no_end_of_life:
        from ironhull.verify.rules.contents import base, contents, end_of_life, user

        yield from (user, contents, base, end_of_life)
    if policy.record or policy.inputs is not None:
        from ironhull.verify.rules.elsewhere import inputs, record

        yield from (record, inputs)
    if policy.reproduced is not None:
        from ironhull.verify.rules.summaries import reproduced

        yield reproduced


def judge(
    policy: Policy, evidence: Evidence, reference: str, facts: Facts, now: datetime
) -> tuple[Outcome, ...]:
    """The outcome of every rule that the policy has, signatures first."""
    found = [signed(evidence, policy.signatures)]
    rules = list(_rules(policy))
    for image in evidence.images:
        case = Case(reference, evidence, image, policy, facts, now)
        for rule in rules:
            found += rule(case)
    return tuple(_excepted(policy, each, reference, now) for each in dict.fromkeys(found))


def needed_types(policy: Policy) -> Callable[[str], bool]:
    """Which predicate types the policy's rules read; of others nothing is fetched."""
    rule = policy.vulnerabilities
    limits = (rule.known_exploited, rule.before_vex, rule.after_vex, rule.fixable, rule.epss_most)
    wanted = [SIGNATURE]
    for each in policy.statements:
        wanted += types_of(each.type)
    if policy.provenance is not None or policy.inputs is not None or policy.base is not None:
        wanted += PROVENANCES
    if policy.inputs is not None:
        wanted.append(REBUILDS)
    if policy.reproduced is not None:
        wanted.append(SUMMARY)
    packages = policy.provenance is not None and policy.provenance.packages
    if policy.sbom is not None or packages:
        wanted += SBOMS
    if policy.vex is not None or any(limit not in (None, False) for limit in limits):
        wanted += VEXES
    if policy.age.scan is not None or policy.age.advisories is not None:
        wanted += SCANS
    types = tuple(dict.fromkeys(wanted))
    return lambda kind: is_of(kind, types)


def _excepted(policy: Policy, outcome: Outcome, reference: str, now: datetime) -> Outcome:
    """The outcome with the policy's exception applied, or said to be over."""
    if outcome.holds:
        return outcome
    covering = [each for each in policy.exceptions if each.covers(outcome.rule, reference)]
    live = [each for each in covering if each.expires >= now.date()]
    if live:
        text = f"{outcome.found}; accepted by {live[0].owner} until {live[0].expires}: "
        return replace(outcome, status="accepted", found=text + live[0].reason)
    if covering:
        last = max(covering, key=lambda each: each.expires)
        text = f"{outcome.found}; the exception of {last.owner} was over on {last.expires}"
        return replace(outcome, found=text)
    return outcome
