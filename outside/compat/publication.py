"""What the tools are given: one image of two platforms, signed, in three compressions; an artifact.

It is built once into homes of its own, which may be there already; advisories have to be.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMAGE = "debian-base:13"
PLATFORM = "linux/amd64"
COMPRESSIONS = {"zstd": "zstd", "gzip": "gzip", "chunked": "zstd:chunked"}
"""Homes below the publication's folder, and how their layers are packed."""
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Publication:
    """The image's index and platform, its statements, and the files made of it."""

    folder: Path
    digest: str
    platform: str
    """Digest of the manifest of PLATFORM."""
    statements: tuple[dict[str, Any], ...]

    @property
    def of_platform(self) -> tuple[dict[str, Any], ...]:
        return tuple(each for each in self.statements if each["subject"] == self.platform)

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(sorted({each["subject"] for each in self.statements}))


def ironhull(home: Path, *words: object) -> str:
    """Run the command in a home; its standard output. RuntimeError with what it said else."""
    done = subprocess.run(
        [sys.executable, "-m", "ironhull.cli", *map(str, words)],
        env=os.environ | {"IRONHULL_HOME": str(home), "IRONHULL_MAX_ADVISORY_AGE": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"ironhull {' '.join(map(str, words))}: {done.stderr.strip()[-500:]}")
    return done.stdout


def attached(home: Path, reference: str) -> list[dict[str, Any]]:
    """What is attached to an image anywhere."""
    try:
        listed = json.loads(ironhull(home, "attestations", reference, "--json"))
    except RuntimeError:
        return []
    found: list[dict[str, Any]] = listed["attestations"]
    return found


def publication(folder: Path) -> Publication:
    """The publication below `folder`, made if it is not there."""
    zstd = folder / "zstd"
    for name, compression in COMPRESSIONS.items():
        home = folder / name
        if (home / "ready").exists():
            continue
        if not (home / "advisories").is_dir():
            raise SystemExit(
                f"no advisories in {home}, and so no VEX to publish; get them first: "
                f"IRONHULL_HOME={home} ironhull advisories update (or import FILE)"
            )
        ironhull(home, "key", "generate", "--no-passphrase", "--if-missing")
        ironhull(home, "build", IMAGE, "--compression", compression)
        if home == zstd:
            ironhull(home, "test", IMAGE)
            ironhull(home, "attest", IMAGE)
        (home / "ready").touch()
    _files(folder, zstd)
    listed = json.loads(ironhull(zstd, "attestations", IMAGE, "--json"))
    platform = next(
        each["subject"] for each in listed["attestations"] if each["platform"] == PLATFORM
    )
    return Publication(folder, listed["digest"], platform, tuple(listed["attestations"]))


def _files(folder: Path, home: Path) -> None:
    for name, words in {
        "bundle.tar": ("copy", IMAGE, folder / "bundle.tar"),
        "flat.tar": (
            *("copy", IMAGE, folder / "flat.tar", "--platform", PLATFORM, "--no-referrers"),
        ),
        "docker.tar": (
            *("export", IMAGE, "--format", "docker-archive", "--platform", PLATFORM),
            *("-o", folder / "docker.tar"),
        ),
        "key.pub": ("key", "public"),
        "image.cdx.json": ("attestations", IMAGE, "--read", "cyclonedx", "--platform", PLATFORM),
        "image.cdx-1.5.json": (
            *("sbom", IMAGE, "--format", "cyclonedx-1.5", "--platform", PLATFORM),
        ),
        "image.spdx.json": ("attestations", IMAGE, "--read", "spdx", "--platform", PLATFORM),
        "bundle.json": (
            *("attestations", IMAGE, "--read", "vex", "--platform", PLATFORM, "--bundle"),
        ),
        "image.vex.json": ("attestations", IMAGE, "--read", "vex", "--platform", PLATFORM),
    }.items():
        path = folder / name
        if not path.exists():
            printed = ironhull(home, *words)
            if not path.exists():
                path.write_text(_predicate(printed) if name.startswith("image.") else printed)
    bundle = json.loads((folder / "bundle.json").read_text())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    (folder / "statement.json").write_bytes(payload)


def _predicate(text: str) -> str:
    """A statement's predicate; another text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(value.get("predicate", value))


def artifact(blob: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A manifest with a type, an empty config and one file; and its blobs by digest."""
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    empty = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.example.note.v1",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2,
        },
        "layers": [
            {
                "mediaType": "text/plain", "digest": digest, "size": len(blob),
                "annotations": {"org.opencontainers.image.title": "note.txt"},
            }
        ],
    }  # fmt: skip
    return manifest, {digest: blob, empty: b"{}"}
