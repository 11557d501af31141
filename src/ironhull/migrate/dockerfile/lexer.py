"""A Dockerfile's bytes → nodes that hold all of them: instructions, comments, blank lines.

The text of all nodes in order is the text of the file. Bytes that are not UTF-8 survive as lone
surrogates (`surrogateescape`); offsets count signs of the text, lines count from 1.

Lines are put together as BuildKit does it:

1. A byte order mark before the first line, and white space before an instruction, do not count.
2. Comments with a known name and `=` at the very top are directives; another line ends them.
3. A line that ends with one escape sign, white space behind it aside, goes on in the next. Blank
   lines and comments in between do not end it.
4. RUN, COPY and ADD in shell form, also after ONBUILD, take the heredocs that their words open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ironhull.errors import MalformedError
from ironhull.migrate.dockerfile.heredoc import heredocs_of
from ironhull.migrate.dockerfile.instruction import SPACE, Heredoc, Instruction, Piece, parsed

MAX_BYTES = 1 << 20
"""A larger file is no Dockerfile that anybody wrote."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
# The value is stripped afterwards: a pattern that did so would take quadratic time.
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S.*)")
_DIRECTIVES = ("syntax", "escape", "check")
_GOES_ON = {
    sign: re.compile(rf"(?:[^{re.escape(sign)}]|^){re.escape(sign)}[ \t]*$") for sign in "\\`"
}
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


class Kind(StrEnum):
    """What a node is."""

    BLANK = "blank"
    COMMENT = "comment"
    DIRECTIVE = "directive"
    INSTRUCTION = "instruction"


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the file, whole lines with their ends."""

    kind: Kind
    text: str
    start: int
    line: int
    instruction: Instruction | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file as nodes."""

    nodes: tuple[Node, ...]
    escape: str
    """The sign that continues lines: a backslash, or a backtick by the directive `escape`."""

    @property
    def text(self) -> str:
        """The text of the file, sign by sign."""
        return "".join(node.text for node in self.nodes)

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """The instructions in their order."""
        return tuple(node.instruction for node in self.nodes if node.instruction is not None)


def decoded(data: bytes) -> str:
    """The text of a file; `encoded` gives the same bytes back. MalformedError if it is too long."""
    if len(data) > MAX_BYTES:
        raise MalformedError(
            f"the file has {len(data)} bytes; a Dockerfile has at most {MAX_BYTES}"
        )
    return data.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes of a text."""
    return text.encode("utf-8", "surrogateescape")


def lex(data: bytes) -> Document:
    """The nodes of a file; MalformedError, with the line, where BuildKit refuses it too.

    It is refused for a heredoc that does not end, a directive that stands twice or is wrong, a list
    of things that are no strings, and for having no instruction.
    """
    lexer = _Lexer(decoded(data))
    nodes = tuple(lexer.nodes())
    if all(node.kind is not Kind.INSTRUCTION for node in nodes):
        raise MalformedError("the file has no instruction; a Dockerfile begins with FROM or ARG")
    return Document(nodes, lexer.escape)


class _Lexer:
    """The state of one pass over a file."""

    def __init__(self, text: str) -> None:
        self._lines = _LINE.findall(text)
        self._at = 0
        self._offset = 0
        self._seen: set[str] = set()
        self._directives = True
        self.escape = "\\"

    def nodes(self) -> Iterator[Node]:
        """One after the other."""
        while self._at < len(self._lines):
            start, line = self._offset, self._at
            kind, instruction = self._next()
            text = "".join(self._lines[line : self._at])
            yield Node(kind, text, start, line + 1, instruction)

    def _take(self) -> tuple[int, str]:
        line, start = self._lines[self._at], self._offset
        self._at += 1
        self._offset += len(line)
        return start, line

    def _next(self) -> tuple[Kind, Instruction | None]:
        number = self._at + 1
        start, line = self._take()
        skipped = 1 if number == 1 and line.startswith(_BOM) else 0
        plain = line[skipped:].rstrip("\r\n")
        content = plain.lstrip(SPACE)
        skipped += len(plain) - len(content)
        if content.startswith("#"):
            return (Kind.DIRECTIVE if self._directive(content, number) else Kind.COMMENT), None
        self._directives = False
        if not content:
            return Kind.BLANK, None
        return Kind.INSTRUCTION, self._instruction(content, start + skipped, number)

    def _directive(self, content: str, number: int) -> bool:
        """Whether a comment is a directive; only those before all else are."""
        found = _DIRECTIVE.match(content) if self._directives else None
        name = found[1].lower() if found else ""
        if found is None or name not in _DIRECTIVES:
            self._directives = False
            return False
        if name in self._seen:
            raise MalformedError(f"line {number}: the directive {name} stands twice")
        self._seen.add(name)
        if name == "escape":
            value = found[2].rstrip()
            if value not in ("\\", "`"):
                raise MalformedError(f"line {number}: escape={value:.20} is neither \\ nor `")
            self.escape = value
        return True

    def _instruction(self, content: str, offset: int, number: int) -> Instruction:
        goes_on = _GOES_ON[self.escape]
        parts: list[str] = []
        pieces: list[Piece] = []
        length = 0
        while True:
            more = goes_on.search(content)
            if more:
                content = content[: content.rindex(self.escape)]
            pieces.append(Piece(length, offset, len(content)))
            parts.append(content)
            length += len(content)
            following = self._continuation() if more else None
            if following is None:
                break
            offset, content = following
        instruction = parsed("".join(parts), tuple(pieces), number, self.escape)
        opened = heredocs_of(instruction)
        if opened:
            bodies = tuple(self._body(heredoc, number) for heredoc in opened)
            instruction = instruction.with_heredocs(bodies)
        return instruction.ending(self._at)

    def _continuation(self) -> tuple[int, str] | None:
        """The next line that belongs to the instruction, blank ones and comments passed over."""
        while self._at < len(self._lines):
            offset, line = self._take()
            content = line.rstrip("\r\n")
            stripped = content.lstrip(SPACE)
            if stripped and not stripped.startswith("#"):
                return offset, content
        return None

    def _body(self, heredoc: Heredoc, number: int) -> Heredoc:
        lines: list[str] = []
        while self._at < len(self._lines):
            _, line = self._take()
            ending = line.rstrip("\r\n")
            if (ending.lstrip("\t") if heredoc.chomp else ending) == heredoc.name:
                return heredoc.holding("".join(lines))
            lines.append(line)
        raise MalformedError(
            f"line {number}: the heredoc {heredoc.name:.50} does not end (write {heredoc.name:.50}"
            " on a line of its own)"
        )
