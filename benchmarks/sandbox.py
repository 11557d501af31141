"""How fast an image runs in the sandbox, beside podman in the same run.

`python benchmarks/sandbox.py [--json] [--runs N] [--home HOME]`

first       a program that ends at once, in node:20, which neither has seen: unpacked or loaded,
            then run. `ratio` is the sandbox by podman. Limit: 0.3.
again       the same once more; the median. Limit of `ratio`: 0.3.
test        `ironhull test node:20` with the sandbox by the same with podman, whole processes, both
            warm. Limit of `ratio`: 0.4.

podman has a storage of its own. HOME is one in which node:20 is built; without it the image is
built into a temporary one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ironhull.cli.machine import silent
from ironhull.engine.find import EngineSettings, engine
from ironhull.engine.interface import HARDENED, Engine
from ironhull.engine.probe import loaded_probe
from ironhull.engine.sandbox import Sandbox
from ironhull.store.choice import choose_manifest
from ironhull.workspace.bubblewrap import bubblewrap

ROOT = Path(__file__).parents[1]
IMAGE, NAME = "node:20", "localhost/ironhull-benchmark:1"
# The dynamic loader, asked for its version, is as near to `true` as node:20 has it.
OPTIONS = replace(HARDENED, network="none", entrypoint=("/lib64/ld-linux-x86-64.so.2", "--version"))
LIMITS = {"first": 0.3, "again": 0.3, "test": 0.4}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with workplace(options.home) as (folder, home):
        figures = measured(folder, home, options.runs)
    passed = [key for key, limit in LIMITS.items() if figures[key]["ratio"] > limit]
    limits = {f"{key}.ratio": limit for key, limit in LIMITS.items()}
    result = {**figures, "runs": options.runs, "limits": limits, "good": not passed}
    if options.json:
        print(json.dumps(result))
    else:
        for key, values in figures.items():
            print(f"{key:8}", "  ".join(f"{name} {value:.3f}" for name, value in values.items()))
    return int(bool(passed))


@contextmanager
def workplace(home: Path | None) -> Iterator[tuple[Path, Path]]:
    """A temporary folder, and a home where the image is built."""
    folder = Path(tempfile.mkdtemp(prefix="ironhull-bench-"))
    try:
        if home is None:
            home = folder / "home"
            ironhull(home, "build", IMAGE)
        yield folder, home
    finally:
        # podman's storage has a mount of its own.
        subprocess.run(["umount", folder / "storage/overlay"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def measured(folder: Path, home: Path, runs: int) -> dict[str, dict[str, float]]:
    """All figures; what both need to begin at all (probing, fetching) is done before."""
    machine = silent(home=home)
    found = bubblewrap(machine)
    storage = (f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}")
    podman = engine("podman", EngineSettings(podman=storage, cache=folder / "flags.json"))
    with loaded_probe(podman) as probe:
        podman.run(probe, replace(OPTIONS, entrypoint=None))
    sandbox = Sandbox(lambda: found, folder / "unpacked")
    manifest = choose_manifest(machine.home.store, machine.home.store.find(IMAGE))

    def first(one: Engine) -> None:
        one.load(machine.home.store, manifest, [NAME])
        again(one)

    def again(one: Engine) -> None:
        assert one.run(NAME, OPTIONS).exit_code == 0

    figures = {
        "first": beside(lambda: first(sandbox), lambda: first(podman), 1),
        "again": beside(lambda: again(sandbox), lambda: again(podman), runs),
    }
    for name in ("sandbox", "podman"):
        ironhull(home, "test", IMAGE, "--engine", name)
    figures["test"] = beside(
        lambda: ironhull(home, "test", IMAGE, "--engine", "sandbox"),
        lambda: ironhull(home, "test", IMAGE, "--engine", "podman"),
        max(3, runs // 2),
    )
    podman.remove(NAME)
    return figures


def beside(own: Callable[[], None], other: Callable[[], None], runs: int) -> dict[str, float]:
    """Medians of both, in turn, in seconds."""
    times: dict[str, list[float]] = {"sandbox": [], "podman": []}
    for _ in range(runs):
        for name, work in (("sandbox", own), ("podman", other)):
            began = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - began)
    sandbox, podman = (round(statistics.median(times[name]), 4) for name in times)
    return {"sandbox": sandbox, "podman": podman, "ratio": round(sandbox / podman, 4)}


def ironhull(home: Path, *words: str) -> None:
    subprocess.run(
        [Path(sys.executable).with_name("ironhull"), *words],
        env={**os.environ, "IRONHULL_HOME": str(home)},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    sys.exit(main())
