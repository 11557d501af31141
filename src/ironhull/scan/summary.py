"""A scan in few words, and which of its findings a report shows.

Counts are always of all findings; what is shown is a choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ironhull.reports.words import tally
from ironhull.scan.model import FIXABLE, Finding, ScanResult
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class ScanReport:
    """A result, and what a person asked to see of it: what every format of a scan renders."""

    result: ScanResult
    only_fixable: bool = False
    since: date | None = None
    """Only vulnerabilities published or changed on this day or later, or of unknown date."""
    suppressed: bool = False
    """Show what VEX says is not affected, too (reports for people; data always has it)."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that pass the filters, the suppressed included."""
        return tuple(finding for finding in self.result.findings if self._passes(finding))

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings that a person sees."""
        found = self.findings
        if self.suppressed:
            return found
        return tuple(finding for finding in found if not finding.suppressed)

    def _passes(self, finding: Finding) -> bool:
        if self.only_fixable and finding.fix_state not in FIXABLE:
            return False
        if self.since is None:
            return True
        dates = [day for day in (finding.published, finding.record_date) if day]
        return not dates or max(dates)[:10] >= self.since.isoformat()


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of a result. `raw` and `after_vex` are None where nothing is known."""

    packages: int
    raw: int | None
    after_vex: int | None
    accepted: int
    fixable: int
    kev: int | None
    """None where no feed says what is exploited."""
    unmatched: int


def summary(result: ScanResult) -> Summary:
    """Counts over all findings; those but `raw` are of what is left after VEX."""
    left = result.open
    unknown = result.verdict == "unknown"
    return Summary(
        packages=result.packages,
        raw=None if unknown else len(result.findings),
        after_vex=None if unknown else len(left),
        accepted=sum(finding.accepted is not None for finding in left),
        fixable=sum(finding.fix_state in FIXABLE for finding in left),
        kev=(
            sum(bool(finding.kev) for finding in left) if result.database.knows_exploited else None
        ),
        unmatched=len(result.unmatched),
    )


def counted(counts: dict[str, int]) -> str:
    """`2 critical, 5 high`, or `none`."""
    return ", ".join(f"{count} {severity}" for severity, count in counts.items()) or "none"


def headline(result: ScanResult) -> str:
    """The one line that must be right: raw, after VEX, what is unknown."""
    counts = summary(result)
    if counts.raw is None:
        return f"{result.image}: vulnerabilities unknown (no advisories for its distribution)"
    text = f"{result.image}: {tally(counts.raw, 'finding')}, {counts.after_vex} after VEX"
    if counts.accepted:
        text += f" ({counts.accepted} of them accepted)"
    if counts.unmatched:
        text += f"; {tally(counts.unmatched, 'package')} could not be matched"
    return text


def by_identifier(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings grouped by vulnerability, in their order."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.id, []).append(finding)
    return groups
