"""When a scan says no: `--fail-on`, and what makes a result untrustworthy by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ironhull.errors import InputError
from ironhull.inventory.model import DISTRIBUTION_TYPES
from ironhull.reports.words import tally
from ironhull.scan.model import (
    FIXABLE,
    RANK,
    SEVERITIES,
    DatabaseInfo,
    Finding,
    ScanResult,
    Unmatched,
)
from ironhull.scan.support import NO_DATES

TERMS = (*SEVERITIES, "any", "kev", "fixable", "eol")
NOT_KNOWN = ("kev", "eol", "unmatched")
"""What may be accepted as not known: the terms that rest on feeds of their own, and packages that
could not be matched."""
_DATES = ("debian-releases", "endoflife")
_UPDATE = "ironhull advisories update"
_SHOWN = 3


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


def parse_accepted(texts: Iterable[str]) -> tuple[str, ...]:
    """`kev,unmatched` of --accept-unknown → NOT_KNOWN; InputError names those that there are."""
    return parse_terms(texts, "--accept-unknown", NOT_KNOWN)


def failures(
    result: ScanResult, terms: Sequence[str], accept_unknown: Sequence[str] = ()
) -> list[str]:
    """Why the result fails; empty if it passes. Accepted risks do not fail it.

    A severity stands for itself and everything worse; `unknown` for itself alone. A term whose data
    are missing, stale or partial fails too, for nobody can say that it holds, unless that is in
    `accept_unknown`.
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
    if set(terms) - {"eol"} and "unmatched" not in accept_unknown:
        nameless = [each for each in result.unmatched if not _fails_alone(each)]
        if nameless:
            found.append(
                f"not known of packages that record no version: {_named(nameless)}"
                " (--accept-unknown unmatched)"
            )
    return found


def unreliable(result: ScanResult, accept_unknown: Sequence[str] = ()) -> list[str]:
    """Why the result cannot be relied on, whatever is asked of it; empty if it can."""
    found = stale(result)
    if result.verdict == "unknown":
        found += [each.message for each in result.warnings if each.kind == "no-data"][:1]
    if "unmatched" not in accept_unknown:
        found += _lost(result)
    hidden = [each for each in result.warnings if each.kind == "inventory"]
    if hidden:
        found.append(
            f"{tally(hidden, 'file')} could not be read; packages may be missing "
            "(--accept-unreadable GLOB for those that were looked at)"
        )
    return found


def stale(result: ScanResult) -> list[str]:
    """Which of the data that it rests on are too old for whoever asked; empty if none is."""
    if not result.database.refused:
        return []
    return [
        each.message if each.subject == "database" else f"{each.subject}: {each.message}"
        for each in result.warnings
        if each.kind == "stale"
    ]


def _lost(result: ScanResult) -> Iterable[str]:
    failing = [each for each in result.unmatched if _fails_alone(each)]
    lost = [each for each in failing if each.type in DISTRIBUTION_TYPES]
    if lost:
        yield f"{len(lost)} distribution packages could not be matched"
    others = [each for each in failing if each.type not in DISTRIBUTION_TYPES]
    if others:
        yield f"versions that could not be compared: {_named(others)}"


def _fails_alone(package: Unmatched) -> bool:
    """Whether it makes a scan fail that has no gate: all but what records no version."""
    return bool(package.version) or package.type in DISTRIBUTION_TYPES


def _named(packages: Sequence[Unmatched]) -> str:
    names = ", ".join(f"{each.package} {each.version}".rstrip() for each in packages[:_SHOWN])
    more = len(packages) - _SHOWN
    return f"{names} and {more} more" if more > 0 else names


def exploited_not_known(database: DatabaseInfo) -> str:
    """Why nobody can say what is known to be exploited; empty if it can be said."""
    if not database.knows_exploited:
        return (
            "what is known to be exploited is not known: the database has no feed kev"
            f" ({_UPDATE}, or --source kev=FILE; or --accept-unknown kev)"
        )
    if "kev" in database.old and not database.any_age:
        date = next(date for name, date, _ in database.sources if name == "kev")
        return (
            f"what is known to be exploited is not known: the feed kev is of {date[:10]}, too old"
            f" ({_UPDATE}, or --max-age DAYS; or --accept-unknown kev)"
        )
    return ""


def _not_known(result: ScanResult, term: str) -> str:
    """Why nobody can say whether a term holds; empty if it can be said."""
    if term == "kev":
        return exploited_not_known(result.database)
    if term != "eol":
        return ""
    if any(each.message == NO_DATES for each in result.warnings):
        return (
            "its end of life is not known: the database has no feed of dates for it"
            f" ({_UPDATE}, or --source debian-releases=FILE; or --accept-unknown eol)"
        )
    dated = {name: date for name, date, _ in result.database.sources if name in _DATES}
    if dated and dated.keys() <= set(result.database.old) and not result.database.any_age:
        return (
            f"its end of life is not known: the feeds of dates are of {max(dated.values())[:10]},"
            f" too old ({_UPDATE}, or --max-age DAYS; or --accept-unknown eol)"
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
        return tally(left, "finding") if left else ""
    if term == "unknown":
        count = sum(finding.severity == "unknown" for finding in left)
        return f"{count} of unknown severity" if count else ""
    count = sum(RANK.get(finding.severity, len(RANK)) <= RANK[term] for finding in left)
    return f"{count} of severity {term} or worse" if count else ""
