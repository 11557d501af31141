"""One stage that builds and runs becomes two: what builds stays, what ships is copied from it."""

from __future__ import annotations

import posixpath
import re

from ironhull.migrate.catalog.interface import ImageFacts
from ironhull.migrate.dockerfile.lexer import Kind
from ironhull.migrate.dockerfile.stages import From, read_from
from ironhull.migrate.dockerfile.variables import names_in, pairs
from ironhull.migrate.draft import Draft, DraftStage, Line
from ironhull.migrate.model import Confidence, Outside
from ironhull.migrate.rules.artifacts import BUNDLE, Artifacts
from ironhull.migrate.rules.outputs import outputs
from ironhull.migrate.rules.python import TOOLS
from ironhull.migrate.rules.reading import Step
from ironhull.migrate.rules.rule import Rule

SPLIT = Rule(
    "split",
    "Building and running are different stages",
    "what builds the application (shell, package manager, compilers, caches) does not ship",
    Confidence.LIKELY,
    'FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD ["node", "server.js"]',
    "FROM localhost/node:20-dev AS build\nWORKDIR /app\nCOPY . .\nRUN npm ci --omit=dev\n\n"
    "FROM localhost/node:20\nWORKDIR /app\nCOPY --from=build /app /app\nUSER 1000:1000\n"
    'CMD ["node", "server.js"]',
)
WRITABLE = Rule(
    "writable",
    "Only folders that the application writes to belong to it",
    "code that nobody can change while it runs cannot be replaced by an attacker",
    Confidence.CHECK,
    "RUN mkdir /data && chown app /data",
    "COPY --from=build --chown=1000:1000 /data /data",
)
_MOVED = (
    "CMD",
    "ENTRYPOINT",
    "EXPOSE",
    "HEALTHCHECK",
    "STOPSIGNAL",
    "VOLUME",
    "LABEL",
    "MAINTAINER",
)
_BUNDLES = {"node": "NODE_EXTRA_CA_CERTS", "python": "REQUESTS_CA_BUNDLE"}
"""Languages whose programs look for authorities elsewhere, and the variable that says where."""
_LAST = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
_BUILD_ONLY = re.compile(
    r"DEBIAN_FRONTEND|PIP_\w+|NPM_CONFIG_\w+|npm_config_\w+|POETRY_\w+|UV_\w+|CGO_ENABLED|GOPROXY"
    r"|GOOS|GOARCH|GO111MODULE|GOPATH|GOCACHE|CARGO_\w+|RUSTFLAGS|RUSTUP_\w+|MAVEN_\w+|YARN_\w+"
    r"|PNPM_HOME|NODE_VERSION|COMPOSER_\w+|PIPENV_\w+|GOFLAGS|GOROOT|CC|CXX|CFLAGS|LDFLAGS"
)


def split_final(draft: Draft, steps: list[Step], found: Artifacts) -> None:
    """Make the final stage a build stage, and put a new one behind it."""
    plan, runtime = draft.plan, draft.plan.runtime
    if not plan.split or runtime is None:
        return
    old = draft.stages[draft.final]
    alias = old.source.name
    name = _free_name(draft, alias)
    moved = _moved(draft)
    _forget_scripts(draft, found)
    outputs(draft, steps, found, old)
    _make_folders(draft, old, found)
    new = _new_stage(draft, runtime, alias, name, found, moved)
    _rename(draft, old, name)
    old.lines = _ending(draft, old.lines)
    shift_numbers(draft)
    draft.stages.insert(draft.final + 1, new)
    draft.final += 1
    plan.bases.insert(draft.final, plan.bases[plan.chain[0]])
    plan.chain = [draft.final]
    shown = "".join(line.text for line in (new.start, *new.lines))
    SPLIT.changed(draft, old.start.line, "", shown, test="that the application finds all its files")
    for folder in found.writable:
        WRITABLE.changed(
            draft,
            0,
            "",
            f"{folder} belongs to {runtime.owner}",
            test=f"that the application writes to {folder} and nowhere else",
        )
        draft.outside.append(
            Outside(
                "volume",
                f"volumes mounted at {folder} have to belong to {runtime.owner}",
                folder,
                runtime.owner,
            )
        )


def _forget_scripts(draft: Draft, found: Artifacts) -> None:
    """Scripts that nothing starts any more are not copied."""
    start = draft.plan.start
    gone = start.launch.dropped if start else ()
    found.trees = [tree for tree in found.trees if posixpath.basename(tree) not in gone]
    there = {id(line) for index in draft.plan.chain for line in draft.stages[index].lines}
    found.lines = [line for line in found.lines if id(line) in there]


def shift_numbers(draft: Draft) -> None:
    """Numbers of stages behind the new one grow by one, and so do references to them."""
    for stage in draft.stages[draft.final + 1 :]:
        for line, instruction in stage.instructions("COPY", "ADD"):
            number = instruction.flag("from") or ""
            if number.isdigit() and int(number) >= draft.final:
                flag = next(flag for flag in instruction.flags if flag.name == "from")
                edit = (flag.start, flag.end, f"--from={int(number) + 1}")
                SPLIT.rewrite(draft, line, draft.edited(line, [edit]))


def _free_name(draft: Draft, alias: str | None) -> str:
    used = {stage.source.name.lower() for stage in draft.stages if stage.source.name}
    for name in ("build", f"{alias.lower()}-build" if alias else "build-final", "app-build"):
        if name not in used:
            return name
    count = 2
    while f"build-{count}" in used:
        count += 1
    return f"build-{count}"


