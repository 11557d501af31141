"""What others know: who has rebuilt the packages, and which publications were seen."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.errors import InputError
from ironhull.verify.facts import Case, Unknown
from ironhull.verify.kinds import PROVENANCES
from ironhull.verify.rules.choosing import chosen, document, missing, outcome, some
from ironhull.verify.rules.provenance_packages import package_digests
from ironhull.verify.verdict import Outcome


def inputs(case: Case) -> Iterator[Outcome]:
    """Whether enough others got the same bytes of every package of the provenance."""
    rule = case.policy.inputs
    if rule is None:
        return
    needed = f"every package rebuilt by {rule.threshold} of {', '.join(rule.of)}"
    signers = case.policy.provenance.signers if case.policy.provenance else case.policy.anybody
    statements = chosen(case, PROVENANCES, signers)
    if not statements:
        yield missing(case, "inputs", "provenance", PROVENANCES, signers)
        return
    try:
        packages = {
            digest: name
            for each in statements
            for name, digest in package_digests(document(each, "provenance"))
        }
    except InputError as error:
        yield outcome(case, "inputs", "fail", str(error), needed)
        return
    found = case.facts.rebuilt(packages.keys(), rule.fingerprints)
    if isinstance(found, Unknown):
        yield outcome(case, "inputs", "unknown", found.reason, needed)
        return
    few = [
        f"{name} by {len(found.get(digest, ()))}"
        for digest, name in packages.items()
        if len(found.get(digest, frozenset()) & rule.fingerprints) < rule.threshold
    ]
    if few or not packages:
        text = some(few) if few else "its provenance names no package"
        yield outcome(case, "inputs", "fail", text, needed)
    else:
        yield outcome(case, "inputs", "pass", f"{len(packages)} packages")


def record(case: Case) -> Iterator[Outcome]:
    """Whether a newer publication was seen here before."""
    if not case.policy.record:
        return
    rule, needed = "record.not-older-than-seen", "the newest publication, by its record"
    found = case.facts.older_than_seen(case.evidence)
    if isinstance(found, Unknown):
        yield outcome(case, rule, "unknown", found.reason, needed)
    elif found:
        yield outcome(case, rule, "fail", found, needed)
    else:
        yield outcome(case, rule, "pass", "none that was seen is newer")
