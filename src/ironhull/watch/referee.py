"""Dates on which others saw a vulnerability first: a referee for the times that we measure.

A table (CSV, UTF-8) with the columns `vulnerability` and `first_observed`; others are not read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from ironhull.errors import MalformedError
from ironhull.state.watch_records import stamp

MAX_FILE, MAX_NAME = 256 << 20, 100
NAME, DATE = "vulnerability", "first_observed"


def read_dates(file: BinaryIO, name: str) -> dict[str, str]:
    """Vulnerability → the earliest moment of it, as the state has moments.

    A date without a time is its beginning, a time without a zone is UTC. MalformedError names the
    first line that is wrong.
    """
    data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise MalformedError(f"{name}: larger than {MAX_FILE} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedError(f"{name}: not UTF-8 at byte {error.start}") from None
    found: dict[str, str] = {}
    for place, row in _rows(text, name):
        vulnerability, date = row.get(NAME) or "", row.get(DATE) or ""
        if not vulnerability or len(vulnerability) > MAX_NAME or not vulnerability.isprintable():
            raise MalformedError(f"{place}: {vulnerability!r:.60} names no vulnerability")
        try:
            moment = datetime.fromisoformat(date)
            at = stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise MalformedError(
                f"{place}: {date!r:.60} is no date (expected as in 2026-11-29 or "
                "2026-11-29T12:00:00Z)"
            ) from None
        found[vulnerability] = min(at, found.get(vulnerability, at))
    return found


def _rows(text: str, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [each for each in (NAME, DATE) if each not in (reader.fieldnames or ())]
        if missing:
            raise MalformedError(f"{name}:1: no column {' and no '.join(missing)}")
        for row in reader:
            yield f"{name}:{reader.line_num}", row
    except csv.Error as error:
        raise MalformedError(f"{name}:{reader.line_num}: {error}") from None
