"""Variables of ARG and ENV: their definitions, and texts with them replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ironhull.migrate.dockerfile.instruction import SPACE, Instruction

_USE = re.compile(
    r"\\(?P<escaped>.)|\$(?:(?P<name>[A-Za-z_]\w*)"
    r"|\{(?P<braced>[A-Za-z_]\w*)(?:(?P<operator>:?[-+])(?P<word>[^${}]*))?\}"
    r"|(?P<other>.|\Z))",
    re.DOTALL,
)
_GAP = re.compile(r"[\t\v\f\r ]+")
MAX_TEXT = 1 << 16


def replaced(text: str, values: Mapping[str, str]) -> str | None:
    """The text with `$x`, `${x}`, `${x:-word}` and `${x:+word}` replaced.

    None where that is not known: a variable without a value, a pattern, a text beyond 64 KiB.
    """
    unknown = False
    size = 0

    def value(found: re.Match[str]) -> str:
        nonlocal unknown, size
        made = _value(found, values)
        if made is None:
            unknown = True
            return ""
        size += len(made)
        return made if size < MAX_TEXT else ""

    made = _USE.sub(value, text)
    return None if unknown or size >= MAX_TEXT else made


def _value(found: re.Match[str], values: Mapping[str, str]) -> str | None:
    if found["escaped"] is not None:
        return found["escaped"] if found["escaped"] in "$\\" else found[0]
    name = found["name"] or found["braced"]
    if name is None:
        return None
    known = values.get(name)
    operator = found["operator"]
    if operator is None:
        return known
    there = bool(known) if operator.startswith(":") else known is not None
    if operator.endswith("-"):
        return known if there else found["word"]
    return found["word"] if there else ""


def names_in(text: str) -> set[str]:
    """The variables that a text uses."""
    return {found["name"] or found["braced"] for found in _USE.finditer(text)} - {None}


def pairs(instruction: Instruction) -> tuple[tuple[str, str], ...]:
    """Names and values of ENV and LABEL, quotes taken off; names alone have no value in ARG.

    `ENV name value with spaces` is the older form of one pair.
    """
    words = split_words(instruction.body, instruction.escape)
    if not words:
        return ()
    if "=" not in words[0] and instruction.keyword != "ARG":
        parts = _GAP.split(instruction.body, maxsplit=1)
        return ((parts[0], unquoted(parts[1], instruction.escape) if len(parts) == 2 else ""),)
    made = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals or instruction.keyword != "ARG":
            made.append((name, unquoted(value, instruction.escape)))
    return tuple(made)


def split_words(text: str, escape: str) -> list[str]:
    """Words with their quotes, as BuildKit splits the arguments of ENV, LABEL and ARG."""
    return [text[start:end] for start, end in word_spans(text, escape)]


def word_spans(text: str, escape: str) -> list[tuple[int, int]]:
    """Where each of these words begins and ends."""
    spans: list[tuple[int, int]] = []
    start, quote, at = -1, "", 0
    while at < len(text):
        sign = text[at]
        if start < 0:
            if sign in SPACE:
                at += 1
                continue
            start = at
        if sign == escape and quote != "'":
            at += 1
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in SPACE:
            spans.append((start, at))
            start = -1
        at += 1
    if start >= 0:
        spans.append((start, len(text)))
    return spans


def unquoted(word: str, escape: str = "\\") -> str:
    """A word without its quotes; escaped signs stand for themselves, an escaped `$` stays so."""
    made: list[str] = []
    quote, at = "", 0
    while at < len(word):
        sign = word[at]
        if sign == escape and quote != "'" and at + 1 < len(word):
            at += 1
            keep = word[at] == "$" or (quote and word[at] not in '"\\')
            made.append(sign + word[at] if keep else word[at])
        elif quote and sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        else:
            made.append(sign)
        at += 1
    return "".join(made)
