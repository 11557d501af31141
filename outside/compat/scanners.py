"""Whether other scanners reach our number: every runtime image of the catalog, the same advisories.

For each source package of an image there are four made-up vulnerabilities: without a fix, fixed by
a later version, fixed by the very version that is there, and one that Debian says its release does
not have (our VEX says so then). Our database and the scanners' are made of the same records.
Compared are pairs of vulnerability and binary package: through our SBOM, or in the image as a
registry gives it; without VEX, and with ours. Each difference has its reason in REASONS.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironhull.definition.catalog import Catalog
from outside import grype, trivy
from outside.compat.model import TIMEOUT, Tool
from outside.compat.publication import PLATFORM, ironhull

IMAGES = Path(__file__).parents[2] / "images"
CODENAMES = {"12": "bookworm", "13": "trixie"}
LATER = "+really.later"

Pair = tuple[str, str]
"""A vulnerability and a binary package."""


@dataclass(frozen=True)
class Way:
    """How a scanner is asked: of our SBOM or of the image, and with which file of VEX."""

    name: str
    image: bool = False
    vex: str = ""


SBOM = Way("SBOM")
WITH_CYCLONEDX = Way("SBOM, CycloneDX VEX", vex="vex-{bill}")
WITH_OPENVEX = Way("SBOM, OpenVEX", vex="openvex.json")
IMAGE_WITH_OPENVEX = Way("image, OpenVEX", image=True, vex="openvex.json")
WAYS = {
    # It ends badly at OpenVEX 0.2.0 (row "read VEX").
    "trivy 0.47": (SBOM, WITH_CYCLONEDX),
    "trivy": (SBOM, WITH_CYCLONEDX, WITH_OPENVEX, IMAGE_WITH_OPENVEX),
    "grype": (SBOM, WITH_OPENVEX, IMAGE_WITH_OPENVEX),
}
REASONS = {
    ("grype", WITH_OPENVEX.name): (
        "grype looks for the product of a statement among an SBOM's packages and not at the image "
        "that it describes, and our statements are about the image: give it the image by its name "
        "in the registry, and it leaves out what we do"
    ),
    ("trivy", WITH_OPENVEX.name): (
        "trivy looks for the product of a statement among an SBOM's packages too, whichever name "
        "of the image the product has: give it the image by its name in the registry, or the "
        "SBOM with CycloneDX VEX (`ironhull vex create --bill`), and it leaves out what we do"
    ),
}
"""(scanner, way) → why its findings differ from ours, and what to do about it."""


@dataclass(frozen=True)
class Asked:
    """An image as the scanners get it; `folder` has SBOMs, VEX documents and databases."""

    image: str
    reference: str
    """Its name in a registry of this machine."""
    folder: Path
    found: frozenset[Pair]
    left: frozenset[Pair]
    """What we report of it when our VEX counts."""


def runtime_images() -> list[str]:
    """The catalog's images without the variants that hold more for people: dev, debug and so on."""
    return [
        f"{entry.image}:{entry.stem}"
        for entry in Catalog(IMAGES).all()
        if not re.search(r"-(dev|debug|compat|standard)$", entry.stem) and entry.image != "toolbox"
    ]


