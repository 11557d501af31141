"""Pushing, copying with referrers and verifying one publication, beside oras, crane and cosign.

`python benchmarks/compat.py [--json] [--runs N] [--home DIR]`

The publication is that of `make compat`: an index of two platforms with all its statements, signed
by a key. Whole processes, in turn, medians, to Debian's docker-registry on this machine, each time
into a repository that is new.

push    `ironhull push`; beside it `oras cp -r` from an OCI archive of the same
copy    `ironhull copy` between repositories; beside it `oras cp -r`, and `crane cp`, which leaves
        all statements behind
verify  `ironhull verify` of one platform with its signature and four kinds of statements; beside it
        cosign, one process for each of them; their sum

`ratio` is ours by oras or cosign, which do the whole work; limit: 0.5. Ends with 1 if one is
missed. `processor` are the seconds of processor that each side's own processes took, `requests`
what the registry was asked: both say more than the clock where a machine is busy.

`floor` are the same ratios of what Ironhull could not undercut however it were written in Python:

process   an interpreter that loads the library for HTTP and the one for options, and ends
requests  a bare interpreter (`clients/bare.py`) that sends the fewest requests by bare sockets: an
          upload or a mount of each blob, a PUT of each manifest, of the tag and of each list of
          referrers, for a copy a GET of each manifest; no look whether any of it is there, no
          digest held to, no second look at a list

`registry` are the seconds of processor that the registry took meanwhile: work that no client saves.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from outside.compat.layouts import entry_in
from outside.compat.publication import IMAGE, PLATFORM, Publication, publication
from outside.compat.servers import distribution, serving
from outside.tools import CACHE, find, versions

from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_INDEX
from ironhull.registry.client.naming import find_stored
from ironhull.registry.client.places import StoredSource
from ironhull.registry.client.referrers import fallback_tag
from ironhull.registry.client.transfer import contents
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import referrer_descriptor

ROOT = Path(__file__).parents[1]
LIMIT = 0.5
POLICY = """\
version: 1
name: benchmark
signatures: {threshold: 1}
statements:
  - {type: cyclonedx}
  - {type: spdx}
  - {type: provenance}
  - {type: checks}
provenance: {builders: ["https://ironhull.io/builder/*"]}
"""
REQUEST = re.compile(r'"(?:GET|HEAD|PUT|POST|PATCH|DELETE) /v2/\S* HTTP/1\.1" \d')
KINDS = ("cyclonedx", "spdx", "provenance", "checks")


class Bench:
    """The commands of both sides, and the seconds of each."""

    def __init__(self, made: Publication, host: str, folder: Path) -> None:
        self.made, self.host, self.folder = made, host, folder
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.processor: dict[str, list[float]] = defaultdict(list)
        self.requests: dict[str, list[int]] = defaultdict(list)
        self.registry: dict[str, list[float]] = defaultdict(list)
        # The registry is our only child now.
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        self.served_by = int(children.split()[0])
        self.environment = os.environ | {
            "IRONHULL_HOME": str(made.folder / "zstd"), "HOME": str(folder)
        }  # fmt: skip
        # Code that is compiled anew each time would be measured too.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        (folder / "policy.yaml").write_text(POLICY)

    def timed(self, name: str, *commands: list[Any]) -> None:
        """All commands one after the other, as one measurement."""
        asked, used, served = self.asked(), processor(), taken_by(self.served_by)
        begin = time.perf_counter()
        for command in commands:
            done = subprocess.run(
                list(map(str, command)), env=self.environment, cwd=self.folder,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise SystemExit(f"{command}: {done.stderr[-500:]}")
        self.seconds[name].append(time.perf_counter() - begin)
        self.processor[name].append(processor() - used)
        self.requests[name].append(self.asked() - asked)
        self.registry[name].append(taken_by(self.served_by) - served)

    def asked(self) -> int:
        """How many requests the registry's log has."""
        log = (self.folder / "registry.log").read_text(errors="replace")
        return len(REQUEST.findall(log))

    def ours(self, *words: Any) -> list[Any]:
        return [sys.executable, "-m", "ironhull.cli", *words]

    def turn(self, number: int) -> None:
        """Each measurement once."""
        at, insecure = self.host, ("--from-plain-http", "--to-plain-http")
        first = f"{at}/ours{number}:13"
        archive = self.made.folder / "bundle.tar"
        digest = entry_in(self.made, "bundle")["digest"]
        layout = ("--from-oci-layout", "--to-plain-http", f"{archive}@{digest}")
        self.timed("push", self.ours("push", IMAGE, first, "--no-record", "-q"))
        self.timed("push.oras", [find("oras"), "cp", "-r", *layout, f"{at}/oras{number}:13"])
        self.timed("copy", self.ours("copy", first, f"{at}/copy{number}:13", "--no-record", "-q"))
        self.timed(
            "copy.oras", [find("oras"), "cp", "-r", *insecure, first, f"{at}/second{number}:13"]
        )
        self.timed("copy.crane", [find("crane"), "cp", first, f"{at}/third{number}:13"])
        key, subject = self.made.folder / "key.pub", f"{at}/ours{number}@{self.made.platform}"
        self.timed(
            "verify",
            self.ours("verify", subject, "--key", key, "--policy", self.folder / "policy.yaml"),
        )
        types = {each["kind"]: each["type"] for each in self.made.of_platform}
        options = ("--key", key, "--insecure-ignore-tlog", "--allow-http-registry")
        attestation = [find("cosign"), "verify-attestation", *options, "--type"]
        self.timed(
            "verify.cosign",
            [find("cosign"), "verify", *options, subject],
            *([*attestation, types[kind], subject] for kind in KINDS),
        )
        self.floors(number)

    def floors(self, number: int) -> None:
        """What none in Python could undercut."""
        self.timed("empty", [sys.executable, "-I", "-S", "-c", ""])
        self.timed("process", [sys.executable, "-c", "import click, urllib3"])
        bare = [sys.executable, "-I", "-S", ROOT / "benchmarks/clients/bare.py", self.host]
        lists = least_requests(self.made, self.folder, f"bare{number}")
        for name, repository in (("push", f"bare{number}"), ("copy", f"barecopy{number}")):
            self.timed(f"{name}.requests", [*bare, repository, lists[name]])


