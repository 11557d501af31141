"""Our client against registries of others, and tools of others against what it pushed.

Debian's docker-registry and `crane registry serve` have no referrers API; `ironhull serve` has.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.claims import free_port
from tests.fakes.image import make_image
from tests.fakes.wiretap import Wiretap
from tests.real.tools import tool

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_EMPTY, OCI_MANIFEST
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import list_documents

pytestmark = pytest.mark.real

SBOM = "application/vnd.cyclonedx+json"
REGISTRIES = ("docker-registry", "crane", "ironhull")


@dataclass
class Registry:
    kind: str
    host: str
    folder: Path


@contextlib.contextmanager
def process(command: list[Any], port: int, log: Path) -> Iterator[None]:
    """A server until the block ends; skips nothing: one that does not listen is a failure."""
    with log.open("wb") as file:
        running = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert running.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.05)
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def docker_registry(folder: Path, port: int, *, htpasswd: Path | None = None) -> list[Any]:
    config = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if htpasswd:
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(htpasswd)}}
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return [tool("docker-registry"), "serve", path]


def command(kind: str, folder: Path, port: int) -> list[Any]:
    match kind:
        case "docker-registry":
            return docker_registry(folder, port)
        case "crane":
            address = f"127.0.0.1:{port}"
            return [tool("crane"), "registry", "serve", "--address", address, "--disk", folder]
        case _:
            listen = f"127.0.0.1:{port}"
            return [*IRONHULL, "serve", "--listen", listen, "--data", folder / "store"]


IRONHULL = (sys.executable, "-m", "ironhull.cli")


@pytest.fixture(params=REGISTRIES)
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    folder, port = tmp_path / "registry", free_port()
    folder.mkdir()
    with process(command(request.param, folder, port), port, tmp_path / "log"):
        yield Registry(request.param, f"localhost:{port}", folder)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def ironhull(home: Home) -> Callable[..., Any]:
    """Run the command; its JSON, or with `code` its standard error."""

    def run(*arguments: Any, code: int = 0, **environment: str) -> Any:
        done = subprocess.run(
            [*IRONHULL, *map(str, arguments), *(["--json"] if code == 0 else [])],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "IRONHULL_HOME": str(home.root), **environment},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if code == 0 else done.stderr

    return run


def artifact(layout: ImageLayout, subject: Descriptor, kind: str = SBOM) -> Document:
    data = json.dumps({"kind": kind, "of": subject.digest}).encode()
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": kind,
            "config": Descriptor(OCI_EMPTY, layout.blobs.put(b"{}"), 2).json(),
            "layers": [Descriptor(kind, layout.blobs.put(data), len(data)).json()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).json(),
            "annotations": {"org.example.why": "test"},
        }
    )
    layout.blobs.put(document.raw)
    list_documents(layout, [document])
    return document


@pytest.fixture
def image(home: Home) -> Descriptor:
    """An index of two platforms with an SBOM, signed in turn; one layer of 8 MB."""
    layers = [{"etc/motd": "hello\n"}, {"big": os.urandom(8_000_000)}, {"a": "b"}]
    image = make_image(
        home.store,
        layers,
        platforms=("linux/amd64", "linux/arm64"),
        names=("node:20",),
        compression="gzip",
    )
    sbom = artifact(home.store, image)
    artifact(home.store, sbom.descriptor(), "application/vnd.example.signature")
    return image


def raw(*arguments: Any) -> bytes:
    done = subprocess.run(list(map(str, arguments)), check=False, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def auth_file(path: Path, host: str, user: str, password: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": encoded}}}))
    return {"REGISTRY_AUTH_FILE": str(path)}


@pytest.fixture
def tapped(registry: Registry) -> Iterator[Wiretap]:
    with Wiretap(int(registry.host.partition(":")[2])) as tap:
        yield tap


def test_what_we_push_others_read_byte_for_byte(
    registry: Registry, image: Descriptor, home: Home, ironhull: Callable[..., Any]
) -> None:
    name = f"{registry.host}/library/node:20"
    [done] = ironhull("push", "node:20", name, "--check")
    assert (done["digest"], done["manifests"], done["referrers"]) == (image.digest, 3, 2)
    assert done["check"]["lost"] == []
    assert done["check"]["referrersApi"] == (registry.kind == "ironhull")
    expected = home.store.blobs.read(image.digest)
    skopeo = raw(tool("skopeo"), "inspect", "--tls-verify=false", "--raw", f"docker://{name}")
    assert skopeo == expected
    assert raw(tool("crane"), "manifest", name) == expected
    raw(tool("crane"), "validate", "--remote", name)
    found = json.loads(raw(tool("oras"), "discover", "--format", "json", "--plain-http", name))
    listed = found.get("manifests") or found.get("referrers")
    assert [item["artifactType"] for item in listed] == [SBOM]
    assert listed[0]["annotations"] == {"org.example.why": "test"}
    assert "20" in ironhull("tags", name)["tags"]


def test_a_second_push_sends_no_layer_bytes(
    registry: Registry, image: Descriptor, tapped: Wiretap, ironhull: Callable[..., Any]
) -> None:
    target = f"{tapped.host}/node"
    ironhull("push", "node:20", target)
    first, tapped.sent = tapped.sent, 0
    [done] = ironhull("push", "node:20", f"{target}:again")
    assert first > 8_000_000
    assert tapped.sent < 40_000
    assert (done["blobsMoved"], done["bytesMoved"]) == (0, 0)


def test_another_repository_gets_its_layers_by_mount(
    registry: Registry, image: Descriptor, tapped: Wiretap, ironhull: Callable[..., Any]
) -> None:
    host = tapped.host
    ironhull("push", "node:20", f"{host}/node")
    tapped.sent = 0
    ironhull("push", "node:20", f"{host}/team/base", "--mount-from", "node")
    done = ironhull("copy", f"{host}/node:20", f"{host}/third/node")
    assert tapped.sent < 80_000
    assert done["blobsMoved"] == 0


def test_what_others_push_we_pull(
    registry: Registry, image: Descriptor, home: Home, tmp_path: Path, ironhull: Callable[..., Any]
) -> None:
    source = f"oci:{home.store.root}:node:20"
    name = f"{registry.host}/by/skopeo:1"
    raw(
        tool("skopeo"), "copy", "-q", "--all", "--dest-tls-verify=false", source, f"docker://{name}"
    )
    raw(tool("crane"), "copy", name, f"{registry.host}/by/crane:1")
    for tagged in (name, f"{registry.host}/by/crane:1"):
        fresh = tmp_path / tagged.rpartition("/")[2].partition(":")[0]
        done = ironhull("pull", tagged, IRONHULL_HOME=str(fresh))
        assert done["digest"] == image.digest
        assert done["blobsMoved"] == done["blobs"]
        store = ImageLayout(fresh / "store")
        for part in store.walk(store.find(tagged)):
            assert store.blobs.size(part.digest) == part.size


def test_an_air_gap_is_crossed_with_everything_that_refers(
    registry: Registry, image: Descriptor, home: Home, tmp_path: Path, ironhull: Callable[..., Any]
) -> None:
    name, bundle = f"{registry.host}/node:20", tmp_path / "bundle.tar"
    ironhull("push", "node:20", name)
    ironhull("copy", name, bundle)
    inside = raw(tool("skopeo"), "inspect", "--raw", f"oci-archive:{bundle}:{name}")
    assert inside == home.store.blobs.read(image.digest)
    far = {"IRONHULL_HOME": str(tmp_path / "far")}
    back = ironhull("copy", bundle, f"{registry.host}/far/node:20", **far)
    assert (back["digest"], back["referrers"]) == (image.digest, 2)
    tree = ironhull("tree", f"{registry.host}/far/node:20", **far)
    sbom = next(child for child in tree["children"] if child["role"] == "referrer")
    assert [child["role"] for child in sbom["children"]] == ["config", "layer", "referrer"]
    ironhull("copy", f"{registry.host}/far/node:20", f"oci:{tmp_path / 'layout'}:node", **far)
    raw(tool("umoci"), "ls", "--layout", tmp_path / "layout")
    assert sorted(path.name for path in tmp_path.glob("*bundle*")) == ["bundle.tar"]


def test_what_docker_save_writes_goes_to_a_registry(
    registry: Registry, image: Descriptor, home: Home, tmp_path: Path, ironhull: Callable[..., Any]
) -> None:
    saved = tmp_path / "saved.tar"
    raw(
        *(tool("skopeo"), "copy", "-q", "--override-arch=amd64"),
        *(f"oci:{home.store.root}:node:20", f"docker-archive:{saved}:node:20"),
    )
    done = ironhull("copy", saved, f"{registry.host}/saved")
    assert done["target"].endswith("/saved:20")
    # Not crane: it takes every layer for gzip, and these are plain tars, as docker saved them.
    pulled = f"oci:{tmp_path / 'pulled'}:x"
    raw(
        *(tool("skopeo"), "copy", "-q", "--src-tls-verify=false"),
        *(f"docker://{registry.host}/saved:20", pulled),
    )


def test_lines_that_break_cost_only_what_was_lost(
    registry: Registry, image: Descriptor, tapped: Wiretap, tmp_path: Path, ironhull: Any
) -> None:
    name = f"{tapped.host}/node:20"
    tapped.cut_sent = [3_000_000, 2_000_000]
    [done] = ironhull("push", "node:20", name)
    assert done["digest"] == image.digest
    assert tapped.cut_sent == []
    tapped.cut_received = [3_000_000, 2_000_000]
    done = ironhull("pull", name, IRONHULL_HOME=str(tmp_path / "fresh"))
    assert tapped.cut_received == []
    assert done["digest"] == image.digest
    raw(tool("crane"), "validate", "--remote", f"{registry.host}/node:20")


def test_a_client_killed_at_any_point_leaves_the_old_tag_or_the_new(
    registry: Registry, image: Descriptor, home: Home, ironhull: Callable[..., Any]
) -> None:
    name = f"{registry.host}/node:tag"

    def made() -> Descriptor:
        layers = [{f"n{n}": os.urandom(400_000)} for n in range(10)]
        return make_image(home.store, layers, names=("new:1",), compression="gzip")

    made()
    begun = time.monotonic()
    ironhull("push", "new:1", name)
    took = time.monotonic() - begun
    states = set()
    # On some machines a whole push takes a tenth of a second, on others a second.
    for part in (0.3, 0.5, 0.65, 0.75, 0.85, 1.0, 1.4):
        fresh = made()
        before = raw(tool("crane"), "digest", name).decode().strip()
        running = subprocess.Popen(
            [*IRONHULL, "push", "-q", "new:1", name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "IRONHULL_HOME": str(home.root)},
        )
        time.sleep(part * took)
        running.send_signal(signal.SIGKILL)
        running.wait()
        digest = raw(tool("crane"), "digest", name).decode().strip()
        assert digest in (before, fresh.digest)
        states.add(digest == fresh.digest)
        raw(tool("crane"), "validate", "--remote", name)
        ironhull("push", "new:1", name)
        assert raw(tool("crane"), "digest", name).decode().strip() == fresh.digest
    assert False in states, "no push was killed in time"


def test_ctrl_c_ends_at_once_and_leaves_nothing(
    registry: Registry, image: Descriptor, home: Home, tapped: Wiretap, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh"
    tapped.slow = 0.05
    environment = {**os.environ, "IRONHULL_HOME": str(home.root)}
    name = f"{registry.host}/node:20"
    subprocess.run([*IRONHULL, "push", "-q", "node:20", name], check=True, env=environment)
    running = subprocess.Popen(
        [*IRONHULL, "pull", f"{tapped.host}/node:20"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**environment, "IRONHULL_HOME": str(fresh)},
    )
    end = time.monotonic() + 60
    while not list((fresh / "store").glob("tmp/*")) and time.monotonic() < end:
        time.sleep(0.02)
    assert list((fresh / "store").glob("tmp/*"))
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"Traceback" not in said
    assert list((fresh / "store").glob("tmp/*")) == []
    assert ImageLayout(fresh / "store").descriptors() == []


def test_a_login_of_podmans_file_is_used_and_a_wrong_one_is_told(
    image: Descriptor, tmp_path: Path, ironhull: Callable[..., Any]
) -> None:
    folder, port = tmp_path / "registry", free_port()
    folder.mkdir()
    htpasswd = tmp_path / "htpasswd"
    htpasswd.write_bytes(raw(tool("htpasswd"), "-nbB", "alice", "right"))
    name = f"localhost:{port}/team/node:20"
    login = f"localhost:{port}"
    right = auth_file(tmp_path / "right.json", login, "alice", "right")
    wrong = auth_file(tmp_path / "wrong.json", login, "alice", "wrong")
    with process(docker_registry(folder, port, htpasswd=htpasswd), port, tmp_path / "log"):
        ironhull("push", "node:20", name, **right)
        assert ironhull("tags", name, **right)["tags"]
        for other in (wrong, {"REGISTRY_AUTH_FILE": str(tmp_path / "none")}):
            said = ironhull("tags", name, code=3, **other)
            assert "answered 401" in said
            assert "log in" in said
            assert "wrong" not in said.replace("wrong.json", "")


def test_the_digest_of_a_pushed_image_is_the_digest_of_its_bytes(
    registry: Registry, image: Descriptor, ironhull: Callable[..., Any]
) -> None:
    name = f"{registry.host}/node"
    ironhull("push", "node:20", name)
    by_digest = f"{name}@{image.digest}"
    assert ironhull("tree", by_digest)["digest"] == image.digest
    assert Digest(raw(tool("crane"), "digest", f"{name}:20").decode().strip()) == image.digest
    said = ironhull("pull", f"{name}@sha256:{'0' * 64}", code=2)
    assert "no manifest sha256:000" in said


def test_a_full_disk_ends_a_pull_and_leaves_nothing(
    registry: Registry, image: Descriptor, home: Home, tmp_path: Path
) -> None:
    name = f"{registry.host}/node:20"
    environment = {**os.environ, "IRONHULL_HOME": str(home.root)}
    subprocess.run([*IRONHULL, "push", "-q", "node:20", name], check=True, env=environment)
    fresh = tmp_path / "fresh"
    # A limit on the size of files stands in for a full disk: the same errno path, without mounting.
    done = subprocess.run(
        ["prlimit", "--fsize=1000000", *IRONHULL, "pull", "-q", name],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "IRONHULL_HOME": str(fresh)},
    )
    assert done.returncode == 3
    assert "cannot write" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list((fresh / "store").glob("tmp/*")) == []
    assert ImageLayout(fresh / "store").descriptors() == []


def test_roles_of_our_server_are_told_apart(
    image: Descriptor, tmp_path: Path, ironhull: Callable[..., Any]
) -> None:
    port = free_port()
    host, users = f"localhost:{port}", tmp_path / "users.toml"
    lines = ['[anonymous]\nrole = "pull"\nrepositories = ["public/*"]\n']
    for user, role in (("alice", "push"), ("bob", "pull")):
        hashed = raw(tool("htpasswd"), "-nbB", user, "right").decode().strip().partition(":")[2]
        lines.append(f'[users.{user}]\npassword = "{hashed}"\nrole = "{role}"\n')
    users.write_text("".join(lines))
    users.chmod(0o600)
    listen = (*IRONHULL, "serve", "--listen", f"127.0.0.1:{port}", "--auth", users)
    alice = auth_file(tmp_path / "alice.json", host, "alice", "right")
    bob = auth_file(tmp_path / "bob.json", host, "bob", "right")
    mallory = auth_file(tmp_path / "mallory.json", host, "alice", "guess")
    nobody = {"REGISTRY_AUTH_FILE": str(tmp_path / "none.json")}
    with process([*listen, "--data", tmp_path / "store"], port, tmp_path / "log"):
        for repository in ("public/node", "team/node"):
            ironhull("push", "node:20", f"{host}/{repository}", **alice)
        ironhull("tree", f"{host}/public/node:20", **nobody)
        ironhull("tree", f"{host}/team/node:20", **bob)
        for who, what in ((nobody, "tree"), (mallory, "tree")):
            assert "answered 401" in ironhull(what, f"{host}/team/node:20", code=3, **who)
        said = ironhull("push", "node:20", f"{host}/team/node:evil", code=3, **bob)
        assert "answered 403" in said
        assert "the login may not do this" in said
        assert ironhull("tags", f"{host}/team/node", **bob)["tags"] == ["20"]


def test_a_proxy_that_limits_bodies_is_no_hindrance(
    image: Descriptor, tmp_path: Path, home: Home, ironhull: Callable[..., Any]
) -> None:
    folder, port, front = tmp_path / "registry", free_port(), free_port()
    folder.mkdir()
    make_image(home.store, [{"big": os.urandom(20_000_000)}], names=("big:1",), compression="gzip")
    (tmp_path / "nginx.conf").write_text(
        f"""daemon off; master_process off; pid {tmp_path}/pid; error_log stderr;
        events {{}}
        http {{
          access_log off; client_max_body_size 9m;
          client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
          fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
          server {{
            listen 127.0.0.1:{front};
            location / {{ proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $http_host; }}
          }}
        }}"""
    )
    nginx = [tool("nginx"), "-c", tmp_path / "nginx.conf", "-p", tmp_path]
    with (
        process(docker_registry(folder, port), port, tmp_path / "log"),
        process(nginx, front, tmp_path / "nginx.log"),
    ):
        [done] = ironhull("push", "big:1", f"localhost:{front}/big")
        assert done["bytesMoved"] > 20_000_000
        raw(tool("crane"), "validate", "--remote", f"localhost:{front}/big:1")
