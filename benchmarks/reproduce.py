"""Builds every image of the catalog, and each again from nothing but its signed provenance.

`python benchmarks/reproduce.py [--json] [NAME:TAG…]`: images are built and signed in one home,
copied into a layout, and reproduced by another home that never saw them. The packages are shared
between both, by digest, so that the mirror is asked once. Every platform has to come out equal.
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
from pathlib import Path
from typing import Any

from ironhull.definition.catalog import Catalog

ROOT = Path(__file__).parents[1]


def ironhull(home: Path, catalog: Path, *words: str | Path) -> Any:
    """A verb's JSON."""
    environment = os.environ | {"IRONHULL_HOME": str(home), "IRONHULL_CATALOG": str(catalog)}
    done = subprocess.run(
        [sys.executable, "-m", "ironhull.cli", *map(str, words)],
        env=environment, check=False, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(map(str, words))} ended with {done.returncode}")
    return json.loads(done.stdout) if "--json" in words else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="*", metavar="NAME:TAG")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.images or [
        f"{entry.image}:{entry.stem}" for entry in Catalog(ROOT / "images").all()
    ]
    with tempfile.TemporaryDirectory(prefix="ih-reproduce-") as folder:
        result = in_folder(Path(folder), names)
    print(json.dumps(result, indent=None if options.json else 2))
    return int(not result["good"])


def in_folder(folder: Path, names: list[str]) -> dict[str, Any]:
    maker, stranger = folder / "maker", folder / "stranger"
    catalog = folder / "images"
    shutil.copytree(ROOT / "images", catalog, ignore=shutil.ignore_patterns("*.lock.json"))
    ironhull(maker, catalog, "key", "generate", "--no-passphrase")
    (stranger / "cache").mkdir(parents=True)
    (maker / "cache/packages").mkdir(parents=True)
    (stranger / "cache/packages").symlink_to(maker / "cache/packages")
    equal, different, seconds = 0, [], 0.0
    for name in names:
        ironhull(maker, catalog, "build", name, "--no-attest", "--json")
        ironhull(maker, catalog, "attest", name, "--type", "signature", "--type", "provenance",
                 "--json")  # fmt: skip
        layout = folder / "layout"
        ironhull(maker, catalog, "copy", name, f"oci:{layout}:image", "--json")
        began = time.perf_counter()
        done = ironhull(stranger, folder / "none", "reproduce", f"oci:{layout}:image",
                        "--key", maker / "keys/ironhull.pub", "--json")  # fmt: skip
        seconds += time.perf_counter() - began
        for platform in done["platforms"]:
            print(f"{name} {platform['platform']}: {platform['equal']}", file=sys.stderr)
            equal += platform["equal"]
            if not platform["equal"]:
                different.append(f"{name} {platform['platform']}")
        shutil.rmtree(layout)
    return {
        "images": len(names),
        "platforms_equal": equal,
        "platforms_different": different,
        "seconds": seconds,
        "good": not different and equal > 0,
    }


if __name__ == "__main__":
    sys.exit(main())