def least_requests(made: Publication, folder: Path, pushed: str) -> dict[str, Path]:
    """Files for `clients/bare.py`: a push, and the copy of what it pushed."""
    store = ImageLayout(made.folder / "zstd/store")
    root = find_stored(store, IMAGE)
    going = contents(StoredSource(store, root, IMAGE))
    by_subject = defaultdict(list)
    for each in going.referrers:
        if each.subject is not None:
            by_subject[each.subject.digest].append(referrer_descriptor(each).json())
    puts: tuple[list[str], list[str]] = ([], [])
    for document in (*going.images, *going.referrers):
        where = store.blobs.path(document.digest)
        stage = puts[document.is_index]
        stage.append(f"put\t{document.digest}\t{document.media_type}\t{where}")
    puts[1].append(f"put\t13\t{root.media_type}\t{store.blobs.path(root.digest)}")
    for subject, listed in by_subject.items():
        path = folder / fallback_tag(subject)
        path.write_bytes(
            canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed})
        )
        puts[1].append(f"put\t{path.name}\t{OCI_INDEX}\t{path}")
    blobs = [f"blob\t{each.digest}\t{store.blobs.path(each.digest)}" for each in going.blobs]
    gets = [f"get\t{each.digest}\t{pushed}" for each in (*going.images, *going.referrers)]
    gets += [f"get\t{fallback_tag(subject)}\t{pushed}" for subject in by_subject]
    mounts = [f"mount\t{each.digest}\t{pushed}" for each in going.blobs]
    found = {"push": [blobs, *puts], "copy": [gets, mounts, *puts]}
    for name, stages in found.items():
        text = "-\n".join("".join(f"{line}\n" for line in stage) for stage in stages)
        (folder / name).write_text(text)
    return {name: folder / name for name in found}


def taken_by(process: int) -> float:
    """Seconds of processor that a process that runs has taken."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def processor() -> float:
    """Seconds that processes of this one have taken, user and system."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _medians(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: round(statistics.median(each), 3) for name, each in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--home", type=Path, default=CACHE / "compat/publication")
    options = parser.parse_args()
    registry = find("docker-registry")
    if registry is None or not all(map(find, ("oras", "crane", "cosign"))):
        raise SystemExit("needs docker-registry, oras, crane and cosign (to get them: .ci/tools)")
    made = publication(options.home)
    subprocess.run([sys.executable, "-m", "compileall", "-q", ROOT / "src"], check=True)
    with tempfile.TemporaryDirectory(prefix="compat-") as text:
        folder = Path(text)
        with serving(distribution, registry, folder / "registry") as host:
            bench = Bench(made, host, folder)
            for number in range(options.runs):
                bench.turn(number)
    medians = _medians(bench.seconds)
    ratios = {
        name: round(medians[name] / medians[f"{name}.{peer}"], 2)
        for name, peer in (("push", "oras"), ("copy", "oras"), ("verify", "cosign"))
    }
    known = versions()
    figures = {
        "statements": len(made.statements),
        "platform": PLATFORM,
        "seconds": medians,
        "processor": _medians(bench.processor),
        "registry": _medians(bench.registry),
        "requests": _medians(bench.requests),
        "ratio": ratios,
        "floor": {
            name: round(
                (medians["process"] + medians[f"{name}.requests"] - medians["empty"])
                / medians[f"{name}.oras"],
                2,
            )
            for name in ("push", "copy")
        },
        "versions": {name: known[name] for name in ("docker-registry", "oras", "crane", "cosign")},
    }
    print(json.dumps(figures, indent=None if options.json else 2))
    return int(max(ratios.values()) > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
