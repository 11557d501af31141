"""How long migrating takes: a thousand Dockerfiles in one call, and one in a process of its own.

`python benchmarks/migrate.py [--json] [--runs N]`: the inputs are the rows of tests/unit/migrate,
again and again until there are a thousand. Processor time counts, so that a busy machine does not;
the wall's time is beside it.

rate      Dockerfiles a second of one processor: lexed, migrated, written
public    `ironhull migrate FILE --registry dhi.io`, the whole process
own       the same with the images of Ironhull's own definitions, which a first run has read
hadolint  `hadolint FILE`, a native program that only reads
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from outside.dockerfile_rows import every

ROOT = Path(__file__).parents[1]
RATE_LIMIT = 300
"""Dockerfiles a second."""
ONE_LIMIT = 0.2
"""Seconds."""
RATIO_LIMIT = 0.5
"""Times of hadolint."""
LIMITS = {"public": ONE_LIMIT, "own": ONE_LIMIT, "ratio": RATIO_LIMIT}
LEAST = {"rate": RATE_LIMIT}
COUNT = 1000
RUNS = 15
DOCKERFILE = ROOT / "examples/node-app/Dockerfile.standard"
BIN = Path(sys.executable).parent


@dataclass
class Figures:
    rate: float
    public: float
    public_wall: float
    own: float
    own_wall: float
    hadolint: float
    hadolint_wall: float
    ratio: float
    """Of `public` to hadolint, wall time."""
    load: float
    """Of the machine for the last minute, before the runs."""

    @property
    def good(self) -> bool:
        held = self.rate >= RATE_LIMIT and max(self.public, self.own) <= ONE_LIMIT
        return held and self.ratio <= RATIO_LIMIT


def rate() -> float:
    """Dockerfiles a second; the catalogs have read their definitions before."""
    rows = every()
    for row in rows:
        row.migrated()
    began = time.process_time()
    for number in range(COUNT):
        rows[number % len(rows)].migrated()
    return COUNT / (time.process_time() - began)


def once(words: Sequence[str | Path]) -> tuple[float, float]:
    """Processor and wall seconds of one process."""
    environment = {**os.environ, "IRONHULL_CATALOG": str(ROOT / "images")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, check=False, capture_output=True, env=environment)
    wall, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime, wall


def measure(runs: int) -> Figures:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        output = ("-o", Path(folder) / "Dockerfile")
        commands: dict[str, Sequence[str | Path]] = {
            "public": [BIN / "ironhull", "migrate", DOCKERFILE, "--registry", "dhi.io", *output],
            "own": [BIN / "ironhull", "migrate", DOCKERFILE, *output],
            "hadolint": [BIN / "hadolint", "--no-fail", DOCKERFILE],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                times[name].append(once(command))
    medians = {
        name: tuple(statistics.median(column) for column in zip(*pairs, strict=True))
        for name, pairs in times.items()
    }
    public, own, hadolint = (medians[name] for name in ("public", "own", "hadolint"))
    return Figures(rate(), *public, *own, *hadolint, public[1] / hadolint[1], load)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    figures = measure(options.runs)
    if options.json:
        targets = {"limits": LIMITS, "least": LEAST, "good": figures.good}
        print(json.dumps(asdict(figures) | targets))
    else:
        for name, value in asdict(figures).items():
            print(f"{name:14} {value:.3f}")
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
