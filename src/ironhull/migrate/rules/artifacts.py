"""What of a build stage the application consists of: folders and files to copy."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from ironhull.migrate.dockerfile.instruction import Instruction
from ironhull.migrate.dockerfile.shell import Command
from ironhull.migrate.draft import Draft, Line
from ironhull.migrate.rules.assess import SYSTEM
from ironhull.migrate.rules.programs import Effect, effect_of
from ironhull.migrate.rules.reading import Step, below, normal, resolved

_DATA = frozenset((
    "data", "log", "logs", "upload", "uploads", "tmp", "temp", "cache", "storage", "media",
    "db", "database", "instance", "files", "backups", "sessions", "var", "downloads",
    "output", "persist", "state",
))  # fmt: skip
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_OF_THE_BASE = ("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/lib/", "/lib/")
_TOOLS = frozenset(("uv", "uvx", "composer", "bun", "pnpm", "yarn", "hadolint", "go", "cargo-chef"))
_NOT_COPIED = (
    *("/tmp", "/dev", "/proc", "/etc/apt", "/root", "/var/lib/apt", "/var/cache", "/sys", "/run"),  # noqa: S108
    *("/usr/share/keyrings", "/var/run", "/var/log/nginx", "/var/log/apt", "/etc/localtime"),
    *("/etc/apk", "/etc/yum.repos.d", "/etc/sudoers", "/etc/pip", "/usr/local/share/ca-cert"),
    *("/etc/ld.so", "/usr/share/zoneinfo", "/etc/localtime", "/etc/timezone"),
)


@dataclass(slots=True)
class Artifacts:
    """What goes into the new final stage."""

    trees: list[str] = field(default_factory=list)
    """Folders and files that are copied from the build stage."""
    lines: list[Line] = field(default_factory=list)
    """COPY instructions that are repeated: their files go to folders of the system."""
    writable: list[str] = field(default_factory=list)
    """Folders that the application writes to."""
    made: list[str] = field(default_factory=list)
    """Writable folders that nothing makes yet."""
    problem: str = ""


def destinations(instruction: Instruction, directory: str, variables: dict[str, str]) -> list[str]:
    """Where COPY or ADD puts its files: the target, or each file's place if it is a folder."""
    words = list(instruction.json) if instruction.json is not None else instruction.body.split()
    if len(words) < 2:
        return []
    target = resolved(words[-1], directory, variables)
    folder = words[-1].endswith("/") or words[-1] in (".", "..") or len(words) > 2
    if target not in SYSTEM or not folder:
        return [target]
    names = [posixpath.basename(word.rstrip("/")) for word in words[:-1]]
    if any(not name or set(name) & set("*?[$.") == set("*") or name == "." for name in names):
        return [target]
    return [normal(f"{target}/{name}") for name in names]


def collect(draft: Draft, steps: list[Step]) -> Artifacts:
    """The folders and files of the chain that are the application."""
    found = Artifacts()
    folder = draft.plan.directory
    home = folder if folder not in SYSTEM else ""
    runs = " ".join(step.instruction.logical for step in steps if step.line.keyword == "RUN")
    for step in steps:
        keyword = step.line.keyword
        if keyword in ("COPY", "ADD"):
            _copied(draft, step, found, home, runs)
        elif keyword == "RUN":
            for command in step.commands:
                _ran(draft, step, command, found, home)
        elif keyword == "VOLUME":
            _volume(draft, step, found)
    if draft.plan.certificates:
        found.trees.append(BUNDLE)
    found.trees = _outermost(found.trees)
    found.writable = list(dict.fromkeys(found.writable))
    return found


def _copied(draft: Draft, step: Step, found: Artifacts, home: str, runs: str) -> None:
    for place in destinations(step.instruction, step.directory, draft.plan.variables):
        if home and below(place, home):
            found.trees.append(home)
        elif step.directory not in SYSTEM and below(place, step.directory):
            found.trees.append(step.directory)
        elif place not in SYSTEM and (place in runs or not _kept_as_line(place)):
            if not place.startswith(("/tmp/", "/root/")):  # noqa: S108
                found.trees.append(place)
        elif (
            step.line not in found.lines
            and not _tool(place)
            and not place.startswith(("/tmp", "/root"))  # noqa: S108
        ):
            found.lines.append(step.line)


