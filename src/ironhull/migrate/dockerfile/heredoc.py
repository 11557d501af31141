"""Which heredocs an instruction opens: `<<EOF`, `<<-"EOF"`, `3<<EOF` as words of their own."""

from __future__ import annotations

import re

from ironhull.migrate.dockerfile.instruction import SPACE, Heredoc, Instruction

_HEREDOC = re.compile(r"(\d*)<<(-?)([^<]*)\Z")
_KEYWORDS = ("RUN", "COPY", "ADD")


def heredocs_of(instruction: Instruction) -> list[Heredoc]:
    """What is opened, still without its lines."""
    inner = instruction.inner or instruction
    if inner.keyword not in _KEYWORDS or inner.json is not None or "<<" not in instruction.logical:
        return []
    found = []
    for word in _words(instruction.logical) or ():
        match = _HEREDOC.match(word)
        names = _words(match[3]) if match else None
        if match and names and len(names) == 1:
            name = _unquoted(names[0])
            found.append(Heredoc(name, match[2] == "-", name == names[0]))
    return found


def _words(text: str) -> list[str] | None:
    """The shell words of a text with their quotes; None where a quote does not end."""
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in SPACE:
            at += 1
            continue
        end = _word_end(text, at)
        if end is None:
            return None
        words.append(text[at:end])
        at = end
    return words


def _word_end(text: str, at: int) -> int | None:
    quote = ""
    while at < len(text):
        sign = text[at]
        if sign == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in SPACE:
            return at
        at += 1
    return None if quote else min(at, len(text))


def _unquoted(word: str) -> str:
    """The word as a shell would give it."""
    made: list[str] = []
    quote, at = "", 0
    while at < len(word):
        sign = word[at]
        if sign == "\\" and quote != "'" and at + 1 < len(word):
            following = word[at + 1]
            # Between double quotes a backslash stays before what needs none.
            made.append(following if not quote or following in '"$\\' else sign + following)
            at += 1
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
    return "".join(made)
