"""How long the first inventory of a foreign image takes, beside syft on the same archive.

`python benchmarks/inventory.py [--json] [--runs N] [--archive FILE]`: medians, each run in a
process of its own, the two tools in turn so that a busy machine is busy for both.

first    nothing known of the image: open, verify, read, put together, write JSON
again    the layers are cached, the inventory is not stored
stored   the inventory is stored: what a scan of a known image begins with
syft     `syft scan` of the same archive, with the same kind of output
million  the first inventory of an image of a million small files, once
small    the first inventory of an image of 400 MB, made here, once
large    of one of 4 GB, with ten times the files: the same memory, nearly

Without --archive the image is made: about 250 MB of Debian with Python, Node.js and Ruby.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).parents[1]))

from outside.mirror import suite_lines
from outside.tools import find

from ironhull.oci.tar import DIRECTORY, FILE
from ironhull.oci.tar_writer import TarHeader, TarWriter

TIME_LIMIT = 0.2
MEMORY_LIMIT = 0.25
LARGE_LIMIT = 1.2
FILE_BYTES = 100 * 1024
SMALL_FILES, LARGE_FILES = 4_000, 40_000
MILLION = 1_000_000
MILLION_MEGABYTES = 200
LIMITS = {
    "time_ratio": TIME_LIMIT,
    "memory_ratio": MEMORY_LIMIT,
    "million.megabytes": MILLION_MEGABYTES,
    "large_ratio": LARGE_LIMIT,
}
PACKAGES = "python3,python3-requests,python3-yaml,nodejs,node-semver,ruby"
RUNS = 5


@dataclass
class Run:
    seconds: float
    megabytes: float


@dataclass
class Figures:
    image_bytes: int
    packages: int
    syft_packages: int
    first: Run
    again: Run
    stored: Run
    syft: Run
    million: Run
    small: Run
    large: Run
    time_ratio: float
    memory_ratio: float
    large_ratio: float
    """Memory of the image of 4 GB to that of 400 MB."""
    load: float
    """Of the machine for the last minute, before the runs."""

    @property
    def good(self) -> bool:
        return (
            self.time_ratio <= TIME_LIMIT
            and self.memory_ratio <= MEMORY_LIMIT
            and self.million.megabytes <= MILLION_MEGABYTES
            and self.large_ratio <= LARGE_LIMIT
        )


def measured(command: Sequence[str], environment: dict[str, str], output: Path) -> Run:
    """One process, with its own peak of memory: a small parent asks the kernel for its child's."""
    watcher = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "with open(sys.argv[1], 'wb') as file:\n"
        "    subprocess.run(sys.argv[2:], stdout=file, check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([time.perf_counter() - start, used.ru_maxrss / 1000]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", watcher, output, *command],
        check=True,
        capture_output=True,
        env=environment,
    )
    return Run(*json.loads(done.stdout))


def median(runs: Sequence[Run]) -> Run:
    return Run(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.megabytes for run in runs),
    )


