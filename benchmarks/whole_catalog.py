"""The whole catalog on both platforms: from cached packages, and once more with nothing changed.

`python benchmarks/whole_catalog.py [--json] [--home HOME] [NAME:TAG…]`: one call of
`ironhull build` for all images, amd64 and arm64, without signatures. First a home is filled,
unmeasured: it locks the images and fetches what they need. HOME names one that has packages
already. Needs up to 15 GB of disk in TMPDIR; without names it takes some ten minutes.

cold      seconds in another home with the same packages and locks, no layer made, offline
again     seconds of the same call at once afterwards
cpu       seconds of processor time of the cold build, all CPUs together
memory    megabytes that the cold build held resident at its largest
same      images and platforms whose digests are those of the home that was filled; `different`
          names the others
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironhull.definition.catalog import Catalog

ROOT = Path(__file__).parents[1]
IRONHULL = ROOT / ".venv/bin/ironhull"
LIMITS = {"cold": 240.0, "again": 3.0, "memory": 200.0, "different": 0.0}


@dataclass(frozen=True, slots=True)
class Made:
    """A call of `ironhull build`."""

    digests: dict[str, str]
    """Of each `NAME:TAG OS/CPU`."""
    layers: int
    seconds: float
    cpu: float
    memory: float
    """Megabytes."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME:TAG")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    every = [f"{entry.image}:{entry.stem}" for entry in Catalog(ROOT / "images").all()]
    with tempfile.TemporaryDirectory(prefix="ih-whole-") as folder:
        result = measured(Path(folder), options.names or every, options.home)
    print(json.dumps(result, indent=None if options.json else 2))
    return int(not result["good"])


def measured(folder: Path, names: list[str], home: Path | None) -> dict[str, Any]:
    shutil.copytree(
        ROOT / "images", folder / "images", ignore=shutil.ignore_patterns("*.lock.json")
    )
    first = build(folder, "first", names, "--update", packages=home)
    # Its packages and locks are what the next one needs.
    shutil.rmtree(folder / "first/store")
    shutil.rmtree(folder / "first/cache/layers", ignore_errors=True)
    cold = build(folder, "cold", names, "--locked", "--offline", packages=folder / "first")
    again = build(folder, "cold", names, "--locked", "--offline")
    if again.layers:
        raise SystemExit(f"{again.layers} layers were made again, with nothing changed")
    different = [name for name, digest in cold.digests.items() if digest != first.digests[name]]
    for name in different:
        print(f"{name} has another digest", file=sys.stderr)
    figures: dict[str, Any] = {
        "images": len(names),
        "platforms": len(cold.digests),
        "layers": cold.layers,
        "cold": round(cold.seconds, 1),
        "again": round(again.seconds, 2),
        "cpu": round(cold.cpu, 1),
        "memory": round(cold.memory, 1),
        "same": len(cold.digests) - len(different),
        "different": len(different),
    }
    missed = [name for name, limit in LIMITS.items() if figures[name] > limit]
    return {**figures, "limits": LIMITS, "missed": missed, "good": not missed}


def build(
    folder: Path, name: str, images: list[str], *words: str, packages: Path | None = None
) -> Made:
    """One call in the home of that name, which gets the packages of another as links."""
    home = folder / name
    if packages:
        shutil.copytree(
            packages / "cache/packages", home / "cache/packages", copy_function=linked,
            ignore=shutil.ignore_patterns(".*"),
        )  # fmt: skip
    began = time.perf_counter()
    process = subprocess.Popen(
        [IRONHULL, "build", *images, *words, "--no-attest", "--json"],
        env=os.environ | {"IRONHULL_HOME": str(home), "IRONHULL_CATALOG": str(folder / "images")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the build in {name} ended with {process.returncode}")
    value = json.loads(said)
    digests = {
        f"{asked} {platform['platform']}": platform["digest"]
        for asked, image in zip(images, value["images"], strict=True)
        for platform in image["platforms"]
    }
    cpu = used.ru_utime + used.ru_stime
    return Made(digests, value["layers_made"], seconds, cpu, used.ru_maxrss / 1024)


def linked(source: str, target: str) -> None:
    """A hard link, or a copy on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


if __name__ == "__main__":
    sys.exit(main())
