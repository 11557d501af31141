"""A fleet of synthetic definitions over the real archive: what a watcher sees, plans, and would do.

`python benchmarks/fleet.py [--json] [--definitions N] [--different N] [--state URL]`: needs the
mirror. Times are seconds of one processor (`process_time`), so that a busy machine changes little
of them. --state: of an empty database, if not a file of SQLite.

open        the archive's index, brought and read for the first time
resolve     one definition against the archive's index, on average (`--different` of them)
read        every definition with its lock, the first time
read_again  the same when nothing changed
see         the archive: which packages of all locks it has newer
plan        the plan of that
hand        one image, on average: what the watcher itself does to give it to a worker that needs
            no time, and to write down that it was published (500 of them)
affected    definitions that hold the library whose fix came: the locks have an older libssl3t64
peak_mb     memory of all that
hours       simulated: how long the fix takes with 2, 10 and 100 workers, by `--image-seconds` and
            `hand`, for so many definitions and for ten times as many

The definitions are made of one to six of the programs below, drawn with a fixed seed; each is a
file of its own with a lock of its own, as a catalog has them.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from ironhull.definition.reader import read
from ironhull.lock.file import lock_path, write_lock
from ironhull.lock.make import lock_definition
from ironhull.lock.model import Lock, LockedPackage
from ironhull.settings import Settings
from ironhull.state.watch_records import ImageState
from ironhull.watch.model import Entry, Wanted
from ironhull.watch.plan import Observed, plan
from ironhull.watch.task import Outcome, Task
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_choices import WatchChoices
from ironhull.workspace.watch_executors import Workers
from ironhull.workspace.watch_observing import CatalogReader, see_archive
from ironhull.workspace.watch_shared import Shared
from ironhull.workspace.watching import Watcher, opened_state

LIBRARY = "libssl3t64"
SEED = 13
WORKERS = (2, 10, 100)
LEASE = 300.0
HANDED = 500
PROGRAMS = """
apache2-bin bind9-dnsutils bzip2 ca-certificates curl default-jre-headless dnsmasq-base ffmpeg file
fontconfig gawk git gnupg graphicsmagick haproxy imagemagick jq libpq5 libreadline8t64 libsqlite3-0
libxml2-utils lua5.4 mariadb-client memcached nginx nodejs openssh-client openssl perl php-cli
poppler-utils postgresql-client-17 procps python3 python3-cryptography python3-numpy
python3-requests redis-tools rsync ruby sed sqlite3 stunnel4 tesseract-ocr unbound unzip wget
xz-utils zstd
"""
DEFINITION = """\
name: {image}
image: {image}
tags: ["1", "1-debian13"]
platforms: [linux/amd64]
contents:
  packages: [{packages}]
accounts:
  run-as: nonroot
  users: [{{name: nonroot, uid: 65532, gid: 65532}}]
  groups: [{{name: nonroot, gid: 65532}}]
