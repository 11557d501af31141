"""How long the same work takes at another commit of this repository, run by run in turn.

`python benchmarks/compare_commits.py [REV] [--pairs N] [--json] [--archives A B] [--rows NAME…]`:
both commits, REV and the one that is checked out, are built in folders of their own and do each row
in turn (this, before, before, this, …), so that a busy machine is busy for both. A commit that
pins other libraries gets an environment of its own with them; else both run in this one. What they
find (archives, advisories, inventories, images) is the same, in a home of each.

inventory  the first inventory of a foreign docker archive of 350 MB
known      the same, once more: the inventory is stored
compare    two such archives, both new
import     the first import of the export of Debian's advisories
day        the update of a hundred records on the database that the import left
rescan     a thousand stored inventories against all of these
scan       a known image of 413 packages against all of these, to JSON
build, show, explain  as in benchmarks/startup.py

A ratio is this to before, of user and system time of all processes together and of the clock:
median, least and most of the pairs. Memory is the peak of the largest process, in MB.
`day_of_import` is the day's update to the first import of the commit before, `rescan_megabytes`
the peak of this commit's rescan.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
sys.path[:0] = [str(ROOT), str(FOLDER)]

from outside.data import whole_file  # noqa: E402

import compare  # noqa: E402
import scan  # noqa: E402
import startup  # noqa: E402

BEFORE = startup.BEFORE
"""The state before anything was made faster: light verbs first, then all else."""
PAIRS = 7
IMAGES = 1000
LIMITS = {
    "inventory": 0.5,
    "compare": 0.54,
    "import": 0.4,
    "rescan": 0.4,
    "scan": 0.6,
    "build": 0.6,
    "show": 0.6,
    "explain": 0.6,
}
"""Of the clock's ratio to BEFORE; rows of any other commit have none."""
DAY_LIMIT = 0.05
"""Of a first import before."""
RESCAN_MEGABYTES = 150
NO_FINDINGS = (0, 1)
DAY, IMAGE = "day.zip", "image"
DATABASE, KEPT = "advisories/advisories.sqlite", "kept.sqlite"


@dataclass(frozen=True)
class Row:
    """Work that is measured: `home` is which of a side's homes.

    First what is `fresh` of it goes, or the database is what `KEPT` was made as.
    """

    words: Sequence[str]
    home: str
    fresh: tuple[str, ...] = ()
    as_kept: bool = False


@dataclass(frozen=True)
class Run:
    """One process and its children."""

    cpu: float
    wall: float
    megabytes: float


