"""A job, a tool, what was seen of both, and the list of what can be run."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from outside.compat.publication import Publication

TIMEOUT = 120
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CLOCK = re.compile(
    r"(?:time=\"|\[)?\d{4}[-/]\d\d[-/]\d\d[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?[\"\]]?\s*"
)
TEMPORARY = re.compile(r"\b((?:docker-import|docker-builder)-)\d+")
JOBS = {
    "pull zstd": "fetches one platform of an image with zstd layers",
    "pull gzip": "the same with gzip layers",
    "pull zstd:chunked": "the same with layers of which engines may fetch parts",
    "copy index": "copies the whole index to another repository",
    "copy referrers": "copies the index with all that refers to it and to its platforms",
    "copy to the other kind": (
        "the same, from a registry with the referrers API to one without, or back"
    ),
    "list": "lists what refers to one platform",
    "list by type": "lists what of it is a Sigstore bundle",
    "verify signature": "verifies the signatures of index and platforms with the public key",
    "verify statements": "verifies each statement about one platform by its type",
    "admit": "lets the image in, by a policy with the public key (bundles, and older signatures)",
    "read bundle": "reads a signed bundle (verifying it needs more)",
    "read statement": "reads an in-toto statement and finds it valid",
    "read purls": "reads the purl of each package of the SBOM and writes it the same",
    "test results": "shows the verified results of the image's own tests",
    "read CycloneDX": "reads the CycloneDX SBOM; how many packages it knows then",
    "read CycloneDX 1.5": "reads the SBOM in the older version",
    "read SPDX": "reads the SPDX SBOM; how many packages it knows then",
    "read image": "finds the packages in the image itself",
    "scan CycloneDX": "finds a vulnerability of its database through the CycloneDX SBOM",
    "scan CycloneDX 1.5": "finds it through the older version",
    "scan SPDX": "finds it through the SPDX SBOM",
    "scan with VEX": "leaves it out where a CycloneDX VEX says not_affected",
    "scan with OpenVEX": "leaves it out of the image where our OpenVEX says not_affected",
    "scan platform with OpenVEX": "the same, asked for one platform by its manifest's digest",
    "scan renamed image with OpenVEX": "the same, of the image under another name",
    "scan image": "finds it in the image itself",
    "read VEX": "reads the OpenVEX document",
    "artifact": "fetches an artifact: a type, an empty config, one file",
    "bundle": "reads the air-gap bundle: an OCI archive of the index and all that refers to it",
    "flat archive": "reads an OCI archive of one platform and nothing else",
    "store": "keeps the index and all that refers to it as a registry",
}
PLACES = {
    "api": "ironhull serve, with the referrers API",
    "tag": "Debian's docker-registry, without it",
    "": "no registry",
}


class Timeout(Exception):
    """A tool did not end in time."""


@dataclass(frozen=True)
class Tool:
    """A program or library of one version; `path` is what runs it."""

    name: str
    version: str
    path: Path
    source: str

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Seen:
    """What a tool did: `does` is yes, partly or no; `digest` kept, changed or nothing."""

    does: str
    digest: str = ""
    survive: str = ""
    says: str = ""


@dataclass
class Run:
    """What a job is given: tool, publication, hosts of the registries, and a folder of its own."""

    tool: Tool
    publication: Publication
    hosts: Mapping[str, str]
    place: str
    folder: Path
    told: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.hosts[self.place]

    @property
    def other(self) -> str:
        """The registry of the other kind."""
        return self.hosts["tag" if self.place == "api" else "api"]

    def __call__(self, *words: Any, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the tool; its output is remembered. Raises Timeout."""
        settings = {"HOME": str(self.folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        try:
            done = subprocess.run(
                [self.tool.path, *map(str, words)],
                env=settings | environment, cwd=self.folder, timeout=TIMEOUT,
                capture_output=True, text=True, errors="replace", check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Timeout from None
        self.told += [line for line in done.stderr.splitlines() if line.strip()]
        return done

    def last(self) -> str:
        """The last thing that the tool said, without what changes from run to run."""
        text = self.told[-1].strip() if self.told else "nothing"
        if text.startswith("INFO"):
            text = f"ends badly, and says no more than: {text}"
        for host in self.hosts.values():
            text = text.replace(host, "REGISTRY")
        text = TEMPORARY.sub(r"\1…", CLOCK.sub("", COLOUR.sub("", text)))
        for folder in (self.folder, self.publication.folder, Path(tempfile.gettempdir())):
            text = text.replace(str(folder), "…")
        return text if len(text) <= 200 else text[:199] + "…"


Recipe = Callable[[Run], Seen]
RECIPES: dict[tuple[str, str], tuple[Recipe, tuple[str, ...]]] = {}
"""(job, tool) → what does it, and in which places."""


def job(name: str, *tools: str, places: tuple[str, ...] = ("",)) -> Callable[[Recipe], Recipe]:
    """Enter a function as the way in which these tools do this job."""
    if name not in JOBS:
        raise KeyError(name)

    def enter(recipe: Recipe) -> Recipe:
        for tool in tools:
            RECIPES[name, tool] = recipe, places
        return recipe

    return enter


BOTH = ("api", "tag")


def cell(run: Run, name: str, recipe: Recipe) -> dict[str, Any]:
    """Run one job and write down what was seen; a tool that does not end is said to."""
    try:
        seen = recipe(run)
    except Timeout:
        seen = Seen("no", says=f"did not end within {TIMEOUT} s")
    return {
        "tool": run.tool.name, "version": run.tool.version, "job": name, "place": run.place,
        **asdict(seen),
    }  # fmt: skip
