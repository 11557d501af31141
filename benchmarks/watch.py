"""One library has a fix: until all images that hold it are published with their statements.

`python benchmarks/watch.py [--json] [--definitions N]`: what is measured is in tests/fleet.py,
which makes the catalog, the mirror and the registry of it, and runs in a process of its own (no
module: a worker loads again what its parent began with). The packages are a base image's real ones,
from the machine's mirror; to make a fix of one it needs dpkg-deb. Exit code 1 if a limit is passed:
45 seconds for 600 images of 1,000 on two processors. The comparison with mmdebstrap and skopeo
needs both programs, and root; without, its figures are none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMITS = {
    "an_image": 45 / 600,
    "cpu_an_image": 2 * 45 / 600,
    "to_peer": 0.05,
    "idle": 1.5,
    "planning_growth": 10.5,
    "peak_mb": 300.0,
    "dask_2": 1.2,
    "dask_4": 1.2,
}
"""Seconds; those of all processors, the registry's among them; times of mmdebstrap and skopeo;
seconds; times; MB; times of the round with as many processes of this machine."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--definitions", type=int, default=200)
    options = parser.parse_args()
    made = subprocess.run(
        [sys.executable, "-c", f"from tests.fleet import main; main({options.definitions})"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    figures: dict[str, object] = json.loads(made.stdout)
    passed = [
        name
        for name, limit in LIMITS.items()
        if isinstance(value := figures[name], float) and value > limit
    ]
    figures["limits"] = LIMITS
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")
    return int(bool(passed))


if __name__ == "__main__":
    sys.exit(main())
