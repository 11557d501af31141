"""`ironhull serve` as a mirror of Debian's docker-registry, with the clients that people have."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest
from tests.fakes.claims import free_port
from tests.fakes.image import File, make_image
from tests.fakes.registry import FakeRegistry, says
from tests.fakes.running_server import RunningServer, serving
from tests.real.test_registry_client import docker_registry, process
from tests.real.test_registry_server import run
from tests.real.tools import tool

from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.store.layout import ImageLayout

pytestmark = pytest.mark.real
LARGE = 24 << 20


class Upstream:
    """docker-registry with a login, to be taken away and brought back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "registry").mkdir(parents=True)
        hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
        (folder / "htpasswd").write_text(f"me:{hashed}\n")
        entry = {"auth": "bWU6c2VjcmV0"}
        self.logins = folder / "config.json"
        self.logins.write_text(json.dumps({"auths": {self.host: entry}}))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        command = docker_registry(
            self.folder / "registry", self.port, htpasswd=self.folder / "htpasswd"
        )
        with process(command, self.port, self.folder / "log"):
            yield

    def push(self, layout: ImageLayout, tag: str, name: str) -> None:
        run(
            tool("skopeo"), "copy", "--all", f"--dest-authfile={self.logins}",
            "--dest-tls-verify=false", f"oci:{layout.root}:{tag}", f"docker://{self.host}/{name}",
        )  # fmt: skip


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    """An image of two platforms with a large layer, and an SBOM that refers to it."""
    folder = tmp_path_factory.mktemp("upstream")
    upstream = Upstream(folder)
    layout = ImageLayout(folder / "layout", create=True)
    make_image(
        layout,
        [{"etc/motd": "hello\n"}, {"app/data": os.urandom(LARGE)}],
        compression="gzip",
        platforms=["linux/amd64", "linux/arm64"],
        names=["1"],
    )
    make_image(layout, [{"etc/motd": "moved\n"}], compression="gzip", names=["2"])
    (folder / "sbom.json").write_text("{}")
    with upstream.running():
        upstream.push(layout, "1", "team/app:1")
        upstream.push(layout, "2", "team/app:other")
        run(
            tool("oras"), "attach", "--plain-http", f"--registry-config={upstream.logins}",
            "--artifact-type=x/sbom", f"{upstream.host}/team/app:1", "sbom.json", cwd=folder,
        )  # fmt: skip
    return upstream


@contextmanager
def mirroring(
    upstream: Upstream, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningServer]:
    rules = folder / "rules.toml"
    rules.write_text(
        f'[[mirror]]\nprefix = "hub"\nupstream = "{upstream.host}"\nrevalidate = "0s"\n'
    )
    # Not REGISTRY_AUTH_FILE: docker-registry would take it for a setting of its own.
    monkeypatch.setenv("DOCKER_CONFIG", str(upstream.logins.parent))
    with serving(folder / "store", "--rules", str(rules)) as server:
        # The clients log in nowhere: the mirror does.
        monkeypatch.setenv("DOCKER_CONFIG", str(folder))
        yield server


