"""A fleet of images that a watcher looks after: what benchmarks/watch.py measures, as JSON.

`main(N)`: N definitions of which six in ten hold libssl3t64, a base image's real
packages (from the machine's mirror) on a signed mirror on disk, a registry of its own. All are
published first; then a fix of the library, which is the same files under a higher version, is put
into the security suite, and a watcher does one round with a process for each processor. Beside
it: a round in which nothing changed, how planning grows, what was sent, twenty of the same images
by mmdebstrap and skopeo, one after the other, and the very same round on Dask clusters of two and
four workers and, to compare, with as many processes of this machine: each time everything is put
back to where it was before (home, registry, catalog), and the images have to come out with the same
digests.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from ironhull.archive.fetch import MirrorSource
from ironhull.debian.deb import DebFile
from ironhull.definition.reader import read
from ironhull.lock.make import lock_definition, make_lock
from ironhull.progress import Silent
from ironhull.settings import Settings
from ironhull.state.watch_records import ImageState
from ironhull.store.files import unique
from ironhull.watch.model import Wanted
from ironhull.watch.plan import Observed, plan
from ironhull.watch.updates import Newest
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.repositories import distributions_own
from ironhull.workspace.watching import Watcher, opened_state
from tests.fakes.archive import fake_archive, fake_definition
from tests.fakes.dask import cluster
from tests.fakes.definition import AMD64
from tests.fakes.mirror import FakeDeb
from tests.fakes.running_server import RunningServer, serving
from tests.fakes.watched import DEFINITION, Watched

HOLDING = 0.6
CLUSTERS = (2, 4)
PEERS = 20
LIBRARY = "libssl3t64"
_LOADER = "/lib64/ld-linux-x86-64.so.2"
_GROUND = ("base-files", "libc6")
_HOLDING = ("base-files", "ca-certificates", "tzdata", LIBRARY)
_WITHOUT = ("mawk", "debconf", "openssl")
"""As the catalog's runtime images: what only maintainer scripts need, and none runs."""
_PATHS = """\
paths:
  - {type: delete, path: /etc/update-motd.d, recursive: true}
"""
_MORE_PATHS = """\
  - {type: delete, path: /usr/sbin/update-ca-certificates}
"""
_OWN_PATH = """\
  - {{type: directory, path: /srv/image{image:05}, mode: "0755"}}
"""
"""So that no two images have a last layer in common."""


def measured(number: int) -> dict[str, object]:
    folder = Path(tempfile.mkdtemp(prefix="ironhull-watch-"))
    try:
        figures = rounds(folder / "fleet", number)
        # What a round leaves behind in a process lies between what is planned.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            return {**figures, "planning_growth": alone.submit(growth).result()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def rounds(folder: Path, number: int) -> dict[str, object]:
    folder.mkdir()
    before = folder.with_name("before")
    packages = real_packages(folder.with_name("archive"))
    fix = fixed(packages[LIBRARY], folder.with_name("fix"))
    with serving(folder / "registry") as server:
        shop = published_fleet(folder, server, number, packages, fix)
    shop.offer(fix, suite="trixie-security")
    copy(folder, before)
    with serving(folder / "registry", port=server.port) as server:
        before_it = received(server), worked(server), worked()
        took, done = timed(shop, "local")
        spent = {
            "server_cpu_an_image": (worked(server) - before_it[1]) / len(done),
            "watcher_cpu_an_image": (worked() - before_it[2]) / len(done),
        }
        sent = (received(server) - before_it[0]) / 1e6
        idle = idle_round(shop)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, -1))

    def again(work: Callable[[], tuple[float, dict[str, str]]]) -> float:
        """Seconds of the same round from the same state, by others.

        What was there is moved aside: where thousands of files went just before, a file system may
        take ten times as long to make one.
        """
        folder.rename(folder.with_name(unique()))
        copy(before, folder)
        with serving(folder / "registry", port=server.port):
            seconds, digests = work()
        assert digests == done, "other digests than those of the first round"
        return seconds

    with serving(folder / "registry", port=server.port) as server:
        peer = by_others(shop, server, sorted(done)[:PEERS])
    clusters = {}
    for workers in CLUSTERS:
        # As many processes on both sides: each of them loads everything once.
        alone = again(partial(timed, shop, f"local:{workers}"))
        clusters[f"dask_{workers}"] = again(partial(on_a_cluster, shop, workers)) / alone
    return {
        "definitions": number,
        "published": len(done),
        "round": took,
        "an_image": took / len(done),
        **spent,
        "cpu_an_image": sum(spent.values()),
        "idle": idle,
        "peer_images": min(PEERS, len(done)) if peer else 0,
        "peer_an_image": peer,
        "to_peer": took / len(done) / peer if peer else None,
        **clusters,
        "sent_mb": sent,
        "peak_mb": peak / 1024,
    }


