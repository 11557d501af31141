"""What a check of any image said, for people and for programs."""

from __future__ import annotations

from typing import Any

from ironhull.workspace.checking import CheckedAnywhere


def check_document(found: CheckedAnywhere) -> dict[str, Any]:
    """As JSON: `ok`, each check with its problems, and what became of the start."""
    start = found.start
    return {
        "image": found.image,
        "ok": found.ok,
        "checks": [
            {"name": one.name, "platform": one.platform, "problems": list(one.problems)}
            for one in found.checks
        ],
        "start": {
            "tried": start is not None,
            "started": start is not None and start.started,
            "reason": found.untried if start is None else start.reason,
            "listening": [] if start is None else list(start.listening),
            "said": "" if start is None else start.said,
        },
    }


def check_lines(found: CheckedAnywhere) -> list[str]:
    """One line a check, what does not hold below it, whole; the start comes last."""
    lines = []
    for one in found.checks:
        lines.append(f"{'holds ' if one.ok else 'FAILS '}  {one.name}  ({one.looked_at} looked at)")
        lines += [f"          {problem}" for problem in one.problems]
    start = found.start
    if start is None:
        return [*lines, f"not started: {found.untried}"]
    where = f", listens on {', '.join(start.listening)}" if start.listening else ""
    if start.started:
        return [*lines, f"started{where}  ({start.seconds:.1f} s)"]
    return [
        *lines,
        f"FAILS   start  ({start.seconds:.1f} s)",
        f"          {start.reason}",
        *(f"          {line}" for line in start.said.splitlines()),
    ]