def test_clients_pull_through_and_go_on_when_upstream_is_gone(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = ImageLayout(upstream.folder / "layout").find("1").digest
    with mirroring(upstream, tmp_path, monkeypatch) as server:
        name = f"{server.host}/hub/team/app"
        crane, oras, plain = tool("crane"), tool("oras"), "--plain-http"

        def pull_all(folder: str) -> None:
            at = (f"docker://{name}:1", "--src-tls-verify=false", "--all")
            run(tool("skopeo"), "copy", *at, f"oci:{tmp_path / folder}:1")
            assert ImageLayout(tmp_path / folder).find("1").digest == digest
            found = json.loads(run(oras, "discover", "--format=json", plain, f"{name}:1"))
            (referrer,) = found.get("manifests") or found.get("referrers")
            assert referrer["artifactType"] == "x/sbom"
            run(oras, "pull", plain, f"{name}@{referrer['digest']}", "-o", tmp_path / "sbom")
            assert "1" in run(crane, "ls", name).split()

        with upstream.running():
            pull_all("fresh")
            run(crane, "validate", "--remote", f"{name}:1")
        pull_all("kept")
        assert "as it was before" in server.log
        refused = run(crane, "manifest", f"{name}:other", code=1)
        assert "UPSTREAM_UNAVAILABLE" in refused or "503" in refused
        pushed = run(crane, "tag", f"{name}:1", "new", code=1)
        assert f"is a mirror of {upstream.host}" in pushed


def test_upstream_that_dies_within_a_blob_gives_no_client_a_wrong_one(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = ImageLayout(upstream.folder / "layout")
    with mirroring(upstream, tmp_path, monkeypatch) as server:
        with upstream.running():
            name = "/v2/hub/team/app"
            index = server.ask("GET", f"{name}/manifests/1").json()
            one = server.ask("GET", f"{name}/manifests/{index['manifests'][0]['digest']}").json()
            layer = max(one["layers"], key=lambda item: item["size"])
            tag = f"docker://{server.host}/hub/team/app:1"
            killed = _stopped_registry(upstream.port)
            answers: list[bytes | None] = []

            def client() -> None:
                with server.ask("GET", f"{name}/blobs/{layer['digest']}", preload=False) as answer:
                    try:
                        whole = answer.read()
                    except Exception:
                        whole = None
                    answers.append(whole if answer.status == 200 else None)

            threads = [threading.Thread(target=client) for _ in range(3)]
            for thread in threads:
                thread.start()
            os.kill(killed, signal.SIGKILL)
            for thread in threads:
                thread.join(120)
        assert answers == [None] * 3
        assert not (server.root / "blobs/sha256" / layer["digest"].removeprefix("sha256:")).exists()
        with upstream.running():
            skopeo = (tool("skopeo"), "copy", "--src-tls-verify=false", "--all", tag)
            run(*skopeo, f"oci:{tmp_path / secrets.token_hex(3)}:1")
        blob = server.ask("GET", f"{name}/blobs/{layer['digest']}").data
        assert blob == layout.blobs.read(layer["digest"], 2 * LARGE)


class Wayward:
    """A mirror of a registry that does as it is told, and an image `1` of each repository there."""

    def __init__(self, server: RunningServer, upstream: FakeRegistry, folder: Path) -> None:
        self.server, self.upstream, self.folder = server, upstream, folder

    def image(self, name: str) -> tuple[str, str]:
        """Put one upstream: its digest, and that of its only layer."""
        layout = ImageLayout(self.folder / name, create=True)
        files = {"app/data": File(os.urandom(300_000))}
        (manifest,) = [
            each
            for each in layout.walk(make_image(layout, [files], names=["1"]))
            if each.media_type == OCI_MANIFEST
        ]
        document = layout.document(manifest.digest, OCI_MANIFEST)
        for part in (document.config, *document.layers):
            self.upstream.put_blob(name, layout.blobs.read(part.digest, LARGE))
        self.upstream.put_manifest(name, "1", OCI_MANIFEST, document.raw)
        return manifest.digest, document.layers[0].digest

    def copying(self, name: str, to: str) -> list[str]:
        """The command with which skopeo pulls it."""
        at = f"docker://{self.server.host}/hub/{name}:1"
        command = [tool("skopeo"), "copy", "--src-tls-verify=false", at]
        return [str(part) for part in (*command, f"oci:{self.folder / to}:1")]

    def copied(self, to: str) -> str:
        return ImageLayout(self.folder / to).find("1").digest


@pytest.fixture(scope="module")
def wayward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wayward]:
    folder = tmp_path_factory.mktemp("wayward")
    rules = folder / "rules.toml"
    with FakeRegistry() as upstream:
        rules.write_text(f'[[mirror]]\nprefix = "hub"\nupstream = "{upstream.host}"\n')
        with serving(folder / "store", "--rules", str(rules)) as server:
            yield Wayward(server, upstream, folder)


def test_a_client_gets_no_bytes_that_upstream_lied_about(wayward: Wayward) -> None:
    digest, layer = wayward.image("lying")
    right = wayward.upstream.blobs["lying", layer]
    wayward.upstream.blobs["lying", layer] = right[:-1] + bytes([right[-1] ^ 1])
    said = run(*wayward.copying("lying", "not"), code=1)
    assert layer in said or "502" in said
    assert not (wayward.server.root / "blobs/sha256" / layer.removeprefix("sha256:")).exists()
    wayward.upstream.blobs["lying", layer] = right
    run(*wayward.copying("lying", "right"))
    assert wayward.copied("right") == digest


def test_a_login_in_an_address_that_upstream_names_is_not_used(wayward: Wayward) -> None:
    digest, layer = wayward.image("leading")
    with FakeRegistry() as elsewhere:
        to = f"http://user:word@{elsewhere.host}/x"
        wayward.upstream.fail("GET", layer, says(307, location=to), times=9)
        run(*wayward.copying("leading", "led"), code=1)
        assert not elsewhere.seen
    answer = wayward.server.ask("GET", f"/v2/hub/leading/blobs/{layer}")
    assert answer.status == 503
    assert "an address with a login in it" in answer.data.decode()
    assert "word" not in wayward.server.log
    while wayward.upstream.fault_for("GET", f"/v2/leading/blobs/{layer}"):
        pass
    run(*wayward.copying("leading", "straight"))
    assert wayward.copied("straight") == digest


def test_an_upstream_that_is_slow_with_one_image_is_waited_for_and_holds_up_no_other(
    wayward: Wayward,
) -> None:
    digest, layer = wayward.image("slow")
    other, _ = wayward.image("quick")
    begun, go_on = threading.Event(), threading.Event()

    def late(_: object) -> bool:
        begun.set()
        go_on.wait(60)
        return False

    wayward.upstream.fail("GET", layer, late)
    with subprocess.Popen(wayward.copying("slow", "late")) as client:
        try:
            assert begun.wait(60)
            run(*wayward.copying("quick", "meanwhile"))
            assert client.poll() is None
        finally:
            go_on.set()
        assert client.wait(60) == 0
    assert (wayward.copied("meanwhile"), wayward.copied("late")) == (other, digest)


def _stopped_registry(port: int) -> int:
    """The registry's process, which answers nobody any more."""
    found = subprocess.run(["pgrep", "-f", "docker-registry"], capture_output=True, check=False)
    for pid in map(int, found.stdout.split()):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if any(word.endswith(b"config.json") and _port(word) == port for word in words):
            os.kill(pid, signal.SIGSTOP)
            return pid
    raise AssertionError("the registry does not run")


def _port(config: bytes) -> int:
    return int(json.loads(Path(os.fsdecode(config)).read_text())["http"]["addr"].split(":")[1])
