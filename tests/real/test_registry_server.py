"""`ironhull serve` with the clients that people have, and with everything that goes wrong."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import bcrypt
import pytest
import urllib3
from tests.fakes.claims import free_port
from tests.fakes.image import make_image
from tests.fakes.running_server import serving
from tests.real.tools import tool

from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_CONFIG, OCI_LAYER_TAR, OCI_MANIFEST
from ironhull.store.layout import ImageLayout

pytestmark = pytest.mark.real


def run(*command, code=0, **more):
    """What a program prints (all of it if it should fail); it must end with `code`."""
    ended = subprocess.run(
        [str(part) for part in command], capture_output=True, check=False, timeout=120, **more
    )
    said = ended.stdout.decode() + ended.stderr.decode()
    assert ended.returncode == code, said
    return said if code else ended.stdout.decode()


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def store(tmp_path):
    """A store with one image of two platforms, as a build leaves it."""
    layout = ImageLayout(tmp_path / "store", create=True)
    make_image(
        layout,
        [{"etc/motd": "hello\n"}, {"app/data": os.urandom(300_000)}],
        compression="gzip",
        platforms=["linux/amd64", "linux/arm64"],
        names=["team/app:1"],
    )
    return layout


@pytest.fixture
def server(store):
    with serving(store.root) as running:
        yield running


@pytest.fixture
def image(server, store):
    """What stands in index.json: name and digest of the built image."""
    return f"{server.host}/team/app", store.find("team/app:1").digest


# The clients.


def storage(scratch):
    """Options for a storage of the test's own (podman wants a short path for it)."""
    folder = scratch / secrets.token_hex(3)
    return (f"--root={folder / 'root'}", f"--runroot={folder / 'run'}", "--storage-driver=vfs")


def test_podman_pulls_what_was_built_and_pushes_it_elsewhere(server, image, scratch):
    name, _ = image
    podman = (tool("podman"), *storage(scratch))
    pulled = run(*podman, "pull", "-q", "--tls-verify=false", f"{name}:1").strip()
    run(*podman, "push", "--tls-verify=false", pulled, f"{server.host}/other/app:2")
    run(*podman, "rmi", "-f", pulled)
    assert run(*podman, "pull", "-q", "--tls-verify=false", f"{server.host}/other/app:2")
    listed = run(*podman, "search", "--list-tags", "--tls-verify=false", f"{server.host}/other/app")
    assert f"{server.host}/other/app  2" in listed


def test_buildah_builds_from_it_and_pushes_to_it(server, image, scratch):
    name, _ = image
    buildah = (tool("buildah"), *storage(scratch))
    made = run(*buildah, "from", "--tls-verify=false", f"{name}:1").strip()
    run(*buildah, "config", "--label=a=b", made)
    run(*buildah, "commit", "-q", "--tls-verify=false", made, f"docker://{server.host}/built:1")
    raw = server.ask("GET", "/v2/built/manifests/1").json()
    config = server.ask("GET", f"/v2/built/blobs/{raw['config']['digest']}").json()
    assert config["config"]["Labels"]["a"] == "b"


def test_docker_pulls_pushes_and_builds(server, image, docker_host, tmp_path):
    name, digest = image
    docker = (tool("docker"), "--config", tmp_path, "-H", docker_host)
    pulled = run(*docker, "pull", f"{name}:1")
    assert digest in pulled
    run(*docker, "tag", f"{name}:1", f"{server.host}/docker/app:1")
    run(*docker, "push", f"{server.host}/docker/app:1")
    run(*docker, "rmi", f"{name}:1", f"{server.host}/docker/app:1")
    run(*docker, "pull", f"{server.host}/docker/app:1")


@pytest.mark.parametrize("strangers", [False, True])
def test_docker_logs_in_pushes_and_pulls_with_and_without_strangers(
    tmp_path, docker_host, strangers
):
    users = write_users(tmp_path, anonymous="pull" if strangers else None)
    layout = ImageLayout(tmp_path / "store", create=True)
    make_image(layout, compression="gzip", names=["team/app:1"])
    docker = (tool("docker"), "--config", tmp_path / "docker", "-H", docker_host)
    with serving(layout.root, "--auth", str(users)) as running:
        name = f"{running.host}/team/app"
        if strangers:
            run(*docker, "pull", f"{name}:1")
        else:
            assert "no basic auth" in run(*docker, "pull", f"{name}:1", code=1)
        wrong = run(*docker, "login", "-u", "writer", "-p", "wrong", running.host, code=1)
        assert "unauthorized" in wrong.lower()
        run(*docker, "login", "-u", "writer", "-p", "w", running.host)
        run(*docker, "pull", f"{name}:1")
        run(*docker, "tag", f"{name}:1", f"{name}:2")
        run(*docker, "push", f"{name}:2")
        assert layout.find("team/app:2")
        run(*docker, "logout", running.host)
        run(*docker, "tag", f"{name}:1", f"{name}:3")
        run(*docker, "push", f"{name}:3", code=1)
        run(*docker, "rmi", f"{name}:1", f"{name}:2", f"{name}:3")


