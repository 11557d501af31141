"""Jobs about archives and layouts: the air-gap bundle, and the archive of one platform."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from outside.compat.copying import arrived, docker, engine, prepared
from outside.compat.documents import grype_environment
from outside.compat.model import Run, Seen, job
from outside.compat.publication import PLATFORM, Publication
from outside.compat.servers import digest_of


def unpacked(run: Run, name: str) -> Any:
    """An archive of the publication as a folder."""
    folder = run.folder / name
    with tarfile.open(run.publication.folder / f"{name}.tar") as archive:
        archive.extractall(folder, filter="data")
    return folder


def read(run: Run, name: str, target: str) -> int:
    """Exit code of bringing an archive into a registry, or into an engine's storage.

    Where a tool wants to be told which image of the archive is meant, it is told in its own way.
    """
    prepared(run)
    archive = run.publication.folder / f"{name}.tar"
    entry = entry_in(run.publication, name)
    tag = entry["annotations"][REF_NAME]
    match run.tool.name:
        case "skopeo":
            words: tuple[Any, ...] = (
                *("copy", "--all", "--dest-tls-verify=false"),
                *(f"oci-archive:{archive}:{tag}", f"docker://{target}"),
            )
        case "docker" | "podman" | "buildah":
            return loaded(run, archive, tag)
        case "oras":
            source = f"{archive}@{entry['digest']}"
            words = ("cp", "-r", "--from-oci-layout", "--to-plain-http", source, target)
        case "regctl":
            words = ("image", "import", "--name", tag, target, archive)
        case "crane":
            index = ("--index",) if name == "bundle" else ()
            words = ("push", *index, unpacked(run, name), target)
        case "umoci":
            words = ("unpack", "--image", f"{unpacked(run, name)}:{tag}", run.folder / "rootfs")
        case "syft":
            words = ("scan", f"oci-archive:{archive}", "-o", "json")
        case "grype":
            done = run(f"oci-archive:{archive}", "-q", "-o", "json", **grype_environment(run))
            return int(done.returncode)
        case "trivy":
            words = (
                *("image", "--input", unpacked(run, name), "--format", "cyclonedx"),
                *("--skip-db-update", "--offline-scan", "--cache-dir", run.folder / "cache"),
            )
        case "cosign":
            words = ("load", "--allow-http-registry", "--dir", unpacked(run, name), target)
    done = run(*words)
    shutil.rmtree(run.folder / "rootfs", ignore_errors=True)
    return int(done.returncode)


def loaded(run: Run, archive: Path, tag: str) -> int:
    """Exit code of bringing an archive into an engine's storage."""
    if run.tool.name == "docker":
        with docker(run) as daemon:
            return int(run("--host", daemon, "load", "-i", archive).returncode)
    if run.tool.name == "podman":
        return int(engine(run, "load", "-i", archive).returncode)
    return int(engine(run, "pull", f"oci-archive:{archive}:{tag}").returncode)


def entry_in(publication: Publication, name: str) -> dict[str, Any]:
    """The descriptor that an archive's index has under a name."""
    with tarfile.open(publication.folder / f"{name}.tar") as archive:
        file = archive.extractfile("index.json")
        entries = json.loads(file.read() if file else b"{}").get("manifests", [])
    named = (each for each in entries if REF_NAME in each.get("annotations", {}))
    found: dict[str, Any] = next(named)
    return found


REF_NAME = "org.opencontainers.image.ref.name"
TO_REGISTRY = ("skopeo", "oras", "regctl", "crane", "cosign")


OTHERS = ("podman", "buildah", "docker", "umoci", "syft", "trivy", "grype")


@job("bundle", *TO_REGISTRY, *OTHERS)
def bundle(run: Run) -> Seen:
    name = f"bundle/{run.tool.name}/{run.tool.version.partition('+')[0]}".replace("~", "-")
    host = run.hosts["api"]
    code = read(run, "bundle", f"{host}/{name}:13")
    if run.tool.name in TO_REGISTRY:
        return arrived(run, code, host, name, referrers=True)
    return Seen("no", says=run.last()) if code else Seen("yes")


@job("flat archive", *TO_REGISTRY, *OTHERS)
def flat(run: Run) -> Seen:
    name = f"flat/{run.tool.name}/{run.tool.version.partition('+')[0]}".replace("~", "-")
    host = run.hosts["api"]
    code = read(run, "flat", f"{host}/{name}:13")
    if code:
        return Seen("no", says=run.last())
    if run.tool.name not in TO_REGISTRY:
        return Seen("yes")
    kept = digest_of(host, name, "13") == run.publication.platform
    return Seen("yes" if kept else "partly", "kept" if kept else "changed",
                says="" if kept else f"another manifest than that of {PLATFORM}")  # fmt: skip
