"""A watcher and all that it works with are killed at random while fixes keep coming.

`python -m tests.chaos [--minutes N] [--seed N] [--write]` (`make chaos`). Killed are the watcher,
the registry, PostgreSQL, and the scheduler and workers of a Dask cluster, which its own commands
start; a worker may also stand still for a while. A watcher works with the cluster, or now and then
alone. What ends is started again, as a service manager does. Meanwhile a tag leads to an image that
is there whole, whenever the registry answers.

In the end everything is left alone for some rounds, and then it has to be as if nothing had
happened: each image is what the archive has, its tags are at one digest, which the state names; its
record of publications holds, says no image twice in a row, and each image in it is still there
whole; every run has an end, and none that was seen to end is gone or ended otherwise. --write puts
the figures into docs/watch.md.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from outside.tools import find

from ironhull.errors import IronhullError, NetworkError
from ironhull.lock.file import lock_path, read_lock
from ironhull.oci.media_types import INDEXES
from ironhull.oci.reference import Reference
from ironhull.registry.client.repository import Repository
from ironhull.state.watching import WatchState
from ironhull.transport.patience import Patience
from ironhull.workspace.history import history
from ironhull.workspace.registries import registries
from ironhull.workspace.watching import opened_state
from tests.fakes.claims import free_port
from tests.fakes.dask import DASK
from tests.fakes.postgres import Postgres, postgres
from tests.fakes.watched import APP, TOOL, Watched

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/watch.md"
IMAGES = {"app": ("base", "lib", "app"), "tool": ("base", "tool")}
WORKERS = 2
QUICK = Patience(attempts=2, unreachable=1, first_wait=0.1, longest_wait=1, whole=5)


@dataclass
class Chaos:
    folder: Path
    server: Postgres
    random: random.Random
    port: int = field(default_factory=free_port)
    scheduler_port: int = field(default_factory=free_port)
    done: Counter[str] = field(default_factory=Counter)
    ended: dict[int, str] = field(default_factory=dict)
    """The result of each run that was seen to have one."""
    broken: list[str] = field(default_factory=list)
    """What was wrong meanwhile."""

    def __post_init__(self) -> None:
        self.shop = Watched(self.folder, f"127.0.0.1:{self.port}/base")
        self.versions = Counter({"base": 1, "lib": 1, "app": 1, "tool": 1})
        self.state = self.server.new_database()
        self.registry = self.start_registry()
        self.scheduler = self.start_scheduler()
        self.workers = [self.start_worker() for _ in range(WORKERS)]
        self.watcher = self.start_watcher()

    def start_registry(self) -> subprocess.Popen[bytes]:
        return self._start(
            "serve", "--data", str(self.folder / "registry"), "--listen", f"127.0.0.1:{self.port}"
        )

    def start_watcher(self) -> subprocess.Popen[bytes]:
        dask = f"dask:tcp://127.0.0.1:{self.scheduler_port}"
        executor = self.random.choice((dask, dask, "local:1"))
        return self._start(
            *("watch", "--no-advisories", "--interval", "1s", "--executor", executor),
            *("--publish", self.shop.publish, "--state", self.state, "--max-age", "0"),
            *("--policy", str(self.policy())),
        )

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        return self._start_dask(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.scheduler_port), "--no-show"
        )

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self._start_dask(
            *("worker", f"tcp://127.0.0.1:{self.scheduler_port}", "--host", "127.0.0.1"),
            *("--nthreads", "1", "--no-nanny"),
        )

    def _start_dask(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"dask-{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [DASK, *words, "--no-dashboard"],
                cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def policy(self) -> Path:
        path = self.folder / "policy.toml"
        path.write_text('[gate]\ntests = "if-possible"\n[patience]\nfirst = "1s"\nlongest = "2s"\n')
        return path

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        settings = self.shop.settings
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "ironhull.cli", *words],
                env=os.environ
                | {
                    "IRONHULL_HOME": str(settings.home),
                    "IRONHULL_CATALOG": str(settings.catalog),
                    "IRONHULL_MIRROR": str(settings.mirror),
                    "IRONHULL_KEYRING": str(settings.keyring),
                },
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    # -- what happens ----------------------------------------------------------------------------

    def fix(self) -> None:
        """A package comes in a newer version."""
        name = self.random.choice(list(self.versions))
        self.versions[name] += 1
        self.shop.offer(self.shop.deb(name, str(self.versions[name])), suite="trixie-security")

    def kill_watcher(self) -> None:
        kill(self.watcher)
        self.watcher = self.start_watcher()

    def kill_scheduler(self) -> None:
        kill(self.scheduler)
        time.sleep(self.random.random())
        self.scheduler = self.start_scheduler()

    def kill_worker(self) -> None:
        which = self.random.randrange(WORKERS)
        kill(self.workers[which])
        self.workers[which] = self.start_worker()

    def stall_worker(self) -> None:
        """A worker that is slow: it does nothing for a while, and then goes on."""
        worker = self.random.choice(self.workers)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(1, 10))
        worker.send_signal(signal.SIGCONT)

    def tend(self) -> None:
        """Start what has ended by itself, as a service manager does."""
        if self.watcher.poll() is not None:
            self.done["watcher ended"] += 1
            self.watcher = self.start_watcher()
        if self.registry.poll() is not None or self.scheduler.poll() is not None:
            self.broken.append("the registry or the scheduler ended by itself")
        for which, worker in enumerate(self.workers):
            # A worker that has lost its scheduler ends.
            if worker.poll() is not None:
                self.workers[which] = self.start_worker()

    def end(self) -> None:
        for process in (self.watcher, self.scheduler, *self.workers, self.registry):
            kill(process)

    def kill_registry(self) -> None:
        kill(self.registry)
        time.sleep(self.random.random())
        self.registry = self.start_registry()

    def kill_postgresql(self) -> None:
        self.server.kill()
        time.sleep(self.random.random())
        self.server.start()

    def run(self, seconds: float) -> None:
        events = (
            *(self.fix, self.fix, self.kill_watcher, self.kill_worker, self.kill_scheduler),
            *(self.stall_worker, self.kill_registry, self.kill_postgresql),
        )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            event = self.random.choice(events)
            event()
            self.done[event.__name__.replace("_", " ")] += 1
            time.sleep(self.random.uniform(0.2, 6))
            self.tend()
            self.look()

    def look(self) -> None:
        """What has to be so at any time."""
        with suppress(IronhullError), opened_state(self.shop.machine, self.state) as state:
            self.remember(state)
        for image in IMAGES:
            with registries(self.shop.machine, QUICK) as opened:
                repository = opened.repository(Reference.parse(f"{self.shop.publish}/{image}"))
                with suppress(NetworkError):
                    for tag in ("1", "1-debian13"):
                        digest = repository.has_manifest(tag)
                        self.broken += missing(repository, digest) if digest else []

    def remember(self, state: WatchState) -> None:
        """Runs that have ended; one that was seen before has to have ended as it had."""
        found = {each.id: each.result for each in state.attempts(most=100_000)}
        changed = [number for number, result in self.ended.items() if found.get(number) != result]
        if changed:
            self.broken.append(f"runs {changed} are gone, or ended otherwise than they did")
        self.ended |= {number: result for number, result in found.items() if result != "running"}

    # -- what has to be so in the end -------------------------------------------------------------

    def settle(self, seconds: float = 240) -> None:
        """Until the watcher has nothing to do, or for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.settled():
            time.sleep(1)
            self.tend()
        self.watcher.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.watcher.wait(60)

    def settled(self) -> bool:
        with suppress(Exception), opened_state(self.shop.machine, self.state) as state:
            images = state.images()
            current = [each.state == "current" for each in images.values()]
            return len(current) == 2 and all(current) and self.wrong_packages() == []
        return False

    def wrong_packages(self) -> list[str]:
        wrong = []
        for image, packages in IMAGES.items():
            path = self.folder / f"images/{image}/debian-13/1.yaml"
            (locked,) = read_lock(lock_path(path)).platforms.values()
            found = {package.name: package.version for package in locked.packages}
            wanted = {name: str(self.versions[name]) for name in packages}
            if found != wanted:
                wrong.append(f"{image} has {found}, the archive {wanted}")
        return wrong

    def faults(self) -> list[str]:
        found = [*dict.fromkeys(self.broken), *self.wrong_packages()]
        with opened_state(self.shop.machine, self.state) as state:
            images, attempts = state.images(), state.attempts(most=100_000)
            self.remember(state)
        running = [each.id for each in attempts if each.result == "running"]
        if running:
            found.append(f"runs {running} have no end")
        self.done["runs"] = len(attempts)
        for name in (APP, TOOL):
            image = name.partition(":")[0]
            place = f"{self.shop.publish}/{image}"
            with registries(self.shop.machine) as opened:
                repository = opened.repository(Reference.parse(place))
                tags = {tag: repository.has_manifest(tag) for tag in ("1", "1-debian13")}
            if set(tags.values()) != {images[name].published}:
                found.append(f"{name}: tags are at {tags}, the state says {images[name].published}")
            record = history(self.shop.machine, place)
            found += [f"{name}: {each.reason}: {each.message}" for each in record.complaints]
            published = [entry.record.publication.image for entry in record.entries]
            with registries(self.shop.machine) as opened:
                repository = opened.repository(Reference.parse(place))
                found += [text for each in published for text in missing(repository, each)]
            twice = [a for a, b in pairwise(published) if a == b]
            if twice:
                found.append(f"{name}: {len(twice)} of {len(published)} records say nothing new")
            self.done["publications"] += len(published)
        return found


