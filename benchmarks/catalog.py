"""The catalog's pages at 1,000 images with 20 tags each, while a blob of 1 GB is pulled.

    python benchmarks/catalog.py [--json] [--images 1000] [--tags 20] [--seconds 20] [--size 1000]

A synthetic index: each image has its own packages, layers and findings; every tag is a build of
its own. One `ironhull serve` on one core: start-up to the first page; then 100 requests a second,
pages of images and searches (names, packages, CVEs) in turns, no two alike, while the blob is
pulled again and again; the peak memory of its processes; the largest page; and, each with nothing
beside it, the pull, with the processor's time of pulls and of pages. Then the same pull of
Debian's docker-registry on that core: with nothing beside it, and with a catalog of ours beside it
that answers the same 100 requests. Then the first search of somebody who may not see all, after a
scan of one image more. Last the rate of the static export over a part of the images.
The clients, one that asks for pages and one that pulls, share the machine but not the core. Ends
with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from outside.made_catalog import build, finding, package, scan  # noqa: E402

from ironhull.catalog.answers import answer  # noqa: E402
from ironhull.catalog.export import export  # noqa: E402
from ironhull.catalog.index import CatalogIndex  # noqa: E402
from ironhull.catalog.live import Nothing  # noqa: E402
from ironhull.catalog.pages import Site  # noqa: E402
from ironhull.catalog.shelf import Shelves, shelf_of  # noqa: E402
from ironhull.oci.descriptor import Descriptor  # noqa: E402
from ironhull.oci.digest import Digest  # noqa: E402
from ironhull.oci.media_types import OCI_CONFIG, OCI_INDEX, OCI_LAYER_TAR, OCI_MANIFEST  # noqa: E402
from ironhull.progress import Silent  # noqa: E402
from ironhull.store.home import Home  # noqa: E402
from ironhull.store.layout import REF_NAME  # noqa: E402
from registry import FOLDER, MB, Target, docker_registry, free_port, started  # noqa: E402

RATE = 100
IMAGE_GOAL, SEARCH_GOAL, START_GOAL = 0.050, 0.060, 1.5
PAGE_GOAL, MEMORY_GOAL, EXPORT_GOAL = 200_000, 200 * MB, 200
PACKAGES, FINDINGS = 40, 12
PEER_PULLS, PAGES_ALONE = 7, 500
RESTRICTED_GOAL, RESTRICTED_ROUNDS = 0.2, 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--tags", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--size", type=int, default=1000, help="of the blob, in MB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="catalog-", dir="/var/tmp") as name:
        figures = measured(Path(name), options)
    missed = missed_goals(figures)
    figures["goals"] = {"a pull as fast as docker-registry's": pulls_as_fast(figures)}
    figures["limits"] = {name: goal for name, (goal, more) in GOALS.items() if not more}
    figures["least"] = {name: goal for name, (goal, more) in GOALS.items() if more}
    figures["missed"] = missed
    print(json.dumps(figures, indent=2) if options.json else shown(figures))
    return int(bool(missed))


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    home = Home(folder / "home")
    layout = home.store
    filled_in = fill(home, options.images, options.tags)
    blob = put_blob(layout.root, options.size)
    figures: dict[str, Any] = {
        "load": round(os.getloadavg()[0], 2),
        "builds": options.images * options.tags,
        "gathered_s": round(filled_in, 1),
    }
    figures |= served(home, blob, options)
    figures |= peer(folder, home, blob, options)
    figures |= restricted(home)
    figures |= exported(home, options)
    return figures


# -- what is served --------------------------------------------------------------------------------


def fill(home: Home, images: int, tags: int) -> float:
    """The index and index.json of a catalog made of nothing; how long it took."""
    begun, chance = time.monotonic(), random.Random(17)
    index = CatalogIndex(home.catalog_index)
    names = [f"lib{number:04}" for number in range(1500)]
    listed = []
    for number in range(images):
        own = [package(each, "1.0") for each in chance.sample(names, PACKAGES)]
        name = f"{'team' if number % 3 else 'base'}/image-{number:04}"
        for tag in range(tags):
            made = build(f"{name}:{tag}", [*own, package("app", f"{tag}.0")])
            made = replace(made, title=f"Image {number}", description=f"What {name} is for")
            found = [
                finding(f"CVE-2026-{chance.randrange(20_000):05}", each.name)
                for each in chance.sample(own, FINDINGS)
            ]
            index.put(made)
            index.put_scan(scan(made, *found), "")
            descriptor = Descriptor(OCI_INDEX, Digest(made.digest), 500)
            listed.append(replace(descriptor, annotations={REF_NAME: f"{name}:1.{tag}"}))
        index.saw_tags(
            name, {f"1.{tag}": digest_of(name, tag) for tag in range(tags)}, "2026-11-01"
        )
    index.close()
    home.store.update(lambda before: [*before, *listed])
    return time.monotonic() - begun


def digest_of(name: str, tag: int) -> str:
    return f"sha256:{hashlib.sha256(f'{name}:{tag}'.encode()).hexdigest()}"


def put_blob(root: Path, size: int) -> str:
    """A large layer in an image of the store, and its digest."""
    block, whole = os.urandom(MB), hashlib.sha256()
    path = root / "blobs/sha256/large"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for _ in range(size):
            file.write(block)
            whole.update(block)
    digest = f"sha256:{whole.hexdigest()}"
    path.rename(root / "blobs/sha256" / whole.hexdigest())
    config = b"{}"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": part(config, OCI_CONFIG),
            "layers": [{"mediaType": OCI_LAYER_TAR, "digest": digest, "size": size * MB}],
        }
    ).encode()
    for data in (config, manifest):
        (root / "blobs/sha256" / hashlib.sha256(data).hexdigest()).write_bytes(data)
    described = part(manifest, OCI_MANIFEST)
    value = json.loads((root / "index.json").read_text())
    value["manifests"].append({**described, "annotations": {REF_NAME: "large:1"}})
    (root / "index.json").write_text(json.dumps(value))
    return digest


def part(data: bytes, media_type: str) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


# -- measuring -------------------------------------------------------------------------------------


@contextmanager
def catalog(home: Home) -> Iterator[tuple[Target, float]]:
    """`ironhull serve` on one core, and the seconds to its first page."""
    port = free_port()
    command = ["taskset", "-c", "0", sys.executable, "-m", "ironhull.cli", "serve"]
    command += ["--listen", f"127.0.0.1:{port}", "--read-only"]
    os.environ["IRONHULL_HOME"] = str(home.root)
    begun = time.monotonic()
    with started("ironhull", port, command, home.root / "serve.log") as target:
        asyncio.run(get(port, "/"))
        start = time.monotonic() - begun
        # The first round finds nothing to gather; what it reads for that is no part of the load.
        time.sleep(5)
        yield target, start


def served(home: Home, blob: str, options: argparse.Namespace) -> dict[str, Any]:
    with catalog(home) as (target, start):
        figures = asyncio.run(load(target.port, target.port, blob, options))
        figures |= {"start_s": round(start, 2), "memory_mb": memory(target)}
        seconds, processor = alone(target, blob, options)
        return {
            **figures,
            "pull_alone_s": seconds,
            "pull_processor_s": processor,
            "page_processor_ms": page_processor(target, options),
        }


def alone(target: Target, blob: str, options: argparse.Namespace) -> tuple[float, float]:
    """Seconds of a pull with nothing beside it, and processor seconds of the server for one."""
    before = processor_seconds(target)
    said, _ = pulling(target.port, blob, options.size, PEER_PULLS).communicate()
    used = (processor_seconds(target) - before) / PEER_PULLS
    return round(statistics.median(map(float, said.split())), 2), round(used, 3)


def page_processor(target: Target, options: argparse.Namespace) -> float:
    """Processor milliseconds of the server for a page, of as many images as searches."""
    chance, before = random.Random(5), processor_seconds(target)

    async def ask() -> None:
        for number in range(PAGES_ALONE):
            kind = "search" if number % 2 else "image"
            await get(target.port, path_of(kind, chance, options))

    asyncio.run(ask())
    return round(1000 * (processor_seconds(target) - before) / PAGES_ALONE, 2)


def processor_seconds(target: Target) -> float:
    """What its processes have used so far, in the kernel and outside of it."""
    ticks = 0
    for pid in target.processes():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(target: Target) -> float:
    return round(target.peak() / MB, 1)


async def load(port: int, pulled: int, blob: str, options: argparse.Namespace) -> dict[str, Any]:
    """100 requests a second at their times, whatever earlier ones take; pulls one after another.

    `pulled` is the port of the server that the blob is pulled from.
    """
    chance, begun = random.Random(4), time.monotonic()
    tasks: dict[str, list[asyncio.Task[tuple[float, int]]]] = {"image": [], "search": []}
    puller = pulling(pulled, blob, options.size)
    for number in range(options.seconds * RATE):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        kind = "search" if number % 2 else "image"
        tasks[kind].append(asyncio.create_task(get(port, path_of(kind, chance, options))))
    answered = {kind: await asyncio.gather(*each) for kind, each in tasks.items()}
    puller.terminate()
    pulls = [float(line) for line in puller.communicate()[0].split()]
    figures: dict[str, Any] = {}
    for kind, each in answered.items():
        times = sorted(seconds for seconds, _ in each)
        figures[f"{kind}_p50_ms"] = round(1000 * statistics.median(times), 1)
        figures[f"{kind}_p99_ms"] = round(1000 * times[int(len(times) * 0.99)], 1)
    figures["largest_page_bytes"] = max(size for each in answered.values() for _, size in each)
    figures["pull_s"] = round(statistics.median(pulls), 2) if pulls else None
    figures["pulls"] = len(pulls)
    return figures


def pulling(port: int, blob: str, size: int, rounds: int = 0) -> subprocess.Popen[str]:
    """A process that pulls, and prints how long each took."""
    path = f"/v2/large/blobs/{blob}"
    command = [sys.executable, "-m", "clients.pulls", str(port), path, str(size * MB)]
    command += ["--rounds", str(rounds)]
    return subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True)


def path_of(kind: str, chance: random.Random, options: argparse.Namespace) -> str:
    if kind == "search":
        words = (
            f"image-{chance.randrange(options.images):04}",
            f"lib{chance.randrange(1500):04}",
            f"CVE-2026-{chance.randrange(20_000):05}",
        )
        return f"/search?q={chance.choice(words)}&page=1"
    number = chance.randrange(options.images)
    name = f"{'team' if number % 3 else 'base'}/image-{number:04}"
    sections = ("", "/packages", "/vulnerabilities", "/layers", "/provenance")
    tag = chance.randrange(options.tags)
    return chance.choice([f"/images/{name}", *(f"/images/{name}/-/1.{tag}{s}" for s in sections)])


async def get(port: int, path: str) -> tuple[float, int]:
    """Seconds until the whole answer was there, and its bytes."""
    begun, loop = time.monotonic(), asyncio.get_running_loop()
    head, size = b"", 0
    # No streams of asyncio around it: what this process computes, a pull on its core waits for.
    with socket.socket() as stream:
        stream.setblocking(False)
        await loop.sock_connect(stream, ("127.0.0.1", port))
        asked = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        await loop.sock_sendall(stream, asked.encode())
        while data := await loop.sock_recv(stream, MB // 4):
            head, size = head or data, size + len(data)
    if head[9:12] != b"200":
        raise SystemExit(f"{path}: {head[:200]!r}")
    return time.monotonic() - begun, size


def peer(folder: Path, home: Home, blob: str, options: argparse.Namespace) -> dict[str, Any]:
    """The same pull of Debian's docker-registry, on one core, alone and beside our pages."""
    hexadecimal = blob.removeprefix("sha256:")
    place = folder / "docker/docker/registry/v2"
    data = place / "blobs/sha256" / hexadecimal[:2] / hexadecimal / "data"
    link = place / "repositories/large/_layers/sha256" / hexadecimal / "link"
    for path in (data, link):
        path.parent.mkdir(parents=True)
    os.link(home.store.root / "blobs/sha256" / hexadecimal, data)
    link.write_text(blob)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {0})
    try:
        server = docker_registry(folder)
        with server as target:
            os.sched_setaffinity(0, before)
            seconds, processor = alone(target, blob, options)
            with catalog(home) as (ours, _):
                beside = asyncio.run(load(ours.port, target.port, blob, options))
    finally:
        os.sched_setaffinity(0, before)
    return {
        "docker_registry_pull_s": seconds,
        "docker_registry_pull_processor_s": processor,
        "docker_registry_pull_beside_pages_s": beside["pull_s"],
    }