def real_packages(folder: Path) -> dict[str, FakeDeb]:
    """What a base image consists of, by name, as the machine's mirror has it now."""
    settings = Settings(
        home=folder / "home", catalog=folder, mirror=os.environ.get("IRONHULL_MIRROR")
    )
    machine, path = Machine(settings), folder / "base.yaml"
    folder.mkdir()
    path.write_text(DEFINITION.format(image="base", packages=", ".join((*_HOLDING, *_WITHOUT))))
    one = read(path, {}, None).definition
    lock = lock_definition(lambda _: one, Locking(machine).archives(one))[1]
    wanted = lock.platforms[str(AMD64)].packages
    store = machine.home.packages
    MirrorSource(distributions_own(settings, one.distribution), store).fetch(wanted, Silent())
    return {each.name: offered(store.path(each.sha256)) for each in wanted}


def offered(path: Path) -> FakeDeb:
    """A package file as a mirror of ours can offer it."""
    with path.open("rb") as file:
        fields = dict(DebFile(file, path.name).control.fields)
    name, version, architecture = map(fields.pop, ("Package", "Version", "Architecture"))
    return FakeDeb(name, version, path.read_bytes(), architecture, fields)


def fixed(deb: FakeDeb, folder: Path) -> FakeDeb:
    """The same files as a higher version of the same source."""
    old, new, root = folder / "old.deb", folder / "new.deb", folder / "root"
    folder.mkdir()
    old.write_bytes(deb.data)
    subprocess.run(["dpkg-deb", "--raw-extract", old, root], check=True)
    control, version = root / "DEBIAN/control", deb.version
    control.write_text(
        control.read_text().replace(f"\nVersion: {version}\n", f"\nVersion: {version}.1\n")
    )
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", root, new],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return offered(new)


def published_fleet(
    folder: Path,
    server: RunningServer,
    number: int,
    packages: Mapping[str, FakeDeb],
    fix: FakeDeb,
) -> Watched:
    """A shop of so many images, all published; the advisories know what the fix mends."""
    shop = Watched(folder, f"{server.host}/base")
    shutil.rmtree(folder / "images")
    for suite in shop.debs.values():
        suite.clear()
    shop.offer(*packages.values())
    shop.advise({"CVE-2026-0001": ("openssl", fix.version)})
    without = ", ".join(f'"!{name}"' for name in _WITHOUT)
    for index in range(number):
        holds = index < number * HOLDING
        held = ", ".join(_HOLDING if holds else _GROUND)
        path = shop.define(f"image{index:05}", f"{held}, {without}")
        text = path.read_text().replace(f"cmd: [image{index:05}]", f"cmd: [{_LOADER}]")
        paths = _PATHS + (_MORE_PATHS if holds else "") + _OWN_PATH.format(image=index)
        path.write_text(text + paths)
    timed(shop, "local")
    return shop


def copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)


def timed(shop: Watched, executor: str) -> tuple[float, dict[str, str]]:
    """Seconds of a round in which everything is published, and the digests."""
    begun = time.perf_counter()
    done = shop.watch(executor=executor).done
    took = time.perf_counter() - begun
    wrong = {name: one.detail for name, one in done.items() if one.result != "published"}
    assert not wrong, wrong
    return took, {name: one.digest for name, one in done.items()}


