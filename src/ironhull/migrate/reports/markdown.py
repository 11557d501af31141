"""A migration as Markdown, for a pull request: what was changed and why, what is left to do."""

from __future__ import annotations

from collections.abc import Iterable

from ironhull.migrate.model import Change, Migration, Remark
from ironhull.migrate.reports.table import verdict
from ironhull.reports.markdown import code, escape, fence, folded, row, text_row


def render(migration: Migration) -> str:
    """The whole text: verdict, work for people, changes, outside changes, the new file."""
    made = [f"## {escape(migration.file)}: {escape(verdict(migration))}", ""]
    made += _remarks("To be done by a person", migration.refused)
    if migration.changes:
        made += ["### Changes", "", text_row("line", "rule", "what", "why", "test")]
        made += [row(*["---"] * 5), *map(_change, migration.changes), ""]
    made += _remarks("To know", migration.remarks)
    if migration.outside:
        made += ["### Outside of the Dockerfile", ""]
        made += [f"- {escape(each.message)}" for each in migration.outside] + [""]
    if migration.changed:
        text = migration.text.decode("utf-8", "replace")
        made += folded("The new Dockerfile", fence(text.splitlines(), "dockerfile"))
    return "\n".join(made).rstrip("\n")


def _remarks(title: str, remarks: Iterable[Remark]) -> list[str]:
    lines = [
        f"- {f'line {each.line}: ' if each.line else ''}{escape(each.message)} →"
        f" {escape(each.advice)} ({code(each.rule)})"
        for each in remarks
    ]
    return [f"### {title}", "", *lines, ""] if lines else []


def _change(change: Change) -> str:
    what = " → ".join(
        code(text.splitlines()[0] + (" …" if "\n" in text else ""))
        for text in (change.before.strip(), change.after.strip())
        if text
    )
    line = str(change.line) if change.line else "added"
    return row(
        line, code(change.rule), what, f"{escape(change.reason)} ({change.confidence.value})",
        escape(change.test),
    )  # fmt: skip
