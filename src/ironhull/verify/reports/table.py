"""A verdict as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ironhull.reports.table import Heading, table
from ironhull.reports.text import one_line
from ironhull.verify.evidence import Subject
from ironhull.verify.verdict import Outcome, Unverified, Verdict

_WORDS = {"pass": "yes", "fail": "NO", "unknown": "UNKNOWN", "accepted": "accepted"}
_LONGEST = 300


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """What was verified and by which digest, every rule, and what is attached."""
    yield Heading(one_line(f"{verdict.reference}  {verdict.digest}"))
    if verdict.policy is not None:
        yield one_line(f"policy {verdict.policy.name}  {verdict.policy.digest}")
    yield ""
    yield from table(("RULE", "HOLDS", "FOUND"), [_row(each) for each in verdict.outcomes])
    needed = [each for each in verdict.failed if each.needed]
    if needed:
        yield ""
        yield Heading("WHAT WOULD SATISFY IT")
        yield from (one_line(f"  {_name(each)}: {each.needed}") for each in needed)
    for subject in verdict.evidence.subjects:
        yield from _subject(subject)


def verdicts_lines(verdicts: Sequence[Verdict | Unverified]) -> Iterator[str]:
    """One line for each image: yes, or no and why."""
    rows = []
    for each in verdicts:
        if isinstance(each, Unverified):
            rows.append((each.reference, "NO", "", one_line(each.reason, _LONGEST)))
        else:
            reasons = "; ".join(f"{_name(one)}: {one.found}" for one in each.failed)
            word = "yes" if each.passed else "NO"
            rows.append((each.reference, word, each.digest, one_line(reasons, _LONGEST)))
    yield from table(("IMAGE", "HOLDS", "DIGEST", "WHY NOT"), rows)
    yield ""
    yield f"{sum(each.passed for each in verdicts)} of {len(verdicts)} are to be believed"


def _row(outcome: Outcome) -> tuple[str, ...]:
    return _name(outcome), _WORDS[outcome.status], one_line(outcome.found, _LONGEST)


def _name(outcome: Outcome) -> str:
    return f"{outcome.rule} ({outcome.platform})" if outcome.platform else outcome.rule


def _subject(subject: Subject) -> Iterator[str]:
    yield ""
    yield Heading(f"{subject.platform or 'index or image'}  {subject.digest}")
    rows = [(each.type, "signed", ", ".join(map(str, each.signers))) for each in subject.statements]
    rows += [
        (each.type or "?", "refused", one_line(f"{each.reason}: {each.message}", _LONGEST))
        for each in subject.refused
    ]
    rows += [(kind, "not read", "no sigstore bundle of version 0.3") for kind in subject.others]
    yield from table(("STATEMENT", "", "BY, OR WHY NOT"), rows) if rows else ["nothing attached"]
