"""Every parser of strangers' bytes, given changed inputs until time is up; versions beside dpkg.

`python -m tests.fuzz.run [--seconds N] [--pairs N] [--seed N] [--only NAME] [--keep DIR] [--write]`

An input is a good one with bytes flipped, cut, doubled, replaced by numbers on an edge or by words
of the format, or spliced with another. A parser may refuse it with an error of ours and nothing
else: no other exception, no more than two seconds, no more than two gigabytes. Debian's versions
are compared with what dpkg says, Alpine's with apk where it is installed, else with the laws of an
order. `--keep` saves what failed; `--write` puts the figures into docs/fuzzing.md.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from ironhull.debian.version import compare
from ironhull.errors import MalformedError
from ironhull.scan.versions.apk import apk_key
from tests.fuzz.targets import TARGETS, Outcome, fuzz

SECONDS = 60
PAIRS = 100_000
MEMORY = 2 << 30
PAGE = Path(__file__).parents[2] / "docs" / "fuzzing.md"

ALPHABET = "0123456789" * 3 + "abzAZ" + ".+~-"


def debian_version(source: random.Random) -> str:
    text = source.choice("0123456789") + "".join(
        source.choice(ALPHABET) for _ in range(source.randrange(10))
    )
    return (f"{source.randrange(3)}:" if source.random() < 0.2 else "") + text.rstrip("-")


def apk_version(source: random.Random) -> str:
    count = source.randrange(1, 5)
    numbers = ".".join(str(source.choice((0, 1, 2, 9, 10, 20240101))) for _ in range(count))
    letter = source.choice(("", "", "", "a", "b"))
    suffix = source.choice(("", "", "_alpha1", "_beta", "_rc2", "_p1", "_git20240101", "_p"))
    return f"{numbers}{letter}{suffix}" + source.choice(("", "-r0", "-r1", "-r10"))


def near(source: random.Random, make: Callable[[random.Random], str]) -> tuple[str, str]:
    """Two versions, mostly with a beginning in common."""
    one = make(source)
    if source.random() < 0.3:
        return one, make(source)
    at = source.randrange(1, len(one) + 1)
    return one, one[:at] + make(source)[source.randrange(2) :]


def versions_beside_dpkg(seed: int, pairs: int) -> Outcome:
    """Random pairs, each compared by us and by `dpkg --compare-versions`."""
    source, outcome = random.Random(seed), Outcome()
    wanted: list[tuple[str, str, int]] = []
    while len(wanted) < pairs:
        one, two = near(source, debian_version)
        outcome.inputs += 1
        try:
            wanted.append((one, two, compare(one, two)))
        except MalformedError:
            outcome.refused += 1
    script = (
        'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo -1; '
        'elif dpkg --compare-versions "$a" eq "$b"; then echo 0; else echo 1; fi; done'
    )
    said_by_dpkg = answers(["sh", "-c", script], [f"{one} {two}" for one, two, _ in wanted])
    for (one, two, ours), theirs in zip(wanted, said_by_dpkg, strict=True):
        if ours != int(theirs):
            outcome.failures.append((f"dpkg says {theirs}, we {ours}", f"{one} {two}".encode()))
    return outcome


def versions_of_apk(seed: int, pairs: int) -> tuple[str, Outcome]:
    """Random pairs beside `apk version -t`; without apk, the laws of an order."""
    source, outcome = random.Random(seed), Outcome()
    wanted: list[tuple[str, str, int]] = []
    keys = []
    while len(wanted) < pairs:
        one, two = near(source, apk_version)
        outcome.inputs += 1
        try:
            key, other = apk_key(one), apk_key(two)
        except MalformedError:
            outcome.refused += 1
            continue
        wanted.append((one, two, (key > other) - (key < other)))
        keys += [key, other]
    if shutil.which("apk"):
        script = 'while read -r a b; do apk version -t "$a" "$b"; done'
        signs = {"<": -1, "=": 0, ">": 1}
        found = answers(["sh", "-c", script], [f"{one} {two}" for one, two, _ in wanted])
        for (one, two, ours), theirs in zip(wanted, found, strict=True):
            if signs.get(theirs) != ours:
                outcome.failures.append((f"apk says {theirs}, we {ours}", f"{one} {two}".encode()))
        return "versions beside apk", outcome
    ordered = sorted(keys)
    if any(one > two for one, two in pairwise(ordered)):
        outcome.failures.append(("sorted versions that are not in order", b""))
    return "versions of apk, by the laws of an order", outcome


def answers(command: Sequence[str], lines: Sequence[str]) -> list[str]:
    """A line of answer for each line, from two processes at once."""
    half = len(lines) // 2
    with ExitStack() as stack:
        running = []
        for part in (lines[:half], lines[half:]):
            file = stack.enter_context(tempfile.TemporaryFile("w+"))
            file.write("".join(f"{line}\n" for line in part))
            file.seek(0)
            running.append(
                subprocess.Popen(
                    command,
                    stdin=file,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
        return [line for process in running for line in process.communicate()[0].splitlines()]


def keep(folder: Path, name: str, outcome: Outcome) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (_, data) in enumerate(outcome.failures[:100]):
        (folder / f"{name.replace(' ', '-')}-{number}").write_bytes(data)


def written(rows: Sequence[tuple[str, Outcome]], seed: int) -> None:
    """Put the table into the page, between its marks."""
    table = ["| parser | inputs | refused | slowest, ms | failures |", "|---|---|---|---|---|"]
    table += [
        f"| {name} | {found.inputs:,} | {found.refused:,} | {found.slowest * 1000:.0f} "
        f"| {len(found.failures)} |"
        for name, found in rows
    ]
    before, _, rest = PAGE.read_text().partition("<!-- figures -->\n")
    after = rest.partition("<!-- end -->\n")[2]
    text = "\n".join([f"Seed {seed}.", "", *table])
    PAGE.write_text(f"{before}<!-- figures -->\n{text}\n<!-- end -->\n{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each parser")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of versions")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=[*TARGETS, "versions"])
    parser.add_argument("--keep", type=Path, help="a folder for what failed")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    rows: list[tuple[str, Outcome]] = []

    def add(name: str, found: Outcome) -> None:
        rows.append((name, found))
        print(
            f"{name:<42} {found.inputs:>9} inputs, {found.refused:>9} refused, "
            f"slowest {found.slowest * 1000:6.0f} ms, {len(found.failures)} failures",
            flush=True,
        )
        for what in sorted({what for what, _ in found.failures})[:10]:
            print(f"    {what}")
        if options.keep:
            keep(options.keep, name, found)

    for name, target in TARGETS.items():
        if options.only in (None, name):
            add(name, fuzz(target, options.seed, options.seconds))
    if options.only in (None, "versions"):
        add("versions beside dpkg", versions_beside_dpkg(options.seed, options.pairs))
        add(*versions_of_apk(options.seed, options.pairs))
    if options.write:
        written(rows, options.seed)
    return 1 if any(found.failures for _, found in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
