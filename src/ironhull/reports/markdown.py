"""Markdown that code hosts show: what strangers wrote stays text.

A pull request's comment is a place where text acts: `@team` wakes people up, `#12` and addresses
become links, a pipe ends a cell, `~` strikes out, HTML is HTML. What is written here does none of
that: signs of Markdown are escaped, signs of HTML are entities, and a mention, a reference and
an address get a space of no width inside, since hosts look for those in the finished text, where
no escape can be seen any more. That space is an entity: the raw text holds nothing invisible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ironhull.reports.text import one_line

_ACTING = re.compile(
    r"(?P<sign>[\\`*_\[\]|~$&<>])"
    # Behind these a host goes on: @team, #12, !12 (merge requests), GH-12, https://…, www.…
    r"|@(?=\w)|[#!](?=\d)|GH-(?=\d)|:(?=//)|www(?=\.)",
    re.IGNORECASE,
)
_WRITTEN = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_GAP = "&#8203;"
_TICKS = re.compile("`+")
_NEEDS_ESCAPE = re.compile(r"[`|\\]")


def escape(text: str) -> str:
    """One line that cannot end a cell, or begin a tag, a link, code, emphasis or a mention."""
    return _ACTING.sub(_inert, one_line(text))


def _inert(found: re.Match[str]) -> str:
    if found["sign"]:
        return _WRITTEN.get(found[0], f"\\{found[0]}")
    return f"{found[0]}{_GAP}"


def code(text: str) -> str:
    """One line as code, in a cell too; in code nothing is a mention, a link or a tag."""
    line = one_line(text)
    # Between ticks nothing can be escaped, so what would have to be goes into HTML's element.
    if _NEEDS_ESCAPE.search(line):
        return f"<code>{escape(line)}</code>"
    return f"`{line}`" if line else ""


def fence(lines: Iterable[str], language: str) -> list[str]:
    """Lines of code as a block that none of them can end."""
    kept = [one_line(line) for line in lines]
    # Longer than any run of ticks inside.
    ticks = "`" * max(3, *(len(run) + 1 for run in _TICKS.findall("\n".join(kept))), 0)
    return [f"{ticks}{language}", *kept, ticks]


def row(*cells: str) -> str:
    """A row of a table; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def text_row(*cells: str) -> str:
    """A row of a table whose cells are texts."""
    return row(*map(escape, cells))


def folded(summary: str, lines: Iterable[str]) -> list[str]:
    """Lines that a reader unfolds. The summary is our own words: HTML takes no escape there."""
    return [f"<details><summary>{summary}</summary>", "", *lines, "", "</details>", ""]


def cut(lines: Sequence[str], limit: int, rest: str = "") -> list[str]:
    """The first `limit` lines, and a line that says how many more there are; `rest` ends it."""
    if len(lines) <= limit:
        return list(lines)
    return [*lines[:limit], "", f"… and {len(lines) - limit} more{rest}"]
