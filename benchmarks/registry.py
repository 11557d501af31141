"""The registry server beside Debian's docker-registry and nginx, on this machine, in one run.

    python benchmarks/registry.py [--json] [--rounds 7] [--size 100] [--pulls 100] [--seconds 30]

Measured: pulling and pushing one blob, in turns, so that what else the machine does hits all alike
(lower quartile and median of the rounds; goals go by the lower quartile, because other work on the
machine can only add to a time); a hundred pulls at once, with the peak memory of the server's
processes; and what a second push of an image sends whose layers are there. The client is a plain
socket that neither hashes nor stores.

Then load: 200 clients that pull and 50 that push small images (1 MB) at once for 30 seconds, of
docker-registry and of Ironhull, and of Ironhull with 2,000 silent connections and 60 wrong
passwords a second beside them; in turns, on servers started anew, the times of all rounds together.

Then 1,000 small images of 30 shared layers each, pushed by 8 clients as podman and docker push, and
HEADs and GETs of their manifests by 50 clients at once, of docker-registry and of Ironhull.

The clients share the machine's cores with the server. Ends with 1 if a goal of the project is
missed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt

from clients.small import read_head

FOLDER = Path(__file__).parent
MB = 10**6
MEMORY_GOAL = 150 * MB
NGINX_GOAL = 0.3
PULLS_A_ROUND = 3
# Of docker-registry's p99 under load; of Ironhull's own when it is besieged.
LOAD_PULL_GOAL, LOAD_PUSH_GOAL, SIEGE_GOAL = 0.35, 0.5, 1.5
LOAD_MEMORY_GOAL = 160 * MB
# Of docker-registry's: p99 of looking at small manifests, time of pushing small images.
LOOK_GOAL, SMALL_PUSH_GOAL = 0.5, 0.5


@dataclass
class Target:
    """A server: where it listens, its processes' root, and the blob's path when it is a file."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def processes(self) -> list[int]:
        found, open_pids = [], [self.process.pid]
        while open_pids:
            pid = open_pids.pop()
            found.append(pid)
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            open_pids += [int(text) for text in children.split()]
        return found

    def peak(self) -> int:
        """The sum of the processes' peak resident sizes, in bytes."""
        total = 0
        for pid in self.processes():
            match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            total += int(match[1]) * 1024 if match else 0
        return total


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(name: str, port: int, command: list[str], log: Path) -> Iterator[Target]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise SystemExit(f"{name} ended: {log.read_text()[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Target(name, port, process)
    finally:
        process.terminate()
        process.wait(20)


def ironhull(folder: Path, *options: str) -> Any:
    port = free_port()
    command = [sys.executable, "-m", "ironhull.cli", "serve", "--data", str(folder / "ironhull")]
    command += ["--listen", f"127.0.0.1:{port}", *options]
    return started("ironhull", port, command, folder / "ironhull.log")


def docker_registry(folder: Path) -> Any:
    port = free_port()
    config = folder / "docker.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'docker'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    command = [_program("docker-registry"), "serve", str(config)]
    return started("docker-registry", port, command, folder / "docker.log")


def nginx(folder: Path) -> Any:
    port = free_port()
    temporary = "\n".join(
        f"{kind}_temp_path {folder / 'nginx'}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx").mkdir()
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err; user root;\n"
        f"worker_processes 1; events {{}} http {{ access_log off; sendfile on; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port} backlog=1024; root {folder}/files; }} }}\n"
    )
    command = [_program("nginx"), "-c", str(config), "-e", str(folder / "nginx.err")]
    return started("nginx", port, command, folder / "nginx.log")


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise SystemExit(f"needs {name} (apt-get install {name})")
    return found


def pull(port: int, path: str, size: int) -> float:
    """Seconds to receive the blob."""
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status, _, rest = read_head(stream, path)
        got, buffer = len(rest), bytearray(1 << 18)
        while got < size:
            count = stream.recv_into(buffer)
            if not count:
                break
            got += count
    if (status, got) != (200, size):
        raise SystemExit(f"pull of {path}: status {status}, {got} of {size} bytes")
    return time.perf_counter() - begun


def push(port: int, file: Path, digest: str) -> float:
    """Seconds for POST, one streamed PATCH and PUT, as podman and docker do it."""
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as stream, file.open("rb") as data:

        def ask(method: str, path: str, size: int, expected: int) -> str:
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\n"
            stream.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
            if size:
                stream.sendfile(data)
            status, headers, _ = read_head(stream, f"{method} {path}")
            if status != expected:
                raise SystemExit(f"{method} {path}: status {status}, expected {expected}")
            return re.sub(r"^https?://[^/]+", "", headers["location"])

        location = ask("POST", "/v2/bench/blob/blobs/uploads/", 0, 202)
        location = ask("PATCH", location, file.stat().st_size, 202)
        sign = "&" if "?" in location else "?"
        ask("PUT", f"{location}{sign}digest={digest}", 0, 201)
    return time.perf_counter() - begun


