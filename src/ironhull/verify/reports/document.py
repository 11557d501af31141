"""A verdict as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ironhull.verify.evidence import Subject
from ironhull.verify.verdict import Unverified, Verdict

SCHEMA = "ironhull-verdict-1"


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The whole verdict; every field is always there."""
    policy = verdict.policy
    return {
        "schema": SCHEMA,
        "reference": verdict.reference,
        "digest": verdict.digest,
        "passed": verdict.passed,
        "verified": verdict.verified,
        "policy": policy and {"name": policy.name, "file": policy.file, "digest": policy.digest},
        "rules": [
            {
                "rule": each.rule,
                "platform": each.platform or None,
                "status": each.status,
                "found": each.found,
                "needed": each.needed or None,
            }
            for each in verdict.outcomes
        ],
        "subjects": [_subject(each) for each in verdict.evidence.subjects],
    }


def verdicts_json(verdicts: Sequence[Verdict | Unverified]) -> dict[str, Any]:
    """The verdicts of several images; one that could not be looked at has a reason alone."""
    return {
        "schema": SCHEMA,
        "passed": all(each.passed for each in verdicts),
        "images": [
            {"reference": each.reference, "passed": False, "reason": each.reason}
            if isinstance(each, Unverified)
            else verdict_json(each)
            for each in verdicts
        ],
    }


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "digest": subject.digest,
        "mediaType": subject.document.media_type,
        "platform": str(subject.platform) if subject.platform else None,
        "statements": [
            {
                "type": each.type,
                "digest": each.digest,
                "signers": [
                    {
                        "name": signer.name,
                        "fingerprint": signer.fingerprint,
                        "time": signer.time or None,
                    }
                    for signer in each.signers
                ],
            }
            for each in subject.statements
        ],
        "refused": [
            {
                "type": each.type or None,
                "digest": each.digest,
                "reason": each.reason.value,
                "message": each.message,
            }
            for each in subject.refused
        ],
        "not_read": list(subject.others),
    }
