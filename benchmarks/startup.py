"""How long the verbs that should take no time take, beside an earlier Ironhull, in pairs.

`python benchmarks/startup.py [--json] [--pairs N] [--before REVISION]`: whole processes of both, in
turn (this, before, before, this, …), so that a busy machine is busy for both. Each has a home of
its own with the same lock, so the same image. `before` is a revision of this repository in
a temporary folder; both run in this environment, with the code compiled first.

help   `ironhull --help`
build  `ironhull build static:13 --locked --offline`, where nothing changed
show   `ironhull show static:13`
scan   `ironhull scan static:13`, whose inventory is stored, with one small feed
explain  `ironhull explain CVE-2020-0001 static:13`, the same

A ratio is the median of the pairs' ratios of user and system time: below 1, this is faster.
`--before` is the state before values were made late and slow modules loaded by who needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEFORE = "e9827c3"
"""The state before a light verb loaded only what it needs."""
LIMITS = {"help": 1.03, "build": 0.6, "show": 0.6, "scan": 0.6, "explain": 0.6}
PAIRS = 25
IMAGE = "static:13"
RECORD_CVE = "CVE-2020-0001"
VERBS = {
    "help": ["--help"],
    "build": ["build", IMAGE, "--locked", "--offline"],
    "show": ["show", IMAGE],
    "scan": ["scan", IMAGE, "--max-age", "0"],
    "explain": ["explain", RECORD_CVE, IMAGE, "--max-age", "0"],
}
RECORD = {
    "id": f"DEBIAN-{RECORD_CVE}",
    "modified": "2024-07-01T00:00:00Z",
    "affected": [
        {
            "package": {"ecosystem": "Debian:13", "name": "tzdata"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1"}]}],
        }
    ],
}


@dataclass
class Row:
    seconds: float
    """Wall time, median, of this."""
    before: float
    cpu_ratio: float
    wall_ratio: float


@dataclass(frozen=True)
class Side:
    """One Ironhull: its source, and its home."""

    source: Path
    home: Path
    catalog: Path

    def run(self, words: Sequence[str], *, check: bool = True) -> tuple[float, float]:
        """Wall and processor seconds of one process."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.source),
            "IRONHULL_HOME": str(self.home),
            "IRONHULL_CATALOG": str(self.catalog),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "ironhull.cli", *words],
            env=environment, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wall, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime


def prepare(side: Side, feed: Path) -> None:
    """What the verbs find: the image, its inventory, advisories, compiled code."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", side.source], check=True)
    side.run(["build", IMAGE])
    side.run(["advisories", "update", "--source", f"osv-debian={feed}"])
    side.run(VERBS["scan"], check=False)


def measure(this: Side, before: Side, words: Sequence[str], pairs: int) -> Row:
    """Pairs of runs, in turn which is first."""
    runs: dict[Side, list[tuple[float, float]]] = {this: [], before: []}
    for number in range(pairs):
        for side in (this, before) if number % 2 else (before, this):
            runs[side].append(side.run(words, check=words[0] not in ("scan", "explain")))
    both = list(zip(runs[this], runs[before], strict=True))
    return Row(
        statistics.median(wall for wall, _ in runs[this]),
        statistics.median(wall for wall, _ in runs[before]),
        statistics.median(a[1] / b[1] for a, b in both),
        statistics.median(a[0] / b[0] for a, b in both),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--before", default=BEFORE, metavar="REVISION")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ih-startup-") as name:
        folder = Path(name)
        rows = in_folder(folder, options.before, options.pairs)
    good = all(row.cpu_ratio <= LIMITS[name] for name, row in rows.items())
    figures = {name: asdict(row) for name, row in rows.items()}
    limits = {f"{name}.cpu_ratio": limit for name, limit in LIMITS.items()}
    result = {**figures, "before": options.before, "pairs": options.pairs, "limits": limits,
              "good": good}  # fmt: skip
    print(json.dumps(result, indent=None if options.json else 2))
    return int(not good)


def in_folder(folder: Path, revision: str, pairs: int) -> dict[str, Row]:
    """Both sides below one folder, then every verb."""
    old = folder / "old"
    subprocess.run(["git", "clone", "-q", "--no-checkout", ROOT, old], check=True)
    subprocess.run(["git", "-C", old, "checkout", "-q", revision], check=True)
    feed = folder / "feed"
    feed.mkdir()
    (feed / f"{RECORD['id']}.json").write_text(json.dumps(RECORD))
    catalog = folder / "images"
    shutil.copytree(ROOT / "images", catalog)
    this = Side(ROOT / "src", folder / "this-home", catalog)
    before = Side(old / "src", folder / "before-home", catalog)
    for side in (this, before):
        prepare(side, feed)
    return {name: measure(this, before, words, pairs) for name, words in VERBS.items()}


if __name__ == "__main__":
    sys.exit(main())
