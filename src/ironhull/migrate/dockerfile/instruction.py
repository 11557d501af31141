"""One instruction: keyword, flags, arguments, and where each stands in the file.

Its logical text is what BuildKit parses: the lines put together, without continuation signs and
comments. Pieces say where parts of it stand, so that a change can be made in the file's own text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from ironhull.errors import MalformedError

SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go, and so BuildKit, calls white space."""

KEYWORDS = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME"),
        "WORKDIR",
    )
)
_JSON = frozenset(("ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"))
_GAP = re.compile(r"[\t\v\f\r ]+")
_DECODER = json.JSONDecoder()


class Piece(NamedTuple):
    """A part of the logical text and where it stands in the file."""

    logical: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Flag:
    """`--name=value` before the arguments; the value is None without `=`."""

    name: str
    value: str | None
    start: int
    """Of the whole flag in the logical text."""
    end: int


@dataclass(frozen=True, slots=True)
class Heredoc:
    """Lines that stand behind an instruction."""

    name: str
    chomp: bool
    """`<<-`: tabs before a line do not count."""
    expand: bool
    """Variables are replaced, because no part of the name is quoted."""
    body: str = ""

    def holding(self, body: str) -> Heredoc:
        """The same with its lines."""
        return replace(self, body=body)


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction as it was written."""

    written: str
    """The keyword in its case."""
    logical: str
    pieces: tuple[Piece, ...]
    line: int
    flags: tuple[Flag, ...]
    body_start: int
    """Where the arguments begin in the logical text."""
    body: str
    """The arguments without white space around."""
    json: tuple[str, ...] | None
    """The arguments of the exec form, None in shell form; of HEALTHCHECK, those behind CMD."""
    escape: str
    heredocs: tuple[Heredoc, ...] = ()
    inner: Instruction | None = None
    """What ONBUILD puts off."""
    end_line: int = 0

    @property
    def keyword(self) -> str:
        """In capitals."""
        return self.written.upper()

    def flag(self, name: str) -> str | None:
        """The value of a flag, empty if it has none; None if the flag is not there."""
        return next((flag.value or "" for flag in self.flags if flag.name == name), None)

    def with_heredocs(self, heredocs: tuple[Heredoc, ...]) -> Instruction:
        """The same, holding its heredocs; the instruction behind ONBUILD holds them too."""
        inner = None if self.inner is None else replace(self.inner, heredocs=heredocs)
        return replace(self, heredocs=heredocs, inner=inner)

    def ending(self, line: int) -> Instruction:
        """The same, with the number of its last line."""
        return replace(self, end_line=line)

    def offset(self, logical: int) -> int:
        """Where a sign of the logical text stands in the file; of its end, behind the last one."""
        for piece in self.pieces:
            if logical < piece.logical + piece.length:
                return piece.offset + logical - piece.logical
        last = self.pieces[-1]
        return last.offset + last.length

    def end_offset(self, logical: int) -> int:
        """Where a part that ends before this sign of the logical text ends in the file."""
        return self.offset(logical - 1) + 1 if logical else self.offset(0)


def parsed(
    logical: str, pieces: tuple[Piece, ...], line: int, escape: str, start: int = 0
) -> Instruction:
    """The instruction that stands in a logical text from `start` on.

    MalformedError where the exec form holds something else than strings.
    """
    begin = start + len(logical[start:]) - len(logical[start:].lstrip(SPACE))
    stop = len(logical.rstrip(SPACE))
    gap = _GAP.search(logical, begin, max(stop, begin))
    written = logical[begin : gap.start() if gap else max(stop, begin)]
    flags, body_start = _flags(logical, gap.end() if gap else max(stop, begin), stop)
    body_start += len(logical[body_start:stop]) - len(logical[body_start:stop].lstrip(SPACE))
    body = logical[body_start:stop]
    keyword = written.upper()
    inner = None
    if keyword == "ONBUILD" and body:
        inner = parsed(logical, pieces, line, escape, body_start)
    found = _exec_form(keyword, body, line)
    return Instruction(
        written, logical, pieces, line, flags, body_start, body, found, escape, (), inner
    )


def _exec_form(keyword: str, body: str, line: int) -> tuple[str, ...] | None:
    if keyword == "HEALTHCHECK":
        # Whatever the first word is: it is looked at later.
        gap = next((at for at, sign in enumerate(body) if sign in SPACE), len(body))
        body = body[gap:].strip(SPACE)
    elif keyword not in _JSON:
        return None
    if not body.startswith("["):
        return None
    try:
        value, _ = _DECODER.raw_decode(body)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str) for item in value):
        raise MalformedError(
            f"line {line}: the list behind {keyword} holds something else than strings"
        )
    return tuple(value)


def _flags(text: str, at: int, stop: int) -> tuple[tuple[Flag, ...], int]:
    """The flags that stand at `at`, and where the arguments behind them begin."""
    found: list[Flag] = []
    while True:
        while at < stop and text[at] in SPACE:
            at += 1
        if not text.startswith("--", at, stop):
            return tuple(found), at
        word, end = _flag_word(text, at, stop)
        if word == "--":
            return tuple(found), end
        name, equals, value = word[2:].partition("=")
        found.append(Flag(name, value if equals else None, at, end))
        at = end


def _flag_word(text: str, at: int, stop: int) -> tuple[str, int]:
    """A flag without its quotes, and where it ends. Its escape sign is always a backslash."""
    made: list[str] = []
    quote = ""
    while at < stop:
        sign = text[at]
        if not quote and sign in SPACE:
            break
        if sign == "\\":
            at += 1
            made.append(text[at : min(at + 1, stop)])
        elif quote:
            if sign == quote:
                quote = ""
            else:
                made.append(sign)
        elif sign in "'\"":
            quote = sign
        else:
            made.append(sign)
        at += 1
    return "".join(made), min(at, stop)