def test_skopeo_lists_copies_all_platforms_and_deletes(server, image, tmp_path):
    name, digest = image
    skopeo = tool("skopeo")
    at = (f"docker://{name}:1", "--src-tls-verify=false", "--all")
    run(skopeo, "copy", *at, f"oci:{tmp_path / 'copy'}:1")
    assert ImageLayout(tmp_path / "copy").find("1").digest == digest
    to = f"docker://{server.host}/copied/app:1"
    run(skopeo, "copy", "--dest-tls-verify=false", *at, to)
    assert f'"Digest": "{digest}"' in run(
        skopeo, "inspect", "--tls-verify=false", f"docker://{server.host}/copied/app:1"
    )
    assert '"1"' in run(skopeo, "list-tags", "--tls-verify=false", f"docker://{name}")
    run(skopeo, "delete", "--tls-verify=false", to)
    assert server.ask("GET", "/v2/copied/app/manifests/1").status == 404
    assert server.ask("GET", "/v2/team/app/manifests/1").status == 200
    # docker's own media types too.
    run(skopeo, "copy", "--dest-tls-verify=false", "--format=v2s2", *at[:2], to)
    assert (
        "docker.distribution" in server.ask("GET", "/v2/copied/app/manifests/1").json()["mediaType"]
    )


def test_crane_copies_lists_validates_and_deletes(server, image):
    name, digest = image
    crane = tool("crane")
    assert run(crane, "digest", f"{name}:1").strip() == digest
    assert run(crane, "ls", name).split() == ["1"]
    run(crane, "copy", f"{name}:1", f"{server.host}/crane/app:1")
    run(crane, "validate", "--remote", f"{server.host}/crane/app:1")
    run(crane, "tag", f"{server.host}/crane/app:1", "2")
    assert run(crane, "ls", f"{server.host}/crane/app").split() == ["1", "2"]
    assert "crane/app" in run(crane, "catalog", server.host)
    run(crane, "delete", f"{server.host}/crane/app@{digest}")
    assert run(crane, "ls", f"{server.host}/crane/app").split() == []


def test_oras_pushes_artifacts_attaches_discovers_and_copies_with_referrers(
    server, image, tmp_path
):
    name, digest = image
    oras = tool("oras")
    (tmp_path / "sbom.json").write_text("{}")
    plain = ("--plain-http", f"{name}:1")
    run(oras, "attach", "--artifact-type=x/sbom", *plain, "sbom.json", cwd=tmp_path)
    found = json.loads(run(oras, "discover", "--format=json", *plain))
    (referrer,) = found.get("manifests") or found.get("referrers")
    assert referrer["artifactType"] == "x/sbom"
    copied = f"{server.host}/oras/app:1"
    run(oras, "cp", "-r", "--from-plain-http", "--to-plain-http", f"{name}:1", copied)
    answer = server.ask("GET", f"/v2/oras/app/referrers/{digest}")
    assert [item["artifactType"] for item in answer.json()["manifests"]] == ["x/sbom"]
    assert run(oras, "repo", "tags", "--plain-http", f"{server.host}/oras/app").split() == ["1"]
    run(oras, "pull", "--plain-http", f"{name}@{referrer['digest']}", "-o", tmp_path / "got")
    assert (tmp_path / "got/sbom.json").read_text() == "{}"