def new_blob(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(0, size, MB):
            data = os.urandom(MB)
            digest.update(data)
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return f"sha256:{digest.hexdigest()}"


def measure(
    folder: Path,
    rounds: int,
    size: int,
    pulls: int,
    seconds: float,
    load_rounds: int,
    images: int,
) -> dict[str, Any]:
    load = under_load(folder, seconds, load_rounds)
    small = small_images(folder, images)
    files = folder / "files"
    files.mkdir()
    with (
        ironhull(folder) as ours,
        docker_registry(folder) as theirs,
        nginx(folder) as plain,
    ):
        pushed: dict[str, list[float]] = {ours.name: [], theirs.name: []}
        pulled: dict[str, list[float]] = {ours.name: [], theirs.name: [], plain.name: []}
        for number in range(rounds):
            blob = files / "blob"
            digest = new_blob(blob, size)
            for target in (ours, theirs) if number % 2 else (theirs, ours):
                pushed[target.name].append(push(target.port, blob, digest))
            path = f"/v2/bench/blob/blobs/{digest}"
            turn = [ours, theirs, plain]
            for _ in range(PULLS_A_ROUND):
                turn = [*turn[1:], turn[0]]
                for target in turn:
                    where = "/blob" if target is plain else path
                    pulled[target.name].append(pull(target.port, where, size))
        many: dict[str, dict[str, float]] = {}
        for target in (ours, theirs, plain):
            where = "/blob" if target is plain else path
            many[target.name] = at_once(target, where, size, pulls)
        second = second_push(ours, folder)
    result = report(size, pushed, pulled, many, second)
    goals = result["goals"] | load_goals(load) | small_goals(small)
    return {**result, "load": load, "small": small, "goals": goals}


def at_once(target: Target, path: str, size: int, pulls: int) -> dict[str, float]:
    failures: list[BaseException] = []

    def one() -> None:
        try:
            pull(target.port, path, size)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(pulls)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(f"{target.name}: {len(failures)} of {pulls} pulls failed: {failures[0]}")
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "mb_per_second": pulls * size / seconds / MB,
        "peak_memory_mb": target.peak() / MB,
    }


def under_load(folder: Path, seconds: float, rounds: int) -> dict[str, Any]:
    """By server: how many, how fast (seconds), with what failures and how much memory."""
    users = folder / "users.toml"
    # Strangers may push, as at docker-registry; the password belongs to whoever guesses at it.
    hashed = bcrypt.hashpw(b"never guessed", bcrypt.gensalt(12)).decode()
    users.write_text(
        f'[anonymous]\nrole = "push"\n[users.alice]\nrole = "pull"\npassword = "{hashed}"\n'
    )
    times: dict[str, dict[str, list[float]]] = {}
    failures: dict[str, Counter[str]] = {}
    peaks: dict[str, int] = {}
    for number in range(rounds):
        for name in ("docker-registry", "ironhull", "ironhull besieged"):
            place = folder / f"load-{number}-{name.replace(' ', '-')}"
            place.mkdir()
            started_anew = (
                docker_registry(place)
                if name == "docker-registry"
                else ironhull(place, "--auth", str(users))
            )
            with started_anew as target, besieged(target.port, "besieged" in name):
                command = [sys.executable, "-m", "clients.load", str(target.port)]
                command += ["--seconds", str(seconds)]
                ran = subprocess.run(command, check=True, cwd=FOLDER, stdout=subprocess.PIPE)
                peaks[name] = max(peaks.get(name, 0), target.peak())
            shutil.rmtree(place)
            found = json.loads(ran.stdout)
            failures.setdefault(name, Counter()).update(found["failures"])
            for what, more in found["times"].items():
                times.setdefault(name, {}).setdefault(what, []).extend(more)
    return {
        name: {
            **{
                f"{what}_{key}": value
                for what in ("pull", "push")
                for key, value in spread(times[name][what]).items()
            },
            "failures": failures[name].total(),
            "failed": dict(failures[name].most_common(5)),
            "peak_memory_mb": peaks[name] / MB,
        }
        for name in times
    }


