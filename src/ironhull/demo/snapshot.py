"""Advisories that come with the case study: real, few and dated, for machines that have none."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

from ironhull.advisories.database import Database
from ironhull.advisories.feeds.known import KNOWN
from ironhull.advisories.update import Rules, Source, update
from ironhull.errors import EnvironmentProblem
from ironhull.progress import Silent

NOTE = (
    "a snapshot that comes with the case study, of what Debian 13 had not fixed that day;"
    " for today's: ironhull advisories update"
)
_RECORDS = "osv-debian-2025-02-12.jsonl"
_OTHERS = {"kev": "kev-2026-08-07.json", "debian-releases": "debian.csv"}


@contextmanager
def snapshot_database() -> Iterator[Database]:
    """A database of the snapshot, as long as it is needed; EnvironmentProblem without room."""
    with (
        as_file(files("ironhull.demo").joinpath("snapshot")) as folder,
        tempfile.TemporaryDirectory(prefix="ironhull-demo-") as name,
    ):
        work = Path(name)
        export = work / "osv-debian.zip"
        with zipfile.ZipFile(export, "w") as archive:
            lines = (folder / _RECORDS).read_text("utf-8").splitlines()
            for number, line in enumerate(lines):
                archive.writestr(f"{number}.json", line)
        places = {"osv-debian": export} | {key: folder / file for key, file in _OTHERS.items()}
        sources = [Source(KNOWN[key], (str(place),)) for key, place in places.items()]
        outcomes = update(work / "advisories.sqlite", sources, Rules(datetime.now(UTC)), Silent())
        for outcome in outcomes:
            if outcome.status != "updated":
                raise EnvironmentProblem(f"the case study's snapshot: {outcome.reason}")
        with Database(work / "advisories.sqlite") as database:
            yield database