def test_umoci_reads_the_store_that_was_pushed_into(server, image, tmp_path):
    name, _ = image
    run(tool("crane"), "copy", "--platform=linux/amd64", f"{name}:1", f"{server.host}/pushed:1")
    umoci = tool("umoci")
    assert "pushed:1" in run(umoci, "ls", "--layout", server.root).split()
    run(
        tool("skopeo"),
        "copy",
        "--src-tls-verify=false",
        f"docker://{server.host}/pushed:1",
        f"oci:{tmp_path / 'pulled'}:1",
    )
    run(umoci, "unpack", "--rootless", "--image", f"{tmp_path / 'pulled'}:1", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/etc/motd").read_text() == "hello\n"
    # And the other way: what umoci makes, pushed.
    run(umoci, "config", "--image", f"{tmp_path / 'pulled'}:1", "--tag=2", "--author=tests")
    run(
        tool("skopeo"),
        "copy",
        "--dest-tls-verify=false",
        f"oci:{tmp_path / 'pulled'}:2",
        f"docker://{server.host}/pushed:2",
    )
    assert server.ask("GET", "/v2/pushed/tags/list").json()["tags"] == ["1", "2"]


def write_users(folder, anonymous=None):
    def hashed(password):
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()

    path = folder / "users.toml"
    path.write_text(
        (f'[anonymous]\nrole = "{anonymous}"\n' if anonymous else "")
        + f'[users.reader]\npassword = "{hashed("r")}"\nrole = "pull"\n'
        + f'[users.writer]\npassword = "{hashed("w")}"\nrole = "push"\nrepositories = ["team/*"]\n'
    )
    return path


def test_htpasswd_makes_passwords_and_skopeo_and_crane_log_in_with_them(store, tmp_path):
    line = run(tool("htpasswd"), "-nbB", "alice", "s3cret").strip()
    users = tmp_path / "users.toml"
    users.write_text(f'[users.alice]\npassword = "{line.partition(":")[2]}"\nrole = "push"\n')
    with serving(store.root, "--auth", str(users)) as running:
        at = f"docker://{running.host}/team/app:1"
        skopeo = (tool("skopeo"), "inspect", "--tls-verify=false", "--raw")
        assert "unauthorized" in run(*skopeo, at, code=1)
        assert "unauthorized" in run(*skopeo, "--creds=alice:wrong", at, code=1)
        assert "manifests" in run(*skopeo, "--creds=alice:s3cret", at)
        # What htpasswd makes when it is not told a cost is cheap to guess: the log says so.
        assert "the bcrypt hashes of alice are cheap to guess" in running.log
        config = {**os.environ, "DOCKER_CONFIG": str(tmp_path / "config")}
        crane = tool("crane")
        run(crane, "auth", "login", running.host, "-u", "alice", "-p", "s3cret", env=config)
        run(crane, "copy", f"{running.host}/team/app:1", f"{running.host}/x/y:1", env=config)


@pytest.mark.parametrize("anonymous", [None, "pull"])
def test_a_user_who_may_only_pull_pulls_and_cannot_push(store, tmp_path, anonymous):
    users = write_users(tmp_path, anonymous)
    with serving(store.root, "--auth", str(users)) as running:
        skopeo = (tool("skopeo"), "copy", "--src-tls-verify=false", "--dest-tls-verify=false")
        source = f"docker://{running.host}/team/app:1"
        to = f"docker://{running.host}/team/app:2"
        refused = run(*skopeo, "--src-creds=reader:r", "--dest-creds=reader:r", source, to, code=1)
        assert "denied" in refused or "403" in refused
        run(*skopeo, "--src-creds=reader:r", "--dest-creds=writer:w", source, to)
        if anonymous:
            run(tool("skopeo"), "inspect", "--tls-verify=false", source)


def test_tls_with_a_certificate_of_ones_own(store, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        cert,
    )
    options = ("--tls-cert", str(cert), "--tls-key", str(key))
    with serving(store.root, *options, tls=str(cert)) as running:
        assert running.ask("GET", "/v2/team/app/tags/list").json()["tags"] == ["1"]
        large = os.urandom(5_000_001)
        push(running, "team/large", "1", large)
        assert running.ask("GET", f"/v2/team/large/blobs/{sha(large)}").data == large
        certs = tmp_path / "certs"
        certs.mkdir()
        shutil.copy(cert, certs / "ca.crt")
        at = f"docker://{running.host}/team/app:1"
        run(tool("skopeo"), "copy", f"--src-cert-dir={certs}", at, f"oci:{tmp_path / 'copy'}:1")
        assert "certificate" in run(tool("skopeo"), "inspect", at, code=1)


# What goes wrong.


def started(server, name="app"):
    return server.url + server.ask("POST", f"/v2/{name}/blobs/uploads/").headers["location"]


def push(server, name, tag, layer):
    """An image of one layer; its manifest's digest."""
    for data in (b"{}", layer):
        url = f"/v2/{name}/blobs/uploads/?digest={sha(data)}"
        assert server.ask("POST", url, body=data).status == 201
    raw = manifest_of(layer)
    headers = {"content-type": OCI_MANIFEST}
    answer = server.ask("PUT", f"/v2/{name}/manifests/{tag}", body=raw, headers=headers)
    assert answer.status == 201
    return sha(raw)


def manifest_of(layer):
    parts = [
        {"mediaType": kind, "digest": sha(data), "size": len(data)}
        for data, kind in ((b"{}", OCI_CONFIG), (layer, OCI_LAYER_TAR))
    ]
    value = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": parts[0], "layers": parts[1:]}
    return canonical(value)


def check_tag(server, expected):
    """The tag is one of the images, and all of that image is there."""
    answer = server.ask("GET", "/v2/app/manifests/1")
    assert answer.status == 200
    assert sha(answer.data) in expected
    for part in (answer.json()["config"], *answer.json()["layers"]):
        blob = server.ask("GET", f"/v2/app/blobs/{part['digest']}").data
        assert sha(blob) == part["digest"]
    return sha(answer.data)


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4])
def test_a_server_killed_in_the_middle_of_pushes_keeps_what_it_acknowledged(tmp_path, moment):
    acknowledged, manifests = [], {}
    root = tmp_path / "store"
    with serving(root) as running:
        manifests[push(running, "app", "1", b"first")] = b"first"
        acknowledged.extend(manifests)

        def keep_pushing():
            for number in range(10_000):
                layer = f"layer {number}".encode() * 1000
                manifests[sha(manifest_of(layer))] = layer
                try:
                    acknowledged.append(push(running, "app", "1", layer))
                except (urllib3.exceptions.HTTPError, OSError):
                    return

        pushing = threading.Thread(target=keep_pushing)
        pushing.start()
        time.sleep(moment)
        running.kill()
        pushing.join()
    with serving(root) as running:
        now = check_tag(running, manifests)
        # The last one acknowledged, or the one that was on its way.
        assert now == acknowledged[-1] or now not in acknowledged
        for digest in acknowledged:
            assert running.ask("HEAD", f"/v2/app/manifests/{digest}").status == 200
        assert ImageLayout(root).find("app:1").digest == now