def _tool(place: str) -> bool:
    """A program that only builds need, or a certificate that the bundle has."""
    return posixpath.basename(place) in _TOOLS or "/ca-certificates/" in f"{place}/"


def _kept_as_line(place: str) -> bool:
    return place.startswith(("/etc/", "/usr/", "/bin/", "/sbin/", "/lib/"))


def _ran(draft: Draft, step: Step, command: Command, found: Artifacts, home: str) -> None:
    effect = effect_of(command, step.commands)
    folder = step.directory
    if effect in (Effect.BUILD, Effect.FILES, Effect.DIRECTORY) and folder not in SYSTEM:
        found.trees.append(home if home and below(folder, home) else folder)
    if effect is Effect.BUILD and "venv" in command.values:
        place = resolved(command.values[-1], folder, draft.plan.variables)
        if not (home and below(place, home)):
            found.trees.append(place)
    elif effect is Effect.DIRECTORY:
        for place in _paths(draft, step, command):
            _made(found, place, home)
    elif effect is Effect.OWNERSHIP and command.name == "chown":
        for place in _paths(draft, step, command)[1:]:
            if place != home and not below(home or "/", place) and not _passed(place):
                _made(found, place, home, owned=True)
    elif effect is Effect.FILES and command.name not in ("rm", "rmdir", "find"):
        _written(draft, step, command, found, home)


def _paths(draft: Draft, step: Step, command: Command) -> list[str]:
    words = [word.value for word in command.words[1:] if not word.value.startswith("-")]
    return [
        resolved(word, step.directory, draft.plan.variables) for word in words if "*" not in word
    ]


def _passed(place: str) -> bool:
    return place in SYSTEM or place.startswith(_NOT_COPIED)


def _made(found: Artifacts, place: str, home: str, *, owned: bool = False) -> None:
    if _passed(place):
        return
    if home and below(place, home):
        if owned or posixpath.basename(place) in _DATA:
            found.writable.append(place)
    else:
        found.writable.append(place)


def _written(draft: Draft, step: Step, command: Command, found: Artifacts, home: str) -> None:
    """Files outside of the application's folder that a command writes."""
    words = [word.value for word in command.words[1:] if word.value.startswith("/")]
    words += [word.value for operator, word in command.redirects if ">" in operator]
    if command.name in ("cp", "mv", "ln", "install"):
        words = words[-1:] if command.words[-1].value.startswith("/") else []
    for word in words:
        place = resolved(word, step.directory, draft.plan.variables)
        if "*" in word or "$" in place or place.startswith(_NOT_COPIED):
            continue
        if home and below(place, home):
            continue
        if command.name == "ln" and place.startswith(_OF_THE_BASE):
            found.problem = f"it makes a link among the base image's programs: {place}"
        elif place.startswith("/etc/nginx"):
            found.problem = f"{command.name} changes the configuration of the base image: {place}"
        elif place in SYSTEM:
            name = posixpath.basename(command.words[1].value) if len(command.words) > 2 else ""
            if command.name in ("cp", "mv", "install") and name and "*" not in name:
                found.trees.append(normal(f"{place}/{posixpath.basename(command.values[-2])}"))
            else:
                found.problem = f"{command.name} writes into {place}"
        else:
            found.trees.append(place)


def _volume(draft: Draft, step: Step, found: Artifacts) -> None:
    words = step.instruction.json or step.instruction.body.split()
    for word in words:
        place = resolved(word, step.directory, draft.plan.variables)
        if not _passed(place):
            if place not in found.writable:
                found.made.append(place)
            found.writable.append(place)


def _outermost(trees: list[str]) -> list[str]:
    unique = list(dict.fromkeys(trees))
    return [
        tree for tree in unique if not any(tree != other and below(tree, other) for other in unique)
    ]
