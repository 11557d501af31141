"""What signing, verifying and many images cost, beside cosign and side by side in one run.

`python benchmarks/attest.py [--json] [--pairs N] [--images N]`

statements  node:20 for one platform, its layers, image and statements made anew from packages
            that are there: a build with all statements less one without, in turn, whole processes.
            Limit: 1 s.
verify      `ironhull verify LAYOUT --key PUB --policy FILE`, whole process, offline; the policy
            asks for signature, SBOMs, provenance, checks and secrets. Limit: 0.35 s.
cosign      `cosign verify-attestation --key PUB`, one process for each type of statement that the
            policy asks for, from a registry on this machine; their sum. `ratio` is verify by this.
            Limit: 0.25.
many        images of one `ironhull verify --from`, each with three statements, a second.
            Limit: 200.
reproduce   `ironhull reproduce node:20`, from packages that are there; informative.

`cpu_seconds` is user and system time of the same processes, which other work on the machine changes
less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from outside.tools import find  # noqa: E402

from ironhull.attest.attaching import referrer_of  # noqa: E402
from ironhull.attest.statement import Subject, render_statement  # noqa: E402
from ironhull.oci.digest import hex_of  # noqa: E402
from ironhull.oci.document import Document  # noqa: E402
from ironhull.oci.media_types import OCI_MANIFEST  # noqa: E402
from ironhull.signing.dsse import signed_bundle  # noqa: E402
from ironhull.signing.keyring import Keyring  # noqa: E402
from ironhull.statements.kinds import CHECKS, PROVENANCE, SIGNATURE  # noqa: E402
from ironhull.store.layout import ImageLayout  # noqa: E402
from ironhull.store.referrers import list_documents  # noqa: E402

CREATED = "2026-01-01T00:00:00Z"
IMAGE, PLATFORM = "node:20", "linux/amd64"
MADE = ("store", "inventories", "cache/layers", "cache/images", "cache/origins", "cache/recipes",
        "cache/inventory", "cache/contents", "cache/signed")  # fmt: skip
"""What a build makes, below the home; packages and indexes stay."""
LIMITS = {"statements.seconds": 1.0, "verify.seconds": 0.35, "cosign.ratio": 0.25}
LEAST = {"many.a_second": 200.0}
POLICY = """\
version: 1
name: benchmark
signatures: {threshold: 1}
statements:
  - {type: cyclonedx}
  - {type: spdx}
  - {type: provenance}
  - {type: checks}
  - {type: secrets}
