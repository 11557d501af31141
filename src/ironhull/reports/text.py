"""Text of strangers made harmless: one rule for all that a person looks at.

Names, versions, paths and messages come from images, registries and feeds, which anybody writes.
A terminal obeys escape sequences, a viewer turns lines around at U+202E, a log ends a line at
U+2028. So every sign that Unicode does not call printable is taken out: controls (C0, DEL, C1 with
ESC and CSI), formats (bidirectional overrides and isolates, signs of no width), separators of lines
and paragraphs, lone surrogates, signs of private use, and what is not assigned.

JSON keeps them, since programs read it, but spells them out (`shown_json`).
"""

from __future__ import annotations

import re

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Of UTF-8: what ASCII has to print, and the end of a line.
_PLAIN = bytes([*range(0x20, 0x7F), 0x0A])
_NOT_ASCII = re.compile(r"[^\n -~]")


def harmless(text: str) -> str:
    """The text with a space for each white space, U+FFFD for each other sign not to be printed."""
    # Nearly every text is harmless, and this test costs next to nothing.
    return text if text.isprintable() else "".join(map(_harmless_sign, text))


def harmless_lines(text: str) -> str:
    """As `harmless`, but the lines that the text has stay lines."""
    # A page has thousands of signs, nearly all of them plain: those are taken out at once.
    left = text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)
    if not left or left.decode("utf-8", "surrogatepass").isprintable():
        return text
    return "\n".join(map(harmless, text.split("\n")))


def one_line(text: str, limit: int = 0) -> str:
    """A harmless text without white space around it or twice in it; cut to `limit` signs if set."""
    line = " ".join(harmless(text).split())
    return f"{line[: limit - 1]}…" if 0 < limit < len(line) else line


def spelled_out(text: str) -> str:
    r"""One line of ASCII with every other sign as Python spells it, `\x1b` or `\u202e`.

    For logs: nothing is lost, and no sign, of white space neither, can pass for one of the log's.
    """
    return text.encode("unicode_escape").decode("ascii")


def shown_json(text: str) -> str:
    r"""JSON with every sign that `harmless` takes out written as `\u202e`: the value is the same.

    Outside of its strings JSON has nothing but ASCII, so the whole text can be treated as one.
    """
    if text.replace("\n", "").isprintable():
        return text
    return _NOT_ASCII.sub(_escaped, text)


def _harmless_sign(sign: str) -> str:
    if sign.isprintable():
        return sign
    return " " if sign.isspace() else _REPLACEMENT


def _escaped(found: re.Match[str]) -> str:
    sign = found[0]
    if sign.isprintable():
        return sign
    if sign == "\t":
        return sign  # between values, where others wrote the document; in a string it is \t
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
