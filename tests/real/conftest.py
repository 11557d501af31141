"""Engines of our own for tests: their own storage, their own daemon, nothing of the machine's."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.claims import claim
from tests.fakes.image import Directory, File, Symlink, make_image
from tests.real.tools import tool

from ironhull.definition.catalog import Catalog
from ironhull.engine.find import EngineSettings, builder, engine
from ironhull.engine.interface import Builder, Engine
from ironhull.store.files import locked
from ironhull.store.layout import ImageLayout

ROOT = Path(__file__).parents[2]
ON_BOTH = frozenset({"static", "debian-base", "node", "python", "nginx", "golang", "openjdk"})
LARGE = frozenset({"openjdk:21-dev", "openjdk:25", "openjdk:25-dev"})
"""Hundreds of megabytes each: of Java, openjdk:21 is built on both."""
BROWSER = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
APPLETS = ("sh", "sleep", "id", "cat", "echo", "httpd", "wget", "touch", "true", "env", "nslookup")
# Workers take whole files, in this order and then as they come: one that takes minutes and is begun
# last keeps all others waiting.
LONGEST_FIRST = (
    "test_catalog.py",
    # The first one builds the catalog, for minutes; meanwhile the other worker does without it.
    "test_registry_server.py",
    "test_registry_client.py",
    "test_migrate.py",
    "test_demo.py",
    "test_inventory.py",
    "test_readme.py",
    "test_clone.py",
    "test_watch.py",
    "test_remediate.py",
    "test_engines.py",
    "test_lock.py",
    "test_oracle.py",
    "test_report_browser.py",
    "test_servers.py",
    "test_scan_parity.py",
    "test_attest.py",
    "test_deploy.py",
    "test_verify_built.py",
    "test_signers.py",
)


def built_on_both(name: str) -> bool:
    """Whether an image, NAME:TAG, is built on both of its platforms each time."""
    return name.split(":")[0] in ON_BOTH and name not in LARGE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts files by how long they take; within a file nothing moves."""
    rank = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)) if _real(item) else -1)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Removes what `catalog` made, when no worker needs it any more: pytest keeps its folders."""
    if not hasattr(session.config, "workerinput"):
        base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        shutil.rmtree(base / "catalog", ignore_errors=True)


def _real(item: pytest.Item) -> bool:
    return item.path.parent == Path(__file__).parent


@pytest.fixture(scope="session")
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether nothing is shortened: `make whole`."""
    return bool(pytestconfig.getoption("--whole"))


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A short path (sockets allow 108 bytes) that is gone at the end, mounts and all."""
    folder = Path(tempfile.mkdtemp(prefix="ih-"))
    try:
        yield folder
    finally:
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            mounted = line.split()[1]
            if mounted.startswith(f"{folder}/"):
                subprocess.run(["umount", "-l", mounted], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def storage(scratch: Path) -> tuple[str, ...]:
    """podman's and buildah's own storage below `scratch`."""
    return (f"--root={scratch / 'storage'}", f"--runroot={scratch / 'run'}")


@pytest.fixture(scope="session")
def podman_settings(scratch: Path) -> EngineSettings:
    tool("podman")
    if os.geteuid() != 0:
        pytest.skip("needs root: podman with storage of its own")
    return EngineSettings(podman=storage(scratch), cache=scratch / "flags.json")


@pytest.fixture(scope="session")
def podman(podman_settings: EngineSettings) -> Engine:
    return engine("podman", podman_settings)


@pytest.fixture(scope="session")
def buildah(scratch: Path) -> Builder:
    tool("buildah")
    if os.geteuid() != 0:
        pytest.skip("needs root: buildah with storage of its own")
    return builder(
        "buildah", EngineSettings(buildah=storage(scratch), cache=scratch / "flags.json")
    )


def catalog_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `catalog` is, or will be when a test has asked for it: one for all workers."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "catalog"


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `images`, a copy of our catalog, and `home`, where all of them are built.

    `built.json` is what the build said. Whichever worker asks first makes it, for all.
    """
    folder = catalog_folder(tmp_path_factory)
    with locked(folder.with_suffix(".lock")):
        if not (folder / "built.json").is_file():
            shutil.copytree(
                ROOT / "images", folder / "images", ignore=shutil.ignore_patterns("*.lock.json")
            )
            names = [f"{entry.image}:{entry.stem}" for entry in Catalog(folder / "images").all()]
            on_both = [name for name in names if built_on_both(name)]
            on_one = [name for name in names if name not in on_both]
            built = _built(folder, on_both)
            built |= _built(folder, on_one, "--platform", "linux/amd64")
            (folder / "built.json").write_text(json.dumps({"images": [built[n] for n in names]}))
    return folder


