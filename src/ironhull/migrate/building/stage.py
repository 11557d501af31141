"""A stage while it is built: its folder, its configuration, and each instruction done to them."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironhull.build.stage_tree import Found
from ironhull.engine.image_user import image_user
from ironhull.errors import EngineError, InputError
from ironhull.migrate.building.copying import Copy, copy, copy_words, make_folders
from ironhull.migrate.dockerfile.instruction import Instruction
from ironhull.migrate.dockerfile.variables import pairs, replaced, split_words, unquoted
from ironhull.oci.descriptor import Descriptor
from ironhull.sandbox.model import DEFAULT_PATH

SHELL = ("/bin/sh", "-c")


@dataclass
class Stage:
    """A folder that began as an image unpacked, and what the image will say of itself."""

    root: Path
    base: Descriptor
    """The manifest that the folder was unpacked from."""
    before: Mapping[str, Found]
    """The folder as it was then."""
    config: dict[str, Any]
    """As OCI's `config` object."""
    arguments: dict[str, str] = field(default_factory=dict)
    """Of ARG; not in the image."""

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the image."""
        return dict(str(line).partition("=")[::2] for line in self.config.get("Env") or ())

    @property
    def workdir(self) -> str:
        """Where relative paths begin."""
        return str(self.config.get("WorkingDir") or "/")

    @property
    def user(self) -> str:
        """As USER has it; empty: root."""
        return str(self.config.get("User") or "")

    def text(self, text: str) -> str:
        """With variables replaced; one without a value is empty, as BuildKit has it."""
        values = {"PATH": DEFAULT_PATH, **self.arguments, **self.environment}
        done = replaced(text, values)
        if done is None:
            raise InputError(f"{text!r:.80}: a variable without a value, or a form not known here")
        return done

    def path(self, text: str) -> str:
        """A path of the stage, absolute, its last slash kept."""
        joined = posixpath.normpath(posixpath.join(self.workdir, text))
        return joined if joined == "/" or not text.endswith(("/", "/.")) else f"{joined}/"


@dataclass(frozen=True, slots=True)
class Around:
    """What instructions may ask for besides their own stage."""

    given: Mapping[str, str]
    """Values for ARG, as `--build-arg` brings them."""
    source: Callable[[str], Copy]
    """The root of COPY, by the name behind `--from=` (empty: the context); paths are its own."""
    run: Callable[[Stage, tuple[str, ...]], None]
    """Does a RUN; EngineError if it fails."""


Do = Callable[[Stage, Instruction, Around], None]


def perform(stage: Stage, instruction: Instruction, around: Around) -> None:
    """Do one instruction; EngineError, with its line, for one that fails or is not done here."""
    do = _DO.get(instruction.keyword)
    where = f"line {instruction.line}: {instruction.keyword}"
    if do is None or instruction.heredocs:
        what = "heredocs are" if instruction.heredocs else f"{instruction.keyword} is"
        raise EngineError(
            f"{where}: {what} not done in the sandbox (it does {', '.join(_DO)}; "
            "podman, docker and buildah do all)"
        )
    try:
        do(stage, instruction, around)
    except InputError as error:
        raise EngineError(f"{where}: {error}") from None


def _arg(stage: Stage, instruction: Instruction, around: Around) -> None:
    defaults = dict(pairs(instruction))
    for word in split_words(instruction.body, instruction.escape):
        name = word.partition("=")[0]
        if name in around.given:
            stage.arguments[name] = around.given[name]
        elif name in defaults:
            stage.arguments[name] = stage.text(defaults[name])


def _env(stage: Stage, instruction: Instruction, around: Around) -> None:
    # All values of one ENV see the variables from before it.
    new = {name: stage.text(value) for name, value in pairs(instruction)}
    stage.config["Env"] = [f"{key}={value}" for key, value in (stage.environment | new).items()]


def _label(stage: Stage, instruction: Instruction, around: Around) -> None:
    new = {
        unquoted(name, instruction.escape): stage.text(value) for name, value in pairs(instruction)
    }
    stage.config["Labels"] = {**(stage.config.get("Labels") or {}), **new}


def _workdir(stage: Stage, instruction: Instruction, around: Around) -> None:
    text = stage.text(unquoted(instruction.body, instruction.escape))
    stage.config["WorkingDir"] = posixpath.normpath(posixpath.join(stage.workdir, text))
    make_folders(stage.root, stage.workdir, (0, 0))


def _user(stage: Stage, instruction: Instruction, around: Around) -> None:
    stage.config["User"] = stage.text(instruction.body)


def _expose(stage: Stage, instruction: Instruction, around: Around) -> None:
    ports = dict(stage.config.get("ExposedPorts") or {})
    for word in stage.text(instruction.body).split():
        ports[word.lower() if "/" in word else f"{word}/tcp"] = {}
    stage.config["ExposedPorts"] = ports


def _volume(stage: Stage, instruction: Instruction, around: Around) -> None:
    words = instruction.json if instruction.json is not None else instruction.body.split()
    new: dict[str, Any] = {key: {} for key in map(stage.text, words)}
    stage.config["Volumes"] = {**(stage.config.get("Volumes") or {}), **new}


def _stop_signal(stage: Stage, instruction: Instruction, around: Around) -> None:
    stage.config["StopSignal"] = stage.text(instruction.body)


def _words(instruction: Instruction) -> list[str]:
    return list(instruction.json) if instruction.json is not None else [*SHELL, instruction.body]


def _cmd(stage: Stage, instruction: Instruction, around: Around) -> None:
    stage.config["Cmd"] = _words(instruction)


def _entrypoint(stage: Stage, instruction: Instruction, around: Around) -> None:
    stage.config["Entrypoint"] = _words(instruction)
    # The base's command was meant for the base's entrypoint.
    stage.config.pop("Cmd", None)


def _copy(stage: Stage, instruction: Instruction, around: Around) -> None:
    for flag in instruction.flags:
        if flag.name not in ("from", "chown", "chmod", "link"):
            raise InputError(f"--{flag.name} is not done in the sandbox")
    words = instruction.json
    if words is None:
        plain = split_words(instruction.body, instruction.escape)
        words = tuple(unquoted(word, instruction.escape) for word in plain)
    sources, target = copy_words([stage.text(word) for word in words])
    place = around.source(instruction.flag("from") or "")
    mode = instruction.flag("chmod")
    owner = None if instruction.flag("from") else (0, 0)
    if chown := instruction.flag("chown"):
        found = image_user(stage.root, stage.text(chown))
        owner = (found.uid, found.gid)
    if mode and not re.fullmatch("[0-7]{1,4}", mode):
        raise InputError(f"--chmod={mode}: write it in digits")
    number = int(mode, 8) if mode else None
    copy(Copy(place.source, sources, stage.path(target), owner, number, place.ignored), stage.root)


def _run(stage: Stage, instruction: Instruction, around: Around) -> None:
    mounts = [flag for flag in instruction.flags if flag.name != "network"]
    for flag in mounts:
        # A cache is empty the first time, and may always be.
        if flag.name != "mount" or "type=cache" not in (flag.value or ""):
            raise InputError(f"--{flag.name}={flag.value} is not done in the sandbox")
    around.run(stage, tuple(_words(instruction)))


_DO: Mapping[str, Do] = {
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": _label,
    "RUN": _run,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


def shown(argv: tuple[str, ...]) -> str:
    """A command as one types it, for messages."""
    return argv[2] if argv[:2] == SHELL and len(argv) == 3 else shlex.join(argv)
