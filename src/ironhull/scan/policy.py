"""When a scan says no: `--fail-on`, and what makes a result untrustworthy by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ironhull.errors import InputError
from ironhull.scan.model import FIXABLE, RANK, SEVERITIES, Finding, ScanResult
from ironhull.scan.support import NO_DATES

TERMS = (*SEVERITIES, "any", "kev", "fixable", "eol")
DATED = ("kev", "eol")
"""Terms that rest on feeds of their own."""


def parse_terms(
    texts: Iterable[str], option: str = "--fail-on", known: Sequence[str] = TERMS
) -> tuple[str, ...]:
    """`high,kev` → terms; InputError names those that there are."""
    terms = tuple(
        term.strip().lower() for text in texts for term in text.split(",") if term.strip()
    )
    for term in terms:
        if term not in known:
            raise InputError(
                f"{option} {term}: there is no such term (there are: {', '.join(known)})"
            )
    return terms


def failures(
    result: ScanResult, terms: Sequence[str], accept_unknown: Sequence[str] = ()
) -> list[str]:
    """Why the result fails; empty if it passes. Accepted risks do not fail it.

    A severity stands for itself and everything worse; `unknown` for itself alone. A term whose data
    are missing fails too, for nobody can say that it holds, unless it is in `accept_unknown`.
    """
    left = [finding for finding in result.open if finding.accepted is None]
    found = [reason for term in terms if (reason := _failure(result, left, term))]
    found += [
        reason
        for term in terms
        if term not in accept_unknown and (reason := _not_known(result, term))
    ]
    if terms and result.verdict == "unknown":
        found.append("the vulnerabilities of its distribution are unknown")
    return found


def _not_known(result: ScanResult, term: str) -> str:
    """Why nobody can say whether a term holds; empty if it can be said."""
    if term == "kev" and not result.database.knows_exploited:
        return (
            "what is known to be exploited is not known: the database has no feed kev"
            " (ironhull advisories update, or --source kev=FILE; or --accept-unknown kev)"
        )
    if term == "eol" and any(each.message == NO_DATES for each in result.warnings):
        return (
            "its end of life is not known: the database has no feed of dates for it"
            " (ironhull advisories update, or --source debian-releases=FILE;"
            " or --accept-unknown eol)"
        )
    return ""


def _failure(result: ScanResult, left: Sequence[Finding], term: str) -> str:
    if term == "eol":
        ended = [each for each in result.warnings if each.kind in ("eol", "support-ended")]
        return f"past end of life: {', '.join(each.subject for each in ended)}" if ended else ""
    if term == "kev":
        count = sum(bool(finding.kev) for finding in left)
        return f"{count} known exploited" if count else ""
    if term == "fixable":
        count = sum(finding.fix_state in FIXABLE for finding in left)
        return f"{count} with a fix" if count else ""
    if term == "any":
        return f"{len(left)} findings" if left else ""
    if term == "unknown":
        count = sum(finding.severity == "unknown" for finding in left)
        return f"{count} of unknown severity" if count else ""
    count = sum(RANK.get(finding.severity, len(RANK)) <= RANK[term] for finding in left)
    return f"{count} of severity {term} or worse" if count else ""
