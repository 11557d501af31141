"""Python: a virtual environment that is built and then copied whole."""

from __future__ import annotations

import re

from ironhull.migrate.dockerfile.shell import Command
from ironhull.migrate.draft import Draft, DraftStage, Line
from ironhull.migrate.model import Confidence, Rung
from ironhull.migrate.rules.bases import stays
from ironhull.migrate.rules.editing import commands_of, edit_commands
from ironhull.migrate.rules.native import build_stages, root_of
from ironhull.migrate.rules.rule import Rule

VENV = "/opt/venv"
TOOLS = "/opt/tools"
ENVIRONMENT = Rule(
    "python-venv",
    "Python packages are in a virtual environment",
    "it is one folder with the same path in both stages: it is copied whole, pip stays behind",
    Confidence.LIKELY,
    "RUN pip install -r requirements.txt",
    'RUN python3 -m venv /opt/venv\nENV PATH="/opt/venv/bin:$PATH"\n'
    "RUN pip install -r requirements.txt && pip uninstall --yes pip",
)
_MAKES = re.compile(
    r"\bvenv\s|\bvirtualenv\s|\buv\s+sync\b|\buv\s+venv\b|UV_PROJECT_ENVIRONMENT"
    r"|virtualenvs\.in-project|VIRTUALENVS_IN_PROJECT|\.venv\b"
)
_INSTALLS = re.compile(
    r"\bpip3? install\b|\bpoetry install\b|\bpipenv (?:install|sync)\b"
    r"|\buv pip\b|setup\.py install\b|\bpdm (?:install|sync)\b"
)
_USES_PIP = re.compile(_INSTALLS.pattern + r"|\bpip3?\b")
_UNINSTALL = "pip uninstall --yes pip"
_PIP = re.compile(r"\bpip3? install\b")
_OWN = re.compile(r"-m\s+venv\s|\bvirtualenv\s+/|\buv\s+venv\b")
_PLACES = re.compile(
    r"(?:/root|/home/\w+|\$HOME|~)/\.local(?:/lib\S*|/bin)?/?|/usr/local/lib/python3(?:\.\d+)?/site-packages/?"
    r"|/usr/local/lib/python3(?:\.\d+)?/?|/install/?|/usr/local/bin/?|/usr/local/?"
)


def python_environment(draft: Draft) -> None:
    """Put a virtual environment before the first pip of the stage that installs for the image."""
    plan = draft.plan
    if plan.language != "python" or plan.hardened or draft.rung is Rung.DEV:
        return
    indexes = build_stages(draft)
    text = " ".join(
        instruction.logical
        for index in indexes
        for _, instruction in draft.stages[index].instructions("RUN", "ENV", "COPY")
    )
    if _MAKES.search(text):
        if not _OWN.search(text):
            _tools(draft, indexes)
        _project_environment(draft, text)
        return
    for index in indexes:
        stage = draft.stages[index]
        first = next((line for line, _ in stage.instructions("RUN") if _installs(line)), None)
        if first is None or not _reaches(draft, index):
            continue
        _insert(draft, stage, first, VENV)
        for line, _ in stage.instructions("RUN"):
            edit_commands(draft, stage, line, _plain_install, ENVIRONMENT)
        _leave_pip_behind(draft, stage)
        if index in plan.chain and plan.split:
            plan.venv = VENV
    if not plan.split:
        _copy_environment(draft)


def _installs(line: Line) -> bool:
    return line.keyword == "RUN" and _INSTALLS.search(line.text) is not None


def _reaches(draft: Draft, index: int) -> bool:
    """Whether the final stage is this one, or copies Python packages out of it."""
    if index in draft.plan.chain:
        return True
    name = (draft.stages[index].source.name or str(index)).lower()
    for at in draft.plan.chain:
        for _, instruction in draft.stages[at].instructions("COPY"):
            if (instruction.flag("from") or "").lower() in (name, str(index)):
                words = instruction.body.split()
                if len(words) == 2 and _PLACES.fullmatch(words[0]):
                    return True
    return False


def _tools(draft: Draft, indexes: list[int]) -> None:
    """uv, poetry and the like by pip: in an environment of their own, which does not ship."""
    for index in indexes:
        stage = draft.stages[index]
        if stays(draft, root_of(draft, index)):
            continue
        lines = [line for line, _ in stage.instructions("RUN")]
        first = next((line for line in lines if _PIP.search(line.text)), None)
        if first is not None:
            _insert(draft, stage, first, TOOLS)


