"""When a scan says no: `--fail-on`, and what makes a result untrustworthy by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ironhull.errors import InputError
from ironhull.scan.model import FIXABLE, RANK, SEVERITIES, Finding, ScanResult

TERMS = (*SEVERITIES, "any", "kev", "fixable", "eol")


def parse_terms(texts: Iterable[str]) -> tuple[str, ...]:
    """`high,kev` → terms; InputError names those that there are."""
    terms = tuple(
        term.strip().lower() for text in texts for term in text.split(",") if term.strip()
    )
    for term in terms:
        if term not in TERMS:
            raise InputError(
                f"--fail-on {term}: there is no such term (there are: {', '.join(TERMS)})"
            )
    return terms


def failures(result: ScanResult, terms: Sequence[str]) -> list[str]:
    """Why the result fails; empty if it passes. Accepted risks do not fail it.

    A severity stands for itself and everything worse; `unknown` for itself alone.
    """
    left = [finding for finding in result.open if finding.accepted is None]
    found = [reason for term in terms if (reason := _failure(result, left, term))]
    if terms and result.verdict == "unknown":
        found.append("the vulnerabilities of its distribution are unknown")
    return found


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
