"""Hardened images put into FROM; in a final stage that only lacks them, RUN taken out."""

from __future__ import annotations

import re
from dataclasses import replace

from ironhull.migrate.catalog.interface import ImageFacts
from ironhull.migrate.draft import Draft, DraftStage, Line
from ironhull.migrate.model import Confidence, Rung
from ironhull.migrate.plan import Base
from ironhull.migrate.rules.assess import RUN
from ironhull.migrate.rules.bases import (
    BUILD,
    FINAL,
    KEEP_DEV,
    choose,
    choose_for,
    drop_platform,
    write_from,
)
from ironhull.migrate.rules.native import build_stages
from ironhull.migrate.rules.programs import Effect, effect_of
from ironhull.migrate.rules.reading import Step
from ironhull.migrate.rules.rule import Rule

INLINE = Rule(
    "inline",
    "A stage that builds and ships is not shared",
    "build stages need a shell, the final stage must not have one: they cannot stand on one image",
    Confidence.CERTAIN,
    "FROM node:20 AS base\nWORKDIR /app\nFROM base AS deps\nFROM base",
    "FROM localhost/node:20-dev AS base\nWORKDIR /app\nFROM base AS deps\n"
    "FROM localhost/node:20\nWORKDIR /app",
)
SETTINGS = Rule(
    "settings",
    "Time zone and language are variables",
    "programs read TZ and LANG; nothing has to be generated or linked for them",
    Confidence.LIKELY,
    "RUN ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime",
    "ENV TZ=Europe/Berlin",
)
UNMAPPED = Rule(
    "build-stage-kept",
    "Build stages without a hardened image stay as they are",
    "what does not ship may stand on another image, as long as its results fit",
    Confidence.CERTAIN,
    "FROM golang:1.22 AS build",
    "FROM golang:1.22 AS build",
)
_UV = re.compile(r"ghcr\.io/astral-sh/uv:(?:[\d.]+-)?python(3\.\d+)\S*")
_ZONE = re.compile(r"/usr/share/zoneinfo/([A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_+0-9-]+)*)")
_LOCALE = re.compile(r"\b[a-z]{2}_[A-Z]{2}\.(?:UTF-?8|utf-?8)\b")


def place_images(draft: Draft, steps: list[Step]) -> None:
    """Write every FROM: dev images for build stages, the runtime (or dev) for the final one."""
    plan = draft.plan
    if plan.hardened:
        return
    if not plan.split and draft.rung is not Rung.DEV:
        _unshare(draft)
    for index in build_stages(draft):
        if index not in plan.chain:
            _build_stage(draft, index)
    root = plan.chain[0]
    base, stage = plan.bases[root], draft.stages[root]
    if base.image == "scratch" and plan.runtime is not None:
        base = Base("scratch", "scratch")
    if plan.split or draft.rung is Rung.DEV:
        if plan.dev is not None and not (plan.split and _musl_program(draft, base)):
            write_from(draft, stage, base, plan.dev, BUILD if plan.split else KEEP_DEV)
        else:
            _stays(draft, stage, base)
    elif plan.runtime is not None:
        write_from(draft, stage, base, plan.runtime, FINAL)
        drop_platform(draft, stage.start)


def _build_stage(draft: Draft, index: int) -> None:
    base, stage = draft.plan.bases[index], draft.stages[index]
    if base.parent is not None or base.hardened or base.image is None:
        return
    facts = None
    if base.family is not None:
        facts = choose_for(draft, base.family, base.version, dev=True)
    if facts is not None and _same_version(base, facts) and not _musl_program(draft, base):
        if base.version.removeprefix(facts.version).replace(".0", ""):
            _version_note(draft, stage, base, facts)
        write_from(draft, stage, base, facts, BUILD)
        return
    if not _with_uv(draft, index):
        _stays(draft, stage, base)


def _stays(draft: Draft, stage: DraftStage, base: Base) -> None:
    if base.musl and base.family is not None and base.family.language in ("rust", "c"):
        UNMAPPED.remark(
            draft,
            stage.start.line,
            f"{base.written} stays: it links with musl",
            "it does not ship; pin it by digest",
        )
        return
    UNMAPPED.remark(
        draft,
        stage.start.line,
        f"{base.written} stays: the catalog has no image to build with in its place",
        "it does not ship; pin it by digest, or define the image",
    )


def _musl_program(draft: Draft, base: Base) -> bool:
    """A program that is static because Alpine's compiler makes it so has to be made there."""
    compiled = base.family is not None and base.family.language in ("rust", "c")
    return base.musl and compiled and draft.rung is Rung.STATIC


def _version_note(draft: Draft, stage: DraftStage, base: Base, facts: ImageFacts) -> None:
    UNMAPPED.remark(
        draft,
        stage.start.line,
        f"{base.written}: version {base.version} becomes {facts.version}",
        "test the build with the newest of that line",
    )


