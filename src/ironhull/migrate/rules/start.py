"""CMD and ENTRYPOINT: what they start, put into exec form, composed with the new base's."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import replace

from ironhull.migrate.catalog.interface import ImageFacts
from ironhull.migrate.context.script import read_script
from ironhull.migrate.dockerfile.shell import Command
from ironhull.migrate.draft import Draft, Line
from ironhull.migrate.model import Confidence, Outside, Rung
from ironhull.migrate.plan import Launch, Obstacle, StartPlan, Trouble
from ironhull.migrate.rules.editing import Edit, edit_commands
from ironhull.migrate.rules.launch import launch_of_shell, launch_of_words
from ironhull.migrate.rules.reading import SHELL_FLAGS, SHELLS, Step, resolved
from ironhull.migrate.rules.rule import Rule

EXEC = Rule(
    "exec-form",
    "Start commands are lists of words",
    "without a shell there is nobody to take a line apart, and a program as process 1 gets signals",
    Confidence.CERTAIN,
    "CMD node server.js",
    'CMD ["node", "server.js"]',
)
SCRIPT = Rule(
    "package-script",
    "What package.json starts is started itself",
    "npm, yarn and pnpm are not in the runtime, and keep signals from the application",
    Confidence.LIKELY,
    'CMD ["npm", "start"]',
    'CMD ["node", "server.js"]',
)
ENTRY = Rule(
    "entrypoint-script",
    "Entrypoint scripts whose work is known are taken out",
    "a script needs a shell",
    Confidence.CHECK,
    'ENTRYPOINT ["/docker-entrypoint.sh"]',
    "",
)
INIT = Rule(
    "init",
    "Wrappers around the program are taken out",
    "the runtime has no tini and no gosu; the engine has an init of its own, and nobody is root",
    Confidence.LIKELY,
    'ENTRYPOINT ["tini", "--"]',
    "",
)
COMPOSE = Rule(
    "compose-start",
    "CMD fits the new image's ENTRYPOINT",
    "arguments are put behind the entry point of the base image",
    Confidence.CERTAIN,
    'CMD ["nginx", "-g", "daemon off;"]',
    'CMD ["-g", "daemon off;"]',
)
_SCRIPT_NAMES = ("entrypoint", "docker-entrypoint", "start", "run", "docker-start", "boot")


def plan_start(draft: Draft, steps: list[Step]) -> None:
    """Find out what ENTRYPOINT and CMD come to; what needs a shell or root becomes an obstacle."""
    entry = next((step for step in reversed(steps) if step.line.keyword == "ENTRYPOINT"), None)
    cmd = next((step for step in reversed(steps) if step.line.keyword == "CMD"), None)
    found = _planned(draft, entry, cmd)
    if isinstance(found, Trouble):
        line = (entry or cmd or steps[-1]).line.line
        obstacle = Obstacle(EXEC.id, line, found.message, found.advice)
        (draft.plan.impossible if found.root else draft.plan.needs_shell).append(obstacle)
        return
    draft.plan.start = found


def _planned(draft: Draft, entry: Step | None, cmd: Step | None) -> StartPlan | Trouble:
    if entry is None:
        launch = _launch(draft, cmd) if cmd else Launch(())
        if isinstance(launch, Trouble):
            return launch
        return StartPlan(None, launch.words if cmd else None, launch)
    words, given = entry.instruction.json, cmd.instruction.json if cmd else None
    if words and given and words[0] in ("npm", "yarn", "pnpm", "npx", "poetry", "uv", "pipenv"):
        launch = launch_of_words((*words, *given), draft.context, draft.plan.language)
        return launch if isinstance(launch, Trouble) else StartPlan(launch.words, None, launch)
    launch = _launch(draft, entry)
    if isinstance(launch, Trouble):
        return launch
    if cmd is None:
        if launch.takes_command:
            return Trouble("its entrypoint script runs CMD, and there is none", "write one")
        return StartPlan(launch.words, None, launch)
    if not launch.words or launch.takes_command:
        command = _launch(draft, cmd)
        if isinstance(command, Trouble):
            return command
        return StartPlan(None, command.words, _together(launch, command))
    if words is None:
        # A shell form takes no arguments: what CMD says never counted.
        return StartPlan(launch.words, None, launch)
    if given is None:
        return Trouble("CMD in shell form stands behind an ENTRYPOINT", "write both as lists")
    return StartPlan(launch.words, given, launch)


def _together(entry: Launch, command: Launch) -> Launch:
    return replace(
        command,
        environment=(*entry.environment, *command.environment),
        before=(*entry.before, *command.before),
        waited=entry.waited or command.waited,
        dropped=(*entry.dropped, *command.dropped),
        remarks=(*entry.remarks, *command.remarks),
    )


def _launch(draft: Draft, step: Step) -> Launch | Trouble:
    """What an instruction starts, through scripts of the context."""
    language = draft.plan.language
    words = step.instruction.json
    if words is None:
        found = launch_of_shell(step.instruction.body, draft.context, language)
        words = found.words if isinstance(found, Launch) else ()
        plain = found if isinstance(found, Launch) else None
        if plain is None or not _script_name(words):
            return found
        inner = _script(draft, words)
        return inner if isinstance(inner, Trouble) else _together(plain, inner)
    if _script_name(words):
        return _script(draft, words)
    found = launch_of_words(words, draft.context, language)
    if isinstance(found, Launch) and _script_name(found.words):
        inner = _script(draft, found.words)
        return inner if isinstance(inner, Trouble) else _together(found, inner)
    return found


def _script_name(words: tuple[str, ...]) -> str:
    """The name of the script that words start; empty if it is a program."""
    if not words:
        return ""
    name = posixpath.basename(words[0])
    if "--" in words and name.startswith(("wait-for", "wait_for")):
        return ""
    if name in SHELLS and any(word in SHELL_FLAGS for word in words[1:2]):
        return ""
    if name in SHELLS:
        return next((posixpath.basename(word) for word in words[1:] if word[:1] != "-"), name)
    _, dot, ending = name.rpartition(".")
    if dot and ending in ("sh", "bash"):
        return name
    return name if name in _SCRIPT_NAMES and not dot and "/" in words[0] else ""


def _script(draft: Draft, words: tuple[str, ...]) -> Launch | Trouble:
    name = _script_name(words)
    nodes = name == "docker-entrypoint.sh" and draft.plan.language == "node" and len(words) == 1
    # The conventional image's own, unless the context brings another.
    if nodes and _file(draft, name) is None and not _copied(draft, name):
        return Launch((), takes_command=True)
    data = _file(draft, name)
    if data is None:
        return Trouble(
            f"it starts the script {name}, which is not in the context",
            "give the folder that has it as --context",
        )
    facts = read_script(data)
    if isinstance(facts, str):
        return Trouble(
            f"its script {name} needs a shell: {facts}",
            "move what it does into the application or into the build",
        )
    launch: Launch | Trouble = Launch((), takes_command=True)
    if facts.start:
        launch = launch_of_shell(facts.start, draft.context, draft.plan.language)
        if isinstance(launch, Launch) and _script_name(launch.words):
            launch = Trouble(f"its script {name} starts another one", "start the program itself")
    if isinstance(launch, Trouble):
        return launch
    dropped = (name, "chown") if facts.owners else (name,)
    return replace(
        launch,
        environment=(*facts.environment, *launch.environment),
        before=facts.once,
        waited=facts.waits,
        dropped=(*dropped, *launch.dropped),
    )


def _file(draft: Draft, name: str) -> bytes | None:
    found = [each for each in draft.context.names if posixpath.basename(each) == name]
    return draft.context.read(min(found, key=lambda each: each.count("/"))) if found else None


def _copied(draft: Draft, name: str) -> bool:
    return any(
        name in instruction.body
        for index in draft.plan.chain
        for _, instruction in draft.stages[index].instructions("COPY", "ADD", "RUN")
    )


def write_start(draft: Draft) -> None:
    """Put the plan into the last ENTRYPOINT and CMD of the image."""
    plan, runtime = draft.plan.start, draft.plan.runtime
    if plan is None or runtime is None:
        return
    lines = [
        (stage, line)
        for index in draft.plan.chain
        for stage in (draft.stages[index],)
        for line, _ in stage.instructions("ENTRYPOINT", "CMD")
    ]
    last = {line.keyword: (stage, line) for stage, line in lines}
    entry, cmd = last.get("ENTRYPOINT"), last.get("CMD")
    wanted = _composed(draft, plan, runtime)
    for pair, words in ((entry, wanted.entrypoint), (cmd, wanted.cmd)):
        if pair is None:
            continue
        stage, line = pair
        if words is None:
            stage.lines.remove(line)
            rule = _rule_for(plan.launch)
            rule.changed(draft, line.line, line.text, "", test=_test(plan.launch))
        elif line.instruction is not None and line.instruction.json != words:
            rule = _rule_for(plan.launch) if plan.cmd == words else COMPOSE
            rule = rule if line.instruction.json is not None else EXEC
            _rewrite(draft, line, words, rule, plan.launch)
    _after(draft, plan.launch, wanted)


def _composed(draft: Draft, plan: StartPlan, runtime: ImageFacts) -> StartPlan:
    """The same for an image that has an entry point of its own, and with names that are there."""
    entrypoint, cmd = (_present(words, runtime) for words in (plan.entrypoint, plan.cmd))
    own = posixpath.basename(runtime.entrypoint[-1]) if runtime.entrypoint else ""
    if entrypoint is None and cmd and own and posixpath.basename(cmd[0]) == own:
        cmd = cmd[1:]
    return replace(plan, entrypoint=entrypoint, cmd=cmd)


def _present(words: tuple[str, ...] | None, runtime: ImageFacts) -> tuple[str, ...] | None:
    """`python` as `python3` where only that is there, and the other way round."""
    if words and runtime.programs and words[0] not in runtime.programs:
        for one, two in (("python", "python3"), ("python3", "python")):
            if words[0] == one and two in runtime.programs:
                return (two, *words[1:])
    return words


def _rule_for(launch: Launch) -> Rule:
    if any(name.endswith(".sh") for name in launch.dropped):
        return ENTRY
    return INIT if launch.dropped else SCRIPT


def _rewrite(draft: Draft, line: Line, words: tuple[str, ...], rule: Rule, launch: Launch) -> None:
    keyword = line.instruction.written if line.instruction else ""
    text = f"{keyword} {json.dumps(list(words), ensure_ascii=False)}"
    rule.rewrite(draft, line, text, test=_test(launch))


def _test(launch: Launch) -> str:
    return "that it starts, and stops within a second of SIGTERM" if launch.words else ""


def _after(draft: Draft, launch: Launch, wanted: StartPlan) -> None:
    """What the shell or a script did beside: variables, folders, other people's work."""
    final = draft.stages[draft.final]
    at = next(
        (
            index
            for index, line in enumerate(final.lines)
            if line.keyword in ("ENTRYPOINT", "CMD", "USER")
        ),
        len(final.lines),
    )
    known = draft.plan.environment
    for name, value in dict(launch.environment).items():
        if name not in known:
            text = f"ENV {name}={_quoted(value)}"
            final.lines.insert(at, draft.made(text))
            at += 1
            EXEC.changed(draft, 0, "", text, "the start command or its script set this variable")
    if launch.directory:
        text = f"WORKDIR {resolved(launch.directory, draft.plan.directory, {})}"
        final.lines.insert(at, draft.made(text))
        EXEC.changed(draft, 0, "", text, "the start command changed into this folder")
    if any(message.startswith("JAVA_OPTS") for message, _ in launch.remarks):
        _java_options(draft)
    for message, advice in launch.remarks:
        EXEC.remark(draft, 0, message, advice)
    _outside(draft, launch)


