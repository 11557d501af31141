"""A verdict as a verification summary (SLSA VSA v1): what others may rely on instead of verifying.

Signed with a key, it is a statement like any other; a policy may ask for one.
"""

from __future__ import annotations

from typing import Any

from ironhull import __version__
from ironhull.attest.statement import Subject, render_statement
from ironhull.oci.digest import hex_of
from ironhull.oci.document import canonical
from ironhull.verify.kinds import SUMMARY, is_of
from ironhull.verify.verdict import Verdict

VERIFIER = "https://ironhull.io/verify"
_SLSA = "1.2"
_PROVENANCE = ("https://slsa.dev/provenance/v1",)


def summary(verdict: Verdict) -> bytes:
    """The predicate, in canonical JSON."""
    value: dict[str, Any] = {
        "verifier": {"id": VERIFIER, "version": {"ironhull": __version__}},
        "timeVerified": verdict.verified,
        "resourceUri": verdict.reference,
        "inputAttestations": [
            {"digest": {"sha256": hex_of(each.digest)}}
            for subject in verdict.evidence.subjects
            for each in subject.statements
        ],
        "verificationResult": "PASSED" if verdict.passed else "FAILED",
        "verifiedLevels": [_level(verdict)],
        "slsaVersion": _SLSA,
    }
    # The specification wants a policy; without one it is the rule that every image has to pass.
    value["policy"] = {"uri": f"{VERIFIER}#signed"}
    if verdict.policy is not None:
        digest = {"sha256": hex_of(verdict.policy.digest)}
        value["policy"] = {"uri": verdict.policy.name, "digest": digest}
    return canonical(value)


def summary_statement(verdict: Verdict) -> bytes:
    """The statement about what the reference stood for."""
    name = verdict.reference.rpartition("/")[2].partition(":")[0] or "image"
    about = Subject(name, {"sha256": hex_of(verdict.digest)})
    return render_statement([about], SUMMARY, summary(verdict))


def _level(verdict: Verdict) -> str:
    """No more than what was looked at: that signed provenance is there."""
    if not verdict.passed:
        return "FAILED"
    images = verdict.evidence.images
    there = [any(is_of(each.type, _PROVENANCE) for each in one.statements) for one in images]
    return "SLSA_BUILD_LEVEL_1" if all(there) else "SLSA_BUILD_LEVEL_0"
