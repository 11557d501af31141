"""The instructions of the final image in their order, each with folder, user and commands."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from ironhull.migrate.dockerfile.instruction import Instruction
from ironhull.migrate.dockerfile.shell import Command, Word, read_shell
from ironhull.migrate.dockerfile.variables import pairs, replaced
from ironhull.migrate.draft import Draft, Line


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """An instruction of the chain as it was before any rule changed it."""

    stage: int
    line: Line
    instruction: Instruction
    directory: str
    """Where it works, absolute."""
    user: str
    """Whom it works as; empty: the image's own."""
    commands: tuple[Command, ...] = ()
    """Of RUN."""
    opaque: str = ""
    """Why nothing is known of what a RUN does."""
    editable: bool = True
    """The commands' places are places in the instruction's arguments."""


def read_steps(draft: Draft) -> list[Step]:
    """The instructions of the chain; fills the plan's variables, environment and directory."""
    plan = draft.plan
    steps: list[Step] = []
    user = ""
    for index in plan.chain:
        for line, instruction in draft.stages[index].instructions():
            if instruction.keyword == "WORKDIR":
                plan.directory = resolved(instruction.body, plan.directory, plan.variables)
            elif instruction.keyword == "USER":
                user = (replaced(instruction.body, plan.variables) or instruction.body).strip()
            elif instruction.keyword in ("ENV", "ARG"):
                _define(draft, instruction)
            steps.append(_step(index, line, instruction, plan.directory, user))
    return steps


def _define(draft: Draft, instruction: Instruction) -> None:
    plan = draft.plan
    made = {}
    for name, value in pairs(instruction):
        known = replaced(value, plan.variables)
        if known is not None:
            made[name] = known
        if instruction.keyword == "ENV":
            plan.environment[name] = value if known is None else known
    # ENV wins over an ARG of the same name, wherever it stands.
    if instruction.keyword == "ARG":
        made = {name: value for name, value in made.items() if name not in plan.environment}
    plan.variables.update(made)


def _step(index: int, line: Line, instruction: Instruction, directory: str, user: str) -> Step:
    if instruction.keyword != "RUN":
        return Step(index, line, instruction, directory, user)
    if instruction.json is not None:
        return Step(
            index, line, instruction, directory, user, exec_command(instruction.json), "", False
        )
    text, editable = instruction.body, True
    if instruction.heredocs:
        first = instruction.heredocs[0]
        if len(instruction.heredocs) > 1 or not text.startswith("<<") or first.body[:2] == "#!":
            return Step(index, line, instruction, directory, user, (), "it has a here-document")
        if len(text.split()) > 1:
            return Step(index, line, instruction, directory, user, (), "it has a here-document")
        text, editable = first.body, False
    script = read_shell(text)
    return Step(index, line, instruction, directory, user, script.commands, script.opaque, editable)


def exec_command(words: tuple[str, ...]) -> tuple[Command, ...]:
    """The exec form as a command; `sh -c TEXT` as what the shell is to run."""
    if len(words) == 3 and words[0].rpartition("/")[2] in SHELLS and words[1] in SHELL_FLAGS:
        return read_shell(words[2]).commands
    made = tuple(Word(word, 0, 0, word, True) for word in words)
    return (Command(0, 0, "", (), made, ()),)


SHELLS = ("sh", "bash", "ash", "dash", "zsh")
SHELL_FLAGS = ("-c", "-ec", "-lc", "-xc", "-exc", "-euc")


def resolved(path: str, directory: str, variables: dict[str, str]) -> str:
    """A path made absolute: variables replaced, quotes off, `..` taken out."""
    plain = path.strip().strip("\"'")
    known = replaced(plain, variables)
    return normal(posixpath.join(directory, plain if known is None else known))


def normal(path: str) -> str:
    """Absolute, with one slash at the beginning and none at the end."""
    return posixpath.normpath(f"/{path.lstrip('/')}")


def below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
