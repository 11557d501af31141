"""`ironhull demo` for real: packages from the mirror, two engines, npm; and nothing stays."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from outside.tools import CACHE
from tests.real.conftest import catalog_folder, link_layers, storage
from tests.real.tools import tool

from ironhull.build import versions
from ironhull.engine.host import host_settings
from ironhull.engine.interface import BuildRequest, Engine
from ironhull.state.inventories import InventoryStore
from ironhull.store.choice import choose_manifest
from ironhull.store.home import Home

pytestmark = pytest.mark.real

PROJECT = Path(__file__).parents[2]
ALLOWED = {"own", "tmp"}
"""What is left to code of an attacker in a hardened application."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the three images: made once for each state of the definitions."""
    state = hashlib.sha256(str(versions.TRANSFORM).encode())
    for path in sorted((PROJECT / "images").rglob("*.yaml")):
        state.update(path.read_bytes())
    home = CACHE / f"demo-{state.hexdigest()[:12]}"
    for old in CACHE.glob("demo-*"):
        if old != home:
            shutil.rmtree(old)
    if not (home / "images").is_dir():
        made = catalog_folder(tmp_path_factory)
        if (made / "built.json").is_file():
            with contextlib.suppress(OSError):  # Another file system has no links to it.
                link_layers(made, home)
        # Locks are written beside the definitions, so these are copies.
        shutil.copytree(
            PROJECT / "images", home / "images", ignore=shutil.ignore_patterns("*.lock.json")
        )
    shutil.rmtree(home / "inventories", ignore_errors=True)
    return home