def _moved(draft: Draft) -> list[Line]:
    """Take what describes the image out of the stages of the chain, with comments above it."""
    moved: list[Line] = []
    for index in draft.plan.chain:
        stage = draft.stages[index]
        kept: list[Line] = []
        for line in stage.lines:
            if line.keyword in _MOVED:
                comments: list[Line] = []
                while kept and kept[-1].kind is Kind.COMMENT:
                    comments.insert(0, kept.pop())
                moved += [*comments, line]
            elif line.keyword != "USER":
                kept.append(line)
        stage.lines = kept
    return _newest(moved)


def _newest(lines: list[Line]) -> list[Line]:
    """Of CMD, ENTRYPOINT, HEALTHCHECK and STOPSIGNAL the last alone counts; those that run last."""
    single = ("CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL")
    last = {line.keyword: line for line in lines if line.keyword in single}
    kept = [line for line in lines if line.keyword not in single or last[line.keyword] is line]
    early: list[Line] = []
    late: list[Line] = []
    comments: list[Line] = []
    for line in kept:
        if line.kind is Kind.COMMENT:
            comments.append(line)
            continue
        (late if line.keyword in _LAST else early).extend([*comments, line])
        comments = []
    return [*early, *late]


def _make_folders(draft: Draft, stage: DraftStage, found: Artifacts) -> None:
    missing = [
        folder
        for folder in found.made
        if not any(folder in line.text for line in stage.lines if line.keyword == "RUN")
    ]
    if missing:
        line = draft.made(f"RUN mkdir -p {' '.join(missing)}")
        # Before the first instruction that is no RUN: two of them in a row are one layer too many.
        at = next((at for at, each in enumerate(stage.lines) if each.keyword == "WORKDIR"), 0)
        stage.lines.insert(at, line)
        WRITABLE.changed(draft, 0, "", line.text, "what VOLUME named has to be there to copy")


def _new_stage(
    draft: Draft,
    runtime: ImageFacts,
    alias: str | None,
    build: str,
    found: Artifacts,
    moved: list[Line],
) -> DraftStage:
    start = draft.made(f"FROM {runtime.reference}{f' AS {alias}' if alias else ''}")
    lines = [*_variables(draft, moved)]
    folder = draft.plan.directory
    if folder != "/":
        lines.append(draft.made(f"WORKDIR {folder}"))
    covered = [tree for tree in found.trees if tree not in found.writable]
    lines += [draft.made(f"COPY --from={build} {tree} {tree}") for tree in covered]
    lines += [_without_owner(draft, line, build) for line in found.lines]
    lines += [
        draft.made(f"COPY --from={build} --chown={runtime.owner} {folder} {folder}")
        for folder in found.writable
    ]
    return DraftStage(start, From(runtime.reference, alias, None), [*lines, *moved])


def _variables(draft: Draft, moved: list[Line]) -> list[Line]:
    """ENV of the whole chain but for what only builds read, and the ARGs that are used."""
    lines: list[Line] = []
    wanted: set[str] = set()
    for line in moved:
        wanted |= names_in(line.text)
    chain = [line for index in draft.plan.chain for line in draft.stages[index].lines]
    for line in chain:
        if line.keyword == "ENV" and line.instruction is not None:
            names = [name for name, _ in pairs(line.instruction)]
            if not all(_BUILD_ONLY.fullmatch(name) for name in names) and TOOLS not in line.text:
                wanted |= names_in(line.instruction.body)
                lines.append(draft.made(line.shown))
    known = {name for line in lines if line.instruction for name, _ in pairs(line.instruction)}
    arguments = [
        draft.made(line.shown)
        for line in chain
        if line.keyword == "ARG"
        and line.instruction is not None
        and line.body.partition("=")[0] in wanted - known
    ]
    variable = _BUNDLES.get(draft.plan.language) if draft.plan.certificates else None
    if variable:
        lines.append(draft.made(f"ENV {variable}={BUNDLE}"))
    if draft.plan.venv and not any(f"{draft.plan.venv}/bin" in line.text for line in lines):
        lines.append(draft.made(f'ENV PATH="{draft.plan.venv}/bin:$PATH"'))
    return [*arguments, *lines]


def _without_owner(draft: Draft, line: Line, build: str) -> Line:
    """The same COPY again, its files root's; `{build}` is the build stage."""
    if "{build}" in line.text:
        return draft.made(line.shown.replace("{build}", build))
    new = Line(line.text, line.kind, line.instruction, 0, line.offset)
    if line.instruction is not None:
        for flag in line.instruction.flags:
            if flag.name == "chown":
                text = draft.edited(new, [(flag.start, line.instruction.body_start, "")])
                return draft.made(text)
    return draft.made(line.shown)


def _rename(draft: Draft, stage: DraftStage, name: str) -> None:
    """Give a stage its name; the old one goes to the new final stage."""
    instruction = stage.start.instruction
    if instruction is None:
        return
    source = read_from(instruction)
    words = f"{instruction.written} "
    words += "".join(f"--{flag.name}={flag.value} " for flag in instruction.flags)
    reason = "the new stage copies from it by this name"
    SPLIT.rewrite(draft, stage.start, f"{words}{source.image} AS {name}", reason)
    stage.source = From(source.image, name, source.platform)


def _ending(draft: Draft, lines: list[Line]) -> list[Line]:
    """The lines with one blank line at their end, so that the next stage stands apart."""
    while lines and lines[-1].kind is Kind.BLANK:
        lines.pop()
    if lines and not lines[-1].text.endswith("\n"):
        lines[-1].text += draft.end
    return [*lines, draft.made("")]