def missing(repository: Repository, digest: str) -> list[str]:
    """What an image has not got that it should have."""
    try:
        document = repository.fetch_manifest(digest)
        if document.media_type in INDEXES:
            return [t for each in document.manifests for t in missing(repository, each.digest)]
        blobs = (document.config, *document.layers)
        return [f"{repository}: no {each}" for each in blobs if not repository.has_blob(each)]
    except NetworkError:
        raise
    except IronhullError as error:
        return [f"{repository}: {error}"]


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, to all of it at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    program = find("postgres")
    if program is None:
        print("needs PostgreSQL (.ci/tools postgres)")
        return 3
    print(f"seed {seed}", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ironhull-chaos-")))
        server = stack.enter_context(postgres(program))
        chaos = Chaos(folder, server, random.Random(seed))
        stack.callback(chaos.end)
        chaos.run(options.minutes * 60)
        chaos.settle()
        faults = chaos.faults()
        if faults:
            print((folder / "watch.log").read_text()[-4000:])
    said = ", ".join(f"{name} {number}" for name, number in sorted(chaos.done.items()))
    print(said)
    for fault in faults:
        print(f"FAULT {fault}")
    if options.write and not faults:
        text = f"{options.minutes:g} minutes, seed {seed}: {said}; no fault."
        document = DOCUMENT.read_text()
        DOCUMENT.write_text(re.sub(r"(?<=<!-- chaos -->\n).*", text, document, count=1))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
