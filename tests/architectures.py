"""The images that everything else stands on, for the architectures that the catalog does not name.

    python -m tests.architectures [NAME:TAG…]

Debian 13 has packages for more machines than the catalog's definitions are built for. This builds
static, debian-base, node and python for these too, from a copy of the definitions in which only the
list of platforms is another: each has to resolve, to build, and to pass the static check.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLATFORMS = ("linux/arm/v7", "linux/ppc64le", "linux/s390x", "linux/riscv64")
IMAGES = ("static:13", "debian-base:13", "node:20", "python:3.13")
LISTED = "platforms:\n  - linux/amd64\n  - linux/arm64\n"


def main(names: list[str]) -> int:
    """Build them all; gives how many did not hold."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ironhull-architectures-") as scratch:
        images = Path(scratch) / "images"
        shutil.copytree(ROOT / "images", images, ignore=shutil.ignore_patterns("*.lock.json"))
        shared = images / "_shared/debian-13.yaml"
        text = shared.read_text()
        for platform in PLATFORMS:
            # A lock is of all platforms of a definition: of one, so that each stands for itself.
            shared.write_text(text.replace(LISTED, f"platforms:\n  - {platform}\n"))
            for name in names or IMAGES:
                done = subprocess.run(
                    [ROOT / ".venv/bin/ironhull", "build", name, "--platform", platform, "--update",
                     "--no-attest"],
                    env={**os.environ, "IRONHULL_CATALOG": str(images)},
                    check=False, capture_output=True, text=True,
                )  # fmt: skip
                failed += done.returncode != 0
                print(f"{'FAILS' if done.returncode else 'holds'}  {name}  {platform}", flush=True)
                if done.returncode:
                    print(done.stderr[-2000:])
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