def _outside(draft: Draft, launch: Launch) -> None:
    for command in launch.before:
        ENTRY.refuse(
            draft,
            0,
            f"its script ran at each start: {command:.80}",
            "run it in a job of its own before the application starts",
        )
        draft.outside.append(Outside("order", f"run before the application starts: {command:.80}"))
    if launch.waited:
        draft.outside.append(
            Outside(
                "order",
                "the script waited for a service: let the orchestrator do so"
                " (compose: depends_on with condition: service_healthy)",
            )
        )
    if "tini" in launch.dropped or "dumb-init" in launch.dropped:
        draft.outside.append(
            Outside(
                "init",
                "start the container with an init (docker run --init, compose"
                " init: true) if the application starts other programs",
            )
        )


def _java_options(draft: Draft) -> None:
    """ENV JAVA_OPTS under the name that Java reads itself."""
    for line, instruction in draft.stages[draft.final].instructions("ENV"):
        found = re.search(r"\bJAVA_OPT(?:ION)?S\b", instruction.logical)
        if found and "JAVA_TOOL_OPTIONS" not in instruction.logical:
            text = draft.edited(line, [(*found.span(), "JAVA_TOOL_OPTIONS")])
            EXEC.rewrite(draft, line, text, "Java reads this variable itself")


def drop_scripts(draft: Draft) -> None:
    """Take out COPY and chmod of scripts that nothing starts any more."""
    start = draft.plan.start
    scripts = {name for name in start.launch.dropped if name.endswith(".sh")} if start else set()
    if not scripts or draft.rung is Rung.DEV:
        return
    for index in draft.plan.chain:
        stage = draft.stages[index]
        for line, instruction in stage.instructions("COPY", "ADD"):
            words = instruction.json or tuple(instruction.body.split())
            if len(words) == 2 and posixpath.basename(words[0]) in scripts:
                stage.lines.remove(line)
                ENTRY.changed(draft, line.line, line.text, "")
        for line, _ in stage.instructions("RUN"):
            edit_commands(draft, stage, line, _without_chmod(scripts), ENTRY)


def _without_chmod(scripts: set[str]) -> Edit:
    def edit(command: Command) -> str | None:
        paths = [word for word in command.values[2:] if not word.startswith("-")]
        names = {posixpath.basename(path) for path in paths}
        tools = ("chmod", "dos2unix", "sed")
        return "" if command.name in tools and names and names <= scripts else None

    return edit


def _quoted(value: str) -> str:
    if value and all(sign.isalnum() or sign in "._-/:,@+=" for sign in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