provenance: {builders: ["https://ironhull.io/builder/*"]}
"""
TYPES = ("cyclonedx", "spdxjson", "slsaprovenance1",
         "https://ironhull.io/attestation/static-check/v1",
         "https://ironhull.io/attestation/secrets/v1")  # fmt: skip
FEED = {
    "id": "DEBIAN-CVE-2020-0001",
    "modified": "2024-07-01T00:00:00Z",
    "affected": [
        {
            "package": {"ecosystem": "Debian:13", "name": "openssl"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        }
    ],
}


@dataclass(frozen=True)
class Bench:
    """A home of its own with one key, and what runs in it."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, *words: str | Path) -> tuple[float, float, str]:
        """Wall and processor seconds of one process, and what it printed."""
        environment = os.environ | {
            "IRONHULL_HOME": str(self.home),
            "IRONHULL_CATALOG": str(self.folder / "images"),
            "IRONHULL_MAX_ADVISORY_AGE": "0",
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return timed([sys.executable, "-m", "ironhull.cli", *map(str, words)], environment)

    def forget(self) -> None:
        """Everything that a build makes."""
        for name in MADE:
            shutil.rmtree(self.home / name, ignore_errors=True)


def timed(command: Sequence[Any], environment: dict[str, str]) -> tuple[float, float, str]:
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    wall, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime, done.stdout


def statements(bench: Bench, pairs: int) -> dict[str, float]:
    build = ("build", IMAGE, "--platform", PLATFORM, "--locked", "--offline")
    walls, works = [], []
    for number in range(pairs):
        runs = {}
        for options in ((), ("--no-attest",)) if number % 2 else (("--no-attest",), ()):
            bench.forget()
            runs[options] = bench.run(*build, *options)[:2]
        walls.append(runs[()][0] - runs["--no-attest",][0])
        works.append(runs[()][1] - runs["--no-attest",][1])
    bench.forget()
    bench.run(*build)
    return {"seconds": statistics.median(walls), "cpu_seconds": statistics.median(works)}


def verifying(bench: Bench, pairs: int) -> dict[str, Any]:
    layout = bench.folder / "layout"
    bench.run("copy", IMAGE, f"oci:{layout}:node")
    (bench.folder / "policy.yaml").write_text(POLICY)
    public = bench.home / "keys/ironhull.pub"
    words = ("verify", f"oci:{layout}:node", "--key", public,
             "--policy", bench.folder / "policy.yaml")  # fmt: skip
    with serving(bench) as host:
        bench.run("push", IMAGE, f"{host}/{IMAGE}")
        listed = json.loads(bench.run("attestations", f"{host}/{IMAGE}", "--json")[2])
        subject = next(
            each["subject"] for each in listed["attestations"] if each["platform"] == PLATFORM
        )
        ours, works, theirs = [], [], []
        for _ in range(pairs):
            wall, work, _ = bench.run(*words)
            ours.append(wall)
            works.append(work)
            theirs.append(sum(cosign(bench, kind, f"{host}/node@{subject}") for kind in TYPES))
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return {
        "verify": {"seconds": statistics.median(ours), "cpu_seconds": statistics.median(works)},
        "cosign": {"seconds": statistics.median(theirs), "ratio": statistics.median(ratios)},
    }


def cosign(bench: Bench, kind: str, subject: str) -> float:
    program = find("cosign")
    if program is None:
        raise SystemExit("needs cosign (.ci/tools cosign)")
    command = [program, "verify-attestation", "--key", bench.home / "keys/ironhull.pub",
               "--insecure-ignore-tlog", "--allow-http-registry", "--type", kind,
               subject]  # fmt: skip
    return timed(command, {"HOME": str(bench.folder), "PATH": os.defpath})[0]


@contextmanager
def serving(bench: Bench) -> Iterator[str]:
    """`ironhull serve` over a folder of its own."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as held:
        host = f"127.0.0.1:{held.getsockname()[1]}"
    server = subprocess.Popen(
        [sys.executable, "-m", "ironhull.cli", "serve", "--listen", host,
         "--data", bench.folder / "registry"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(300):
            try:
                socket.create_connection(tuple(host.split(":")), 1).close()  # type: ignore[arg-type]
                break
            except OSError:
                time.sleep(0.1)
        yield host
    finally:
        server.terminate()
        server.wait(20)


def many(bench: Bench, count: int) -> dict[str, float]:
    """Images of one config, each with an annotation of its own, so that each has its digest."""
    signer = Keyring(bench.home / "keys").signer(None)
    if signer is None:
        raise SystemExit("no key")
    layout = ImageLayout(bench.folder / "many", create=True)
    source = ImageLayout(bench.folder / "layout")
    index = source.document(source.find("node").digest)
    original = source.document(index.manifests[0].digest)
    for item in (original.config, *original.layers):
        layout.blobs.put(source.blobs.read(item.digest))
    said = {SIGNATURE: b"{}", PROVENANCE: b'{"buildDefinition":{},"runDetails":{}}',
            CHECKS: b'{"result":"PASSED"}'}  # fmt: skip
    referrers, names = [], []
    for number in range(count):
        value = {**original.value, "mediaType": OCI_MANIFEST, "annotations": {"n": str(number)}}
        document = Document.of(value)
        layout.blobs.put(document.raw)
        names.append((document, f"image:{number}"))
        for kind, predicate in said.items():
            about = Subject("image", {"sha256": hex_of(document.digest)})
            bundle = signed_bundle(render_statement([about], kind, predicate), signer)
            referrers.append(
                referrer_of(
                    layout.blobs, document.descriptor(), bundle, kind, "2026-01-01T00:00:00Z"
                )
            )
    layout.update(
        lambda before: (
            before
            + [
                document.descriptor(annotations={"org.opencontainers.image.ref.name": name})
                for document, name in names
            ]
        )
    )
    list_documents(layout, referrers)
    listed = bench.folder / "list"
    listed.write_text("".join(f"oci:{layout.root}:{name}\n" for _, name in names))
    public = bench.home / "keys/ironhull.pub"
    wall, work, _ = bench.run("verify", "--from", listed, "--key", public)
    return {"images": count, "seconds": wall, "cpu_seconds": work, "a_second": count / wall}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--images", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ih-attest-") as name:
        bench = Bench(Path(name))
        shutil.copytree(ROOT / "images", bench.folder / "images")
        (bench.folder / "feed").mkdir()
        (bench.folder / "feed/one.json").write_text(json.dumps(FEED))
        bench.run("key", "generate", "--no-passphrase")
        bench.run("advisories", "update", "--source", f"osv-debian={bench.folder / 'feed'}")
        bench.run("build", IMAGE, "--platform", PLATFORM, "--no-attest")
        result: dict[str, Any] = {"statements": statements(bench, options.pairs)}
        result |= verifying(bench, options.pairs)
        result["many"] = many(bench, options.images)
        result["reproduce"] = {"seconds": bench.run("reproduce", IMAGE)[0]}
    good = (
        result["statements"]["seconds"] <= LIMITS["statements.seconds"]
        and result["verify"]["seconds"] <= LIMITS["verify.seconds"]
        and result["cosign"]["ratio"] <= LIMITS["cosign.ratio"]
        and result["many"]["a_second"] >= LEAST["many.a_second"]
    )
    result |= {"limits": LIMITS, "least": LEAST, "good": good}
    print(json.dumps(result, indent=None if options.json else 2))
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
