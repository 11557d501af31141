"""Runs every benchmark and, with --write, records the figures in docs/benchmarks.md.

`python benchmarks/all.py [--write] [NAME…]`: each benchmark measures Ironhull and its peers side by
side in one run of its own; the figures of those that are not named stay. The document has what a
person compares; single rounds and the state of the machine are in the JSON of a benchmark alone.
Targets are in the JSON too, by the names of figures (`*` for any): `limits` are at most, `least` at
least, and `goals` are sentences that hold or not.
Exit code 1 if one of them passes a limit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parent / "docs/benchmarks.md"
NOT_COMPARED = ("rounds", "missed[", "limits", "least.")
NOT_FIGURES = ("good", "load")
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "all")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    results = {name: run(name) for name in options.names or NAMES}
    if options.write:
        earlier = sections(DOCUMENT.read_text()) if DOCUMENT.exists() else {}
        DOCUMENT.write_text(document(results, earlier))
    return int(any(code for code, _ in results.values()))


def run(name: str) -> tuple[int, dict[str, Any]]:
    """Exit code and figures of one benchmark."""
    print(f"== {name}", flush=True)
    made = subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", "--json"],
        check=False, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        figures: dict[str, Any] = json.loads(made.stdout)
    except ValueError:
        raise SystemExit(f"{name} ended with {made.returncode} and no figures") from None
    for key, value in flat(figures):
        print(f"  {key:44} {value}")
    return made.returncode, figures


def flat(value: Any, key: str = "") -> list[tuple[str, str]]:
    """Every figure with its path."""
    if isinstance(value, dict):
        return [
            row for name, item in value.items() for row in flat(item, f"{key}.{name}".strip("."))
        ]
    if isinstance(value, list):
        return [row for index, item in enumerate(value) for row in flat(item, f"{key}[{index}]")]
    return [(key, f"{value:.4g}" if isinstance(value, float) else str(value))]


def table(figures: dict[str, Any]) -> list[str]:
    """The figures that a person compares, each with its target, and whether it is met."""
    targets = {
        name: (word, float(value))
        for group, word in (("limits", "at most"), ("least", "at least"))
        for name, value in figures.get(group, {}).items()
    }
    lines = ["| figure | value | target | |", "|---|---|---|---|"]
    for key, value in flat(figures):
        if any(word in key for word in NOT_COMPARED) or key in NOT_FIGURES:
            continue
        if key.startswith("goals."):
            held = "met" if value == "True" else "**missed**"
            lines.append(f"| {key.removeprefix('goals.')} | | | {held} |")
            continue
        target, held = "", ""
        for pattern, (word, limit) in targets.items():
            if fnmatchcase(key, pattern) and value != "None":
                target = f"{word} {limit:g}"
                met = float(value) <= limit if word == "at most" else float(value) >= limit
                held = "met" if met else "**missed**"
        lines.append(f"| {key} | {value} | {target} | {held} |")
    return lines


def readable(section: str) -> str:
    """A section that an earlier run wrote, without what is not compared."""
    left_out = (*NOT_COMPARED, *(f"| {name} |" for name in NOT_FIGURES))
    return "\n".join(
        line
        for line in section.splitlines()
        if not line.startswith("| ") or not any(word in line for word in left_out)
    )


def sections(text: str) -> dict[str, str]:
    """The figures by benchmark, as written."""
    _, *parts = text.split("\n## ")
    return {part.partition("\n")[0]: part.strip() for part in parts}


def document(results: dict[str, tuple[int, dict[str, Any]]], earlier: dict[str, str]) -> str:
    lines = [
        "# Figures",
        "",
        "Written by `python benchmarks/all.py --write`; nothing here is typed in by hand. Times",
        "are medians in seconds unless a name says otherwise. What each figure is stands at the",
        "head of the benchmark's file. Figures of two machines are not compared with each other.",
    ]
    for name in sorted({*results, *(name for name in earlier if name in NAMES)}):
        if name not in results:
            lines += ["", f"## {readable(earlier[name])}"]
            continue
        code, figures = results[name]
        held = "all targets are met" if code == 0 else "**a target is missed**"
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        lines += ["", f"## {name}", "", f"`python benchmarks/{name}.py`, {day}: {held}."]
        lines += ["", machine(), "", *table(figures)]
    return "\n".join(lines) + "\n"


def machine() -> str:
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine(),
    )  # fmt: skip
    return (
        f"{os.cpu_count()} CPUs ({cpu}), Linux {platform.release()}, "
        f"Python {platform.python_version()}."
    )


if __name__ == "__main__":
    sys.exit(main())