def compared(
    found: list[Tool], home: Path, host: str, rows: dict[tuple[str, ...], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Each row that was missing; images are built where the home does not have them."""
    scanners = [tool for tool in found if tool.name in WAYS]
    for image in runtime_images():
        wanted = [
            (tool, way)
            for tool in scanners
            for way in ways_of(tool.name, tool.version)
            if (tool.name, tool.version, image, way.name) not in rows
        ]
        if wanted:
            with tempfile.TemporaryDirectory(prefix="compat-") as text:
                asked = prepared(image, home, host, Path(text))
                for tool, way in wanted:
                    yield compare(tool, asked, way)


def ways_of(scanner: str, version: str) -> tuple[Way, ...]:
    """How this version of a scanner is asked."""
    return WAYS.get(f"{scanner} {version[:4]}") or WAYS[scanner]


def prepared(image: str, home: Path, host: str, folder: Path) -> Asked:
    """Databases, SBOMs and VEX of one image, which is built if the home does not have it."""
    only = ("--platform", PLATFORM)
    try:
        inventory = json.loads(ironhull(home, "inventory", image, *only, "--json"))
    except RuntimeError:
        ironhull(home, "build", image, *only, "--no-attest")
        inventory = json.loads(ironhull(home, "inventory", image, *only, "--json"))
    versions = {
        each["source"]: each["source_version"] for each in inventory["packages"] if each["source"]
    }
    records, annotations = made_up(versions, inventory["distribution"]["version_id"])
    (folder / "osv").mkdir()
    for record in records:
        (folder / "osv" / f"{record['id']}.json").write_text(json.dumps(record))
    (folder / "list").write_text(annotations)
    trivy.write_database(folder / "trivy", records)
    grype.write_database(folder / "grype", records)
    source = ("--source", f"osv-debian={folder / 'osv'}")
    plain = home_with(home, folder / "plain", *source)
    known = home_with(
        home, folder / "known", *source, "--source", f"debian-annotations={folder / 'list'}"
    )
    for name, form in (("bill.json", "cyclonedx"), ("bill-1.5.json", "cyclonedx-1.5")):
        target = folder / name
        ironhull(known, "sbom", image, *only, "--format", form, "-o", target)
        made = ironhull(known, "vex", "create", image, *only, "--bill", target)
        (folder / f"vex-{name}").write_text(made)
    (folder / "openvex.json").write_text(ironhull(known, "vex", "create", image, *only))
    ironhull(known, "push", image, f"{host}/{image}", "--no-referrers", "--no-record")
    return Asked(image, f"{host}/{image}", folder, reported(plain, image), reported(known, image))


def home_with(home: Path, target: Path, *sources: str) -> Path:
    """A home with the images of another and these advisories."""
    target.mkdir()
    for name in ("store", "cache"):
        (home / name).mkdir(exist_ok=True)
        (target / name).symlink_to(home / name)
    ironhull(target, "advisories", "update", *sources)
    return target


def reported(home: Path, image: str) -> frozenset[Pair]:
    """What we find, without that of which VEX says that it does not concern the image."""
    scanned = json.loads(ironhull(home, "scan", image, "--platform", PLATFORM, "--json"))
    return frozenset(
        (each["id"], each["package"]) for each in scanned["findings"] if not each["vex"]
    )


def made_up(versions: dict[str, str], release: str) -> tuple[list[dict[str, Any]], str]:
    """OSV's records about these sources, and the lines of Debian's tracker about them."""
    records, lines = [], []
    for number, (source, version) in enumerate(sorted(versions.items())):
        fixes = ("", f"{version}{LATER}", version, "")
        for kind, fixed in enumerate(fixes, 1):
            events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
            affected = {
                "package": {"ecosystem": f"Debian:{release}", "name": source},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
                "ecosystem_specific": {"urgency": "not yet assigned"},
            }
            records.append(
                {
                    "id": f"CVE-2099-{kind}{number:04}",
                    "modified": "2026-01-01T00:00:00Z",
                    "affected": [affected],
                }
            )
        lines.append(
            f"CVE-2099-4{number:04} (nothing)\n\t- {source} <unfixed>\n"
            f"\t[{CODENAMES[release]}] - {source} <not-affected> (Vulnerable code not present)\n"
        )
    return records, "".join(lines)


def compare(tool: Tool, asked: Asked, way: Way) -> dict[str, Any]:
    """One scanner asked in one way, beside our own findings."""
    ours = asked.left if way.vex else asked.found
    theirs, says = scanned(tool, asked, way)
    more, less = sorted(theirs - ours), sorted(ours - theirs)
    return {
        "tool": tool.name,
        "version": tool.version,
        "image": asked.image,
        "way": way.name,
        "ours": len(ours),
        "theirs": len(theirs),
        "more": len(more),
        "less": len(less),
        "says": says,
    }


def scanned(tool: Tool, asked: Asked, way: Way) -> tuple[frozenset[Pair], str]:
    """What a scanner finds; and what it says where it ends badly."""
    # The newest form that it reads: trivy 0.47 ends badly at CycloneDX 1.6 (*scan CycloneDX*).
    bill = "bill-1.5.json" if tool.version.startswith("0.47") else "bill.json"
    vex = ("--vex", way.vex.format(bill=bill)) if way.vex else ()
    settings = {"HOME": str(asked.folder), "PATH": os.defpath}
    if tool.name == "grype":
        target = f"registry:{asked.reference}" if way.image else f"sbom:{bill}"
        command = [tool.path, target, "--platform", PLATFORM, "-o", "json", "-q", *vex]
        settings |= grype.environment(asked.folder / "grype")
    else:
        remote = ("--image-src", "remote", "--insecure", "--platform", PLATFORM)
        of = ("image", *remote, asked.reference) if way.image else ("sbom", bill)
        command = [
            *(tool.path, *of, "--scanners", "vuln", "--quiet", "--format", "json"),
            *("--skip-db-update", "--skip-java-db-update", "--offline-scan"),
            # Newer ones refuse an image with Java where no database of jars was ever fetched.
            *(() if tool.version.startswith("0.47") else ("--pkg-types", "os")),
            *("--cache-dir", asked.folder / "trivy", *vex),
        ]
        if not way.image:
            command = [word for word in command if word not in ("--scanners", "vuln")]
    try:
        done = subprocess.run(
            list(map(str, command)), env=settings, cwd=asked.folder, timeout=TIMEOUT,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return frozenset(), f"did not end within {TIMEOUT} s"
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        said = said.replace(str(asked.folder), "…").replace(asked.reference, "IMAGE")
        return frozenset(), f"ends badly: {said[-160:]}"
    return pairs_in(tool.name, json.loads(done.stdout)), ""


def pairs_in(scanner: str, report: dict[str, Any]) -> frozenset[Pair]:
    """The findings of a scanner's report."""
    if scanner == "grype":
        return frozenset(
            (each["vulnerability"]["id"], each["artifact"]["name"]) for each in report["matches"]
        )
    return frozenset(
        (each["VulnerabilityID"], each["PkgName"])
        for result in report.get("Results") or ()
        for each in result.get("Vulnerabilities") or ()
    )
