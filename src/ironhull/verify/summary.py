"""Verdicts as verification summaries (SLSA VSA v1): what others may rely on instead of looking.

Two verifiers make them: `VERIFIER` held an image to a policy, `REPRODUCER` built it again and
compared. Signed with a key, a summary is a statement like any other; a policy may ask for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ironhull import __version__
from ironhull.attest.statement import Subject, parse_statement, render_statement
from ironhull.errors import InputError
from ironhull.json_fields import decode
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import canonical
from ironhull.values import dataclass
from ironhull.verify.kinds import PASSED, REPRODUCER, SUMMARY, is_of
from ironhull.verify.verdict import Verdict

VERIFIER = "https://ironhull.io/verify"
REPRODUCED = "IRONHULL_REPRODUCED"
FAILED = "FAILED"
_SLSA = "1.2"
_PROVENANCE = ("https://slsa.dev/provenance/v1",)
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class BuiltAgain:
    """What came of building one platform's image again from its provenance."""

    original: Digest
    made: Digest
    provenance: Digest
    """Of the referrer that the provenance is in."""
    causes: Sequence[str] = ()
    """What is known to be different where it was built again."""
    differences: Sequence[str] = ()


def summary(verdict: Verdict) -> bytes:
    """The predicate, in canonical JSON."""
    statements = [each for one in verdict.evidence.subjects for each in one.statements]
    # The specification wants a policy; without one it is the rule that every image has to pass.
    policy: dict[str, Any] = {"uri": f"{VERIFIER}#signed"}
    if verdict.policy is not None:
        digest = {"sha256": hex_of(verdict.policy.digest)}
        policy = {"uri": verdict.policy.name, "digest": digest}
    value = _common(VERIFIER, verdict.reference, verdict.verified, passed=verdict.passed)
    return canonical(
        value
        | _inputs(each.digest for each in statements)
        | {"verifiedLevels": [_level(verdict)], "policy": policy}
    )


def summary_statement(verdict: Verdict) -> bytes:
    """The statement about what the reference stood for."""
    return _statement(verdict.reference, [verdict.digest], summary(verdict))


def reproduction(reference: str, moment: str, done: Sequence[BuiltAgain]) -> bytes:
    """The predicate that images were built again: PASSED if every one is the same, byte for byte.

    What differs stands beside as our own, the first few of it.
    """
    passed = bool(done) and all(each.original == each.made for each in done)
    value = _common(REPRODUCER, reference, moment, passed=passed)
    return canonical(
        value
        | _inputs(each.provenance for each in done)
        | {
            "verifiedLevels": [REPRODUCED if passed else FAILED],
            "policy": {"uri": f"{REPRODUCER}#equal"},
            "ironhull": {"builtAgain": [_built_again(each) for each in done]},
        }
    )


def reproduction_statement(reference: str, moment: str, done: Sequence[BuiltAgain]) -> bytes:
    """The statement about all images that were built again."""
    said = reproduction(reference, moment, done)
    return _statement(reference, [each.original for each in done], said)


def verifier_of(statement: bytes) -> str:
    """The id of who made a summary, of the statement's bytes; empty where it names none."""
    try:
        said = decode(parse_statement(statement, "summary").predicate, "summary")
    except InputError:
        return ""
    named = said.get("verifier")
    found = named.get("id") if isinstance(named, dict) else None
    return found if isinstance(found, str) else ""


def _statement(reference: str, digests: Iterable[Digest], said: bytes) -> bytes:
    name = reference.rpartition("/")[2].partition(":")[0] or "image"
    about = [Subject(name, {"sha256": hex_of(digest)}) for digest in digests]
    return render_statement(about, SUMMARY, said)


def _common(verifier: str, reference: str, moment: str, *, passed: bool) -> dict[str, Any]:
    return {
        "verifier": {"id": verifier, "version": {"ironhull": __version__}},
        "timeVerified": moment,
        "resourceUri": reference,
        "verificationResult": PASSED if passed else FAILED,
        "slsaVersion": _SLSA,
    }


def _inputs(digests: Iterable[Digest]) -> dict[str, Any]:
    return {"inputAttestations": [{"digest": {"sha256": hex_of(each)}} for each in digests]}


def _built_again(done: BuiltAgain) -> dict[str, Any]:
    return {
        "original": {"sha256": hex_of(done.original)},
        "made": {"sha256": hex_of(done.made)},
        "causes": list(done.causes),
        "differences": len(done.differences),
        "first": list(done.differences[:_SHOWN]),
    }


def _level(verdict: Verdict) -> str:
    """No more than what was looked at: that signed provenance is there."""
    if not verdict.passed:
        return FAILED
    images = verdict.evidence.images
    there = [any(is_of(each.type, _PROVENANCE) for each in one.statements) for one in images]
    return "SLSA_BUILD_LEVEL_1" if all(there) else "SLSA_BUILD_LEVEL_0"
