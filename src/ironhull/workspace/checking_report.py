"""What a check of any image said, for people and for programs."""

from __future__ import annotations

from typing import Any

from ironhull.build.start_mending import remedy_lines
from ironhull.build.starting import StartOutcome
from ironhull.workspace.checking import CheckedAnywhere


def check_document(found: CheckedAnywhere) -> dict[str, Any]:
    """As JSON: `ok`, each check with its problems, and what became of the start."""
    return {
        "image": found.image,
        "ok": found.ok,
        "checks": [
            {
                "name": one.name,
                "platform": one.platform,
                "looked_at": one.looked_at,
                "problems": list(one.problems),
            }
            for one in found.checks
        ],
        "start": start_document(found.start, found.untried),
    }


def start_document(start: StartOutcome | None, untried: str) -> dict[str, Any]:
    """A start as JSON; `mending` are causes, each with lines for a definition."""
    remedies = () if start is None else start.remedies
    return {
        "tried": start is not None,
        "started": start is not None and start.started,
        "reason": untried if start is None else start.reason,
        "listening": [] if start is None else list(start.listening),
        "said": "" if start is None else start.said,
        "mending": [{"cause": one.cause, "lines": one.lines} for one in remedies],
    }


def check_lines(found: CheckedAnywhere) -> list[str]:
    """One line a check, what does not hold below it, whole; the start comes last."""
    lines = []
    for one in found.checks:
        lines.append(f"{'holds ' if one.ok else 'FAILS '}  {one.name}  ({one.looked_at} looked at)")
        lines += [f"          {problem}" for problem in one.problems]
    return [*lines, *start_lines(found.start, found.untried)]


def start_lines(start: StartOutcome | None, untried: str) -> list[str]:
    """What became of a start; where it failed, what the program said and what would mend it."""
    if start is None:
        return [f"not started: {untried}"]
    where = f", listens on {', '.join(start.listening)}" if start.listening else ""
    if start.started:
        return [f"started{where}  ({start.seconds:.1f} s)"]
    below = [start.reason, *start.said.splitlines(), *remedy_lines(start.remedies)]
    return [f"FAILS   start  ({start.seconds:.1f} s)", *(f"          {line}" for line in below)]
