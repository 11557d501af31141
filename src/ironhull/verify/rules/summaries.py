"""Verification summaries: what somebody else found who looked at the image, or built it again.

A summary that says FAILED is signed as well as any other, so it is never enough that one is there.
Of one signer the newest counts: an older one that is attached again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ironhull.errors import InputError
from ironhull.values import dataclass
from ironhull.verify.evidence import Verified
from ironhull.verify.facts import Case
from ironhull.verify.kinds import PASSED, REPRODUCER, SUMMARY, is_of
from ironhull.verify.rules.choosing import document, inner, missing, moment_of, outcome
from ironhull.verify.signed import Signers
from ironhull.verify.trust import Signer
from ironhull.verify.verdict import Outcome

_UNDATED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Summary:
    when: datetime
    passed: bool
    signer: Signer


def reproduced(case: Case) -> Iterator[Outcome]:
    """Whether enough of those who are named have built the image again to the same bytes."""
    if case.policy.reproduced is not None:
        yield _outcome(case, "reproduced", case.policy.reproduced, built_again=True)


def verified(case: Case, signers: Signers) -> Outcome:
    """Whether enough of those who are named have looked at the image, and said PASSED."""
    return _outcome(case, "statements", signers, built_again=False)


def _outcome(case: Case, rule: str, signers: Signers, *, built_again: bool) -> Outcome:
    what = "reproduction" if built_again else "verification summary"
    needed = f"a {what} that says {PASSED}, signed by {signers.words}"
    try:
        found = _newest(case.image.statements, signers, built_again=built_again)
        if not found and not built_again:
            # Who looks at a tag speaks of its index.
            found = _newest(case.evidence.root.statements, signers, built_again=False)
    except InputError as error:
        return outcome(case, rule, "fail", str(error), needed)
    good, bad = (
        sorted(str(each.signer) for each in found if each.passed is passed)
        for passed in (True, False)
    )
    if len(good) >= signers.threshold:
        return outcome(case, rule, "pass", f"{what}: {PASSED}, signed by {', '.join(good)}")
    if not good and not bad:
        return missing(case, rule, what, (SUMMARY,), signers)
    said = [f"{PASSED} by {', '.join(good)} alone"] if good else []
    said += [f"not {PASSED} by {', '.join(bad)}"] if bad else []
    return outcome(case, rule, "fail", f"{what}: {'; '.join(said)}", needed)


def _newest(
    statements: Sequence[Verified], signers: Signers, *, built_again: bool
) -> list[_Summary]:
    """The newest summary of each signer who counts, by this kind of verifier."""
    found: dict[str, _Summary] = {}
    for statement in statements:
        counted = signers.counted(statement.signers)
        if not counted or not is_of(statement.type, (SUMMARY,)):
            continue
        said = document(statement, "verification summary")
        if (inner(said, "verifier", "id") == REPRODUCER) is not built_again:
            continue
        when = moment_of(said.get("timeVerified")) or _UNDATED
        passed = said.get("verificationResult") == PASSED
        for signer in counted:
            before = found.get(signer.fingerprint)
            # Of two of the same moment the worse: neither is the newer one.
            if before is None or (when, not passed) > (before.when, not before.passed):
                found[signer.fingerprint] = _Summary(when, passed, signer)
    return list(found.values())
