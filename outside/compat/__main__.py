"""Run every job with every tool at hand: `python -m outside.compat [--again TOOL]… [--page]`.

What docs/compatibility.json has is not run again, so that a run that was stopped goes on; a new
version of a tool is a new row. `--again` forgets a tool's cells (`all`: every cell). `--page` only
writes the page anew. Go tools that are not built yet come last, for a build of a scanner takes ten
minutes; `--no-builds` goes without them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outside import tools
from outside.compat import copying, documents, layouts, page, registries, statements
from outside.compat.model import PLACES, RECIPES, Run, Tool, cell
from outside.compat.publication import ironhull, publication
from outside.compat.scanners import compared
from outside.compat.servers import distribution, fill, ours, serving
from outside.compat.versions import NOT_BUILT, at_hand, unbuilt

DATA = Path(__file__).parents[2] / "docs/compatibility.json"
JOBS_OF = (copying, documents, layouts, registries, statements)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="append", default=[], metavar="TOOL")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--no-builds", action="store_true", help="only Go tools that are built")
    parser.add_argument("--cache", type=Path, default=tools.CACHE / "compat")
    options = parser.parse_args()
    data: dict[str, Any] = json.loads(DATA.read_text()) if DATA.exists() else {}
    cells = {
        key(each): each
        for each in data.get("cells", [])
        if not {each["tool"], "all"} & set(options.again)
    }
    if not options.page:
        rows = {
            scan_key(each): each
            for each in data.get("scans", [])
            if not {each["tool"], "all"} & set(options.again)
        }
        # What is at hand first: to build one scanner may take longer than all the rest.
        for build in (
            (False, True) if not options.no_builds and unbuilt(options.cache) else (False,)
        ):
            had = [] if build else data.get("tools", [])
            data = run(options.cache, cells, rows, had, build=build)
            write(data)
    page.TARGET.write_text(page.page(data))
    return 0


def key(each: dict[str, Any]) -> tuple[str, str, str, str]:
    """What a cell is about."""
    return each["tool"], each["version"], each["job"], each["place"]


def scan_key(row: dict[str, Any]) -> tuple[str, ...]:
    """What a row about a scanner and an image is about."""
    return row["tool"], row["version"], row["image"], row["way"]


def run(
    cache: Path,
    cells: dict[tuple[str, str, str, str], dict[str, Any]],
    rows: dict[tuple[str, ...], dict[str, Any]],
    had: list[dict[str, str]],
    *,
    build: bool,
) -> dict[str, Any]:
    """The data, with the cells and the rows about scanners that were missing.

    What is known of tools that we `had` and that are only not built here is kept.
    """
    cache.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    found, missing = at_hand(cache, build=build)
    kept = [each for each in had if missing.get(f"{each['name']} {each['version']}") == NOT_BUILT]
    for each in kept:
        del missing[f"{each['name']} {each['version']}"]
    made = publication(cache / "publication")
    data: dict[str, Any] = {
        "ironhull": ironhull(made.folder / "zstd", "--version").split()[-1],
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "statements": len(made.statements),
        "of_platform": len(made.of_platform),
        "tools": [
            *({"name": t.name, "version": t.version, "source": t.source} for t in found),
            *kept,
        ],
        "missing": missing,
    }
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="compat-")))
        registry = next(t.path for t in found if t.name == "docker-registry")
        hosts = {
            "api": stack.enter_context(serving(ours, registry, work / "api")),
            "tag": stack.enter_context(serving(distribution, registry, work / "tag")),
        }
        for host in hosts.values():
            fill(host, made.folder)
        for tool, name, place in todo(found):
            wanted = (tool.name, tool.version, name, place)
            if wanted not in cells:
                folder = work / "cell"
                folder.mkdir()
                recipe, start = RECIPES[name, tool.name][0], time.monotonic()
                cells[wanted] = cell(Run(tool, made, hosts, place, folder), name, recipe)
                shutil.rmtree(folder, ignore_errors=True)
                shown = cells[wanted]
                took = f"{time.monotonic() - start:.1f} s"
                print(
                    *wanted, "→", shown["does"], shown["survive"], took, shown["says"], flush=True
                )
                write(data | {"cells": cells.values(), "scans": rows.values()})
        data |= {"cells": cells.values(), "scans": rows.values()}
        for row in compared(found, cache / "scans", hosts["api"], rows):
            print(*row.values(), flush=True)
            rows[scan_key(row)] = row
            write(data)
    print(f"{time.monotonic() - began:.0f} s in all", flush=True)
    known = {(each["name"], each["version"]) for each in data["tools"]}
    return data | {
        "cells": [each for each in cells.values() if key(each)[:2] in known],
        "scans": [each for each in rows.values() if scan_key(each)[:2] in known],
    }


def todo(found: list[Tool]) -> Iterator[tuple[Tool, str, str]]:
    """Tool, job and place of every cell that can be run."""
    for tool in found:
        for (name, program), (_, places) in RECIPES.items():
            if program == tool.name:
                for place in places:
                    if place not in PLACES:
                        raise KeyError(place)
                    yield tool, name, place


def write(data: dict[str, Any]) -> None:
    """The data in the tree, cells in the order of tool, version, job and place."""
    data = data | {
        "cells": sorted(data["cells"], key=key), "scans": sorted(data["scans"], key=scan_key)
    }  # fmt: skip
    DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