os-release: {{name: Debian, id: debian, version-id: "13", version-codename: trixie, pretty-name: D}}
cmd: [/bin/true]
"""
_Given = TypeVar("_Given")


@dataclass
class Clock:
    """Seconds of this process by what they were spent on."""

    seconds: dict[str, float]

    def of(self, name: str, do: Callable[[], _Given]) -> _Given:
        begun = time.process_time()
        found = do()
        self.seconds[name] = round(time.process_time() - begun, 3)
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--definitions", type=int, default=10_000)
    parser.add_argument("--different", type=int, default=100)
    parser.add_argument("--image-seconds", type=float, default=0.5)
    parser.add_argument("--state", metavar="URL", help="of an empty database; else a file")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ironhull-fleet-"))
    try:
        figures = measured(
            folder, options.definitions, options.different, options.image_seconds, options.state
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value}")
    return 0


def measured(
    folder: Path, number: int, different: int, cost: float, state: str | None
) -> dict[str, object]:
    settings = Settings(
        home=folder / "home", catalog=folder / "images", mirror=os.environ.get("IRONHULL_MIRROR")
    )
    machine = Machine(settings)
    clock = Clock({})
    openings = clock.of("open", lambda: opened(machine))
    resolved = clock.of("resolve", lambda: resolve(machine, openings, min(different, number)))
    packages = [len(lock.platforms["linux/amd64"].packages) for _, lock in resolved]
    write(settings.catalog, resolved, number)
    reader = CatalogReader(machine)
    catalog, problems = clock.of("read", reader.read)
    unlocked = [each.name for each in catalog if each.lock is None]
    if problems or unlocked:
        raise SystemExit(f"cannot be read: {next(iter(problems.values()), unlocked[:1])}")
    clock.of("read_again", reader.read)
    locking = Locking(machine)
    locking.archives(catalog[0].definition)
    seen = clock.of("see", lambda: see_archive(locking, catalog))
    states = {
        each.name: ImageState(each.name, published="sha256:a", inputs=each.inputs, state="current")
        for each in catalog
    }
    observed = Observed(states, seen.updates, seen.digests)
    entries = clock.of("plan", lambda: plan(catalog, observed))
    clock.seconds["hand"] = hand(machine, entries[:HANDED], observed, state)
    clock.seconds["resolve"] = round(clock.seconds["resolve"] / len(resolved), 4)
    affected = len(entries)
    return {
        "definitions": number,
        "different": len(resolved),
        "packages_each": round(sum(packages) / len(packages), 1),
        **clock.seconds,
        "affected": affected,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "image_seconds": cost,
        "hours": {
            f"{many}_images_{workers}_workers": round(
                makespan(affected * many // number, workers, cost, clock.seconds["hand"]) / 3600, 3
            )
            for many in (number, 10 * number)
            for workers in WORKERS
        },
    }


def opened(machine: Machine) -> Locking:
    """The archive with its index, brought and read."""
    locking, path = Locking(machine), machine.settings.catalog.parent / "any.yaml"
    path.write_text(DEFINITION.format(image="any", packages="sed"))
    locking.archives(read(path, {}, None).definition)
    return locking


def resolve(machine: Machine, locking: Locking, number: int) -> list[tuple[Sequence[str], Lock]]:
    """So many different requests, each with its lock."""
    chance, made = random.Random(SEED), []
    folder = machine.settings.catalog.parent / "asked"
    folder.mkdir(parents=True)
    for index in range(number):
        wanted = sorted(chance.sample(PROGRAMS.split(), chance.randint(1, 6)))
        path = folder / f"{index}.yaml"
        path.write_text(DEFINITION.format(image="asked", packages=", ".join(wanted)))
        one = read(path, {}, None).definition
        archives = locking.archives(one)
        made.append((wanted, lock_definition(lambda _, one=one: one, archives)[1]))  # type: ignore[misc]
    return made


def write(catalog: Path, resolved: Sequence[tuple[Sequence[str], Lock]], number: int) -> None:
    """The catalog: each definition and its lock, in which the library is older than it is."""
    older = [(wanted, with_older(lock)) for wanted, lock in resolved]
    for index in range(number):
        wanted, lock = older[index % len(older)]
        image = f"image{index:06}"
        path = catalog / image / "debian-13/1.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(DEFINITION.format(image=image, packages=", ".join(wanted)))
        write_lock(lock_path(path), replace(lock, image=image, definition=path.name))


def with_older(lock: Lock) -> Lock:
    def one(package: LockedPackage) -> LockedPackage:
        if package.name != LIBRARY:
            return package
        return replace(package, version="3.0.0-1", source_version="3.0.0-1")  # type: ignore[arg-type]

    return replace(
        lock,
        platforms={
            name: replace(locked, packages=tuple(map(one, locked.packages)))
            for name, locked in lock.platforms.items()
        },
    )


class AtOnce(Executor):
    """Publishes any image in no time: what is left is what the watcher does."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._outcomes = {each.name: published(each.wanted) for each in entries}

    def submit(self, do: object, task: Task, *more: object) -> Future[Outcome]:  # type: ignore[override]
        done: Future[Outcome] = Future()
        done.set_result(self._outcomes[task.name])
        return done


def published(wanted: Wanted) -> Outcome:
    """As a worker gives it back: one finding has ended, forty are as they were."""
    left = {f"CVE-2025-{number:04}": "low" for number in range(40)}
    return Outcome(
        "published",
        "record",
        digest=f"sha256:{sha256(wanted.name.encode()).hexdigest()}",
        inputs=wanted.inputs,
        lock=lock_path(wanted.path).read_bytes(),
        findings=left,
        old_findings=left | {"CVE-2026-0001": "high"},
    )


def hand(machine: Machine, entries: Sequence[Entry], observed: Observed, url: str | None) -> float:
    """Seconds for each image that goes to a worker and is written down as published."""
    done: dict[str, Outcome] = {}
    with opened_state(machine, url) as state:
        for each in entries:
            state.change(each.name, lambda known: observed.states[known.name])
        watcher, those = Watcher(machine, WatchChoices(), state), AtOnce(entries)
        begun = time.process_time()
        watcher._work(  # noqa: SLF001
            entries, observed, Shared(machine), Workers(those, False, max(WORKERS)), done
        )
        taken = time.process_time() - begun
    if len(done) != len(entries):
        raise SystemExit(f"{len(done)} of {len(entries)} images were given to workers")
    return round(taken / len(entries), 5)


def makespan(images: int, workers: int, cost: float, hand_over: float) -> float:
    """Seconds until the last image is published: each worker takes the next one when it is free,
    and the watcher has handed it over, which it does with one after the other.

    An image takes between half and twice of `cost`, a sixth more than it on average. One in a
    hundred is lost with its worker, and done again when its lease of five minutes has run out.
    """
    chance = random.Random(SEED)
    free, again, handed = [0.0] * workers, list[float](), 0.0
    for _ in range(images):
        handed = max(handed, free[0]) + hand_over
        ended = max(heapq.heappop(free), handed) + cost * chance.triangular(0.5, 2, 1)
        heapq.heappush(free, ended)
        if chance.random() < 0.01:
            again.append(ended + LEASE)
    for released in again:
        begun = max(heapq.heappop(free), released)
        heapq.heappush(free, begun + cost * chance.triangular(0.5, 2, 1))
    return max(free)


if __name__ == "__main__":
    sys.exit(main())
