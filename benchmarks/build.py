"""How long building node:20 takes, beside a peer and beside what nobody can do without.

`python benchmarks/build.py [--json] [--runs N]`: medians, side by side in one run, amd64, whole
processes. Exit code 1 if a limit is passed.

cold    packages in the cache, no layer made yet
peer    mmdebstrap with the same packages from a folder, then zstd at our level. Its variant is
        `extract`: `custom` runs dpkg in the new root, which has none, and would do more work
floor   C tools: xz -dc of each data member, sha256 of the tar, zstd, sha256 of the layer; as many
        at a time as there are CPUs
same    nothing changed
small   one small package has no layer yet
memory  the largest resident set of a cold build of each image of the catalog
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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

from ironhull.definition.catalog import Catalog
from ironhull.lock.file import lock_path, read_lock
from ironhull.lock.model import LockedPackage

ROOT = Path(__file__).parents[1]
IRONHULL = ROOT / ".venv/bin/ironhull"
LEVEL = 8
SMALL = "zlib1g"
LIMITS = {
    "cold_to_peer": 0.6,
    "cold_to_floor": 1.25,
    "same": 0.35,
    "small": 0.6,
    "memory.*": 200.0,
}


@dataclass
class Figures:
    cold: float
    """Seconds, like all that follow but memory and the ratios."""
    peer: float
    floor: float
    same: float
    small: float
    cold_to_peer: float
    cold_to_floor: float
    memory: dict[str, float]
    """10^6 bytes by image."""
    runs: int
    load: float
    """Of the machine before the runs: above 1 the times say little."""

    def passed(self) -> list[str]:
        found = {**asdict(self), "memory.*": max(self.memory.values())}
        return [name for name, limit in LIMITS.items() if found[name] > limit]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = Bench(Path(folder)).measure(options.runs)
    if options.json:
        print(json.dumps({**asdict(figures), "limits": LIMITS}))
    else:
        show(figures)
    return 1 if figures.passed() else 0


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.images = folder / "images"
        shutil.copytree(ROOT / "images", self.images)
        for lock in self.images.rglob("*.lock.json"):
            lock.unlink()
        self.environment = {
            **os.environ, "IRONHULL_HOME": str(self.home), "IRONHULL_CATALOG": str(self.images),
        }  # fmt: skip

    def measure(self, runs: int) -> Figures:
        load = os.getloadavg()[0]
        self.build("node:20")
        packages = self.packages()
        repository = self.repository(packages)
        members = self.members(packages)
        timings: dict[str, list[float]] = {}
        for _ in range(runs):
            for name, work in (
                ("cold", self.cold),
                ("peer", lambda: self.peer(repository, packages)),
                ("floor", lambda: self.floor(members)),
                ("same", self.same),
                ("small", self.small),
            ):
                timings.setdefault(name, []).append(work())
        median = {name: round(statistics.median(times), 3) for name, times in timings.items()}
        return Figures(
            **median,
            cold_to_peer=round(median["cold"] / median["peer"], 3),
            cold_to_floor=round(median["cold"] / median["floor"], 3),
            memory=self.memory(),
            runs=runs,
            load=round(load, 2),
        )

    def build(self, image: str, *more: str) -> dict[str, Any]:
        made = subprocess.run(
            [IRONHULL, "build", image, "--platform", "linux/amd64", "--json", *more],
            env=self.environment, check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        value: dict[str, Any] = json.loads(made.stdout)
        return value

    def packages(self) -> list[LockedPackage]:
        lock = read_lock(lock_path(Catalog(self.images).find("node:20")))
        return list(lock.platforms["linux/amd64"].packages)

    def deb(self, package: LockedPackage) -> Path:
        return self.home / "cache/packages/sha256" / package.sha256[7:]

    def forget_layers(self) -> None:
        for name in ("store", "cache/layers", "cache/images"):
            shutil.rmtree(self.home / name, ignore_errors=True)

    def cold(self) -> float:
        self.forget_layers()
        return timed(lambda: self.build("node:20"))

    def same(self) -> float:
        return timed(lambda: self.build("node:20"))

    def small(self) -> float:
        for path in (self.home / "cache/layers").iterdir():
            record = json.loads(path.read_bytes())
            if [part["name"] for part in record["parts"]] == [SMALL]:
                digest = record["descriptor"]["digest"][7:]
                (self.home / "store/blobs/sha256" / digest).unlink()
                path.unlink()
        shutil.rmtree(self.home / "cache/images")
        made: dict[str, Any] = {}
        seconds = timed(lambda: made.update(self.build("node:20")))
        if made["layers_made"] != 1:
            raise SystemExit(f"expected to make the layer of {SMALL}, made {made}")
        return seconds

    def repository(self, packages: list[LockedPackage]) -> Path:
        """A folder that apt takes packages from; without Depends, as some are kept out."""
        folder = self.folder / "repository"
        folder.mkdir()
        stanzas = []
        for package in packages:
            data = self.deb(package).read_bytes()
            name = f"{package.name}_{package.version.replace(':', '%3a')}.deb"
            (folder / name).write_bytes(data)
            stanzas.append(
                f"Package: {package.name}\nVersion: {package.version}\n"
                f"Architecture: {package.architecture}\nMaintainer: a <a@example.org>\n"
                f"Filename: ./{name}\nSize: {len(data)}\nSHA256: {sha256(data).hexdigest()}\n"
                f"MD5sum: {md5(data, usedforsecurity=False).hexdigest()}\nDescription: -\n"
            )
        (folder / "Packages").write_text("\n".join(stanzas))
        return folder

    def peer(self, repository: Path, packages: list[LockedPackage]) -> float:
        tar = self.folder / "peer.tar"
        names = ",".join(package.name for package in packages)

        def work() -> None:
            subprocess.run(
                ["mmdebstrap", "--mode=root", "--variant=extract", "--quiet",
                 f"--include={names}", "", tar, f"deb [trusted=yes] copy:{repository} ./"],
                check=True,
            )  # fmt: skip
            subprocess.run(["zstd", f"-{LEVEL}", "-qf", tar, "-o", f"{tar}.zst"], check=True)

        return timed(work)

    def members(self, packages: list[LockedPackage]) -> list[Path]:
        """The data member of each package, largest first."""
        folder = self.folder / "members"
        folder.mkdir()
        found = []
        for package in packages:
            path = folder / f"{package.name}.tar.xz"
            with path.open("wb") as file:
                subprocess.run(
                    ["ar", "p", self.deb(package), "data.tar.xz"], check=True, stdout=file
                )
            found.append(path)
        return sorted(found, key=lambda path: -path.stat().st_size)

    def floor(self, members: list[Path]) -> float:
        def one(path: Path) -> None:
            subprocess.run(
                ["sh", "-c", f'xz -dc "$1" > "$1.t" && sha256sum "$1.t" > "$1.s" && '
                 f'zstd -{LEVEL} -qf "$1.t" -o "$1.z" && sha256sum "$1.z" > "$1.s"', "sh", path],
                check=True,
            )  # fmt: skip

        def work() -> None:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(one, members))

        return timed(work)

    def memory(self) -> dict[str, float]:
        """Each image is locked and fetched first; then its layers are made from the cache."""
        found = {}
        for entry in Catalog(self.images).all():
            self.build(str(entry.path))
            self.forget_layers()
            found[str(entry)] = round(self.peak(entry.path) / 1e6, 1)
        return found

    def peak(self, image: Path) -> int:
        """Bytes of the largest resident set of one build."""
        code = (
            "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
            "stdout=subprocess.DEVNULL); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        made = subprocess.run(
            [sys.executable, "-c", code, IRONHULL, "build", image,
             "--platform", "linux/amd64", "--json"],
            env=self.environment, check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        return int(made.stdout) * 1024


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def show(figures: Figures) -> None:
    print(f"node:20, amd64, {os.cpu_count()} CPUs, medians of {figures.runs}, load {figures.load}")
    print(f"  cold   {figures.cold:6.2f} s")
    print(f"  peer   {figures.peer:6.2f} s   cold is {figures.cold_to_peer:.2f} of it")
    print(f"  floor  {figures.floor:6.2f} s   cold is {figures.cold_to_floor:.2f} of it")
    print(f"  same   {figures.same:6.2f} s")
    print(f"  small  {figures.small:6.2f} s")
    name, peak = max(figures.memory.items(), key=lambda item: item[1])
    print(f"  memory {peak:6.0f} MB at most ({name})")
    for limit in figures.passed():
        print(f"  LIMIT PASSED: {limit}")


if __name__ == "__main__":
    sys.exit(main())
