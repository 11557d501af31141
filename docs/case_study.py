"""Writes docs/case-study.md from a real run: `python docs/case_study.py [--no-demo]`.

It needs the images of PAIRS in the store (`ironhull build NAME:TAG`), a container engine for the
two applications, and an advisory database. Without the engine (`--no-demo`) the applications are
left out, and the document says so. Nothing in it is written by hand but the words around figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ironhull.compare.reports.words import database_line
from ironhull.reports.words import amount, percent

TARGET = Path(__file__).with_name("case-study.md")
PAIRS: tuple[tuple[str, str, str], ...] = (
    (
        "node:20-standard",
        "node:20",
        "Both are built by Ironhull from the same Debian packages; `node:20-standard` holds what"
        " the conventional Debian-based image holds, package for package.",
    ),
    (
        "python:3.13-dev",
        "python:3.13",
        "The catalog has no conventional python image. The baseline is our own `-dev` image, with"
        " shell, package manager and compiler. How other python images compare is not measured"
        " here: `ironhull compare THEIRS python:3.13` does it.",
    ),
    (
        "nginx:1.26-dev",
        "nginx:1.26",
        "The same holds for nginx: the baseline is our own `-dev` image, and how other nginx images"
        " compare is not measured here.",
    ),
)
ROWS = (
    "packages.os",
    "packages.total",
    "vulnerabilities.raw",
    "vulnerabilities.after_vex",
    "vulnerabilities.critical",
    "vulnerabilities.high",
    "vulnerabilities.unknown",
    "vulnerabilities.kev",
    "vulnerabilities.fixable",
    "size.compressed",
    "size.uncompressed",
    "size.files",
    "surface.shells",
    "surface.package_managers",
    "surface.compilers",
    "surface.network_tools",
    "surface.interpreters",
    "surface.setuid",
    "surface.executables",
    "surface.libraries",
    "posture.root",
    "posture.leaks",
)
APPLICATION_ROWS = tuple(name for name in ROWS if name != "size.compressed")
Json = dict[str, Any]


def shown(document: Json, name: str, which: str, number: int = 0) -> str:
    """A figure of a comparison as people read it."""
    unit = next(entry["unit"] for entry in document["scale"] if entry["id"] == name)
    return amount(document["comparisons"][number]["figures"][name][which], unit)


def change(document: Json, name: str, number: int = 0) -> str:
    return percent(document["comparisons"][number]["figures"][name]["percent"])


def verdict(holds: bool | None) -> str:
    return {True: "holds", False: "does not hold", None: "not known"}[holds]


def claims(
    document: Json, application: Json | None, *, verified: bool
) -> Iterator[tuple[str, str, str]]:
    """What the seed claims, what we measured for node, and whether it holds.

    `verified`: whether a key that is believed has signed the image.
    """
    figures = document["comparisons"][0]["figures"]
    image = document["images"][1]["figures"]

    def both(name: str) -> str:
        before, after = shown(document, name, "baseline"), shown(document, name, "image")
        return f"{after} instead of {before}"

    packages = figures["packages.os"]["percent"]
    text = f"{both('packages.os')}: {change(document, 'packages.os')} of the baseline's packages"
    yield "Over 70 % fewer packages", text, verdict(packages is not None and packages <= -70)
    bad = [image[f"vulnerabilities.{name}"] for name in ("critical", "high", "kev", "fixable")]
    text = (
        f"findings after VEX: {both('vulnerabilities.after_vex')}; critical"
        f" {both('vulnerabilities.critical')}, high {both('vulnerabilities.high')}, known exploited"
        f" {both('vulnerabilities.kev')}, with a fix {both('vulnerabilities.fixable')}; without a"
        f" severity {both('vulnerabilities.unknown')}"
    )
    rated = image["vulnerabilities.unknown"] == 0
    near_zero = None if None in bad or (not any(bad) and not rated) else not any(bad)
    yield "Near-zero exploitable CVEs", text, verdict(near_zero)
    text = f"runs as root: {both('posture.root')}"
    yield "Not run as root", text, verdict(image["posture.root"] == 0)
    text = f"shells: {both('surface.shells')}; package managers: {both('surface.package_managers')}"
    none = image["surface.shells"] == image["surface.package_managers"] == 0
    yield "No shell, no package manager", text, verdict(none)
    text = f"compilers and build tools: {both('surface.compilers')}"
    yield "No compilers", text, verdict(image["surface.compilers"] == 0)
    text = f"{both('size.compressed')} to send: {change(document, 'size.compressed')}"
    smaller = figures["size.compressed"]["verdict"]
    yield "Smaller", text, verdict(None if smaller == "unknown" else smaller == "better")
    attached = [image[f"attached.{kind}"] for kind in ("sbom", "provenance", "signature")]
    text = "SBOMs {}, provenance {}, signatures {} attached in the store".format(
        *(amount(each, "count") for each in attached)
    )
    text += "; " + ("`ironhull verify` says yes" if verified else "`ironhull verify` says no")
    signed = None if None in attached else all(attached) and verified
    yield "Signed SBOM and provenance", text, verdict(signed)
    claim = "Development tools never reach production"
    if application is None:
        yield claim, "not measured in this run: no application was built", verdict(None)
        return
    leaks = application["comparisons"][-1]["figures"]["posture.leaks"]["image"]
    text = f"traces of the build in the hardened application: {amount(leaks, 'count')}"
    yield claim, text, verdict(None if leaks is None else leaks == 0)


def render(documents: Sequence[Json], application: Json | None, *, verified: bool) -> str:
    """The whole document."""
    lines = [
        "# Case study: what moving to hardened images gains",
        "",
        "Generated by `python docs/case_study.py`; every figure was measured by that run.",
        "",
        f"- Made: {documents[0]['made']}",
        f"- Advisories of: {database_line(documents[0])};"
        " what was published later is counted on neither side",
        "- Sources: "
        + ", ".join(
            f"{source['name']} {source['date'][:10]}"
            for source in (documents[0]["database"] or {"sources": []})["sources"]
        ),
        "",
        "## The claims",
        "",
        "For Node.js, `node:20` against `node:20-standard`:",
        "",
        "| Claim | Measured | |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in claims(documents[0], application, verified=verified)),
        "",
    ]
    for (_, _, note), document in zip(PAIRS, documents, strict=True):
        lines += _pair(document, note)
    lines += _application(application)
    lines += ["## To repeat", "", "```sh"]
    lines += ["ironhull key generate --no-passphrase --if-missing"]
    lines += [f"ironhull build {' '.join(name for pair in PAIRS for name in pair[:2])}"]
    lines += [command for document in documents for command in document["commands"]]
    lines += ["ironhull demo --own --report demo.html", "```"]
    return "\n".join(lines) + "\n"


def _pair(document: Json, note: str) -> list[str]:
    baseline, image = document["images"]
    return [
        f"## {image['name']} against {baseline['name']}",
        "",
        note,
        "",
        f"`{baseline['name']}` is `{baseline['digest']}`,"
        f" `{image['name']}` is `{image['digest']}`.",
        "",
        *_table(document, ROWS, [0]),
        "",
    ]


def _table(document: Json, rows: Sequence[str], numbers: Sequence[int]) -> Iterator[str]:
    titles = {entry["id"]: entry["title"] for entry in document["scale"]}
    names = [document["images"][number + 1]["name"] for number in numbers]
    heads = "".join(f" {name} | of the baseline |" for name in names)
    yield f"| | {document['images'][0]['name']} |{heads}"
    yield "|---|---:|" + "---:|---:|" * len(numbers)
    for name in rows:
        cells = "".join(
            f" {shown(document, name, 'image', number)} | {change(document, name, number)} |"
            for number in numbers
        )
        yield f"| {titles[name]} | {shown(document, name, 'baseline')} |{cells}"


def _application(document: Json | None) -> list[str]:
    title = ["## The applications", ""]
    if document is None:
        return [*title, "Not built in this run: no container engine.", ""]
    return [
        *title,
        "`ironhull demo` builds one Node.js application from three Dockerfiles: the conventional"
        " way, on a hardened base, and with both stages on hardened images. In this run"
        " Ironhull's images stood in for every base. Sizes as sent are unknown: an engine keeps"
        " its layers uncompressed.",
        "",
        *_table(document, APPLICATION_ROWS, range(len(document["comparisons"]))),
        "",
    ]


def ironhull(*words: str) -> str:
    command = [sys.executable, "-m", "ironhull.cli", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def verifies(image: str) -> bool:
    """Whether `ironhull verify` says yes to an image, with the home's own keys."""
    command = [sys.executable, "-m", "ironhull.cli", "verify", image, "--json", "--quiet"]
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-demo", action="store_true", help="leave the applications out")
    options = parser.parse_args()
    documents = [
        json.loads(ironhull("compare", baseline, image, "--dev-leak", "--json", "--quiet"))
        for baseline, image, _ in PAIRS
    ]
    application = None
    if not options.no_demo:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "demo.json"
            ironhull("demo", "--own", "--report", str(report))
            application = json.loads(report.read_text())
    TARGET.write_text(render(documents, application, verified=verifies(PAIRS[0][1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
