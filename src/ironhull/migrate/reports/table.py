"""A migration as text for a terminal."""

from __future__ import annotations

from ironhull.migrate.model import Change, Migration, Remark, Rung
from ironhull.reports.table import Heading
from ironhull.reports.text import harmless, one_line
from ironhull.reports.words import tally

_CUT = 110
_SAID = {
    Rung.STATIC: "the final image holds the program and next to nothing else",
    Rung.RUNTIME: "the final image is the hardened runtime: no shell, no package manager, not root",
    Rung.PACKAGES: "the final image is the hardened runtime with packages of its own",
    Rung.DEV: "the final image does not run as root, but keeps a shell and a package manager",
    Rung.REFUSED: "nothing was changed",
}


def verdict(migration: Migration) -> str:
    """In one line how far it went."""
    if migration.rung is Rung.REFUSED:
        return "refused: nothing was changed"
    state = "complete" if migration.complete else "needs a person"
    count = len(migration.changes)
    made = "nothing to change" if not migration.changed else f"{tally(count, 'change')}"
    return f"{state} ({made}; {migration.rung.value}: {_SAID[migration.rung]})"


def lines(migration: Migration) -> list[str]:
    """Verdict, what a person has to do, changes with their reasons, what else to know."""
    made: list[str] = [Heading(verdict(migration))]
    for title, remarks in (
        ("To be done by a person", migration.refused),
        ("To know", migration.remarks),
    ):
        if remarks:
            made += ["", Heading(title), *(line for each in remarks for line in _remark(each))]
    if migration.changes:
        made += ["", Heading("Changes")]
        made += [line for change in migration.changes for line in _change(change)]
    if migration.outside:
        made += ["", Heading("Outside of the Dockerfile")]
        made += [f"  {one_line(each.message)}" for each in migration.outside]
    return made


def render(migration: Migration) -> str:
    """The lines as one text."""
    return "\n".join(lines(migration))


def _remark(remark: Remark) -> list[str]:
    place = f"line {remark.line}: " if remark.line else ""
    made = f"  {place}{one_line(remark.message)} [{remark.rule}]"
    return [made, f"    → {one_line(remark.advice)}"] if remark.advice else [made]


def _change(change: Change) -> list[str]:
    place = f"line {change.line}" if change.line else "added"
    made = [f"  {place} [{change.rule}, {change.confidence.value}]: {one_line(change.reason)}"]
    made += [f"    - {_cut(line)}" for line in change.before.splitlines()]
    made += [f"    + {_cut(line)}" for line in change.after.splitlines()]
    return [*made, f"    test: {one_line(change.test)}"] if change.test else made


def _cut(line: str) -> str:
    text = harmless(line.rstrip())
    return text if len(text) <= _CUT else f"{text[: _CUT - 1]}…"
