"""Which statements a rule looks at: verified, signed by enough, about this platform's image."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ironhull.verify.evidence import Verified
from ironhull.verify.facts import Case
from ironhull.verify.kinds import is_of
from ironhull.verify.signed import Signers, agreed, refusals
from ironhull.verify.strict import strict_object
from ironhull.verify.verdict import Outcome, Status


def chosen(case: Case, types: tuple[str, ...], signers: Signers) -> tuple[Verified, ...]:
    """The statements of these types that count: about the manifest, else about its index.

    cosign attests what a tag names, which is the index.
    """
    for subject in (case.image, case.evidence.root):
        found = agreed([each for each in subject.statements if is_of(each.type, types)], signers)
        if found:
            return found
    return ()


def missing(case: Case, rule: str, what: str, types: tuple[str, ...], signers: Signers) -> Outcome:
    """That nothing counts, and why what is there does not."""
    subjects = case.evidence.subjects
    there = [each for subject in subjects for each in subject.statements if is_of(each.type, types)]
    found = f"no {what} that counts"
    if there:
        names = sorted({str(signer) for each in there for signer in each.signers})
        found += f"; what is there is signed by {', '.join(names)} alone"
    found += "".join(
        dict.fromkeys(
            refusals(subject, [each.type for each in subject.refused if is_of(each.type, types)])
            for subject in subjects
            if any(is_of(each.type, types) for each in subject.refused)
        )
    )
    return outcome(case, rule, "fail", found, f"{what} signed by {signers.words}")


def outcome(case: Case, rule: str, status: Status, found: str, needed: str = "") -> Outcome:
    """An outcome about the case's platform."""
    return Outcome(rule, status, found, "" if status == "pass" else needed, case.platform)


def document(statement: Verified, what: str) -> dict[str, Any]:
    """What a statement says; RefusedError where it can be read in two ways."""
    return strict_object(statement.predicate, f"{what} {statement.digest[:19]}")


def some(texts: list[str], shown: int = 5) -> str:
    """The first few, and how many more."""
    more = f" and {len(texts) - shown} more" if len(texts) > shown else ""
    return ", ".join(texts[:shown]) + more


def inner(value: Mapping[str, Any], *keys: str) -> Any:
    """A value below fixed keys; None where one is missing."""
    found: Any = value
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def moment_of(text: object) -> datetime | None:
    """An RFC 3339 moment; None for anything else, also for one without a zone."""
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == 10:
        return found.replace(tzinfo=UTC)
    return found if found.tzinfo is not None else None


def dependencies_of(provenance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The resolved dependencies of a SLSA provenance; what is no object counts as absent."""
    found = inner(provenance, "buildDefinition", "resolvedDependencies")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
