"""Users: whom the image runs as, accounts that are not made any more, owners of files."""

from __future__ import annotations

import posixpath

from ironhull.migrate.dockerfile.shell import Command
from ironhull.migrate.draft import Draft, DraftStage, Line
from ironhull.migrate.model import Confidence, Outside, Rung
from ironhull.migrate.rules.artifacts import destinations
from ironhull.migrate.rules.editing import Edit, commands_of, edit_commands
from ironhull.migrate.rules.native import build_stages, root_of
from ironhull.migrate.rules.programs import Effect, effect_of
from ironhull.migrate.rules.rule import Rule

USER = Rule(
    "user",
    "The image runs as the base image's user, by number",
    "an application that is not root can do less harm; runAsNonRoot of Kubernetes needs a number",
    Confidence.LIKELY,
    "USER node",
    "USER 1000:1000",
)
ACCOUNTS = Rule(
    "accounts",
    "No account is made for the application",
    "the hardened image has a user for it",
    Confidence.LIKELY,
    "RUN useradd -r app",
    "",
)
OWNER = Rule(
    "owner",
    "The application's code belongs to root",
    "code that the application cannot change cannot be changed through it either",
    Confidence.CHECK,
    "COPY --chown=node:node . .",
    "COPY . .",
)
_ACCOUNT_FILES = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/passwd_nobody")
_ROOT = ("root", "0", "root:root", "0:0", "")
_LAST = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
_DATA = ("data", "logs", "log", "uploads", "storage", "tmp", "cache", "media", "db")


def drop_accounts(draft: Draft) -> None:
    """Take commands that make accounts, or change owners, out of RUN in the chain."""
    plan = draft.plan
    if plan.hardened:
        return
    for index in plan.chain:
        stage = draft.stages[index]
        for line, _ in stage.instructions("RUN"):
            for command in commands_of(line):
                if effect_of(command) is Effect.ACCOUNTS and command.values[-1:]:
                    plan.gone_users.update(command.values[-2:])
            edit_commands(draft, stage, line, _without_account, ACCOUNTS)
        for line, _ in stage.instructions("RUN"):
            edit_commands(draft, stage, line, _owner_edit(draft), OWNER)
    _from_alpine(draft)


def _from_alpine(draft: Draft) -> None:
    """Alpine's adduser takes other options than Debian's; account files are the base's own."""
    if draft.plan.runtime is None or draft.rung is Rung.DEV:
        return
    for index in build_stages(draft):
        stage = draft.stages[index]
        if index not in draft.plan.chain and draft.plan.bases[root_of(draft, index)].musl:
            for line, _ in stage.instructions("RUN"):
                edit_commands(draft, stage, line, _without_account, ACCOUNTS)
    final = draft.stages[draft.final]
    for line, instruction in final.instructions("COPY"):
        words = instruction.body.split()
        if instruction.flag("from") and words[:1] and words[0] in _ACCOUNT_FILES:
            final.lines.remove(line)
            ACCOUNTS.changed(draft, line.line, line.text, "", "the base image has its own")


def _without_account(command: Command) -> str | None:
    return "" if effect_of(command) is Effect.ACCOUNTS else None


def _owner_edit(draft: Draft) -> Edit:
    """chown: taken out where a new stage sets owners, by number where the stage stays."""
    owner = draft.plan.runtime.owner if draft.plan.runtime else "65532:65532"

    def edit(command: Command) -> str | None:
        if command.name not in ("chown", "chgrp"):
            return None
        if draft.rung is not Rung.DEV:
            return ""
        words = [word for word in command.words if not word.value.startswith("-")]
        if len(words) < 3 or words[1].value.split(":")[0] not in draft.plan.gone_users:
            return None
        parts = [owner if word is words[1] else word.text for word in command.words]
        return " ".join(parts)

    return edit


def set_user(draft: Draft) -> None:
    """The final stage ends with the base's user, in numbers, before what it starts."""
    runtime = draft.plan.runtime
    if runtime is None or not runtime.uid:
        _name_no_root(draft)
        return
    stage = draft.stages[draft.final]
    chain = [draft.stages[index] for index in draft.plan.chain]
    found = [line for each in chain for line, _ in each.instructions("USER")]
    last = found[-1] if found else None
    if last is not None and _is_number(last.body):
        return
    text = f"{last.instruction.written if last and last.instruction else 'USER'} {runtime.owner}"
    for each in chain:
        each.lines = [line for line in each.lines if line.keyword != "USER"]
    _insert(draft, stage, draft.made(text, last.line if last else 0))
    before = last.shown if last else ""
    USER.changed(
        draft,
        last.line if last else 0,
        before,
        text,
        test="that the application starts and can write where it has to",
    )


def _name_no_root(draft: Draft) -> None:
    stage = draft.stages[draft.final]
    found = [line for line, _ in stage.instructions("USER")]
    if draft.plan.hardened and found and found[-1].body in _ROOT:
        USER.refuse(draft, found[-1].line, "the image runs as root", "name its user by number")


def _is_number(text: str) -> bool:
    user = text.strip().partition(":")[0]
    return user.isdigit() and int(user) > 0


def _insert(draft: Draft, stage: DraftStage, new: Line) -> None:
    """Before the first of CMD, ENTRYPOINT and HEALTHCHECK that no RUN or COPY follows."""
    at = len(stage.lines)
    while at and stage.lines[at - 1].keyword in ("", *_LAST, "EXPOSE", "STOPSIGNAL", "LABEL"):
        at -= 1
    while at < len(stage.lines) and stage.lines[at].keyword not in _LAST:
        at += 1
    # Comments straight above what it starts stay with that.
    while at and at <= len(stage.lines) and stage.lines[at - 1].text.startswith("#"):
        at -= 1
    while at and not stage.lines[at - 1].text.strip() and at == len(stage.lines):
        at -= 1
    if at and not stage.lines[at - 1].text.endswith("\n"):
        stage.lines[at - 1].text += draft.end
        new.text = new.text.removesuffix(draft.end)
    elif not at and not stage.start.text.endswith("\n"):
        stage.start.text += draft.end
    stage.lines.insert(at, new)


def drop_owners(draft: Draft) -> None:
    """Take --chown off files that nobody has to write; by number where somebody does."""
    plan, runtime = draft.plan, draft.plan.runtime
    if runtime is None or plan.hardened:
        return
    indexes = set(build_stages(draft)) | set(plan.chain)
    for index in sorted(indexes):
        for line, instruction in draft.stages[index].instructions("COPY", "ADD"):
            flag = next((flag for flag in instruction.flags if flag.name == "chown"), None)
            if flag is None or (flag.value or "").replace(":", "").isdigit():
                continue
            places = destinations(instruction, plan.directory, plan.variables)
            keep = draft.rung is Rung.DEV or (
                index == draft.final and posixpath.basename(places[0] if places else "") in _DATA
            )
            new = f"--chown={runtime.owner} " if keep else ""
            edit = (flag.start, _behind(instruction.logical, flag.end), new)
            OWNER.rewrite(draft, line, draft.edited(line, [edit]))
            if keep and places:
                draft.outside.append(
                    Outside(
                        "volume",
                        f"volumes mounted at {places[0]} have to belong to {runtime.owner}",
                        places[0],
                        runtime.owner,
                    )
                )


def _behind(text: str, at: int) -> int:
    """Where the next word begins."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at
