"""A rescan as lines for a terminal and as JSON, and why it fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ironhull.reports.table import table
from ironhull.reports.words import tally
from ironhull.scan.model import DatabaseInfo
from ironhull.scan.rescan import ImageRescan


def rescan_json(
    images: Sequence[ImageRescan], database: DatabaseInfo, *, new_only: bool
) -> dict[str, Any]:
    """All of it as one JSON object; `new_only` leaves out images without news."""
    return {
        "database": {"date": database.date, "stale": database.stale},
        "images": [_as_json(each) for each in images if each.new or not new_only],
    }


def _as_json(each: ImageRescan) -> dict[str, Any]:
    # `asdict` goes into every value: of a thousand images nearly none has one to go into.
    value = {name: getattr(each, name) for name in ImageRescan.__match_args__}
    return value | {"new": [asdict(one) for one in each.new]}


def rescan_lines(
    images: Sequence[ImageRescan], database: DatabaseInfo, *, new_only: bool
) -> Iterator[str]:
    """A row for each image, a line for each new finding, and the sum."""
    rows = [_row(each) for each in images if each.new or not new_only]
    if rows:
        headings = ["IMAGE", "DIGEST", "RAW", "AFTER VEX", "NEW", "UNMATCHED", ""]
        yield from table(headings, rows, right=(2, 3, 4, 5))
    for each in images:
        for finding in each.new:
            fix = f", fixed in {finding.fixed_version}" if finding.fixed_version else ""
            cleared = " (not affected by our evidence)" if finding.suppressed else ""
            what = f"{finding.id} in {finding.package} {finding.version}{fix}{cleared}"
            yield f"new: {each.image}: {what}"
    count = tally(images, "image")
    yield f"{count}, {_new_findings(images)}"
    yield f"database: {database.date}"


def _row(each: ImageRescan) -> list[str]:
    return [
        each.image,
        each.key[7:19],
        "unknown" if each.raw is None else str(each.raw),
        "unknown" if each.after_vex is None else str(each.after_vex),
        str(len(each.new)),
        str(each.unmatched),
        each.reason,
    ]


def rescan_failures(
    images: Sequence[ImageRescan], database: DatabaseInfo, *, fail_on_new: bool
) -> list[str]:
    """Why the rescan fails; empty if it passes. Unknown images and stale advisories always do."""
    reasons = []
    if fail_on_new and any(each.new for each in images):
        reasons.append(_new_findings(images))
    unknown = [each.image for each in images if each.raw is None]
    if unknown:
        reasons.append(f"nothing is known of {tally(unknown, 'image')}: {', '.join(unknown[:5])}")
    if database.refused:
        reasons.append("the advisories are stale; run: ironhull advisories update")
    return reasons


def _new_findings(images: Sequence[ImageRescan]) -> str:
    count = sum(len(each.new) for each in images)
    return tally(count, "new finding")
