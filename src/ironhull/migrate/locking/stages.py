"""What build stages install with apt, and the Dockerfile that installs the same for ever.

1. In each stage, the RUN instructions whose shell commands are `apt-get install NAME…`. 2. Whoever
resolves these names freezes the archive and says versions. 3. The names get their versions, and
before the first of them apt is told to fetch from the frozen archive alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ironhull.migrate.dockerfile.instruction import Instruction
from ironhull.migrate.dockerfile.lexer import Node, decoded, encoded, lex
from ironhull.migrate.dockerfile.shell import Command, Word, read_shell
from ironhull.migrate.dockerfile.stages import split

_MANAGERS = ("apt-get", "apt", "aptitude")
_INSTALL = re.compile(r"\b(?:apt-get|apt|aptitude)\b.*\binstall\b", re.DOTALL)
_WITHOUT = "--no-install-recommends"
_TAKE_A_WORD = frozenset(("-t", "--target-release", "-o", "--option", "-c", "--config-file"))
ARGUMENT = "IRONHULL_APT"
SERVED = "http://127.0.0.1:5000"
"""Where `ironhull serve` listens if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A package that a stage names."""

    name: str
    recommends: bool
    """With what it recommends."""


@dataclass(frozen=True, slots=True)
class AptStage:
    """A stage that installs packages."""

    index: int
    base: str
    """What stands behind its FROM."""
    wanted: tuple[Wanted, ...]
    opaque: tuple[int, ...] = ()
    """Lines of RUN instructions that may install what cannot be seen."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Where a frozen archive is, and what it has."""

    address: str
    """`http://127.0.0.1:5000/apt/0a1b…`."""
    suites: Sequence[tuple[str, str]]
    """Repository and suite: (`debian`, `trixie`)."""
    components: Sequence[str] = ("main",)
    versions: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Stage → package → version."""


def apt_stages(source: bytes) -> tuple[AptStage, ...]:
    """Every stage that installs something with apt; MalformedError if it is no Dockerfile."""
    _, stages = split(lex(source))
    found = []
    for stage in stages:
        wanted: dict[str, Wanted] = {}
        opaque = []
        for node in stage.nodes:
            if node.instruction is None or not _may_install(node.instruction):
                continue
            installs = _installs(node.instruction)
            if not installs and not _is_plain(node.instruction):
                opaque.append(node.line)
            for command in installs:
                full = _WITHOUT not in command.values
                for word in _names(command):
                    if not word.plain:
                        opaque.append(node.line)
                        continue
                    name = word.value.partition("=")[0]
                    wanted[name] = Wanted(
                        name, full or (name in wanted and wanted[name].recommends)
                    )
        if wanted or opaque:
            packages = tuple(wanted[name] for name in sorted(wanted))
            found.append(AptStage(stage.index, stage.source.image, packages, tuple(opaque)))
    return tuple(found)


def locked_text(source: bytes, frozen: Frozen) -> bytes:
    """The Dockerfile with versions, and with apt on the frozen archive; nothing else changes."""
    document = lex(source)
    _, stages = split(document)
    edits: list[tuple[int, int, str]] = []
    end = "\r\n" if "\r\n" in document.text else "\n"
    for stage in stages:
        versions = frozen.versions.get(stage.index)
        runs = [node for node in stage.nodes if _is_install(node)]
        if versions is None or not runs or _is_locked(stage.nodes):
            continue
        edits.append((runs[0].start, runs[0].start, _sources(frozen, end)))
        for node in runs:
            edits += _pins(node, versions)
    text = decoded(source)
    for start, stop, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[stop:]
    return encoded(text)


def _may_install(instruction: Instruction) -> bool:
    text = "\n".join([instruction.body, *(doc.body for doc in instruction.heredocs)])
    return instruction.keyword == "RUN" and _INSTALL.search(text) is not None


def _is_plain(instruction: Instruction) -> bool:
    """Whether all that it runs is seen."""
    hidden = instruction.heredocs or instruction.json is not None
    return not hidden and not read_shell(instruction.body).opaque


def _is_install(node: Node) -> bool:
    return node.instruction is not None and bool(_installs(node.instruction))


def _is_locked(nodes: Sequence[Node]) -> bool:
    return any(f"${ARGUMENT}" in node.text for node in nodes)


def _installs(instruction: Instruction) -> list[Command]:
    """Its commands that install; none where a heredoc or the exec form says what is run."""
    if instruction.keyword != "RUN" or instruction.heredocs or instruction.json is not None:
        return []
    script = read_shell(instruction.body)
    return [
        command
        for command in script.commands
        if command.name in _MANAGERS and "install" in command.values and list(_names(command))
    ]


def _names(command: Command) -> list[Word]:
    words = list(command.words[1:])
    found: list[Word] = []
    seen = False
    while words:
        word = words.pop(0)
        if word.value in _TAKE_A_WORD:
            words = words[1:]
        elif word.value.startswith("-"):
            continue
        elif not seen:
            seen = True
        else:
            found.append(word)
    return found


def _pins(node: Node, versions: Mapping[str, str]) -> list[tuple[int, int, str]]:
    instruction = node.instruction
    if instruction is None:
        return []
    edits = []
    for command in _installs(instruction):
        for word in _names(command):
            name = word.value.partition("=")[0]
            if name in versions and "=" not in word.value:
                at = instruction.end_offset(instruction.body_start + word.end)
                edits.append((at, at, f"={versions[name]}"))
    return edits


def _sources(frozen: Frozen, end: str) -> str:
    """Sources for apt: signed as Debian signs, old on purpose, without translations.

    Those are listed in the release files, and one that is listed and not there ends `apt-get
    update` with an error.
    """
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    options = f"check-valid-until=no lang=none signed-by={keyring}"
    components = " ".join(frozen.components)
    pairs = " ".join(f"{repository} {suite}" for repository, suite in frozen.suites)
    line = f"deb [{options}] ${ARGUMENT}/%s %s {components}\\n"
    return (
        f"ARG {ARGUMENT}={frozen.address}{end}"
        f"RUN rm -rf /etc/apt/sources.list.d/* \\{end}"
        f'    && printf "{line}" {pairs} > /etc/apt/sources.list{end}'
    )