def small_images(folder: Path, images: int) -> dict[str, dict[str, float]]:
    """By server: seconds to push all images, and of looking at their manifests."""
    found = {}
    for name in ("docker-registry", "ironhull"):
        place = folder / f"small-{name}"
        place.mkdir()
        with docker_registry(place) if name == "docker-registry" else ironhull(place) as target:
            command = [sys.executable, "-m", "clients.small", str(target.port)]
            command += ["--images", str(images)]
            ran = subprocess.run(command, check=True, cwd=FOLDER, stdout=subprocess.PIPE)
            memory = target.peak() / MB
        shutil.rmtree(place)
        said = json.loads(ran.stdout)
        looks = {f"look_{key}": value for key, value in spread(said["looked"]).items()}
        found[name] = {"images": images, "push_seconds": said["pushed"], **looks}
        found[name]["peak_memory_mb"] = memory
    return found


def small_goals(small: dict[str, dict[str, float]]) -> dict[str, bool]:
    theirs, ours = small["docker-registry"], small["ironhull"]
    return {
        f"small images: pushed in at most {SMALL_PUSH_GOAL} of docker-registry's time": ours[
            "push_seconds"
        ]
        <= SMALL_PUSH_GOAL * theirs["push_seconds"],
        f"small manifests: p99 at most {LOOK_GOAL} of docker-registry's": ours["look_p99"]
        <= LOOK_GOAL * theirs["look_p99"],
    }


@contextmanager
def besieged(port: int, wanted: bool) -> Iterator[None]:
    """With silent connections and wrong passwords beside the block, if wanted."""
    if not wanted:
        yield
        return
    command = [sys.executable, "-m", "clients.siege", str(port), "--user", "alice"]
    siege = subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert siege.stdin is not None
    assert siege.stdout is not None
    try:
        if siege.stdout.readline() != b"ready\n":
            raise SystemExit("the siege did not stand")
        yield
        if siege.poll() is not None:
            raise SystemExit("the siege ended before the load")
    finally:
        siege.stdin.close()
        siege.wait(20)


def spread(times: list[float]) -> dict[str, float]:
    """How many, and their median and 99th percentile."""
    ordered = sorted(times)
    return {
        "count": len(ordered),
        "median": statistics.median(ordered),
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
    }


def load_goals(load: dict[str, Any]) -> dict[str, bool]:
    theirs, ours, siege = (
        load[name] for name in ("docker-registry", "ironhull", "ironhull besieged")
    )
    return {
        "load: no error, besieged neither": ours["failures"] + siege["failures"] == 0,
        f"load: pull p99 at most {LOAD_PULL_GOAL} of docker-registry's": ours["pull_p99"]
        <= LOAD_PULL_GOAL * theirs["pull_p99"],
        f"load: push p99 at most {LOAD_PUSH_GOAL} of docker-registry's": ours["push_p99"]
        <= LOAD_PUSH_GOAL * theirs["push_p99"],
        "load: memory at most 160 MB": ours["peak_memory_mb"] * MB <= LOAD_MEMORY_GOAL,
        f"siege: p99 at most {SIEGE_GOAL} of its own without": all(
            siege[f"{what}_p99"] <= SIEGE_GOAL * ours[f"{what}_p99"] for what in ("pull", "push")
        ),
    }


def second_push(target: Target, folder: Path) -> dict[str, int]:
    """Body bytes that the server received for an image, and for the same image again."""
    from ironhull.oci.descriptor import Descriptor
    from ironhull.oci.document import Document, canonical
    from ironhull.oci.media_types import OCI_CONFIG, OCI_LAYER_TAR, OCI_MANIFEST
    from ironhull.store.layout import ImageLayout

    layout = ImageLayout(folder / "image", create=True)
    layer = os.urandom(10 * MB)
    config = canonical(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
            },
        }
    )
    value = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": Descriptor(OCI_CONFIG, layout.blobs.put(config), len(config)).json(),
        "layers": [Descriptor(OCI_LAYER_TAR, layout.blobs.put(layer), len(layer)).json()],
    }
    document = Document.of(value)
    layout.blobs.put(document.raw)
    layout.tag(document.descriptor(), ["1"])
    sent = []
    for tag in ("1", "2"):
        before = _received(target)
        to = f"docker://127.0.0.1:{target.port}/bench/image:{tag}"
        source = f"oci:{layout.root}:1"
        command = [_program("skopeo"), "copy", "-q", "--dest-tls-verify=false", source, to]
        subprocess.run(command, check=True)
        sent.append(_received(target) - before)
    # skopeo may write the manifest anew: what counts is what it pushed.
    pushed = ImageLayout(folder / "ironhull").find("bench/image:2").size
    return {"first_bytes": sent[0], "second_bytes": sent[1], "manifest_bytes": pushed}


