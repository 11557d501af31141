"""How long a Packages index takes to read, the first time and later, beside what it must take.

`python benchmarks/archive.py [--json] [--runs N]`: medians, each run in a process of its own.

first    an empty cache: release file and Packages.xz from a copy on this disk, checked and indexed
mirror   the same from the mirror that is configured, with its network
later    index in the cache: open it, look up 300 names and who provides 300 names
floor    `xz -dc` of the same Packages.xz: what nobody can do without
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

from ironhull.archive.debian import ArchiveContext, load_releases, open_archive
from ironhull.archive.interface import Repository
from ironhull.archive.mirror import find_repositories
from ironhull.archive.transfer import Transfer
from ironhull.oci.digest import hex_of
from ironhull.oci.platform import Architecture
from ironhull.transport.network import network_of

FIRST_LIMIT = 2.5
LATER_LIMIT = 0.1
NAMES = 300
AMD64 = Architecture("amd64")


@dataclass
class Figures:
    packages: int
    text_bytes: int
    first: float
    first_process: float
    mirror: float
    later: float
    later_process: float
    floor: float
    runs: int
    load: float
    """Of the machine for the last minute, before the runs: above 1 the times say little."""

    @property
    def good(self) -> bool:
        return (
            self.first <= FIRST_LIMIT and self.mirror <= FIRST_LIMIT and self.later <= LATER_LIMIT
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("CACHE", "URI"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(Path(options.child[0]), options.child[1])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.runs)
    if options.json:
        limits = {"first": FIRST_LIMIT, "mirror": FIRST_LIMIT, "later": LATER_LIMIT}
        print(json.dumps({**asdict(figures), "limits": limits, "good": figures.good}))
    else:
        show(figures)
    return 0 if figures.good else 1


def trixie(uri: str | None = None) -> Repository:
    """The main repository's release suite alone."""
    found = replace(
        find_repositories("debian-13", mirror=os.environ.get("IRONHULL_MIRROR"))[0],
        suites=("trixie",),
    )
    return found if uri is None else replace(found, uri=uri)


def child(cache: Path, uri: str) -> dict[str, float]:
    """One run in this process: times of opening, and of opening and asking."""
    context = ArchiveContext(cache)
    began = time.perf_counter()
    archive = open_archive(load_releases([trixie(uri)], context), AMD64, context)
    opened = time.perf_counter() - began
    archive.close()
    names = list(archive_names(cache, uri))
    began = time.perf_counter()
    offline = replace(context, offline=True)
    archive = open_archive(load_releases([trixie(uri)], offline), AMD64, offline)
    for name in names[:: max(1, len(names) // NAMES)][:NAMES]:
        archive.versions(name)
        archive.providers(name)
    later = time.perf_counter() - began
    archive.close()
    return {"first": opened, "later": later, "packages": len(names)}


def archive_names(cache: Path, uri: str) -> list[str]:
    context = ArchiveContext(cache, offline=True)
    archive = open_archive(load_releases([trixie(uri)], context), AMD64, context)
    names = archive.names()
    archive.close()
    return names


def run_child(cache: Path, uri: str) -> tuple[dict[str, float], float]:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(cache), uri], check=True, capture_output=True
    )
    return json.loads(done.stdout), time.perf_counter() - began


def measure(folder: Path, runs: int) -> Figures:
    load = round(os.getloadavg()[0], 2)
    uri = trixie().uri
    copy, packages, size = local_copy(folder)
    times: dict[str, list[float]] = {}
    count = 0.0
    for run in range(runs):
        cache = folder / f"cache{run}"
        figures, _ = run_child(folder / f"net{run}", uri)
        times.setdefault("mirror", []).append(figures["first"])
        figures, process = run_child(cache, copy)
        times.setdefault("first", []).append(figures["first"])
        times.setdefault("first_process", []).append(process - figures["later"])
        figures, process = run_child(cache, copy)
        times.setdefault("later", []).append(figures["later"])
        times.setdefault("later_process", []).append(process)
        began = time.perf_counter()
        subprocess.run(["xz", "-dc", packages], check=True, stdout=subprocess.DEVNULL)
        times.setdefault("floor", []).append(time.perf_counter() - began)
        count = figures["packages"]
        shutil.rmtree(cache)
        shutil.rmtree(folder / f"net{run}")
    medians = {name: round(statistics.median(values), 3) for name, values in times.items()}
    return Figures(packages=int(count), text_bytes=size, runs=runs, load=load, **medians)


def local_copy(folder: Path) -> tuple[str, Path, int]:
    """A mirror on disk of the release file and the one index; its address, the index, its size."""
    context = ArchiveContext(folder / "cache")
    (release,) = load_releases([trixie()], context)
    path = "main/binary-amd64/Packages.xz"
    file = release.release.files[path]
    root = folder / "mirror" / "dists" / "trixie"
    by_hash = root / "main/binary-amd64/by-hash/SHA256" / hex_of(file.digest)
    by_hash.parent.mkdir(parents=True)
    transfer = Transfer(network=network_of(os.environ))
    base = f"{trixie().uri}/dists/trixie"
    for target, url, limit in (
        (root / "InRelease", f"{base}/InRelease", 1 << 24),
        (by_hash, f"{base}/{path}", file.size),
    ):
        with target.open("wb") as out:
            transfer.get(url, out.write, limit=limit)
    text = release.release.files["main/binary-amd64/Packages"].size
    return (folder / "mirror").as_uri(), by_hash, text


def show(figures: Figures) -> None:
    print(
        f"trixie main amd64: {figures.packages} packages, {figures.text_bytes / 1e6:.1f} MB of"
        f" text; medians of {figures.runs} runs, seconds; load before: {figures.load}\n"
    )
    rows = [
        ("first reading, from disk", figures.first, FIRST_LIMIT),
        ("first reading, from the mirror", figures.mirror, FIRST_LIMIT),
        (f"later: open, {NAMES} names, {NAMES} providers", figures.later, LATER_LIMIT),
        ("first reading, whole process", figures.first_process, None),
        ("floor: xz -dc of the same file", figures.floor, None),
    ]
    for name, seconds, limit in rows:
        verdict = (
            "" if limit is None else f"at most {limit}: {'good' if seconds <= limit else 'BAD'}"
        )
        print(f"{name:44} {seconds:6.3f}   {seconds / figures.floor:5.2f} x floor   {verdict}")


if __name__ == "__main__":
    sys.exit(main())