def make_archive(folder: Path) -> Path:
    """A root file system by mmdebstrap, imported and saved by podman with storage of its own."""
    sources, tar, archive = folder / "sources.list", folder / "root.tar", folder / "image.tar"
    sources.write_text(suite_lines("bookworm"))
    subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}"),
            *("bookworm", tar, sources),
        ],
        check=True,
    )
    podman = ["podman", f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}"]
    subprocess.run(
        [*podman, "import", "--quiet", tar, "localhost/foreign:1"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run([*podman, "save", "--quiet", "-o", archive, "localhost/foreign:1"], check=True)
    subprocess.run(
        [*podman, "rmi", "--force", "localhost/foreign:1"], check=True, stdout=subprocess.DEVNULL
    )
    return archive


class Hashed:
    """Writes a layer compressed, and knows the digest of what it was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._deflate = zlib.compressobj(1, wbits=31)
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.sha256.update(data)
        self._file.write(self._deflate.compress(data))

    def end(self) -> None:
        self._file.write(self._deflate.flush())


def make_million(folder: Path) -> Path:
    """An archive, as `docker save` writes it, of one layer with a million files in folders."""
    layer, archive = folder / "layer.tar.gz", folder / "million.tar"
    with layer.open("wb") as file:
        hashed = Hashed(file)
        writer = TarWriter(hashed.write)
        for number in range(MILLION):
            folder_name, name = f"srv/data/part-{number // 1000:04d}", f"record-{number % 1000:04d}"
            if number % 1000 == 0:
                writer.add(TarHeader(folder_name, DIRECTORY, 0o755))
            writer.add(TarHeader(f"{folder_name}/{name}.txt", FILE, 0o644), b"line %d\n" % number)
        writer.end()
        hashed.end()
    diff_id = f"sha256:{hashed.sha256.hexdigest()}"
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [diff_id]}}
    manifest = [{"Config": "config.json", "RepoTags": ["million:1"], "Layers": [layer.name]}]
    with tarfile.open(archive, "w") as tar:
        tar.add(layer, layer.name)
        for name, value in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(value).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    layer.unlink()
    return archive


def make_large(folder: Path, files: int) -> Path:
    """An archive, as `podman save` writes it, of one plain layer of many files of FILE_BYTES."""
    archive, sha256, block = folder / f"{files}.tar", hashlib.sha256(), os.urandom(FILE_BYTES)
    with archive.open("wb") as file:

        def write(data: bytes) -> None:
            sha256.update(data)
            file.write(data)

        # The header of the layer comes last: its size is known then.
        file.write(bytes(512))
        writer = TarWriter(write)
        for number in range(files):
            writer.add(TarHeader(f"srv/{number % 100:02}/{number:06}.bin", FILE, 0o644), block)
        writer.end()
        size = file.tell() - 512
        diff_id = f"sha256:{sha256.hexdigest()}"
        config = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [diff_id]}}
        manifest = [{"Config": "config.json", "RepoTags": ["large:1"], "Layers": ["layer.tar"]}]
        for name, value in (("config.json", config), ("manifest.json", manifest)):
            data = json.dumps(value).encode()
            file.write(header(name, len(data)) + data + bytes(-len(data) % 512))
        file.write(bytes(1024))
        file.seek(0)
        file.write(header("layer.tar", size))
    return archive


def header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def measured_large(folder: Path, files: int, environment: dict[str, str], out: Path) -> Run:
    """The first inventory of an image of so many files; the archive is gone afterwards."""
    archive = make_large(folder, files)
    command = [sys.executable, "-m", "ironhull.cli", "inventory", "--json", str(archive)]
    run = measured(command, environment, out)
    archive.unlink()
    return run


def measure(archive: Path, syft: Path, folder: Path, runs: int) -> Figures:
    load = os.getloadavg()[0]
    ours = [sys.executable, "-m", "ironhull.cli", "inventory", "--json", str(archive)]
    theirs = [str(syft), "scan", "-q", f"docker-archive:{archive}", "-o", "syft-json"]
    home, out, other = folder / "home", folder / "ours.json", folder / "syft.json"
    environment = {**os.environ, "IRONHULL_HOME": str(home), "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    first, again, stored, syft_runs = [], [], [], []
    for _ in range(runs):
        shutil.rmtree(home, ignore_errors=True)
        first.append(measured(ours, environment, out))
        stored.append(measured(ours, environment, out))
        shutil.rmtree(home / "inventories")
        again.append(measured(ours, environment, out))
        syft_runs.append(measured(theirs, environment, other))
    ours_first, theirs_all = median(first), median(syft_runs)
    million = [*ours[:-1], str(make_million(folder))]
    small, large = (
        measured_large(folder, files, environment, folder / "large.json")
        for files in (SMALL_FILES, LARGE_FILES)
    )
    return Figures(
        image_bytes=archive.stat().st_size,
        packages=len(json.loads(out.read_bytes())["packages"]),
        syft_packages=len(json.loads(other.read_bytes())["artifacts"]),
        first=ours_first,
        again=median(again),
        stored=median(stored),
        syft=theirs_all,
        million=measured(million, environment, folder / "million.json"),
        small=small,
        large=large,
        large_ratio=large.megabytes / small.megabytes,
        time_ratio=ours_first.seconds / theirs_all.seconds,
        memory_ratio=ours_first.megabytes / theirs_all.megabytes,
        load=load,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--archive", type=Path, help="an image archive to read instead")
    options = parser.parse_args()
    syft = find("syft")
    if syft is None:
        print("needs syft (to get it: .ci/tools syft)", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="ironhull-benchmark-") as name:
        folder = Path(name)
        archive = options.archive or make_archive(folder)
        figures = measure(archive, syft, folder, options.runs)
    if options.json:
        print(json.dumps(asdict(figures) | {"limits": LIMITS, "good": figures.good}, indent=2))
    else:
        print(
            f"image    {figures.image_bytes / 1e6:.0f} MB, {figures.packages} packages "
            f"(syft: {figures.syft_packages}), load {figures.load:.1f}"
        )
        for label in ("first", "again", "stored", "syft", "million", "small", "large"):
            run: Run = getattr(figures, label)
            print(f"{label:<8} {run.seconds:6.2f} s {run.megabytes:6.0f} MB")
        print(
            f"first / syft: {figures.time_ratio:.2f} of the time (limit {TIME_LIMIT}), "
            f"{figures.memory_ratio:.2f} of the memory (limit {MEMORY_LIMIT}); "
            f"a million files: limit {MILLION_MEGABYTES} MB; ten times the image: "
            f"{figures.large_ratio:.2f} of the memory (limit {LARGE_LIMIT})"
        )
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