def _insert(draft: Draft, stage: DraftStage, first: Line, folder: str) -> None:
    at = stage.lines.index(first)
    # Comments straight above say what the next line does.
    while at and stage.lines[at - 1].text.startswith("#"):
        at -= 1
    lines = [f"RUN python3 -m venv {folder}", f'ENV PATH="{folder}/bin:$PATH"']
    stage.lines[at:at] = [draft.made(text) for text in lines]
    ENVIRONMENT.changed(
        draft, first.line, "", "\n".join(lines), test="that every package is imported"
    )


def _leave_pip_behind(draft: Draft, stage: DraftStage) -> None:
    """After the last installation: a package manager in the environment would ship with it."""
    lines = [line for line, _ in stage.instructions("RUN")]
    last = next(line for line in reversed(lines) if _USES_PIP.search(line.text))
    commands = commands_of(last)
    if commands and last.instruction is not None:
        at = last.instruction.body_start + commands[-1].end
        text = draft.edited(last, [(at, at, f" && {_UNINSTALL}")])
        ENVIRONMENT.rewrite(draft, last, text)
        return
    if not last.text.endswith("\n"):
        last.text += draft.end
    stage.lines.insert(stage.lines.index(last) + 1, draft.made(f"RUN {_UNINSTALL}"))
    ENVIRONMENT.changed(draft, 0, "", f"RUN {_UNINSTALL}")


def _plain_install(command: Command) -> str | None:
    """Pip without `--user`, `--prefix`, `--target` and `--break-system-packages`."""
    if command.name not in ("pip", "pip3", "python", "python3") or "install" not in command.values:
        return None
    words: list[str] = []
    skip = False
    for word in command.words:
        if skip:
            skip = False
        elif word.value in ("--prefix", "--root", "-t", "--target"):
            skip = True
        elif word.value in ("--user", "--break-system-packages") or word.value.startswith(
            ("--prefix=", "--target=")
        ):
            continue
        else:
            words.append(word.text)
    # With `--user` gone, what comes from variables keeps its text.
    return None if len(words) == len(command.words) else " ".join(words)


def _copy_environment(draft: Draft) -> None:
    """In a final stage that copies packages from where pip put them: the environment instead."""
    done = False
    names = {
        (draft.stages[index].source.name or str(index)).lower() for index in build_stages(draft)
    }
    final = draft.stages[draft.final]
    for line, instruction in final.instructions("COPY"):
        words = instruction.body.split()
        source = (instruction.flag("from") or "").lower()
        if source not in names or len(words) != 2 or not _PLACES.fullmatch(words[0]):
            continue
        if done:
            final.lines.remove(line)
            ENVIRONMENT.changed(draft, line.line, line.text, "")
            continue
        text = f"{instruction.written} --from={instruction.flag('from')} {VENV} {VENV}"
        ENVIRONMENT.rewrite(draft, line, text)
        at = final.lines.index(line)
        path = f'ENV PATH="{VENV}/bin:$PATH"'
        if not line.text.endswith("\n"):
            line.text += draft.end
        final.lines.insert(at + 1, draft.made(path))
        ENVIRONMENT.changed(draft, 0, "", path)
        done = True
    if done:
        _drop_path(draft, final)


def _drop_path(draft: Draft, final: DraftStage) -> None:
    for line, instruction in final.instructions("ENV"):
        if re.fullmatch(
            r"PATH[= ]\"?(?:/root|/home/\w+|~)/\.local/bin:\$\{?PATH\}?\"?", instruction.body
        ):
            final.lines.remove(line)
            ENVIRONMENT.changed(draft, line.line, line.text, "")


def _project_environment(draft: Draft, text: str) -> None:
    """The project's own `.venv` has to be on PATH, since `uv run` and `poetry run` are gone."""
    plan = draft.plan
    start = plan.start
    words = (start.entrypoint or start.cmd or ()) if start else ()
    if "venv/bin" in text or not words or "/" in words[0]:
        return
    if not re.search(r"uv\s+sync|uv\s+venv|in-project|IN_PROJECT", text):
        return
    final = draft.stages[draft.final]
    folder = f"{plan.directory.rstrip('/')}/.venv"
    line = f'ENV PATH="{folder}/bin:$PATH"'
    at = next((at for at, each in enumerate(final.lines) if each.keyword == "WORKDIR"), -1)
    final.lines.insert(at + 1, draft.made(line))
    ENVIRONMENT.changed(draft, 0, "", line)
