"""Jobs that fetch and copy: whole indexes, platforms, artifacts, and what refers to them."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outside import tools
from outside.compat.model import BOTH, Run, Seen, Timeout, job
from outside.compat.publication import IMAGE, PLATFORM, attached
from outside.compat.servers import digest_of

LINUX = ("--override-os", "linux", "--override-arch", "amd64")


def prepared(run: Run) -> Run:
    """The tool told that our registries have no TLS, where that is a matter of settings."""
    if run.tool.name == "regctl":
        for host in run.hosts.values():
            run("registry", "set", "--tls", "disabled", host)
    if run.tool.name in ("podman", "buildah", "skopeo"):
        policy = run.folder / ".config/containers/policy.json"
        policy.parent.mkdir(parents=True, exist_ok=True)
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    run.told.clear()
    return run


def engine(run: Run, *words: Any) -> Any:
    """podman or buildah with storage of its own."""
    storage = (
        f"--root={run.folder}/storage", f"--runroot={run.folder}/run", "--storage-driver=vfs"
    )  # fmt: skip
    return run(*storage, *words)


@contextmanager
def docker(run: Run) -> Iterator[str]:
    """A docker daemon of this run alone, which touches no network and no packet filter."""
    host = f"unix://{run.folder}/d.sock"
    own = run.tool.path.with_name("dockerd")
    daemon = own if own.exists() else tools.find("dockerd")
    command = [
        *(daemon, f"--data-root={run.folder}/data", f"--exec-root={run.folder}/exec"),
        *(f"--host={host}", f"--pidfile={run.folder}/pid", "--bridge=none", "--iptables=false"),
        *("--ip6tables=false", "--ip-masq=false", "--ip-forward=false", "--storage-driver=vfs"),
    ]
    path = {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"}
    with (run.folder / "log").open("wb") as log:
        running = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, env=path)
    try:
        end = time.monotonic() + 60
        while run("--host", host, "version").returncode:
            if running.poll() is not None or time.monotonic() > end:
                raise Timeout
            time.sleep(0.2)
        run.told.clear()
        yield host
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(30)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def done(run: Run, code: int, digest: str = "", survive: str = "") -> Seen:
    """Yes where the tool ended well, else no and what it said."""
    return Seen("no", says=run.last()) if code else Seen("yes", digest, survive)


def pull(run: Run, reference: str) -> Seen:
    """One platform fetched as each tool does it."""
    prepared(run)
    tree = Path(run.folder / "tree")
    match run.tool.name:
        case "podman" | "buildah":
            code = engine(run, "pull", "--tls-verify=false", reference).returncode
        case "docker":
            with docker(run) as daemon:
                code = run("--host", daemon, "pull", "--quiet", reference).returncode
        case "skopeo":
            words = ("copy", "--src-tls-verify=false", f"docker://{reference}", f"dir:{tree}")
            code = run(*LINUX, *words).returncode
        case "crane":
            code = run("export", "--platform", PLATFORM, reference, tree).returncode
        case "regctl":
            code = run("image", "export", "--platform", PLATFORM, reference, tree).returncode
        case "oras":
            words = ("--plain-http", "--platform", PLATFORM, reference)
            code = run("pull", *words, "-o", tree).returncode
            if not code and not (tree.is_dir() and any(tree.iterdir())):
                return Seen("no", says="ends well, and has written no file: layers have no title")
    return done(run, code)


PULLERS = ("podman", "buildah", "skopeo", "docker", "crane", "regctl", "oras")


@job("pull zstd", *PULLERS, places=BOTH)
def pull_zstd(run: Run) -> Seen:
    return pull(run, f"{run.host}/{IMAGE}")


@job("pull gzip", *PULLERS, places=BOTH)
def pull_gzip(run: Run) -> Seen:
    return pull(run, f"{run.host}/gzip/{IMAGE}")


@job("pull zstd:chunked", *PULLERS, places=BOTH)
def pull_chunked(run: Run) -> Seen:
    return pull(run, f"{run.host}/chunked/{IMAGE}")


def copied(run: Run, source: str, target: str, *, referrers: bool) -> int:
    """Exit code of a copy from one reference to the other."""
    prepared(run)
    match run.tool.name:
        case "skopeo":
            insecure = ("--src-tls-verify=false", "--dest-tls-verify=false")
            words: tuple[Any, ...] = (
                *("copy", "--all", *insecure, f"docker://{source}", f"docker://{target}"),
            )
        case "crane":
            words = ("cp", source, target)
        case "oras":
            more = ("-r",) if referrers else ()
            words = ("cp", *more, "--from-plain-http", "--to-plain-http", source, target)
        case "regctl":
            words = ("image", "copy", *(("--referrers",) if referrers else ()), source, target)
        case "cosign":
            words = ("copy", "--allow-http-registry", source, target)
    return int(run(*words).returncode)


def arrived(run: Run, code: int, host: str, name: str, *, referrers: bool) -> Seen:
    """What is at the target, as the registry says and as a client that reads referrers sees it."""
    if code:
        return Seen("no", says=run.last())
    digest = digest_of(host, name, "13")
    wanted = run.publication.digest
    kept = "kept" if digest == wanted else "changed"
    if not referrers:
        whole = kept == "kept"
        return Seen("yes" if whole else "partly", kept, says="" if whole else "ends well")
    there = {each["referrer"] for each in attached(run.publication.folder / "zstd",
                                                   f"{host}/{name}:13")}  # fmt: skip
    known = {each["referrer"] for each in run.publication.statements}
    survive = f"{len(there & known)} of {len(known)}"
    whole = there >= known and kept == "kept"
    says = "" if whole else "ends well"
    return Seen("yes" if whole else "partly" if there & known else "no", kept, survive, says)


@job("copy index", "skopeo", "crane", "oras", "regctl", "cosign", places=BOTH)
def copy_index(run: Run) -> Seen:
    name = f"index/{run.tool.name}/{run.tool.version.partition('+')[0]}".replace("~", "-")
    target = f"{run.host}/{name}:13"
    code = copied(run, f"{run.host}/{IMAGE}", target, referrers=False)
    return arrived(run, code, run.host, name, referrers=False)


@job("copy referrers", "skopeo", "crane", "oras", "regctl", "cosign", places=BOTH)
def copy_referrers(run: Run) -> Seen:
    name = f"whole/{run.tool.name}/{run.tool.version.partition('+')[0]}".replace("~", "-")
    code = copied(run, f"{run.host}/{IMAGE}", f"{run.host}/{name}:13", referrers=True)
    return arrived(run, code, run.host, name, referrers=True)


@job("copy to the other kind", "skopeo", "crane", "oras", "regctl", "cosign", places=BOTH)
def copy_across(run: Run) -> Seen:
    name = f"across/{run.tool.name}/{run.tool.version.partition('+')[0]}".replace("~", "-")
    code = copied(run, f"{run.host}/{IMAGE}", f"{run.other}/{name}:13", referrers=True)
    return arrived(run, code, run.other, name, referrers=True)


@job("artifact", "skopeo", "crane", "oras", "regctl", "podman", "buildah", places=BOTH)
def fetch_artifact(run: Run) -> Seen:
    prepared(run)
    reference, target = f"{run.host}/note:1", run.folder / "note"
    match run.tool.name:
        case "skopeo":
            words: tuple[Any, ...] = (
                *("copy", "--src-tls-verify=false", f"docker://{reference}", f"oci:{target}:1"),
            )
        case "crane":
            words = ("pull", "--format=oci", reference, target)
        case "oras":
            words = ("pull", "--plain-http", reference, "-o", target)
        case "regctl":
            target.mkdir()
            words = ("artifact", "get", "--output", target, reference)
        case _:
            code = engine(run, "pull", "--tls-verify=false", reference).returncode
            return done(run, code)
    code = run(*words).returncode
    if code:
        return Seen("no", says=run.last())
    found = any(path.is_file() and path.read_bytes() == b"a note\n" for path in target.rglob("*"))
    return Seen("yes") if found else Seen("no", says="ends well, and the file is not there")