def on_a_cluster(shop: Watched, workers: int) -> tuple[float, dict[str, str]]:
    """The same with a scheduler and so many workers."""
    with cluster(shop.folder / "dask") as dask:
        for _ in range(workers):
            dask.worker()
        return timed(shop, f"dask:{dask.address}")


def by_others(shop: Watched, server: RunningServer, images: Sequence[str]) -> float | None:
    """Seconds of an image that mmdebstrap makes of the same packages and skopeo pushes.

    Of what these need too: apt leaves out nothing that a package depends on. No statement is made,
    nothing is checked, no signature either: only the root file system, and its push as one layer.
    None where these programs are not there, or nobody is root.
    """
    if os.geteuid() or not all(map(shutil.which, ("mmdebstrap", "skopeo"))):
        return None
    tar = shop.folder.with_name("root.tar")
    sources = [
        f"deb [trusted=yes] copy:{shop.folder / 'mirror'} {suite} main"
        for suite in ("trixie", "trixie-security")
    ]
    begun = time.perf_counter()
    for name in images:
        tar.unlink(missing_ok=True)
        subprocess.run(
            ["mmdebstrap", "--mode=root", "--variant=extract", "--quiet",
             f"--include={','.join(_HOLDING)}", "trixie", tar, *sources],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        place = f"docker://{server.host}/peer/{name.partition(':')[0]}:1"
        subprocess.run(
            ["skopeo", "copy", "-q", "--dest-tls-verify=false", f"tarball:{tar}", place], check=True
        )
    return (time.perf_counter() - begun) / len(images)


def idle_round(shop: Watched) -> float:
    """One watcher that runs on: what it has read of the catalog it does not read again."""
    with opened_state(shop.machine, None, shop.clock) as state:
        watcher = Watcher(shop.machine, shop.choices(executor="local:1"), state, clock=shop.clock)
        assert watcher.once().done == {}
        begun = time.perf_counter()
        assert watcher.once().done == {}
        return time.perf_counter() - begun


def received(server: RunningServer) -> float:
    """Bytes that the registry was sent since it started."""
    text = server.ask("GET", "/metrics").data.decode()
    lines = [line for line in text.splitlines() if 'direction="received"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def worked(server: RunningServer | None = None) -> float:
    """Processor seconds of a registry that runs; of this process and those it has waited for."""
    if server is None:
        return sum(
            used.ru_utime + used.ru_stime
            for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
    ticks = 0
    for number in (server.process.pid, *server.workers()):
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def growth() -> float:
    """How much longer 10,000 definitions take to plan than 1,000, in processor time.

    The middle of pairs whose sides take as long as each other: what the machine does besides
    comes over both. Without the collector of cycles: when it runs depends on all that the process
    holds, and it comes over one side more than the other.
    """
    many, few = planner(10_000), planner(1_000)
    gc.collect()
    gc.disable()
    pairs = [many() / (sum(few() for _ in range(10)) / 10) for _ in range(9)]
    gc.enable()
    return median(pairs)


def planner(number: int) -> Callable[[], float]:
    """What plans so many definitions, and gives the seconds of processor that it took."""
    text = "app 1\n  Depends: lib\nlib 1\n"
    definition = fake_definition("app")
    lock = make_lock(definition, {AMD64: fake_archive(text)})
    one = Wanted("app", Path("app.yaml"), definition, lock, "same")
    catalog = [replace(one, name=f"image{index}") for index in range(number)]
    states = {
        each.name: ImageState(each.name, published="sha256:a", inputs="same", state="current")
        for each in catalog
    }

    def planned() -> float:
        begun = time.process_time()
        newest = Newest({AMD64: fake_archive(text + "lib 2\n")})
        updates = {each.name: newest.updates(each.definition, lock) for each in catalog}
        assert len(plan(catalog, Observed(states, updates))) == number
        return time.process_time() - begun

    return planned


def main(number: int) -> None:
    """Print the figures of so many definitions."""
    print(json.dumps(measured(number)))
