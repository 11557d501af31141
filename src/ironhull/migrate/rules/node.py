"""Node.js: packages from the lock file, none that only development needs."""

from __future__ import annotations

from ironhull.migrate.context.packages import node_lock
from ironhull.migrate.dockerfile.shell import Command
from ironhull.migrate.draft import Draft, DraftStage
from ironhull.migrate.model import Confidence, Rung
from ironhull.migrate.rules.editing import Edit, commands_of, edit_commands
from ironhull.migrate.rules.native import build_stages
from ironhull.migrate.rules.rule import Rule

LOCKED = Rule(
    "npm-ci",
    "npm installs what the lock file says",
    "`npm ci` installs exactly the locked packages, and fails where lock and package.json differ",
    Confidence.CERTAIN,
    "RUN npm install",
    "RUN npm ci --omit=dev",
)
PRODUCTION = Rule(
    "omit-dev",
    "Packages for development do not ship",
    "they are needed to build and test, not to run",
    Confidence.LIKELY,
    "RUN npm ci && npm run build",
    "RUN npm ci && npm run build && npm prune --omit=dev",
)
_BUILDS = ("build", "compile", "tsc", "bundle", "prepare", "generate")
_OMITS = ("--omit=dev", "--production", "--only=production", "--only=prod", "--prod", "-P")


def node_packages(draft: Draft) -> None:
    """Rewrite `npm install` of a whole project in build stages; prune where something is built."""
    if draft.plan.language != "node" or draft.rung is Rung.DEV or draft.plan.hardened:
        return
    stages = [draft.stages[index] for index in build_stages(draft)]
    built = any(_builds(command) for stage in stages for command in _commands(stage))
    for stage in stages:
        for line, _ in stage.instructions("RUN"):
            edit_commands(draft, stage, line, _install(draft, built), LOCKED)
    if built:
        for stage in stages:
            _prune(draft, stage)
    _no_lock(draft, stages)


def _commands(stage: DraftStage) -> list[Command]:
    return [command for line, _ in stage.instructions("RUN") for command in commands_of(line)]


def _builds(command: Command) -> bool:
    values = command.values
    if command.name in ("npm", "yarn", "pnpm") and len(values) > 1:
        script = values[2] if values[1] == "run" and len(values) > 2 else values[1]
        return script.split(":")[0] in _BUILDS
    return command.name in ("tsc", "vite", "next", "nest", "ng", "npx", "webpack")


def is_install(command: Command) -> bool:
    """Whether it is npm installing the project itself, not a package by name."""
    values = command.values
    if command.name != "npm" or len(values) < 2 or values[1] not in ("install", "i", "ci"):
        return False
    return all(word.startswith("-") for word in values[2:]) and not {"-g", "--global"} & set(values)


def _install(draft: Draft, built: bool) -> Edit:
    locked = node_lock(draft.context) == "npm"

    def edit(command: Command) -> str | None:
        if not is_install(command) or not command.plain:
            return None
        words = [word.text for word in command.words]
        verb = "ci" if locked else words[1]
        rest = [word for word in words[2:] if word not in _OMITS]
        omitted = len(rest) != len(words) - 2
        environment = draft.plan.variables.get("NODE_ENV")
        if omitted or (not built and environment != "development"):
            rest.append("--omit=dev")
        new = " ".join(["npm", verb, *rest])
        assigned = "".join(f"{word.text} " for word in command.assignments)
        return None if new == " ".join(words) else f"{assigned}{new}"

    return edit


def _prune(draft: Draft, stage: DraftStage) -> None:
    """After the build, in the stage that has both its tools and its result."""
    commands = _commands(stage)
    text = " ".join(" ".join(command.values) for command in commands)
    installs = [command for command in commands if is_install(command)]
    if not installs or not any(_builds(command) for command in commands):
        return
    if "prune" in text or any(set(command.values) & set(_OMITS) for command in installs):
        return
    if draft.plan.chain[-1] != draft.stages.index(stage) and not _copies_modules(draft):
        return
    last = next(
        line
        for line, _ in reversed(list(stage.instructions("RUN")))
        if any(_builds(command) for command in commands_of(line))
    )
    text = f"{last.shown} && npm prune --omit=dev"
    PRODUCTION.rewrite(draft, last, text, test="that nothing of devDependencies is loaded")


def _copies_modules(draft: Draft) -> bool:
    """Whether the final stage takes node_modules out of a build stage."""
    final = draft.stages[draft.final]
    return any(
        "node_modules" in instruction.body and instruction.flag("from") is not None
        for _, instruction in final.instructions("COPY")
    )


def _no_lock(draft: Draft, stages: list[DraftStage]) -> None:
    if node_lock(draft.context) or not any(
        is_install(command) for stage in stages for command in _commands(stage)
    ):
        return
    line = next(
        (
            line.line
            for stage in stages
            for line, _ in stage.instructions("RUN")
            if any(map(is_install, commands_of(line)))
        ),
        0,
    )
    LOCKED.remark(
        draft,
        line,
        "there is no lock file, so each build may install something else",
        "commit package-lock.json and install with `npm ci`",
    )
