"""Scanning beside trivy, bringing advisories in, and rescanning a fleet, on this machine.

    python benchmarks/scan.py [--json] [--rounds 5] [--image DIR] [--fleet 1000]

Measured as whole processes: the import of a real export (`osv-debian-2025-02-12.zip`, time, peak
memory, size of the database); an update of a day, of which a hundred records changed; a scan of an
image that was looked into before, by Ironhull and by trivy with a database made from the same
export, in turns (median of the rounds); a rescan of stored inventories against the whole database.
Without --image the image has the package database of as many Debian packages as node:20 has (413),
of this machine or of the export. Ends with 1 if a goal of the project is missed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from outside.data import whole_file  # noqa: E402
from outside.tools import find  # noqa: E402
from outside.trivy import export_records, write_database  # noqa: E402

from ironhull.inventory.model import (  # noqa: E402
    Distribution,
    ImageIdentity,
    Inventory,
    Package,
)
from ironhull.oci.digest import Digest  # noqa: E402
from ironhull.state.inventories import InventoryStore  # noqa: E402

EXPORT = "osv-debian-2025-02-12.zip"
PACKAGES = 413
MB = 10**6

CHANGED = 100
"""Records of a day's update."""
GOALS = {
    "import_seconds": 1.36,
    "import_memory_mb": 300.0,
    "database_mb": 80.0,
    "day_seconds": 0.17,
    "scan_seconds": 0.17,
    "scan_of_trivy": 0.05,
    "rescan_seconds": 0.44,
    "rescan_memory_mb": 150.0,
}
"""At most; of an import 0.4 and of a day 0.05 of what a first import took before (3.4 s)."""


@dataclass(frozen=True)
class Run:
    """One process: seconds of the clock and of the processor, and peak memory in MB."""

    seconds: float
    cpu: float
    memory: float


