"""Commands taken out of a RUN, or written anew, with all the rest of its text left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ironhull.migrate.dockerfile.shell import Command, read_shell
from ironhull.migrate.draft import Draft, DraftStage, Line
from ironhull.migrate.rules.programs import Effect, effect_of
from ironhull.migrate.rules.rule import Rule

Edit = Callable[[Command], str | None]
"""The new text of a command; empty to take it out, None to leave it."""


def commands_of(line: Line) -> tuple[Command, ...]:
    """The commands of a RUN in shell form whose places are known; none for any other line."""
    instruction = line.instruction
    if instruction is None or instruction.keyword != "RUN":
        return ()
    if instruction.json is not None or instruction.heredocs:
        return ()
    return read_shell(instruction.body).commands


def edit_commands(draft: Draft, stage: DraftStage, line: Line, edit: Edit, rule: Rule) -> None:
    """Write the commands of a RUN anew; a RUN of which nothing useful is left is taken out."""
    commands = commands_of(line)
    if not commands or line.instruction is None:
        return
    wanted = [edit(command) for command in commands]
    gone = _whole_pipelines(commands, [text == "" for text in wanted])
    if not any(gone) and all(text in (None, "") for text in wanted):
        return
    kept = [
        command
        for command, out in zip(commands, gone, strict=True)
        if not out and effect_of(command, commands) is not Effect.NOTHING
    ]
    if not kept and any(gone):
        stage.lines.remove(line)
        rule.changed(draft, line.line, line.text, "")
        return
    start = line.instruction.body_start
    edits = [
        (start + command.start, start + command.end, text)
        for command, text, out in zip(commands, wanted, gone, strict=True)
        if text and not out
    ]
    edits += [(start + one, start + two, "") for one, two in _cuts(commands, gone)]
    rule.rewrite(draft, line, draft.edited(line, edits))


def _whole_pipelines(commands: Sequence[Command], gone: Sequence[bool]) -> list[bool]:
    """What can go: of commands joined by `|` or `||` all or none."""
    result = list(gone)
    first = 0
    for at in range(1, len(commands) + 1):
        if at < len(commands) and commands[at].before in ("|", "||"):
            continue
        # `useradd app || true`: what is harmless goes with what it excuses.
        harmless = [
            out or effect_of(command) is Effect.NOTHING
            for command, out in zip(commands[first:at], gone[first:at], strict=True)
        ]
        if at - first > 1:
            result[first:at] = [any(gone[first:at]) and all(harmless)] * (at - first)
        first = at
    return result


def _cuts(commands: Sequence[Command], gone: Sequence[bool]) -> list[tuple[int, int]]:
    cuts = []
    at = 0
    while at < len(commands):
        if not gone[at]:
            at += 1
            continue
        end = at
        while end < len(commands) and gone[end]:
            end += 1
        if end < len(commands):
            cuts.append((commands[at].start, commands[end].start))
        else:
            cuts.append((commands[at - 1].end if at else 0, commands[-1].end))
        at = end
    return cuts