def _with_uv(draft: Draft, index: int) -> bool:
    """Uv's own image has another Python: its environments would point to what is not there."""
    base, stage = draft.plan.bases[index], draft.stages[index]
    found = _UV.fullmatch(base.image or "")
    facts = choose(draft, ("python",), found[1], dev=True) if found else None
    if facts is None or base.image is None:
        return False
    write_from(draft, stage, base, facts, BUILD)
    line = draft.made(f"COPY --from={base.image} /usr/local/bin/uv /usr/local/bin/uv")
    stage.lines.insert(0, line)
    BUILD.changed(draft, 0, "", line.text, "uv comes from its image, Python from the hardened one")
    return True


def _same_version(base: Base, facts: ImageFacts) -> bool:
    return (
        not base.version
        or base.version.split(".")[0] == facts.version.split(".")[0]
        or (base.family is not None and base.family.language in ("system", "c"))
    )


def _unshare(draft: Draft) -> None:
    """Give the final stage its own copy of what it shares with build stages."""
    plan = draft.plan
    if len(plan.chain) == 1:
        return
    shared = any(
        base.parent in plan.chain and index not in plan.chain
        for index, base in enumerate(plan.bases)
    )
    if not shared:
        return
    final, root = draft.stages[draft.final], plan.chain[0]
    inherited = [
        Line(line.text, line.kind, line.instruction, line.line, line.offset)
        for index in plan.chain[:-1]
        for line in draft.stages[index].lines
        if line.instruction is not None
    ]
    final.lines = [*inherited, *final.lines]
    before = final.start.shown
    instruction = final.start.instruction
    alias = f" AS {final.source.name}" if final.source.name else ""
    keyword = instruction.written if instruction else "FROM"
    draft.rewritten(final.start, f"{keyword} {plan.bases[root].written}{alias}")
    INLINE.changed(draft, final.start.line, before, final.start.shown)
    own = plan.bases[root]
    plan.bases[draft.final] = own
    _build_root(draft, root)
    plan.chain = [draft.final]


def _build_root(draft: Draft, root: int) -> None:
    """The shared beginning is a build stage from now on."""
    base = draft.plan.bases[root]
    if draft.plan.dev is not None and base.image is not None:
        write_from(draft, draft.stages[root], base, draft.plan.dev, BUILD)
        draft.plan.bases[root] = replace(base, hardened=True)


def drop_runs(draft: Draft, steps: list[Step]) -> None:
    """Take the RUNs out of a final stage that stays: nothing that they do is needed any more."""
    plan = draft.plan
    if plan.split or plan.hardened or draft.rung is Rung.DEV:
        return
    reasons = {step.line.line: _reason(step) for step in steps if step.line.keyword == "RUN"}
    for index in plan.chain:
        stage = draft.stages[index]
        for line, _ in stage.instructions("RUN"):
            _remove(stage, line)
            RUN.changed(draft, line.line, line.text, "", reasons.get(line.line, ""))
        for line, instruction in stage.instructions("SHELL"):
            _remove(stage, line)
            RUN.changed(draft, line.line, instruction.logical, "", "there is no shell to choose")


def _remove(stage: DraftStage, line: Line) -> None:
    """Take a line out, with the comments straight above it."""
    at = stage.lines.index(line)
    first = at
    while first and stage.lines[first - 1].text.lstrip().startswith("#"):
        first -= 1
    del stage.lines[first : at + 1]


def _reason(step: Step) -> str:
    said = {
        Effect.PACKAGES: "what it installs is in the runtime, or only builds and shells need it",
        Effect.CLEANUP: "the hardened image is kept up to date, and has nothing to clean up",
        Effect.ACCOUNTS: "the hardened image has a user",
        Effect.OWNERSHIP: "the application does not own its code",
        Effect.SETTINGS: "a variable says the same",
        Effect.DIRECTORY: "the folder is the hardened image's own business",
    }
    effects = [effect_of(command, step.commands) for command in step.commands]
    made = [text for effect, text in said.items() if effect in effects]
    return "; ".join(made) or RUN.reason


def settings(draft: Draft, steps: list[Step]) -> None:
    """TZ and LANG instead of links and generated locales."""
    if draft.plan.hardened or draft.rung is Rung.DEV:
        return
    zones = [
        zone
        for step in steps
        if step.line.keyword == "RUN"
        for zone in _ZONE.findall(step.instruction.logical)
    ]
    final = draft.stages[draft.final]
    if zones and "TZ" not in draft.plan.environment:
        text = f"ENV TZ={zones[-1]}"
        final.lines.insert(0, draft.made(text))
        SETTINGS.changed(draft, 0, "", text)
    for line, instruction in final.instructions("ENV"):
        found = _LOCALE.search(instruction.logical)
        if found and "LANGUAGE" not in instruction.logical:
            edits = [
                (match.start(), match.end(), "C.UTF-8")
                for match in _LOCALE.finditer(instruction.logical)
            ]
            SETTINGS.rewrite(
                draft,
                line,
                draft.edited(line, edits),
                "the runtime has C.UTF-8 alone: the same characters, no translations",
            )
