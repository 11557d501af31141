"""How long a comparison takes, of known images and of foreign ones beside syft.

`python benchmarks/compare.py [--json] [--runs N] [--archives A B]`: medians of whole processes,
in turn, so that a busy machine is busy for all.

known    two images whose inventories are stored, with a full Debian database: to JSON and to HTML
foreign  two docker archives of about 250 MB of which nothing is known
syft     `syft scan` of the larger one of the two

The advisories are those of OSV's export of 2025-02-12 (outside/data.py says where it is looked
for); without it the comparison has no vulnerabilities, and says so.
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
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from outside.data import whole_file
from outside.mirror import suite_lines
from outside.tools import find

KNOWN_LIMIT = 0.6
"""Seconds."""
FOREIGN_LIMIT = 0.35
"""Times of syft for one of the two."""
LIMITS = {"known_*": KNOWN_LIMIT, "ratio": FOREIGN_LIMIT}
PACKAGES = {
    "one": "python3,python3-requests,python3-yaml,nodejs,node-semver,ruby",
    "two": "python3,python3-lxml,nodejs,node-semver,perl,php-cli",
}
RUNS = 5


@dataclass
class Figures:
    bytes: list[int]
    findings: list[int | None]
    known_json: float
    known_html: float
    foreign: float
    syft: float
    ratio: float
    load: float
    """Of the machine for the last minute, before the runs."""

    @property
    def good(self) -> bool:
        return max(self.known_json, self.known_html) <= KNOWN_LIMIT and self.ratio <= FOREIGN_LIMIT


def make_archive(folder: Path, name: str) -> Path:
    """A root file system by mmdebstrap, imported and saved by podman with storage of its own."""
    sources, tar, archive = (
        folder / "sources.list",
        folder / f"{name}.tar",
        folder / f"{name}-image.tar",
    )
    sources.write_text(suite_lines("bookworm"))
    subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES[name]}"),
            *("bookworm", tar, sources),
        ],
        check=True,
    )
    podman = ["podman", f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}"]
    image = f"localhost/{name}:1"
    for words in (
        ("import", "--quiet", tar, image),
        ("save", "--quiet", "-o", archive, image),
        ("rmi", "--force", image),
    ):
        subprocess.run([*podman, *words], check=True, stdout=subprocess.DEVNULL)
    tar.unlink()
    return archive


def seconds(command: Sequence[str | Path], environment: dict[str, str], output: Path) -> float:
    start = time.perf_counter()
    with output.open("wb") as file:
        subprocess.run(command, stdout=file, check=True, env=environment)
    return time.perf_counter() - start


def measure(archives: Sequence[Path], syft: Path, folder: Path, runs: int) -> Figures:
    load, home, out = os.getloadavg()[0], folder / "home", folder / "out"
    environment = {**os.environ, "IRONHULL_HOME": str(home), "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    ironhull = [sys.executable, "-m", "ironhull.cli"]
    if export := whole_file("osv-debian-2025-02-12.zip"):
        source = f"osv-debian={export}"
        update = [*ironhull, "advisories", "update", "--quiet", "--source", source]
        seconds(update, environment, out)
    compare = [*ironhull, "compare", *map(str, archives), "--max-age", "0", "--quiet"]
    theirs = [syft, "scan", "-q", f"docker-archive:{max(archives, key=size)}", "-o", "syft-json"]
    names = [f"{number}.json" for number in range(len(archives))]
    known = [*ironhull, "compare", *(str(folder / name) for name in names), "--max-age", "0"]
    times: dict[str, list[float]] = {"foreign": [], "syft": [], "json": [], "html": []}
    for _ in range(runs):
        for kept in ("inventories", "cache"):
            shutil.rmtree(home / kept, ignore_errors=True)
        times["foreign"].append(seconds([*compare, "--json"], environment, out))
        times["syft"].append(seconds(theirs, environment, folder / "syft.json"))
    found = json.loads(out.read_bytes())
    stored = sorted((home / "inventories").glob("*.json"))
    for path, name in zip(stored, names, strict=True):
        shutil.copy(path, folder / name)
    for _ in range(runs):
        times["json"].append(seconds([*known, "--json"], environment, out))
        times["html"].append(seconds([*known, "--format", "html"], environment, out))
    median = {name: statistics.median(values) for name, values in times.items()}
    return Figures(
        bytes=[size(archive) for archive in archives],
        findings=[image["figures"]["vulnerabilities.raw"] for image in found["images"]],
        known_json=median["json"],
        known_html=median["html"],
        foreign=median["foreign"],
        syft=median["syft"],
        ratio=median["foreign"] / median["syft"],
        load=load,
    )


def size(path: Path) -> int:
    return path.stat().st_size


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--archives", type=Path, nargs=2, help="image archives to read instead")
    options = parser.parse_args()
    syft = find("syft")
    if syft is None:
        print("needs syft (to get it: .ci/tools syft)", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="ironhull-benchmark-") as name:
        folder = Path(name)
        archives = options.archives or [make_archive(folder, each) for each in PACKAGES]
        figures = measure(archives, syft, folder, options.runs)
    if options.json:
        print(json.dumps(asdict(figures) | {"limits": LIMITS, "good": figures.good}, indent=2))
        return 0 if figures.good else 1
    sizes = " and ".join(f"{each / 1e6:.0f} MB" for each in figures.bytes)
    print(f"archives {sizes}, findings {figures.findings}, load {figures.load:.1f}")
    print(
        f"known    {figures.known_json:5.2f} s to JSON, {figures.known_html:5.2f} s to HTML"
        f" (limit {KNOWN_LIMIT} s)"
    )
    print(
        f"foreign  {figures.foreign:5.2f} s for both, syft {figures.syft:5.2f} s for one:"
        f" {figures.ratio:.2f} (limit {FOREIGN_LIMIT})"
    )
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
