"""Writes docs/catalog.md: `python docs/catalog.py built.json compared.json…`.

`built.json` is of `ironhull build … --json`, each other file of `ironhull compare NAME:TAG-standard
NAME:TAG --json`. Descriptions, users, ports and ends of life come from the definitions, counts and
sizes from what the builds said, what conventional images carry from the comparisons: node's is in
the catalog, the others are definitions in benchmarks/counterparts. An image without one is set
beside the image to build on (`-dev`). Nothing in it is written by hand but the words around the
figures.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ironhull.definition.catalog import Catalog
from ironhull.definition.model import ImageDefinition
from ironhull.reports.words import shown_size

ROOT = Path(__file__).parents[1]
TARGET = Path(__file__).with_name("catalog.md")
PLATFORM = "linux/amd64"
HEAD = """# The catalog

What Ironhull's own definitions build on Debian 13 and 12, for `{platform}`; written by
`docs/catalog.py` from the definitions and from what their builds said. Each has tests of its real
job in its definition, which CI runs. What is known to be wrong with an image on a
day is asked that day: `ironhull scan NAME:TAG`; the [case study](case-study.md) sets
vulnerabilities side by side.

.NET is not here: the archive has no packages of it.

Ends of life are the makers', where they name one, else Debian's. The makers' were compared on
2026-11-29 with copies of endoflife.date, of 2024 to 2026: Node.js, Redis, Valkey, RabbitMQ,
HAProxy, MariaDB, PostgreSQL, nginx, PHP, Perl and Ruby are as there, Java as Eclipse Temurin says.
Not compared, because no copy was at hand: Python and Go.
"""
CONVENTIONAL = """
What the usual public image of the same program carries, package for package, built from the same
archive: `IRONHULL_CATALOG=benchmarks/counterparts ironhull build redis:8.0-standard`; node's is in
the catalog. Packages are those of the distribution and of languages. Findings are those of the
advisories of {day}, before any statement about them (VEX); tools are shells, package managers,
compilers, network tools and interpreters; setuid counts setgid too. The servers beside
Debian slim with the same package, and what each holds in memory at rest: `catalog_images` in
[benchmarks](benchmarks.md).

| image | packages | to pull | findings | critical, high | programs | tools | setuid |
|---|--:|--:|--:|--:|--:|--:|--:|
"""
TOOLS = ("shells", "package_managers", "compilers", "network_tools", "interpreters")
Built = Mapping[str, Mapping[str, Any]]
Compared = list[Mapping[str, Any]]


def page(definitions: Mapping[str, ImageDefinition], built: Built, compared: Compared) -> str:
    """The page; images in both are in it, by kind and name."""
    parts = [HEAD.format(platform=PLATFORM)]
    known = {name: one for name, one in definitions.items() if name in built}
    to_run = [name for name, one in known.items() if one.variant == "runtime"]
    parts.append("\n## To run\n\n" + "\n".join(_rows(to_run, known, built)) + "\n")
    others = [name for name in known if name not in to_run]
    parts.append(
        "\n## To build on, and to compare with\n\n" + "\n".join(_rows(others, known, built))
    )
    day = compared[0]["database"]["date"][:10] if compared else ""
    parts.append("\n\n## Beside conventional images\n" + CONVENTIONAL.format(day=day))
    parts.append("\n".join(_conventional(one["images"]) for one in compared) + "\n")
    others = [name for name in to_run if f"{name}-standard" not in built]
    parts.append("\n## Beside the image to build on\n\n" + "\n".join(_pairs(others, built)) + "\n")
    return "".join(parts)


def _rows(
    names: list[str], definitions: Mapping[str, ImageDefinition], built: Built
) -> Iterator[str]:
    yield "| image | what it is | packages | to pull | user | ports | end of life |"
    yield "|---|---|--:|--:|---|---|---|"
    for name in sorted(names):
        one, made = definitions[name], built[name]
        said = one.annotations.get("org.opencontainers.image.description", one.name)
        ends = one.dates.get("upstream-end-of-life") or one.dates.get("end-of-life", "")
        cells = (
            f"`{name}`", said, str(made["packages"]), shown_size(made["compressed_size"]),
            one.accounts.run_as, ", ".join(one.ports), ends,
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _conventional(images: list[Mapping[str, Any]]) -> str:
    theirs, mine = (one["figures"] for one in images)

    def of(*names: str) -> str:
        return " of ".join(str(sum(each[name] for name in names)) for each in (mine, theirs))

    fewer = 1 - mine["packages.total"] / theirs["packages.total"]
    cells = (
        f"`{images[1]['name']}`",
        f"{of('packages.total')} ({fewer:.0%} fewer)",
        " of ".join(shown_size(each["size.compressed"]) for each in (mine, theirs)),
        of("vulnerabilities.raw"),
        of("vulnerabilities.raw_critical", "vulnerabilities.raw_high"),
        of("surface.executables"),
        of(*(f"surface.{name}" for name in TOOLS)),
        of("surface.setuid", "surface.setgid"),
    )
    return f"| {' | '.join(cells)} |"


def _pairs(names: list[str], built: Built) -> Iterator[str]:
    yield "| image | counterpart | packages | to pull |"
    yield "|---|---|--:|--:|"
    for name in sorted(names):
        other = f"{name}-dev"
        if other not in built:
            continue
        mine, theirs = built[name], built[other]
        cells = [
            f"{mine['packages']} of {theirs['packages']} "
            f"({1 - mine['packages'] / theirs['packages']:.0%} fewer)",
            f"{shown_size(mine['compressed_size'])} of {shown_size(theirs['compressed_size'])}",
        ]
        yield f"| `{name}` | `{other}` | {' | '.join(cells)} |"


def figures(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """NAME:TAG, as the catalog calls it → what `build --json` says of its platform."""
    found = {}
    for image in document["images"]:
        for platform in image["platforms"]:
            if platform["platform"] == PLATFORM:
                found[f"{image['name']}:{Path(image['definition']).stem}"] = platform
    return found


def main() -> None:
    """Write the page from the files that the command line names."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    definitions = {f"{one.image}:{one.file.stem}": one for one in Catalog(ROOT / "images").check()}
    built = figures(json.loads(Path(sys.argv[1]).read_text()))
    missing = sorted(definitions.keys() - built.keys())
    if missing:
        sys.exit(f"not built: {', '.join(missing)}")
    compared = [json.loads(Path(name).read_text()) for name in sys.argv[2:]]
    compared.sort(key=lambda one: str(one["images"][1]["name"]))
    TARGET.write_text(page(definitions, built, compared))


if __name__ == "__main__":
    main()