@dataclass(frozen=True)
class Bench:
    """`ironhull demo` with an engine of the tests."""

    engine: str
    environment: Mapping[str, str]
    command: tuple[str, ...]

    def run(self, *words: str) -> dict[str, Any]:
        line = [sys.executable, "-m", "ironhull.cli", "demo", "--json", *words]
        done = subprocess.run(
            line, env=self.environment, capture_output=True, text=True, timeout=2400, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    def demo(self, *words: str) -> dict[str, Any]:
        return self.run("--own", f"--engine={self.engine}", *words)

    def ask(self, *words: str) -> str:
        done = subprocess.run([*self.command, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def left(self) -> list[str]:
        """Every image and container, working containers of builds and nameless images too."""
        external = ["--external"] if self.engine == "podman" else []
        containers = self.ask("ps", "-a", "--no-trunc", "-q", *external).split()
        return sorted([*containers, *self.ask("images", "-a", "--no-trunc", "-q").split()])


def _environment(home: Path, **more: str) -> dict[str, str]:
    own = {"IRONHULL_HOME": str(home), "IRONHULL_CATALOG": str(home / "images"), **more}
    return {**os.environ, **own}


@pytest.fixture(scope="module")
def podman_bench(built: Path, scratch: Path) -> Bench:
    program = tool("podman")
    if os.geteuid() != 0:
        pytest.skip("needs root: podman with storage of its own")
    words = storage(scratch)
    environment = _environment(built, IRONHULL_PODMAN_ARGS=" ".join(words))
    return Bench("podman", environment, (str(program), *words))


@pytest.fixture(scope="module")
def docker_bench(built: Path, docker_host: str) -> Bench:
    environment = _environment(built, IRONHULL_DOCKER_HOST=docker_host)
    return Bench("docker", environment, (str(tool("docker")), "-H", docker_host))


@dataclass(frozen=True)
class Done:
    """One demo that kept its images, and what was in the engine before it and after."""

    bench: Bench
    value: dict[str, Any]
    before: list[str]
    after: list[str]
    said: str
    """What `make demo` prints before the case study."""


@pytest.fixture(scope="module")
def podman_demo(podman_bench: Bench) -> Iterator[Done]:
    """`make demo`, once for all that is to be seen of it."""
    before = podman_bench.left()
    words = "--engine=podman --keep --json"
    made = subprocess.run(
        ["make", "--no-print-directory", "-C", PROJECT, "demo", f"DEMO={words}"],
        env=podman_bench.environment, check=False, capture_output=True, text=True, timeout=2400,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-3000:]
    after = podman_bench.left()
    said, _, document = made.stdout.partition("\n{\n")
    value = json.loads("{" + document)
    yield Done(podman_bench, value, before, after, said)
    for image in value["kept"]:
        podman_bench.ask("rmi", image)
    assert podman_bench.left() == before


def _check(value: dict[str, Any]) -> None:
    standard, hardened, full = value["applications"]
    assert value["same_answers"]
    assert [answer["status"] for answer in standard["trials"][0]["answers"]] == [
        *(200, 200, 200, 200, 404, 201, 200, 404)
    ]
    assert _possible(standard) >= {"shell", "npm", "apt", "compiler", "code", "etc", "root"}
    assert standard["figures"]["npm_packages"] > hardened["figures"]["npm_packages"] > 50
    assert hardened["figures"]["npm_packages"] == full["figures"]["npm_packages"]
    for one in (hardened, full):
        locked, plain = one["trials"]
        assert locked["attack"]["uid"] == plain["attack"]["uid"] == 1000
        assert locked["attack"]["capabilities"] == 0
        assert locked["attack"]["no_new_privileges"]
        assert _possible(one) <= ALLOWED
        # The image alone, without any option, is worth as much.
        assert _possible(one, 1) <= ALLOWED
        assert "--read-only" in locked["options"]
        assert "--user node" in locked["options"]
        assert one["figures"]["shells"] == one["figures"]["package_managers"] == []
    for one in value["applications"]:
        for trial in one["trials"]:
            assert (trial["killed"], trial["exit_code"]) == (False, 0)
            assert trial["stop_seconds"] < 1


def _possible(application: dict[str, Any], trial: int = 0) -> set[str]:
    attempts = application["trials"][trial]["attack"]["attempts"]
    return {attempt["name"] for attempt in attempts if attempt["succeeded"]}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Docker runs the case study in `make whole`; what it does as an engine, test_engines holds."""
    if "studied_in" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--whole")
        metafunc.parametrize("studied_in", ["podman", "docker"] if whole else ["podman"])


def test_an_engine_runs_the_case_study(studied_in: str, request: pytest.FixtureRequest) -> None:
    if studied_in == "podman":
        value = request.getfixturevalue("podman_demo").value
    else:
        bench = request.getfixturevalue("docker_bench")
        before = bench.left()
        value = bench.demo()
        assert bench.left() == before
    assert value["engine"]["name"] == studied_in
    _check(value)


def test_only_the_kept_images_stay(podman_demo: Done) -> None:
    ask = podman_demo.bench.ask
    kept = [ask("image", "inspect", "-f", "{{.Id}}", one) for one in podman_demo.value["kept"]]
    more = set(podman_demo.after) - set(podman_demo.before)
    assert more == {f"sha256:{identity.strip()}" for identity in kept}


def test_no_inventory_of_a_passing_image_is_kept(podman_demo: Done, built: Path) -> None:
    kept = {inventory.image.name for inventory in InventoryStore(built / "inventories")}
    # What was built here stays known, by whichever tag; the applications on it do not.
    assert {name.partition(":")[0] for name in kept} == {"node"}


def test_more_than_70_percent_of_the_packages_are_gone(podman_demo: Done) -> None:
    fewer = podman_demo.value["fewer_packages"]
    assert fewer["of"] == "node:20-standard"
    assert fewer["share"] > 0.7
    images = podman_demo.value["images"]
    assert fewer["packages"] == images["node:20-standard"]["system_packages"] > 300
    assert fewer["left"] == images["node:20"]["system_packages"] > 10


@pytest.mark.parametrize("name", ["hardened", "hardened-full"])
def test_nothing_of_the_host_is_in_the_image(podman_demo: Done, name: str, tmp_path: Path) -> None:
    bench = podman_demo.bench
    image = f"localhost/ironhull-demo/node-app:{name}"
    config = bench.ask("image", "inspect", image)
    history = bench.ask("history", "--no-trunc", image)
    with host_settings(os.environ, Path.home()) as host:
        npmrc = (host.mounts[0].source / "npmrc").read_text()
    registries = [urlsplit(line.partition("=")[2]).netloc for line in npmrc.splitlines()]
    for said in (config, history):
        assert "ironhull-host" not in said
        assert not [host for host in registries if host and host in said]
    bench.ask("save", "--format=docker-archive", "-o", str(tmp_path / "image.tar"), image)
    files = dict(_files(tmp_path / "image.tar"))
    assert not [path for path in files if "ironhull-host" in path or path.endswith(".npmrc")]
    listed = files["app/node_modules/.package-lock.json"]
    assert b'"integrity"' in listed
    assert b'"resolved"' not in listed


def _files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Paths of all layers; with the content of what npm writes about its packages."""
    with tarfile.open(archive) as outer:
        for member in outer:
            if not member.name.endswith(".tar") or not member.isfile():
                continue
            with tarfile.open(fileobj=outer.extractfile(member)) as layer:
                for entry in layer:
                    file = layer.extractfile(entry) if entry.isfile() else None
                    wanted = file is not None and entry.name.endswith(".package-lock.json")
                    yield entry.name, file.read() if wanted and file else b""


def test_the_application_s_own_tests_pass_in_the_dev_image(
    podman_demo: Done, podman: Engine, built: Path, tmp_path: Path
) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM dev\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm test\n")
    # The application's own list leaves its tests out of the image.
    dockerfile.with_name("Dockerfile.dockerignore").write_text("node_modules\n")
    store, base, tag = Home(built).store, "localhost/test-dev:1", "localhost/test-app:1"
    manifest = choose_manifest(store, store.find("node:20-dev"))
    try:
        podman.load(store, manifest, [base])
        with host_settings(os.environ, Path.home()) as host:
            log = podman.build(
                BuildRequest(
                    dockerfile,
                    PROJECT / "examples" / "node-app",
                    tag,
                    bases={"dev": base},
                    files=host.mounts,
                    environment=host.environment,
                    network="host",
                    keep_steps=False,
                )
            ).log
    finally:
        podman.remove(tag)
        podman.remove(base)
    assert "# pass 10" in log
    assert "# fail 0" in log


def test_a_signal_in_the_middle_of_a_build_leaves_nothing(podman_demo: Done) -> None:
    bench = podman_demo.bench
    before = bench.left()
    line = [sys.executable, "-m", "ironhull.cli", "demo", "--own", "--engine=podman"]
    with subprocess.Popen(
        line, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for said in process.stderr:
            if said.startswith("building Dockerfile.standard"):
                time.sleep(4)
                process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 130
    assert bench.left() == before


def test_without_an_engine_the_sandbox_runs_the_whole_case_study(
    podman_demo: Done, built: Path, tmp_path: Path
) -> None:
    (tmp_path / "cp").symlink_to(shutil.which("cp") or "/bin/cp")
    environment = {**podman_demo.bench.environment, "PATH": str(tmp_path)}
    value = Bench("", environment, ()).run("--own")
    assert value["engine"]["name"] == "sandbox"
    assert value["left_out"] == []
    _check(value)
    assert value["fewer_packages"] == podman_demo.value["fewer_packages"]
    assert list((built / "cache/tmp").glob("stages-*")) == []
    assert "ironhull-demo" not in (built / "store/index.json").read_text()


def test_make_demo_shows_what_it_builds(podman_demo: Done) -> None:
    assert "sha256:" in podman_demo.said
    assert "none (looked at" in podman_demo.said
