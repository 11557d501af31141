"""Whether what is started is there, and in a form that starts without a shell."""

from __future__ import annotations

import posixpath

from ironhull.migrate.draft import Draft
from ironhull.migrate.plan import Obstacle
from ironhull.migrate.rules.artifacts import destinations
from ironhull.migrate.rules.reading import Step, below, resolved
from ironhull.migrate.rules.start import EXEC


def check_started(draft: Draft, steps: list[Step], trees: list[str]) -> None:
    """A program that nothing here puts into the image is one of the system's: there is no system.

    Runtimes of languages have their interpreter; the others have no program at all.
    """
    plan = draft.plan
    words = (plan.start.entrypoint or plan.start.cmd) if plan.start else None
    if not words or plan.language not in ("system", "static", "c", "go", "rust"):
        return
    family = plan.bases[plan.chain[0]].family
    if family is not None and family.language in ("go", "rust"):
        return
    places = list(trees)
    for step in steps:
        if step.line.keyword in ("COPY", "ADD"):
            places += destinations(step.instruction, step.directory, plan.variables)
            places += _folder(step, plan.variables)
    program = words[0]
    if "/" in program:
        path = resolved(program, plan.directory, plan.variables)
        there = any((place != "/" and below(path, place)) or place == "/" for place in places)
    else:
        there = any(posixpath.basename(place) == program or place in _PATH for place in places)
    if not there:
        line = next(step.line.line for step in reversed(steps) if step.line.keyword in _STARTS)
        plan.needs_shell.append(
            Obstacle(
                EXEC.id,
                line,
                f"nothing here says where {program:.60} comes from",
                "copy the program into the image, or take the image that has it",
            )
        )


def check_form(draft: Draft, steps: list[Step]) -> None:
    """On an image that is hardened already a shell form starts nothing."""
    facts = draft.plan.runtime
    if facts is not None and facts.shell:
        return
    for step in steps:
        if step.line.keyword in _STARTS and step.instruction.json is None:
            EXEC.refuse(draft, step.line.line, "a shell form in an image without a shell", _LIST)


_LIST = 'write a list of words: CMD ["program", "argument"]'


def _folder(step: Step, variables: dict[str, str]) -> list[str]:
    """The target of a COPY whose source may be a folder with anything in it."""
    words = step.instruction.json or tuple(step.instruction.body.split())
    names = [posixpath.basename(word.rstrip("/")) for word in words[:-1]]
    if all("." in name.strip(".") and "*" not in name for name in names):
        return []
    return [resolved(words[-1], step.directory, variables)]


_STARTS = ("CMD", "ENTRYPOINT")
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
