"""Say a Dockerfile in words that an older builder knows, and with other base images.

What BuildKit added later (heredocs, COPY --link, RUN --network, `# syntax`) has an older way to be
said. The result is for the builder's eyes only: it builds the same image, it is no better file.
Every difference is told in a note. To rewrite a Dockerfile for people is another room's work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from ironhull.errors import InputError
from ironhull.oci.reference import Reference
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the builder does itself; the rest is lowered."""

    heredoc: bool = False
    link: bool = False
    run_network: bool = False
    syntax: bool = False
    """It can fetch the frontend that `# syntax` names."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """The Dockerfile to build, files for its COPYs (context `HEREDOCS`), and what was changed."""

    text: str
    files: Mapping[str, str]
    notes: tuple[str, ...]


HEREDOCS = "ironhull-heredocs"
_DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(.*?)\s*$")
_WORD = re.compile(r"\s*([A-Za-z]+)")
_HEREDOC = re.compile(r"(?<![<\w])(\d*)<<(-?)([\"']?)([A-Za-z_][\w.-]*)\3(?!<)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_LATER = {"link": "COPY --link", "network": "RUN --network"}


@dataclass(slots=True)
class _Heredoc:
    name: str
    quoted: bool
    body: str
    end: str


@dataclass(slots=True)
class _Instruction:
    """One instruction as written, continuation lines in it; keyword `` for anything else."""

    keyword: str
    text: str
    line: int
    heredocs: list[_Heredoc] = field(default_factory=list)

    @property
    def source(self) -> str:
        return self.text + "".join(doc.body + doc.end for doc in self.heredocs)


def lower(
    text: str,
    abilities: Abilities,
    *,
    bases: Mapping[str, str] | None = None,
    build_args: Mapping[str, str] | None = None,
    run_variables: Sequence[str] = (),
    run_mounts: Sequence[str] = (),
) -> Lowered:
    """The Dockerfile for a builder with these abilities.

    `bases`: image name → name to take instead, compared as references. `run_variables` are declared
    as ARG in each stage, `run_mounts` are `--mount` values for each RUN.
    """
    lowering = _Lowering(abilities, bases or {}, build_args or {}, run_variables, run_mounts)
    parts = [lowering.one(instruction) for instruction in _instructions(text.replace("\r\n", "\n"))]
    return Lowered("".join(parts), lowering.files, tuple(dict.fromkeys(lowering.notes)))


# -- reading -------------------------------------------------------------------------------------


def _instructions(text: str) -> Iterator[_Instruction]:
    lines = text.splitlines(keepends=True)
    escape, position = "\\", 0
    while position < len(lines) and (directive := _DIRECTIVE.match(lines[position])):
        name = directive[1].lower()
        if name not in ("syntax", "escape", "check"):
            break
        if name == "escape" and directive[2] in ("\\", "`"):
            escape = directive[2]
        yield _Instruction(f"#{name}", lines[position], position + 1)
        position += 1
    continued = re.compile(rf"(?:^|[^{re.escape(escape)}]){re.escape(escape)}[ \t]*$")
    while position < len(lines):
        start = position
        first = lines[position]
        if not first.strip() or first.lstrip().startswith("#"):
            yield _Instruction("", first, start + 1)
            position += 1
            continue
        position = _end_of(lines, position, continued)
        found = _WORD.match(first)
        keyword = found[1].upper() if found else ""
        instruction = _Instruction(keyword, "".join(lines[start:position]), start + 1)
        if keyword in ("RUN", "COPY", "ADD"):
            for match in _HEREDOC.finditer(_without_comments(instruction.text)):
                position = _read_heredoc(lines, position, match, instruction)
        yield instruction


def _end_of(lines: Sequence[str], position: int, continued: re.Pattern[str]) -> int:
    """The line behind the instruction: comments and blank lines do not end a continuation."""
    going = True
    while going and position < len(lines):
        line = lines[position].rstrip("\n")
        if line.strip() and not line.lstrip().startswith("#"):
            going = continued.search(line) is not None
        position += 1
    return position


def _without_comments(text: str) -> str:
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#")
    )


def _read_heredoc(
    lines: Sequence[str], position: int, match: re.Match[str], instruction: _Instruction
) -> int:
    strip, name = bool(match[2]), match[4]
    start = position
    while position < len(lines):
        line = lines[position].rstrip("\n")
        if (line.lstrip("\t") if strip else line) == name:
            body = "".join(lines[start:position])
            if strip:
                body = re.sub(r"^\t+", "", body, flags=re.MULTILINE)
            instruction.heredocs.append(_Heredoc(name, bool(match[3]), body, lines[position]))
            return position + 1
        position += 1
    raise InputError(f"Dockerfile:{instruction.line}: the heredoc {name} has no end")


# -- writing -------------------------------------------------------------------------------------


class _Lowering:
    def __init__(
        self,
        abilities: Abilities,
        bases: Mapping[str, str],
        build_args: Mapping[str, str],
        run_variables: Sequence[str],
        run_mounts: Sequence[str],
    ) -> None:
        self._can = abilities
        self._bases = {_full(name): target for name, target in bases.items()}
        self._given = build_args
        self._args: dict[str, str] = {}
        self._variables = run_variables
        self._mounts = run_mounts
        self._stages: set[str] = set()
        self._shell = ["/bin/sh", "-c"]
        self._in_stage = False
        self.files: dict[str, str] = {}
        self.notes: list[str] = []

    def one(self, instruction: _Instruction) -> str:
        match instruction.keyword:
            case "#syntax" if not self._can.syntax:
                self.notes.append("left out the # syntax line, which would be fetched")
                return "#\n"
            case "FROM":
                return self._from(instruction)
            case "ARG" if not self._in_stage:
                self._remember_argument(instruction.text)
            case "SHELL":
                self._remember_shell(instruction.text)
            case "COPY" | "ADD":
                return self._copy(instruction)
            case "RUN":
                return self._run(instruction)
        return instruction.source

    def _from(self, instruction: _Instruction) -> str:
        words = instruction.text.replace("\\\n", " ").split()
        at = next((n for n, word in enumerate(words) if n and not word.startswith("--")), 0)
        self._shell, self._in_stage = ["/bin/sh", "-c"], True
        declared = "".join(f"ARG {name}\n" for name in self._variables)
        if not at:
            return instruction.source
        stages = set(self._stages)
        if len(words) > at + 2 and words[at + 1].upper() == "AS":
            self._stages.add(words[at + 2].lower())
        before = self._expand(words[at])
        target = None if before.lower() in stages else self._bases.get(_full(before))
        if target is None:
            return instruction.text.rstrip("\n") + "\n" + declared
        self.notes.append(f"FROM {before} is {target}")
        # The substitute has the platform it has: asking for one could only fail.
        return " ".join(["FROM", target, *words[at + 1 :]]) + "\n" + declared

    def _copy(self, instruction: _Instruction) -> str:
        flags, rest = _split_flags(instruction.text)
        flags = [self._source(flag, "--from=") for flag in flags]
        if not self._can.link:
            flags = self._drop(flags, "--link", "COPY --link")
        if instruction.heredocs and not self._can.heredoc:
            for doc in instruction.heredocs:
                name = f"{len(self.files)}"
                self.files[name] = doc.body if doc.quoted else self._expand_body(doc.body)
                # The file's own name decides when the target is a folder.
                self.files[f"{name}/name"] = doc.name
            return self._copy_files(instruction, flags, rest)
        return _joined(instruction, flags, rest)

    def _copy_files(self, instruction: _Instruction, flags: list[str], rest: str) -> str:
        words = rest.replace("\\\n", " ").split()
        *sources, target = words
        count = len(instruction.heredocs)
        names = [key for key in self.files if "/" not in key][-count:]
        out = []
        plain = [word for word in sources if not _HEREDOC.fullmatch(word)]
        for name in names:
            file_name = self.files.pop(f"{name}/name")
            where = target + file_name if target.endswith("/") else target
            out.append(" ".join(["COPY", *flags, f"--from={HEREDOCS}", name, where]) + "\n")
        if plain:
            out.append(" ".join([instruction.keyword, *flags, *plain, target]) + "\n")
        self.notes.append(f"COPY with a heredoc in line {instruction.line} copies a file instead")
        return "".join(out)

    def _run(self, instruction: _Instruction) -> str:
        flags, rest = _split_flags(instruction.text)
        flags = [self._mount_source(flag) for flag in flags]
        if not self._can.run_network:
            flags = self._drop(flags, "--network", "RUN --network")
        flags += [f"--mount={mount}" for mount in self._mounts]
        if not instruction.heredocs or self._can.heredoc:
            return _joined(instruction, flags, rest)
        self.notes.append(f"RUN with a heredoc in line {instruction.line} is a quoted script")
        command = self._script(instruction, rest.strip())
        return " ".join(["RUN", *flags, json.dumps([*self._shell, command])]) + "\n"

    def _script(self, instruction: _Instruction, rest: str) -> str:
        """The one shell command that does what the RUN with heredocs does."""
        only = instruction.heredocs[0]
        if len(instruction.heredocs) > 1 or not _HEREDOC.fullmatch(rest):
            bodies = "".join(f"{doc.body}{doc.name}\n" for doc in instruction.heredocs)
            return rest.replace("<<-", "<<") + "\n" + bodies
        if not only.body.startswith("#!"):
            return only.body
        end = f"{only.name}_ironhull"
        return (
            f'f=$(mktemp) && cat > "$f" <<\'{end}\' && chmod 700 "$f" && "$f" && rm "$f"\n'
            f"{only.body}{end}\n"
        )

    def _source(self, flag: str, prefix: str) -> str:
        if not flag.startswith(prefix):
            return flag
        name = flag[len(prefix) :]
        if name.lower() in self._stages or name.isdigit() or "$" in name:
            return flag
        target = self._bases.get(_full(name))
        if target is None:
            return flag
        self.notes.append(f"{prefix}{name} is {target}")
        return prefix + target

    def _mount_source(self, flag: str) -> str:
        if not flag.startswith("--mount="):
            return flag
        parts = flag[len("--mount=") :].split(",")
        return "--mount=" + ",".join(self._source(part, "from=") for part in parts)

    def _drop(self, flags: list[str], name: str, what: str) -> list[str]:
        kept = [flag for flag in flags if flag.partition("=")[0] != name]
        if len(kept) < len(flags):
            self.notes.append(f"left out the flag of {what}, which this builder does not know")
        return kept

    def _remember_argument(self, text: str) -> None:
        for word in text.replace("\\\n", " ").split()[1:]:
            name, _, default = word.partition("=")
            self._args[name] = self._given.get(name, default.strip("\"'"))

    def _remember_shell(self, text: str) -> None:
        try:
            words = json.loads(text.split(None, 1)[1].replace("\\\n", " "))
        except (ValueError, IndexError, RecursionError):
            return
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            self._shell = words

    def _expand(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            return self._args.get(match[1] or match[3]) or match[2] or ""

        return _VARIABLE.sub(value, text.strip("\"'"))

    def _expand_body(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            return self._given.get(match[1] or match[3]) or match[2] or match[0]

        return _VARIABLE.sub(value, text)


def _split_flags(text: str) -> tuple[list[str], str]:
    """The `--flags` behind the keyword, and what follows them."""
    rest = text[len(_WORD.match(text)[0]) :]  # type: ignore[index]
    flags = []
    while found := re.match(r"(?:\s|\\\n)*(--[a-z][a-z-]*(?:=(?:\"[^\"]*\"|\S)*)?)(?=\s|$)", rest):
        flags.append(found[1])
        rest = rest[found.end() :]
    return flags, rest


def _joined(instruction: _Instruction, flags: Sequence[str], rest: str) -> str:
    text = " ".join([instruction.keyword, *flags]) + rest
    return text + "".join(doc.body + doc.end for doc in instruction.heredocs)


def _full(name: str) -> str:
    """The name as a complete reference, or as it is if it is none (`scratch`, a stage)."""
    try:
        return str(Reference.parse(name))
    except InputError:
        return name
