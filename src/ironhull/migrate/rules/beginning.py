"""Where a stage begins to work: the root folder, or the one that a hardened image says."""

from __future__ import annotations

from ironhull.migrate.dockerfile.shell import Command
from ironhull.migrate.dockerfile.stages import read_from
from ironhull.migrate.dockerfile.variables import replaced
from ironhull.migrate.draft import Draft, DraftStage
from ironhull.migrate.model import Confidence
from ironhull.migrate.rules.bases import catalog_facts, defaults, stays
from ironhull.migrate.rules.editing import commands_of
from ironhull.migrate.rules.native import build_stages
from ironhull.migrate.rules.programs import Effect, effect_of
from ironhull.migrate.rules.rule import Rule

BEGINNING = Rule(
    "root-workdir",
    "A stage without WORKDIR goes on working in the root folder",
    "the hardened image begins in a folder of its own, where relative paths would go",
    Confidence.CERTAIN,
    'FROM node:20\nCOPY app ./app\nCMD ["node", "app/server.js"]',
    'FROM localhost/node:20\nWORKDIR /\nCOPY app ./app\nCMD ["node", "app/server.js"]',
)
_OTHERS = ("php", "golang")
"""Families whose conventional images begin elsewhere too."""

_FILES = {"-r", "--requirement", "-e", "."}
_GLOBAL = {"corepack", "-g", "--global"}


def begin_in_root(draft: Draft) -> None:
    """Put `WORKDIR /` into each stage that came to an image with another folder and needs it."""
    if draft.plan.hardened:
        return
    for index in build_stages(draft):
        base, stage = draft.plan.bases[index], draft.stages[index]
        family = base.family.language if base.family is not None else ""
        if base.parent is not None or family in _OTHERS or stays(draft, index):
            continue
        if _folder(draft, stage) not in ("", "/") and _is_relative(stage):
            line = draft.made("WORKDIR /")
            if not stage.start.text.endswith("\n"):
                stage.start.text += draft.end
            stage.lines.insert(0, line)
            BEGINNING.changed(draft, 0, "", line.text)


def _folder(draft: Draft, stage: DraftStage) -> str:
    """The folder of the catalog's image that a stage stands on now."""
    instruction = stage.start.instruction
    image = replaced(read_from(instruction).image, defaults(draft)) if instruction else None
    if image is None or not image.startswith(f"{draft.catalog.registry}/"):
        return ""
    facts = catalog_facts(draft, image)
    return facts.work_dir if facts is not None else ""


def _is_relative(stage: DraftStage) -> bool:
    """Whether something before the first WORKDIR depends on the folder."""
    for line, instruction in stage.instructions():
        words = list(instruction.json or instruction.body.split())
        if instruction.keyword == "WORKDIR":
            return not instruction.body.startswith(("/", "$"))
        if instruction.keyword in ("COPY", "ADD") and words and words[-1][:1] not in ("/", "$"):
            return True
        if instruction.keyword == "RUN" and any(
            effect_of(command) is Effect.BUILD and _works_here(command)
            for command in commands_of(line)
        ):
            return True
        if instruction.keyword in ("CMD", "ENTRYPOINT") and any(
            word[:1] not in ("/", "-") and ("." in word or "/" in word) for word in words
        ):
            return True
    return False


def _works_here(command: Command) -> bool:
    """Whether a tool of builds depends on the folder that it runs in."""
    values = command.values
    if _GLOBAL & set(values):
        return False
    if command.name in ("pip", "pip3") or values[1:3] == ("-m", "pip"):
        return bool(_FILES & set(values))
    return "venv" not in values or not values[-1].startswith("/")