def test_an_upload_goes_on_after_the_server_was_killed(tmp_path):
    data = os.urandom(3_000_000)
    with serving(tmp_path / "store") as running:
        location = started(running)
        assert running.ask("PATCH", location, body=data[:1_000_000]).status == 202
        path = location.removeprefix(running.url)
        running.kill()
    with serving(tmp_path / "store") as running:
        answer = running.ask("GET", path)
        assert answer.headers["range"] == "0-999999"
        headers = {"content-range": f"1000000-{len(data) - 1}"}
        url = f"{path}?digest={sha(data)}"
        assert running.ask("PUT", url, body=data[1_000_000:], headers=headers).status == 201
        assert running.ask("GET", f"/v2/app/blobs/{sha(data)}").data == data


def test_a_client_killed_in_the_middle_of_a_push_leaves_the_old_tag(server, tmp_path):
    old = push(server, "app", "1", b"first")
    ImageLayout(tmp_path / "big", create=True)
    layout = ImageLayout(tmp_path / "big")
    make_image(layout, [{"data": os.urandom(60_000_000)}], compression="none", names=["1"])
    crane = [
        str(tool("skopeo")),
        "copy",
        "--dest-tls-verify=false",
        f"oci:{tmp_path / 'big'}:1",
        f"docker://{server.host}/app:1",
    ]
    for seconds in (0.02, 0.1, 0.2):
        client = subprocess.Popen(crane, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        client.kill()
        client.wait()
        new = layout.find("1").digest
        child = layout.document(new).manifests[0].digest
        check_tag(server, {old, new, child})


def test_sigterm_lets_a_push_end_and_then_stops(server):
    data = os.urandom(400_000)
    location = started(server)

    def slowly():
        for start in range(0, len(data), 40_000):
            if start == 80_000:
                server.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            yield data[start : start + 40_000]

    answer = server.ask("PUT", f"{location}?digest={sha(data)}", body=slowly())
    assert answer.status == 201
    assert server.process.wait(15) == 0
    assert ImageLayout(server.root).blobs.read(sha(data)) == data


def test_sigterm_with_nothing_to_do_stops_at_once(server):
    server.ask("GET", "/v2/")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(15) == 0


def test_the_worker_does_not_outlive_a_killed_parent(server):
    (worker,) = server.workers()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    for _ in range(100):
        state = Path(f"/proc/{worker}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"worker {worker} lives on")


def test_sighup_brings_a_fresh_worker_and_loses_no_upload(server):
    location = started(server)
    assert server.ask("PATCH", location, body=b"abc").status == 202
    before = server.workers()
    server.process.send_signal(signal.SIGHUP)
    for _ in range(200):
        if server.workers() and not set(server.workers()) & set(before):
            break
        time.sleep(0.05)
    assert not set(server.workers()) & set(before)
    url = f"{location}?digest={sha(b'abcdef')}"
    assert server.ask("PUT", url, body=b"def").status == 201
    assert server.ask("GET", f"/v2/app/blobs/{sha(b'abcdef')}").data == b"abcdef"


def command(*options):
    return [sys.executable, "-m", "ironhull.cli", "serve", *options]


def test_a_second_server_on_the_same_store_or_port_says_so(server, tmp_path):
    second = run(*command("--data", server.root, "--listen", f"127.0.0.1:{free_port()}"), code=3)
    assert "another ironhull serve writes to" in second
    taken = run(*command("--data", tmp_path / "other", "--listen", server.host), code=3)
    assert f"cannot listen on {server.host}: Address already in use" in taken


def test_a_read_only_server_stands_beside_a_writing_one(server):
    with serving(server.root, "--read-only") as second:
        assert second.ask("GET", "/v2/team/app/manifests/1").status == 200
        assert second.ask("POST", "/v2/app/blobs/uploads/").status == 405


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--listen", "0.0.0.0:5000"], "would let anyone push"),
        (["--listen", ":5000"], "would let anyone push"),
        (["--listen", "nonsense"], "expected HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "is not a port"),
        (["--max-blob", "lots"], "expected a size"),
        (["--auth", "/nowhere"], "does not exist"),
        (["--tls-cert", __file__], "--tls-cert and --tls-key go together"),
        (["--tls-cert", __file__, "--tls-key", __file__], "no certificate and its key"),
    ],
)
def test_options_that_cannot_be_are_refused_with_what_to_do(tmp_path, options, said):
    assert said in run(*command("--data", tmp_path), *options, code=2)


def test_it_says_that_it_serves_only_when_it_does(server, tmp_path):
    said = run(*command("--data", tmp_path), "--listen", f"127.0.0.1:{server.port}", code=3)
    assert "Address already in use" in said
    assert "serving" not in said


def test_slow_clients_are_cut_off(tmp_path):
    """Readers by the kernel, writers with 408; both without disturbing anybody else."""
    port = free_port()
    program = (
        "import sys; from pathlib import Path; from functools import partial\n"
        "from ironhull.registry.server.limits import Limits\n"
        "from ironhull.registry.server.request_log import RequestLog\n"
        "from ironhull.registry.server.running import ServerConfig, serve\n"
        f"serve(ServerConfig(Path({str(tmp_path / 'store')!r}), port={port},"
        " limits=Limits(idle=1)), partial(RequestLog, sys.stderr))"
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", program], stderr=log)
    try:
        pool = urllib3.PoolManager(retries=urllib3.Retry(40, backoff_factor=0.05), timeout=20)
        url = f"http://127.0.0.1:{port}"
        data = os.urandom(30_000_000)
        path = f"/v2/app/blobs/uploads/?digest={sha(data)}"
        assert pool.request("POST", url + path, body=data).status == 201

        reader = socket.create_connection(("127.0.0.1", port))
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.sendall(f"GET /v2/app/blobs/{sha(data)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        location = pool.request("POST", f"{url}/v2/app/blobs/uploads/").headers["location"]
        writer = socket.create_connection(("127.0.0.1", port), timeout=20)
        head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
        writer.sendall(head.encode())
        assert b"408 Request Timeout" in writer.recv(1000)
        assert pool.request("GET", url + location).headers["range"] == "0-2"

        deadline = time.monotonic() + 60
        while _connections(port, reader.getsockname()[1]):
            assert time.monotonic() < deadline, "the reader that reads nothing is still served"
            time.sleep(0.2)
        assert pool.request("GET", f"{url}/v2/app/blobs/{sha(data)}").data == data
        reader.close()
        writer.close()
        pool.clear()
    finally:
        process.terminate()
        assert process.wait(15) == 0


SILENCE = {"half a head": b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-", "nothing": b""}


@pytest.mark.parametrize("sent", SILENCE)
def test_connections_that_never_ask_stop_nobody(server, sent):
    """1,030 of them stopped the server for half a minute."""
    silent = []
    try:
        for _ in range(1500):
            silent.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            silent[-1].sendall(SILENCE[sent])
        for source in ("127.0.0.1", "127.0.0.2"):
            with socket.create_connection(
                ("127.0.0.1", server.port), timeout=20, source_address=(source, 0)
            ) as honest:
                honest.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
                assert honest.recv(1000).startswith(b"HTTP/1.1 200")
    finally:
        for connection in silent:
            connection.close()


def test_connections_of_one_address_beyond_its_share_are_shut_down(tmp_path):
    # With 2,304 files there is room for 1,024 connections, of which an address may have a quarter.
    few = ("prlimit", "--nofile=2304:2304")
    with serving(tmp_path / "store", prefix=few) as running:
        silent = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(500)]
        try:
            deadline = time.monotonic() + 60
            while "too many of one address" not in running.log and time.monotonic() < deadline:
                time.sleep(0.1)
            assert "too many of one address" in running.log
            assert running.ask("GET", "/v2/").status == 200
            assert silent[0].recv(1) == b""
        finally:
            for connection in silent:
                connection.close()


def test_sixty_wrong_passwords_of_one_user_keep_no_other_waiting(tmp_path):
    users = tmp_path / "users.toml"
    costs = {"alice": 14, "bob": 10}
    users.write_text(
        "".join(
            f'[users.{name}]\nrole = "pull"\n'
            f'password = "{bcrypt.hashpw(name.encode(), bcrypt.gensalt(cost)).decode()}"\n'
            for name, cost in costs.items()
        )
    )
    with serving(tmp_path / "store", "--auth", str(users)) as running:
        statuses = []

        def guess(number):
            headers = urllib3.make_headers(basic_auth=f"alice:guess {number}")
            answer = urllib3.request("GET", f"{running.url}/v2/", headers=headers, timeout=60)
            statuses.append(answer.status)

        threads = [threading.Thread(target=guess, args=(number,)) for number in range(60)]
        for thread in threads:
            thread.start()
        while 429 not in statuses:
            time.sleep(0.01)
        begun = time.monotonic()
        headers = urllib3.make_headers(basic_auth="bob:bob")
        assert running.ask("GET", "/v2/", headers=headers).status == 200
        waited = time.monotonic() - begun
        for thread in threads:
            thread.join()
        assert set(statuses) == {401, 429}
        # The check itself takes 0.1 s; the sixty took 60 s one after the other.
        assert waited < 30


BODY = b"Transfer-Encoding: chunked\r\n\r\n"
POST = b"POST /v2/a/blobs/uploads/?digest=" + sha(b"").encode() + b" HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /v2/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (POST + BODY + b"zz\r\n", 400),
        (POST + BODY + b"5\r\nabcdeXX\r\n", 400),
        (POST + BODY + b"FFFFFFFFFFFFFFFFFF\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ],
)
def test_malformed_requests_are_refused_as_what_they_are(server, sent, status):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(sent)
        assert raw.recv(1000).startswith(b"HTTP/1.1 %d " % status)


CHUNKED = b"Transfer-Encoding: chunked"
# What a request that has an encoding says of its length, in every order and form.
TWO_LENGTHS = [
    [b"Content-Length: 5", CHUNKED],
    [CHUNKED, b"Content-Length: 5"],
    [b"content-length: 5", b"Content-Length: 5", CHUNKED],
    [CHUNKED, b"Content-Length: 5", b"Content-Length: 6"],
    [b"Content-Length: 0", CHUNKED],
    [CHUNKED, b"Content-Length: +5"],
]
SMUGGLED = b"GET /v2/smuggled/tags/list HTTP/1.1\r\nHost: x\r\n\r\n"


def all_answers(port, sent):
    """What comes back until the server closes; a connection left open is a failure."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(sent)
        answer = b""
        try:
            while data := raw.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
    return answer


@pytest.mark.parametrize("lengths", TWO_LENGTHS, ids=lambda lines: b", ".join(lines).decode())
def test_of_two_lengths_the_encoding_counts_and_nothing_after_it(server, lengths):
    """RFC 9112, 6.3: taken as chunked, and the connection is closed after the answer.

    The web server takes the length away before we could refuse it. What a proxy that goes by the
    length would take for a request of its own is never read, neither as one nor as the body.
    """
    body = b"what is pushed"
    path = b"/v2/a/blobs/uploads/?digest=" + sha(body).encode()
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + b"\r\n".join(lengths) + b"\r\n\r\n"
    answer = all_answers(server.port, head + b"e\r\n" + body + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "smuggled" not in server.log
    assert server.ask("GET", f"/v2/a/blobs/{sha(body)}").data == body


def test_what_follows_a_request_that_is_refused_is_no_request(server):
    for lengths in TWO_LENGTHS:
        head = b"POST /v2/a/blobs/uploads/?digest=wrong HTTP/1.1\r\nHost: x\r\n"
        sent = head + b"\r\n".join(lengths) + b"\r\n\r\n0\r\n\r\n" + SMUGGLED
        answer = all_answers(server.port, sent)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1
    assert "smuggled" not in server.log


def test_an_encoding_in_http_1_0_is_refused(server):
    """RFC 9112, 6.1: such a message has a faulty framing."""
    sent = POST.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED + b"\r\n\r\n0\r\n\r\n" + SMUGGLED
    answer = all_answers(server.port, sent)
    assert answer[8:].startswith(b" 400 ")
    assert answer.count(b"HTTP/1.") == 1
    assert "smuggled" not in server.log


def _connections(port, peer):
    """Whether the server still holds its end of the connection."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if local.endswith(f":{port:04X}") and remote.endswith(f":{peer:04X}"):
            return state == "01"
    return False


def test_a_full_disk_is_said_and_the_server_lives(tmp_path):
    """A limit on the size of files stands for the disk: the same error comes from write()."""
    limit = ("prlimit", "--fsize=1000000")
    with serving(tmp_path / "store", prefix=limit) as running:
        first = push(running, "app", "1", b"first")
        data = os.urandom(3_000_000)
        location = started(running)
        answer = running.ask("PATCH", location, body=data[:600_000])
        assert answer.status == 202
        answer = running.ask("PATCH", location, body=data[600_000:])
        assert answer.status == 507
        assert answer.json()["errors"][0]["code"] == "STORAGE_FULL"
        assert running.ask("HEAD", f"/v2/app/blobs/{sha(data)}").status == 404
        assert check_tag(running, {first}) == first
        push(running, "app", "2", b"second")


def test_pushes_from_many_clients_at_once_lose_no_tag(server):
    failures = []

    def one(number):
        try:
            push(server, "app", f"t{number}", b"shared" if number % 2 else b"x%d" % number)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    tags = server.ask("GET", "/v2/app/tags/list").json()["tags"]
    assert sorted(tags) == sorted(f"t{number}" for number in range(30))


def test_what_the_rules_let_go_of_is_shown_first_and_gives_its_room_back(tmp_path):
    root, rules = tmp_path / "store", tmp_path / "rules.toml"
    rules.write_text(
        '[[retention]]\nrepositories = ["app"]\nkeep = 2\nuntagged = "1h"\nprotect = ["app:base"]\n'
    )
    with serving(root, "--rules", str(rules)) as running:
        pushed = {}
        for age, tag in enumerate(["new", "middle", "old", "base"]):
            pushed[tag] = push(running, "app", tag, os.urandom(5000)).removeprefix("sha256:")
            record = root / "registry/repositories/app/_manifests" / pushed[tag]
            os.utime(record, (time.time() - 9000, time.time() - 9000 - age))
        for blob in root.glob("blobs/sha256/*"):
            os.utime(blob, (time.time() - 9000, time.time() - 9000))
        for record in [*root.glob("registry/received/*"), *root.rglob("_blobs/*")]:
            os.utime(record, (time.time() - 9000, time.time() - 9000))
        collecting = command("--data", str(root), "--rules", str(rules), "--gc")
        collecting += ["--grace-hours", "1"]
        shown = run(*collecting, "--dry-run")
        assert "app: 1 tag and 1 manifest would go, 3 tags left" in shown
        assert f"  old  sha256:{pushed['old']}" in shown
        crane = (tool("crane"), "ls", f"{running.host}/app")
        assert run(*crane).split() == ["base", "middle", "new", "old"]
        done = json.loads(run(*collecting, "--json"))
        assert [each["tag"] for each in done["retention"][0]["tags"]] == ["old"]
        assert done["blobs"] == 2
        assert not (root / "blobs/sha256" / pushed["old"]).exists()
        assert run(*crane).split() == ["base", "middle", "new"]
        assert run(tool("crane"), "manifest", f"{running.host}/app:middle")


def test_a_sweep_beside_a_running_server_removes_nothing_that_a_push_needs(tmp_path):
    root = tmp_path / "store"
    with serving(root) as running:
        sweeping = command("--data", str(root), "--gc", "--grace-hours", "1", "--json")
        old = push(running, "app", "old", b"an image of long ago")
        layer, loose = os.urandom(1000), os.urandom(2000)
        for data in (b"{}", layer, loose):
            url = f"/v2/app/blobs/uploads/?digest={sha(data)}"
            assert running.ask("POST", url, body=data).status == 201
        assert json.loads(run(*sweeping))["blobs"] == 0
        for path in root.rglob("*"):
            os.utime(path, (time.time() - 90_000, time.time() - 90_000))
        # A push that finds the layer there sends it not again, and takes its time.
        for data in (b"{}", layer):
            assert running.ask("HEAD", f"/v2/app/blobs/{sha(data)}").status == 200
        assert json.loads(run(*sweeping)) == {
            "uploads": 0,
            "records": 1,
            "blobs": 1,
            "leftovers": 0,
            "bytes": len(loose),
            "retention": [],
        }
        raw, headers = manifest_of(layer), {"content-type": OCI_MANIFEST}
        answer = running.ask("PUT", "/v2/app/manifests/1", body=raw, headers=headers)
        assert answer.status == 201
        assert check_tag(running, {sha(raw)})
        assert running.ask("GET", f"/v2/app/manifests/{old}").status == 200
        assert running.ask("HEAD", f"/v2/app/blobs/{sha(loose)}").status == 404


def test_large_blobs_come_whole_one_after_another(server):
    data = os.urandom(5_000_001)
    push(server, "app", "1", data)
    for _ in range(3):
        assert sha(server.ask("GET", f"/v2/app/blobs/{sha(data)}").data) == sha(data)


def test_a_blob_cut_short_on_disk_while_it_is_sent_is_never_taken_for_whole(server):
    data = os.urandom(60_000_000)
    push(server, "app", "1", data)
    answer = server.ask("GET", f"/v2/app/blobs/{sha(data)}", preload=False)
    begun = answer.read(1_000_000)
    os.truncate(server.root / "blobs/sha256" / sha(data)[7:], 40_000_000)
    assert begun == data[: len(begun)]
    with pytest.raises(urllib3.exceptions.ProtocolError):
        answer.read()


def test_fifty_pulls_at_once_take_little_memory(server):
    data = os.urandom(20_000_000)
    push(server, "app", "1", data)
    wrong = []

    def pull():
        answer = server.ask("GET", f"/v2/app/blobs/{sha(data)}", preload=False)
        got = hashlib.sha256()
        for piece in answer.stream(1 << 18):
            got.update(piece)
        if "sha256:" + got.hexdigest() != sha(data):
            wrong.append(got)

    threads = [threading.Thread(target=pull) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert peak_memory(server) < 150 * 10**6


def test_fifty_pushes_at_once_take_little_memory(server):
    data = os.urandom(10_000_000)

    def push_it():
        url = f"/v2/app/blobs/uploads/?digest={sha(data)}"
        statuses.append(server.ask("POST", url, body=data).status)

    statuses = []
    threads = [threading.Thread(target=push_it) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 50
    assert peak_memory(server) < 150 * 10**6


def peak_memory(server):
    total = 0
    for pid in (server.process.pid, *server.workers()):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * 1024
    return total


@pytest.mark.parametrize(
    "path",
    [
        "/v2/../../../../etc/passwd",
        "/v2/%2e%2e/%2e%2e/etc/passwd",
        "/v2/app/blobs/../../../index.json",
        "/v2/app/blobs/sha256:..%2f..%2findex.json",
        "/v2/app/manifests/..%2f..%2findex.json",
        "/v2/app/blobs/uploads/..%2f.serving",
        "/v2/..%2f..%2f/tags/list",
        "/v2/app%00/tags/list",
        "/v2/%ff%fe/tags/list",
    ],
)
def test_no_path_leads_out_of_the_store(server, path):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := raw.recv(65536):
            answer += data
    status = int(answer.split()[1])
    assert 400 <= status < 500, answer
    assert b"root:" not in answer
    assert b"schemaVersion" not in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n",
        b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 500_000 + b"\r\n\r\n",
        b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    ],
)
def test_what_is_no_http_does_not_hurt(server, head):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(head)
        answer = raw.recv(1000)
    assert not answer or answer.startswith(b"HTTP/1.1 4") or b"202" in answer
    assert server.ask("GET", "/v2/").status == 200