def restricted(home: Home) -> dict[str, Any]:
    """The first search for a vulnerability by who sees two thirds of all, after one scan more."""
    from ironhull.registry.server.listing import Tags

    index, tags = CatalogIndex(home.catalog_index), Tags(home.store)
    times, clock = [], itertools.count(0.0, 60.0)
    shelves = Shelves(index, lambda: tags.listing().tags, lambda: next(clock))
    for number in range(RESTRICTED_ROUNDS + 1):
        begun, identifier = time.monotonic(), f"CVE-2026-{number:05}"
        shelf = shelves.shelf("some", lambda name: name.startswith("team/"))
        shelf.search(identifier)
        answer(shelf, index, None, identifier, listed=False)
        times.append(time.monotonic() - begun)
        changed = build("team/image-0001:0", [package("app", "0.0")])
        index.put_scan(scan(changed, finding(identifier, "app")), "")
    index.close()
    # The first one of all also reads what the server reads before anybody asks.
    return {"restricted_search_s": round(statistics.median(times[1:]), 3)}


def exported(home: Home, options: argparse.Namespace) -> dict[str, Any]:
    """The static pages of a fiftieth of the images, with all vulnerabilities of these."""
    from ironhull.registry.server.listing import Tags

    index = CatalogIndex(home.catalog_index)
    listed = Tags(home.store).listing().tags
    some = max(1, options.images // 50)
    names = sorted(name for name in listed if name != "large")[:some]
    shelf = shelf_of(listed, index.summaries(), names.__contains__, 1)
    begun = time.monotonic()
    target = home.root / "site"
    done = export(Site(index, Nothing(), static=True), shelf, target, Silent())
    seconds = time.monotonic() - begun
    index.close()
    shutil.rmtree(target)
    return {"export_pages_a_second": round(done.pages / seconds), "export_pages": done.pages}


GOALS: dict[str, tuple[float, bool]] = {
    "image_p99_ms": (1000 * IMAGE_GOAL, False),
    "search_p99_ms": (1000 * SEARCH_GOAL, False),
    "start_s": (START_GOAL, False),
    "restricted_search_s": (RESTRICTED_GOAL, False),
    "largest_page_bytes": (PAGE_GOAL, False),
    "memory_mb": (MEMORY_GOAL / MB, False),
    "export_pages_a_second": (EXPORT_GOAL, True),
}
"""Figure → the goal, and whether more is better."""


def missed_goals(figures: dict[str, Any]) -> list[str]:
    missed = [
        f"{name} is {figures[name]}, the goal {goal:g}"
        for name, (goal, more) in GOALS.items()
        if (figures[name] < goal if more else figures[name] > goal)
    ]
    if not pulls_as_fast(figures):
        ours, theirs = figures["pull_s"], figures["docker_registry_pull_s"]
        missed.append(f"a pull takes {ours} s, of docker-registry {theirs} s")
    return missed


def pulls_as_fast(figures: dict[str, Any]) -> bool:
    ours, theirs = figures["pull_s"], figures["docker_registry_pull_s"]
    return ours is not None and theirs is not None and bool(ours <= theirs)


def shown(figures: dict[str, Any]) -> str:
    return "\n".join(f"{name:26} {value}" for name, value in figures.items())


if __name__ == "__main__":
    sys.exit(main())
