"""What a cache of layers saves a second machine, beside one that makes every layer itself.

`python benchmarks/layer_cache.py [--json] [--runs N] [--image NAME]`: whole builds of an image of
the catalog (node:20) in homes that are new each time, by one lock, in turn; medians.

alone   no cache: packages from the mirror, each layer made here
gives   the first machine with a cache: the same, and each layer is signed and put there
takes   the second machine: each layer is found there by its key

The cache is a repository of `ironhull serve`; `up` and `down` are bytes of bodies that it was sent
and gave, `made` how many layers a machine made. A ratio is of processor time (user and system, all
processes of the build) to `alone`. Exit code 1 if a target is missed.
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
sys.path[:0] = [str(ROOT), str(FOLDER)]

import chunked  # noqa: E402

IMAGE = "node:20"
RUNS = 3
LIMITS = {"takes.made": 0, "takes.up": 0, "takes.ratio": 0.2}


@dataclass(frozen=True)
class Run:
    """Of one machine: seconds of clock and processor, layers, bytes to the cache and from it."""

    seconds: float
    cpu: float
    made: int
    up: int = 0
    down: int = 0
    ratio: float = 1.0


class Bench:
    def __init__(self, folder: Path, image: str) -> None:
        self.folder, self.image = folder, image
        self.catalog = folder / "images"
        shutil.copytree(ROOT / "images", self.catalog)
        for lock in self.catalog.rglob("*.lock.json"):
            lock.unlink()
        # The lock that all machines build by.
        self.build(folder / "first")

    def build(self, home: Path, **more: str) -> Run:
        environment = {
            **os.environ, "IRONHULL_HOME": str(home), "IRONHULL_CATALOG": str(self.catalog), **more,
        }  # fmt: skip
        words = ["build", self.image, "--platform", "linux/amd64", "--no-attest", "--json"]
        began = time.perf_counter()
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [chunked.IRONHULL, *words], env=environment, stdout=said, stderr=subprocess.DEVNULL
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"a build in {home} ended with {process.returncode}")
            said.seek(0)
            built: dict[str, int] = json.loads(said.read())
        return Run(seconds, used.ru_utime + used.ru_stime, built["layers_made"])

    def round(self, number: int) -> dict[str, Run]:
        """All three machines, new ones; the cache is empty at first."""
        homes = {name: self.folder / f"{name}-{number}" for name in ("alone", "gives", "takes")}
        place = self.folder / f"cache-{number}"
        place.mkdir()
        chunked.ironhull(homes["gives"], "key", "generate", "--no-passphrase")
        key = self.folder / "team.pub"
        key.write_bytes(
            subprocess.run(
                [chunked.IRONHULL, "key", "public"], check=True, stdout=subprocess.PIPE,
                env={**os.environ, "IRONHULL_HOME": str(homes["gives"])},
            ).stdout
        )  # fmt: skip
        runs = {"alone": self.build(homes["alone"])}
        with chunked.serving(place) as server:
            cache = {
                "IRONHULL_LAYER_CACHE": f"{server.host}/team/layers",
                "IRONHULL_LAYER_CACHE_KEY": str(key),
            }
            for name in ("gives", "takes"):
                up, down = server.moved("received"), server.moved("sent")
                run = self.build(homes[name], **cache)
                moved = server.moved("received") - up, server.moved("sent") - down
                runs[name] = replace(run, up=moved[0], down=moved[1])
        for left in (*homes.values(), place):
            shutil.rmtree(left)
        return runs


def median(rounds: list[dict[str, Run]], name: str) -> Run:
    runs = [each[name] for each in rounds]
    return Run(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu for run in runs),
        max(run.made for run in runs),
        max(run.up for run in runs),
        max(run.down for run in runs),
        statistics.median(each[name].cpu / each["alone"].cpu for each in rounds),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--image", default=IMAGE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ih-layers-") as folder:
        bench = Bench(Path(folder), options.image)
        rounds = [bench.round(number) for number in range(options.runs)]
    figures = {name: asdict(median(rounds, name)) for name in ("alone", "gives", "takes")}
    missed = [
        name
        for name, limit in LIMITS.items()
        if figures[name.split(".")[0]][name.split(".")[1]] > limit
    ]
    if options.json:
        print(json.dumps({**figures, "image": options.image, "limits": LIMITS, "missed": missed}))
    else:
        for name, figure in figures.items():
            print(f"{name:6}", "  ".join(f"{key} {value:.4g}" for key, value in figure.items()))
        print(*(f"missed: {name}" for name in missed), sep="\n")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