def _built(folder: Path, names: list[str], *words: str) -> dict[str, Any]:
    """Images made in the catalog's home, by name, as `build --json` tells of each."""
    made = subprocess.run(
        [ROOT / ".venv/bin/ironhull", "build", *names, "--update", "--json", *words],
        env={
            **os.environ, "IRONHULL_HOME": str(folder / "home"),
            "IRONHULL_CATALOG": str(folder / "images"),
        },
        check=False, capture_output=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-3000:]
    return dict(zip(names, json.loads(made.stdout)["images"], strict=True))


@pytest.fixture
def home_with_layers(catalog: Path, tmp_path: Path) -> Iterator[Path]:
    """A home without any image, in which all packages' layers of the catalog are made already.

    Its files are links to those of `catalog`.
    """
    home = tmp_path / "home-with-layers"
    link_layers(catalog, home)
    yield home
    shutil.rmtree(home, ignore_errors=True)


def link_layers(catalog: Path, home: Path) -> None:
    """What `catalog` has of packages and layers, as links in a home that has none of it."""
    # Names with a dot are of files that are being written.
    unfinished = shutil.ignore_patterns(".*")
    for part in ("cache/packages", "cache/layers", "store/blobs"):
        shutil.copytree(
            catalog / "home" / part, home / part, copy_function=os.link, ignore=unfinished
        )


@contextlib.contextmanager
def _bridge() -> Iterator[str]:
    """A network bridge of this process, which needs no packet filter to reach from the host."""
    name, third = f"ih{secrets.token_hex(4)}", claim("subnet", range(20, 220))
    ip = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin") or "ip"
    subprocess.run([ip, "link", "add", name, "type", "bridge"], check=True, capture_output=True)
    try:
        address = f"10.213.{third}.1/24"
        subprocess.run([ip, "addr", "add", address, "dev", name], check=True, capture_output=True)
        subprocess.run([ip, "link", "set", name, "up"], check=True, capture_output=True)
        yield name
    finally:
        subprocess.run([ip, "link", "del", name], check=False, capture_output=True)


@pytest.fixture(scope="session")
def docker_host(scratch: Path) -> Iterator[str]:
    """A docker daemon of our own, which touches no packet filter; ended by its process id."""
    dockerd, _ = tool("dockerd"), tool("docker")
    if os.geteuid() != 0:
        pytest.skip("needs root: dockerd")
    home = scratch / "docker"
    home.mkdir()
    host = f"unix://{home}/d.sock"
    try:
        bridge = _bridge()
        with bridge as name, (home / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [
                    *(dockerd, f"--data-root={home}/data", f"--exec-root={home}/exec"),
                    *(f"--host={host}", f"--pidfile={home}/pid", f"--bridge={name}"),
                    *("--iptables=false", "--ip6tables=false", "--ip-masq=false"),
                    "--ip-forward=false",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                _wait_for_daemon(host, daemon, home / "log")
                yield host
            finally:
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs a network bridge: {error.stderr.decode().strip()}")


def _wait_for_daemon(host: str, daemon: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and daemon.poll() is None:
        asked = subprocess.run(
            [tool("docker"), "version"],
            env={**os.environ, "DOCKER_HOST": host},
            capture_output=True,
            check=False,
        )
        if asked.returncode == 0:
            return
        time.sleep(0.2)
    pytest.skip(f"needs a docker daemon that starts: {log.read_text()[-500:]}")


@pytest.fixture(scope="session")
def docker(docker_host: str) -> Engine:
    return engine("docker", EngineSettings(docker_host=docker_host))


@pytest.fixture(params=["podman", "docker"])
def runner(request: pytest.FixtureRequest) -> Engine:
    """Each engine that runs."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["podman", "docker", "buildah"])
def any_builder(request: pytest.FixtureRequest) -> Builder:
    """Each engine that builds."""
    found: Builder = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def shell_layout(tmp_path_factory: pytest.TempPathFactory) -> ImageLayout:
    """A layout with `shell:1`: a static busybox, two users, zstd layers, for this machine."""
    layout = ImageLayout(tmp_path_factory.mktemp("shell") / "layout", create=True)
    busybox = tool("busybox").read_bytes()
    make_image(
        layout,
        [
            {
                "bin": Directory(),
                "bin/busybox": File(busybox, mode=0o755),
                **{f"bin/{applet}": Symlink("busybox") for applet in APPLETS},
                "tmp": Directory(0o1777),
            },
            {
                "etc/group": "root:x:0:\nnonroot:x:65532:\n",
                "etc/passwd": "root:x:0:0::/root:/bin/sh\nnonroot:x:65532:65532::/:/bin/sh\n",
                "srv/index.html": "it answers\n",
                "data": Directory(0o755, 65532, 65532),
            },
        ],
        config={
            "User": "65532:65532",
            "Env": ["PATH=/bin", "GREETING=hello"],
            "Cmd": ["/bin/sh", "-c", "echo $GREETING; id -u"],
            "WorkingDir": "/data",
        },
        names=["shell:1"],
    )
    return layout


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by playwright."""
    chromium = tool("chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=str(chromium), args=list(BROWSER))
        yield opened
        opened.close()