def run(command: Sequence[str | Path], home: Path) -> Run:
    """Run a program to its end; its output is not kept."""
    environment = os.environ | {"IRONHULL_HOME": str(home)}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=environment,
        )
        # Of this process alone: what all children together used tells the largest one's memory.
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            text = said.read().decode()[-500:]
            raise SystemExit(f"{command[0]} ended with {process.returncode}: {text}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def ironhull(*arguments: str | Path) -> list[str | Path]:
    return [Path(sys.executable).with_name("ironhull"), *arguments]


def an_image(folder: Path, database: Path) -> Path:
    """A layout with one image of PACKAGES Debian packages."""
    status = Path("/var/lib/dpkg/status")
    stanzas = status.read_text().split("\n\n") if status.is_file() else []
    if len(stanzas) < PACKAGES:
        with sqlite3.connect(database) as connection:
            rows = connection.execute(
                "SELECT DISTINCT package FROM claim WHERE ecosystem = 'debian:12'"
            )
            stanzas = [
                f"Package: {name}\nStatus: install ok installed\n"
                "Architecture: amd64\nVersion: 1.0-1"
                for (name,) in rows
            ]
    # The kernel's headers are in every such image and have the most entries by far.
    stanzas.sort(key=lambda text: "Package: linux-libc-dev\n" not in text)
    files = {
        "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
        "etc/debian_version": "12.9\n",
        "var/lib/dpkg/status": "\n\n".join(stanzas[:PACKAGES]) + "\n",
    }
    return a_layout(folder / "image", files)


def a_layout(place: Path, files: dict[str, str]) -> Path:
    """An OCI layout with one image of one layer with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    kind = "application/vnd.oci.image"
    (place / "blobs/sha256").mkdir(parents=True)

    def put(data: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (place / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    layer = put(gzip.compress(buffer.getvalue()), f"{kind}.layer.v1.tar+gzip")
    diff_id = f"sha256:{hashlib.sha256(buffer.getvalue()).hexdigest()}"
    rootfs = {"type": "layers", "diff_ids": [diff_id]}
    config = {"architecture": "amd64", "os": "linux", "rootfs": rootfs}
    head = {"schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json"}
    described = put(json.dumps(config).encode(), f"{kind}.config.v1+json")
    manifest = json.dumps(head | {"config": described, "layers": [layer]}).encode()
    index = {"schemaVersion": 2, "manifests": [put(manifest, f"{kind}.manifest.v1+json")]}
    (place / "index.json").write_text(json.dumps(index))
    (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return place


def a_fleet(home: Path, database: Path, count: int) -> None:
    """Stored inventories of three releases, alike as a fleet is, with 200 to 300 packages each."""
    with sqlite3.connect(database) as connection:
        fixes: dict[tuple[str, str], list[str]] = {}
        for source, ecosystem, fixed in connection.execute(
            "SELECT package, ecosystem, coalesce(fixed, '1.0-1') FROM claim"
            " WHERE ecosystem IN ('debian:11', 'debian:12', 'debian:13')"
        ):
            fixes.setdefault((ecosystem, source), []).append(fixed)
    chance = random.Random(1)
    store = InventoryStore(home / "inventories")
    sources = {
        release: sorted(source for ecosystem, source in fixes if ecosystem == release)
        for release in ("debian:11", "debian:12", "debian:13")
    }
    bases = {
        release: [*chance.sample(names, 150), "linux", "glibc", "openssl"]
        for release, names in sources.items()
    }
    for number in range(count):
        release = chance.choice(list(sources))
        chosen = {
            *chance.sample(bases[release], 110),
            *chance.sample(sources[release], 20),
            "linux",
        }
        packages = []
        for source in sorted(chosen):
            version = chance.choice(sorted(set(fixes[release, source]))[:4])
            packages += [
                Package(
                    name=f"{source}-{part}",
                    version=version,
                    type="deb",
                    location="/var/lib/dpkg/status",
                    source=source,
                    source_version=version,
                )
                for part in ("bin", "data")
            ]
        digest = Digest(f"sha256:{number + 1:064x}")
        store.put(
            Inventory(
                ImageIdentity(f"app:{number}", "store", digest, digest),
                Distribution("debian", release.partition(":")[2]),
                tuple(packages),
            )
        )


def measure(
    work: Path, export: Path, rounds: int, image: Path | None, fleet: int
) -> dict[str, float]:
    home = work / "home"
    database = home / "advisories/advisories.sqlite"
    figures: dict[str, float] = {}
    imports = []
    for _ in range(min(rounds, 3)):
        shutil.rmtree(home, ignore_errors=True)
        imports.append(
            run(ironhull("advisories", "update", "-q", "--source", f"osv-debian={export}"), home)
        )
    figures["import_seconds"] = statistics.median(each.seconds for each in imports)
    figures["import_cpu_seconds"] = statistics.median(each.cpu for each in imports)
    figures["import_memory_mb"] = max(each.memory for each in imports)
    figures["database_mb"] = database.stat().st_size / MB
    figures |= a_day(work, export, rounds)
    figures |= scans(work, export, image or an_image(work, database), rounds)
    a_fleet(home, database, fleet)
    command = ironhull("rescan", "--all", "--json", "--max-age", "0")
    run(command, home)
    again = [run(command, home) for _ in range(rounds)]
    figures["rescan_images"] = fleet
    figures["rescan_seconds"] = statistics.median(each.seconds for each in again)
    figures["rescan_cpu_seconds"] = statistics.median(each.cpu for each in again)
    figures["rescan_memory_mb"] = max(each.memory for each in again)
    return figures


def write_day(export: Path, day: Path) -> None:
    """CHANGED records of an export, as they would come a day later."""
    with zipfile.ZipFile(export) as whole, zipfile.ZipFile(day, "w", zipfile.ZIP_DEFLATED) as some:
        names = [name for name in whole.namelist() if name.endswith(".json")]
        for name in names[:: len(names) // CHANGED][:CHANGED]:
            record = json.loads(whole.read(name)) | {"modified": "2025-02-13T00:00:00Z"}
            some.writestr(name, json.dumps(record))


def a_day(work: Path, export: Path, rounds: int) -> dict[str, float]:
    """An update of single records, each time on the database as the import left it."""
    home, day, kept = work / "home", work / "day.zip", work / "kept.sqlite"
    database = home / "advisories/advisories.sqlite"
    write_day(export, day)
    shutil.copy(database, kept)
    runs = []
    for _ in range(rounds):
        shutil.copy(kept, database)
        source = f"osv-debian={day}"
        runs.append(
            run(ironhull("advisories", "update", "-q", "--delta", "--source", source), home)
        )
    shutil.copy(kept, database)
    return {
        "day_records": CHANGED,
        "day_seconds": statistics.median(each.seconds for each in runs),
        "day_cpu_seconds": statistics.median(each.cpu for each in runs),
    }


def scans(work: Path, export: Path, image: Path, rounds: int) -> dict[str, float]:
    """Ironhull and trivy in turns, so that what else the machine does hits both alike."""
    home = work / "home"
    ours = ironhull("scan", image, "--json", "--max-age", "0")
    trivy = find("trivy")
    theirs: list[str | Path] = []
    run(ours, home)
    if trivy is not None:
        cache = work / "trivy"
        write_database(cache, export_records(export))
        theirs = [trivy, "image", "--cache-dir", cache, "--scanners", "vuln", "--skip-db-update",
                  "--offline-scan", "--format", "json", "--quiet", "--input", image]  # fmt: skip
        run(theirs, home)
    own, other = [], []
    for _ in range(rounds):
        own.append(run(ours, home))
        if theirs:
            other.append(run(theirs, home))
    figures = {
        "scan_seconds": statistics.median(each.seconds for each in own),
        "scan_cpu_seconds": statistics.median(each.cpu for each in own),
    }
    if other:
        figures["trivy_seconds"] = statistics.median(each.seconds for each in other)
        figures["scan_of_trivy"] = figures["scan_seconds"] / figures["trivy_seconds"]
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--fleet", type=int, default=1000)
    options = parser.parse_args()
    export = whole_file(EXPORT)
    if export is None:
        raise SystemExit(f"{EXPORT} is not here: outside/data.py says where it is looked for")
    with tempfile.TemporaryDirectory(prefix="ironhull-scan-") as folder:
        figures = measure(Path(folder), export, options.rounds, options.image, options.fleet)
    missed = [name for name, goal in GOALS.items() if name in figures and figures[name] > goal]
    if options.json:
        value: dict[str, Any] = {**figures, "limits": GOALS, "missed": missed}
        print(json.dumps(value, indent=2))
    else:
        for name, figure in figures.items():
            goal = f"  (goal: at most {GOALS[name]})" if name in GOALS else ""
            print(f"{name:<22} {figure:>10.3f}{goal}{'  MISSED' if name in missed else ''}")
        if "trivy_seconds" not in figures:
            print("trivy is not here (.ci/tools trivy): not compared")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
