"""Shell text → simple commands with their words, or opaque where it is more than that.

What is read is a list of simple commands with `&&`, `||`, `;` and `|` between. Loops, conditions,
functions, groups, subshells, here-documents and comments make the text opaque: then nothing is said
about it. Every command and word has its place in the text, so that one of them can be changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_DEPTH = 50
MAX_TEXT = 1 << 15
"""Signs of a text that is taken apart."""
_OPERATORS = ("&&", "||", ";", "|", "&")
_REDIRECT = re.compile(r"\d*(?:&>>?|>>|>&|<&|>\||<>|>|<)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_RESERVED = frozenset(
    (
        *("if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case"),
        *("esac", "function", "select", "{", "}", "!", "[[", "time"),
    )
)
_ENDS = frozenset(" \t\n\r;&|<>()")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a command."""

    text: str
    start: int
    end: int
    value: str
    """Without quotes."""
    plain: bool
    """Nothing in it is expanded: no variable, no command, no pattern, no `~`."""


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command."""

    start: int
    end: int
    before: str
    """The operator that leads to it; empty for the first."""
    assignments: tuple[Word, ...]
    words: tuple[Word, ...]
    redirects: tuple[tuple[str, Word], ...]

    @property
    def values(self) -> tuple[str, ...]:
        """The words without quotes."""
        return tuple(word.value for word in self.words)

    @property
    def name(self) -> str:
        """The program's name without its folder; empty where there is none."""
        return self.words[0].value.rpartition("/")[2] if self.words else ""

    @property
    def plain(self) -> bool:
        """Nothing in it is expanded and nothing redirected."""
        return not self.redirects and all(word.plain for word in (*self.words, *self.assignments))


@dataclass(frozen=True, slots=True)
class Script:
    """What a shell would run."""

    commands: tuple[Command, ...]
    opaque: str = ""
    """Why nothing is known of it; then there are no commands."""


class _OpaqueError(Exception):
    """The text is more than a list of simple commands."""


def read_shell(text: str) -> Script:
    """The commands of a text; offsets are in this text."""
    if len(text) > MAX_TEXT:
        return Script((), "it is very long")
    try:
        return Script(tuple(_commands(text)))
    except _OpaqueError as error:
        return Script((), str(error))


def _commands(text: str) -> list[Command]:
    found: list[Command] = []
    at, before = 0, ""
    while True:
        command, at = _command(text, at, before)
        if command is not None:
            found.append(command)
        elif before and before != ";":
            raise _OpaqueError(f"nothing stands behind {before}")
        if at >= len(text):
            return found
        before = next((each for each in _OPERATORS if text.startswith(each, at)), ";")
        if before == "&":
            raise _OpaqueError("a command runs in the background")
        at += len(before)


def _command(text: str, at: int, before: str) -> tuple[Command | None, int]:
    assignments: list[Word] = []
    words: list[Word] = []
    redirects: list[tuple[str, Word]] = []
    start = end = -1
    while True:
        while at < len(text) and text[at] in " \t\r":
            at += 1
        if at >= len(text) or text[at] in ";|\n" or _ends_command(text, at):
            break
        if start < 0:
            start = at
        redirect = _REDIRECT.match(text, at)
        if redirect:
            word, at = _redirected(text, redirect)
            redirects.append((redirect[0], word))
        else:
            word, at = _word(text, at)
            first = not words
            if first and _ASSIGNMENT.match(word.text):
                assignments.append(word)
            else:
                if first and word.text in _RESERVED:
                    raise _OpaqueError(f"it uses {word.text}")
                words.append(word)
        end = at
    if start < 0:
        return None, at
    return Command(start, end, before, tuple(assignments), tuple(words), tuple(redirects)), at


def _ends_command(text: str, at: int) -> bool:
    return text[at] == "&" and not text.startswith("&>", at)


def _redirected(text: str, redirect: re.Match[str]) -> tuple[Word, int]:
    at = redirect.end()
    if text.startswith("<", at) and redirect[0].endswith("<"):
        raise _OpaqueError("it has a here-document")
    while at < len(text) and text[at] in " \t":
        at += 1
    if at >= len(text) or text[at] in _ENDS:
        raise _OpaqueError(f"nothing stands behind {redirect[0]}")
    return _word(text, at)


def _word(text: str, start: int) -> tuple[Word, int]:
    if text[start] in "()":
        raise _OpaqueError("it has a subshell or a function")
    if text[start] == "#":
        raise _OpaqueError("it has a comment inside")
    made: list[str] = []
    plain, at = text[start] != "~", start
    while at < len(text) and text[at] not in _ENDS:
        sign = text[at]
        if sign == "\\":
            made.append(text[at + 1 : at + 2])
            at += 2
        elif sign == "'":
            close = text.find("'", at + 1)
            if close < 0:
                raise _OpaqueError("a quote does not end")
            made.append(text[at + 1 : close])
            at = close + 1
        elif sign == '"':
            inner, at, fixed = _double_quoted(text, at + 1)
            made.append(inner)
            plain = plain and fixed
        elif sign in "$`":
            end = _expansion_end(text, at, 0)
            made.append(text[at:end])
            plain, at = plain and end == at + 1 and sign == "$", end
        else:
            plain = plain and sign not in "*?["
            made.append(sign)
            at += 1
    if at < len(text) and text[at] == "(":
        raise _OpaqueError("it has a subshell or a function")
    at = min(at, len(text))
    return Word(text[start:at], start, at, "".join(made), plain), at


def _double_quoted(text: str, at: int) -> tuple[str, int, bool]:
    """What stands between double quotes, where it ends, and whether nothing in it is expanded."""
    made: list[str] = []
    fixed = True
    while at < len(text):
        sign = text[at]
        if sign == '"':
            return "".join(made), at + 1, fixed
        if sign == "\\" and text[at + 1 : at + 2] in ('"', "\\", "$", "`"):
            made.append(text[at + 1])
            at += 2
        elif sign in "$`":
            end = _expansion_end(text, at, 0)
            made.append(text[at:end])
            fixed, at = fixed and end == at + 1 and sign == "$", end
        else:
            made.append(sign)
            at += 1
    raise _OpaqueError("a quote does not end")


def _expansion_end(text: str, at: int, depth: int) -> int:
    """Where `$x`, `${…}`, `$(…)` or a command between backticks ends; `$` alone is one sign."""
    if depth > MAX_DEPTH:
        raise _OpaqueError("it is nested too deep")
    if text[at] == "`":
        close = text.find("`", at + 1)
        if close < 0:
            raise _OpaqueError("a backtick does not end")
        return close + 1
    following = text[at + 1 : at + 2]
    if following in ("(", "{"):
        return _bracketed_end(text, at + 2, ")" if following == "(" else "}", depth + 1)
    name = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]").match(text, at + 1)
    return name.end() if name else at + 1


def _bracketed_end(text: str, at: int, close: str, depth: int) -> int:
    opening = "(" if close == ")" else "{"
    level = 1
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
        elif sign == "'" and close == ")":
            at = text.find("'", at + 1)
            if at < 0:
                break
        elif sign == "`" or (sign == "$" and text[at + 1 : at + 2] in ("(", "{")):
            at = _expansion_end(text, at, depth) - 1
        elif sign == opening:
            level += 1
        elif sign == close:
            level -= 1
            if not level:
                return at + 1
        at += 1
    raise _OpaqueError(f"{opening} does not end")
