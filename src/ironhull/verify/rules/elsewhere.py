"""What others know: who has rebuilt the packages, and which publications were seen."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.errors import InputError
from ironhull.json_fields import objects
from ironhull.reports.words import tally
from ironhull.statements.kinds import REBUILDS
from ironhull.verify.facts import Case, Unknown
from ironhull.verify.kinds import PROVENANCES, is_of
from ironhull.verify.rebuilders import MAX_FILES, Link, link_of
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
    try:
        attached = list(_attached(case))
    except InputError as error:
        yield outcome(case, "inputs", "fail", str(error), needed)
        return
    found = case.facts.rebuilt(packages.keys(), rule.fingerprints, attached)
    if isinstance(found, Unknown):
        yield outcome(case, "inputs", "unknown", found.reason, needed)
        return
    by = {
        name: len(found.get(digest, frozenset()) & rule.fingerprints)
        for digest, name in packages.items()
    }
    unknown = [name for name, count in by.items() if not count]
    few = [f"{name} by {count}" for name, count in by.items() if 0 < count < rule.threshold]
    if few or unknown:
        parts = [some(few)] if few else []
        parts += [f"not known of {some(unknown)}"] if unknown else []
        enough = len(by) - len(few) - len(unknown)
        text = f"{enough} of {tally(by, 'package')}; {'; '.join(parts)}"
        yield outcome(case, "inputs", "fail", text, needed)
    elif not packages:
        yield outcome(case, "inputs", "fail", "its provenance names no package", needed)
    else:
        least = min(by.values())
        yield outcome(case, "inputs", "pass", f"{tally(packages, 'package')}, by {least} or more")


def _attached(case: Case) -> Iterator[Link]:
    """Rebuilders' attestations that are attached to the image, each with its own signatures.

    Who attached them is of no matter: they count for who signed them.
    """
    for statement in case.image.statements:
        if is_of(statement.type, (REBUILDS,)):
            said = document(statement, "rebuilds")
            for link in objects(said, "links", f"rebuilds {statement.digest[:19]}")[:MAX_FILES]:
                yield link_of(link, f"rebuilds {statement.digest[:19]}")


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