@dataclass(frozen=True)
class Ratio:
    """This to before, over all pairs."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Figures:
    """A row, for a person: medians in seconds and MB, and ratios."""

    this_seconds: float
    before_seconds: float
    wall: Ratio
    cpu: Ratio
    this_megabytes: float
    before_megabytes: float


@dataclass(frozen=True)
class Side:
    """One commit: its folder, and the Python that runs it."""

    folder: Path
    python: Path

    def home(self, name: str) -> Path:
        return self.folder.parent / f"{self.folder.name}-{name}"

    def run(self, row: Row) -> Run:
        home = self.home(row.home)
        for name in row.fresh:
            shutil.rmtree(home / name, ignore_errors=True)
        if row.as_kept:
            shutil.copy(home / KEPT, home / DATABASE)
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "src"),
            "IRONHULL_HOME": str(home),
            "IRONHULL_CATALOG": str(self.folder.parent / "images"),
        }
        began = time.perf_counter()
        process = subprocess.Popen(
            [self.python, "-m", "ironhull.cli", *row.words],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in NO_FINDINGS:
            raise SystemExit(f"{self.folder}: {row.words[0]} ended with {process.returncode}")
        wall = time.perf_counter() - began
        return Run(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1000)


def built(folder: Path, revision: str) -> Side:
    """A commit in a folder of its own, compiled, with the libraries that it pins."""
    subprocess.run(["git", "clone", "-q", "--no-checkout", ROOT, folder], check=True)
    subprocess.run(["git", "-C", folder, "checkout", "-q", revision], check=True)
    python, lock = Path(sys.executable), "requirements.lock"
    if (folder / lock).read_bytes() != (ROOT / lock).read_bytes():
        setup = ["make", "-s", "-C", folder, "setup"]
        subprocess.run(setup, check=True, stdout=subprocess.DEVNULL)
        python = folder / ".venv/bin/python"
    subprocess.run([python, "-m", "compileall", "-q", folder / "src"], check=True)
    return Side(folder, python)


def rows(archives: Sequence[Path], export: Path, folder: Path) -> dict[str, Row]:
    """All work, by name; `folder` is that of both sides."""
    new = ("inventories", "cache")
    first, second = map(str, archives)
    compared = ["compare", first, second, "--json", "--quiet", "--max-age", "0"]
    update = ["advisories", "update", "--quiet", "--source"]
    day = [*update, f"osv-debian={folder / DAY}", "--delta"]
    any_age = ["--json", "--max-age", "0"]
    return {
        "inventory": Row(["inventory", "--json", first], "archives", new),
        "known": Row(["inventory", "--json", first], "archives"),
        "compare": Row(compared, "archives", new),
        "import": Row([*update, f"osv-debian={export}"], "archives", ("advisories",)),
        "day": Row(day, "day", as_kept=True),
        "rescan": Row(["rescan", "--all", *any_age], "fleet"),
        "scan": Row(["scan", str(folder / IMAGE), *any_age], "known"),
        **{
            verb: Row(words, "image")
            for verb, words in startup.VERBS.items()
            if verb in ("build", "show", "explain")
        },
    }


def prepare(side: Side, wanted: dict[str, Row], export: Path, feed: Path) -> None:
    """What the rows find in the homes of a side."""
    homes = {row.home for row in wanted.values()}
    for home in homes - {"image"}:
        side.run(Row(["advisories", "update", "-q", "--source", f"osv-debian={export}"], home))
    if "fleet" in homes:
        fleet = side.home("fleet")
        scan.a_fleet(fleet, fleet / DATABASE, IMAGES)
    if "day" in homes:
        shutil.copy(side.home("day") / DATABASE, side.home("day") / KEPT)
    if "known" in homes and not (side.folder.parent / IMAGE).exists():
        scan.an_image(side.folder.parent, side.home("known") / DATABASE)
    if "image" in homes:
        source = f"osv-debian={feed}"
        side.run(Row(["build", startup.IMAGE], "image"))
        side.run(Row(["advisories", "update", "-q", "--source", source], "image"))
    # Once for nothing: what is kept by then is kept for every pair.
    for row in wanted.values():
        side.run(row)


def measure(this: Side, before: Side, row: Row, pairs: int) -> Figures:
    runs: dict[Side, list[Run]] = {this: [], before: []}
    for number in range(pairs):
        for side in (this, before) if number % 2 else (before, this):
            runs[side].append(side.run(row))
    both = list(zip(runs[this], runs[before], strict=True))
    return Figures(
        statistics.median(run.wall for run in runs[this]),
        statistics.median(run.wall for run in runs[before]),
        ratio([a.wall / b.wall for a, b in both]),
        ratio([a.cpu / b.cpu for a, b in both]),
        max(run.megabytes for run in runs[this]),
        max(run.megabytes for run in runs[before]),
    )


def ratio(values: Sequence[float]) -> Ratio:
    return Ratio(statistics.median(values), min(values), max(values))


def in_folder(folder: Path, options: argparse.Namespace, export: Path) -> dict[str, Figures]:
    """Both sides below one folder, then every row."""
    needs_archives = not options.rows or {"inventory", "known", "compare"} & {*options.rows}
    archives = options.archives or [folder / "none"] * 2
    if needs_archives and not options.archives:
        archives = [compare.make_archive(folder, each) for each in compare.PACKAGES]
    everything = rows(archives, export, folder)
    wanted = {name: everything[name] for name in options.rows or everything}
    shutil.copytree(ROOT / "images", folder / "images")
    feed = folder / "feed"
    feed.mkdir()
    (feed / f"{startup.RECORD['id']}.json").write_text(json.dumps(startup.RECORD))
    if "day" in wanted:
        scan.write_day(export, folder / DAY)
    this, before = built(folder / "this", "HEAD"), built(folder / "before", options.revision)
    for side in (this, before):
        prepare(side, wanted, export, feed)
    return {name: measure(this, before, row, options.pairs) for name, row in wanted.items()}


def compared(figures: Mapping[str, Figures]) -> dict[str, float]:
    """Figures over several rows, of those that were measured."""
    sums = {}
    if "day" in figures and "import" in figures:
        sums["day_of_import"] = figures["day"].this_seconds / figures["import"].before_seconds
    if "rescan" in figures:
        sums["rescan_megabytes"] = figures["rescan"].this_megabytes
    return sums


def shown(name: str, figures: Figures) -> str:
    wall, cpu = figures.wall, figures.cpu
    return (
        f"{name:<10} {figures.this_seconds:7.3f} s, before {figures.before_seconds:7.3f} s: "
        f"{wall.median:.2f} ({wall.least:.2f} to {wall.most:.2f}), processor "
        f"{cpu.median:.2f} ({cpu.least:.2f} to {cpu.most:.2f}), "
        f"{figures.this_megabytes:.0f} MB, before {figures.before_megabytes:.0f} MB"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", nargs="?", default=BEFORE, metavar="REV")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--archives", type=Path, nargs=2, help="image archives to read instead")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these")
    options = parser.parse_args()
    export = whole_file(scan.EXPORT)
    if export is None:
        raise SystemExit(f"{scan.EXPORT} is not here: outside/data.py says where it is looked for")
    with tempfile.TemporaryDirectory(prefix="ironhull-commits-") as name:
        figures = in_folder(Path(name), options, export)
    measured = {f"{name}.wall.median": row.wall.median for name, row in figures.items()}
    sums = compared(figures)
    limits = {f"{name}.wall.median": limit for name, limit in LIMITS.items()}
    limits |= {"day_of_import": DAY_LIMIT, "rescan_megabytes": RESCAN_MEGABYTES}
    if options.revision != BEFORE:
        limits = {}
    missed = [key for key, value in (measured | sums).items() if value > limits.get(key, value)]
    if options.json:
        value = {name: asdict(row) for name, row in figures.items()} | sums
        value |= {"before": options.revision, "pairs": options.pairs}
        print(json.dumps(value | {"limits": limits, "missed": missed}))
    else:
        for name, row in figures.items():
            print(shown(name, row))
        for name, figure in sums.items():
            print(f"{name:<16} {figure:7.3f}")
        for name in missed:
            print(f"MISSED: {name} is over {limits[name]}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