def _received(target: Target) -> int:
    with socket.create_connection(("127.0.0.1", target.port)) as stream:
        stream.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        data = b""
        while more := stream.recv(65536):
            data += more
    match = re.search(rb'direction="received"\} (\d+)', data)
    if match is None:
        raise SystemExit("no byte counter in /metrics")
    return int(match[1])


def report(
    size: int,
    pushed: dict[str, list[float]],
    pulled: dict[str, list[float]],
    many: dict[str, dict[str, float]],
    second: dict[str, int],
) -> dict[str, Any]:
    fast_push = {name: quartile(times) for name, times in pushed.items()}
    fast_pull = {name: quartile(times) for name, times in pulled.items()}
    goals = {
        "push at least as fast as docker-registry": fast_push["ironhull"]
        <= fast_push["docker-registry"],
        "pull at least as fast as docker-registry": fast_pull["ironhull"]
        <= fast_pull["docker-registry"],
        f"pull at least {NGINX_GOAL} of nginx": fast_pull["nginx"] / fast_pull["ironhull"]
        >= NGINX_GOAL,
        "memory under many pulls at most 150 MB": many["ironhull"]["peak_memory_mb"] * MB
        <= MEMORY_GOAL,
        "second push sends no layer bytes": second["second_bytes"] <= second["manifest_bytes"],
    }
    return {
        "blob_bytes": size,
        "push_seconds": fast_push,
        "pull_seconds": fast_pull,
        "push_median_seconds": {name: statistics.median(t) for name, t in pushed.items()},
        "pull_median_seconds": {name: statistics.median(t) for name, t in pulled.items()},
        "push_rounds": pushed,
        "pull_rounds": pulled,
        "pull_to_nginx": fast_pull["nginx"] / fast_pull["ironhull"],
        "pulls_at_once": many,
        "second_push": second,
        "goals": goals,
    }


def quartile(times: list[float]) -> float:
    """The time that a quarter of the rounds did not exceed."""
    return sorted(times)[len(times) // 4]


def show(result: dict[str, Any]) -> None:
    size = result["blob_bytes"] / MB
    for what in ("push", "pull"):
        print(f"{what} of {size:.0f} MB: lower quartile, its rate, median")
        for name, seconds in result[f"{what}_seconds"].items():
            median = result[f"{what}_median_seconds"][name]
            rate = f"{size / seconds:7.0f} MB/s"
            print(f"  {name:16} {seconds * 1000:7.0f} ms  {rate}  {median * 1000:7.0f} ms")
    print(f"pull, compared with nginx: {result['pull_to_nginx']:.2f}")
    print("many pulls at once")
    for name, values in result["pulls_at_once"].items():
        rate, memory = values["mb_per_second"], values["peak_memory_mb"]
        print(f"  {name:16} {values['seconds']:7.2f} s   {rate:7.0f} MB/s  peak {memory:.0f} MB")
    print("pulls and pushes at once: how many, median, 99th percentile")
    for name, values in result["load"].items():
        for what in ("pull", "push"):
            count, median, p99 = (values[f"{what}_{key}"] for key in ("count", "median", "p99"))
            print(f"  {name:18} {what} {count:7} {median * 1000:7.0f} ms {p99 * 1000:7.0f} ms")
        print(f"  {name:18} {values['failures']} failures, {values['peak_memory_mb']:.0f} MB")
    print("small images: all pushed, manifests looked at by 50 clients: median, 99th percentile")
    for name, values in result["small"].items():
        looks = " ".join(f"{values[f'look_{key}'] * 1000:7.0f} ms" for key in ("median", "p99"))
        print(f"  {name:16} {values['images']} in {values['push_seconds']:6.1f} s  {looks}")
    second = result["second_push"]
    print(f"first push {second['first_bytes']} bytes, second {second['second_bytes']} bytes")
    for goal, met in result["goals"].items():
        print(f"{'ok    ' if met else 'MISSED'} {goal}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=100, help="of the blob, in MB")
    parser.add_argument("--pulls", type=int, default=100, help="at once")
    parser.add_argument("--seconds", type=float, default=30, help="of load, in each round")
    parser.add_argument("--load-rounds", type=int, default=2)
    parser.add_argument("--images", type=int, default=1000, help="small ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ironhull-bench-") as folder:
        # nginx's worker reads there as another user.
        Path(folder).chmod(0o755)
        result = measure(
            Path(folder), options.rounds, options.size * MB, options.pulls,
            options.seconds, options.load_rounds, options.images,
        )  # fmt: skip
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
    sys.exit(0 if all(result["goals"].values()) else 1)


if __name__ == "__main__":
    main()
