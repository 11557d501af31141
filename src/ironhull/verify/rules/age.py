"""How old things may be: the image, the newest scan of it, and what that scan knew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ironhull.reports.words import moment, tally
from ironhull.verify.facts import Case
from ironhull.verify.kinds import SCANS
from ironhull.verify.refusal import RefusedError
from ironhull.verify.rules.choosing import (
    chosen,
    document,
    inner,
    missing,
    moment_of,
    outcome,
)
from ironhull.verify.signed import Signers
from ironhull.verify.verdict import Outcome, Status

Scan = Mapping[str, Any]
_SKEW = timedelta(minutes=10)
"""Clocks differ by so much; what is made later than that was not made yet."""
_EPOCH_DAYS = 366


def age(case: Case) -> Iterator[Outcome]:
    """An outcome for each age that the policy limits."""
    rule = case.policy.age
    if rule.image is not None:
        made = moment_of(case.facts.config(case.image).get("created"))
        yield _young(case, "age.image-days", "made", made, rule.image)
    if rule.scan is None and rule.advisories is None:
        return
    signers = _scan_signers(case)
    found = chosen(case, SCANS, signers)
    if not found:
        name = "age.scan-days" if rule.scan is not None else "age.advisories-days"
        yield missing(case, name, "vulnerabilities", SCANS, signers)
        return
    try:
        scans = [document(each, "scan") for each in found]
    except RefusedError as error:
        yield outcome(case, "age.scan-days", "fail", f"{error.reason}: {error}", "a sound scan")
        return
    when, newest = _newest(scans)
    if rule.scan is not None:
        yield _young(case, "age.scan-days", "scanned", when, rule.scan)
    if rule.advisories is not None:
        updated = moment_of(inner(newest, "scanner", "db", "lastUpdate"))
        yield _young(case, "age.advisories-days", "advisories of", updated, rule.advisories)


def _newest(scans: Sequence[Scan]) -> tuple[datetime | None, Scan]:
    """When the newest scan ended, and what it says: an older one attached again changes nothing.

    Scans are dated by the second: of two in one second, that with the newer advisories.
    """

    def advisories(each: Scan) -> datetime:
        updated = moment_of(inner(each, "scanner", "db", "lastUpdate"))
        return updated or datetime.min.replace(tzinfo=UTC)

    dated = [(moment_of(inner(each, "metadata", "scanFinishedOn")), each) for each in scans]
    known = [(when, each) for when, each in dated if when is not None]
    return max(known, key=lambda pair: (pair[0], advisories(pair[1])), default=(None, scans[0]))


def _scan_signers(case: Case) -> Signers:
    """Those whom the policy wants for scans, where it asks for one; else any known key."""
    wanted = [each.signers for each in case.policy.statements if each.type == "vulnerabilities"]
    return wanted[0] if wanted else case.policy.anybody


def _young(case: Case, rule: str, what: str, when: datetime | None, days: int) -> Outcome:
    needed = f"{what} within {tally(days, 'day')}"
    if when is None:
        return outcome(case, rule, "unknown", "no date that can be read", needed)
    if when.timestamp() < _EPOCH_DAYS * 86400:
        text = "the date is the epoch: a reproducible build may leave it out"
        return outcome(case, rule, "unknown", text, needed)
    if when > case.now + _SKEW:
        return outcome(case, rule, "fail", f"{what} {moment(when)}, which is yet to come", needed)
    old = (case.now - when).days
    status: Status = "pass" if case.now - when <= timedelta(days=days) else "fail"
    return outcome(case, rule, status, f"{what} {moment(when)}, {tally(old, 'day')} ago", needed)
