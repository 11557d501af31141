"""Control stanzas: `Field: value` lines that blank lines separate (deb822(5), Debian Policy 5.1).

Reads what archives, packages and apt write. Every text is hostile: sizes are bounded, and what is
not a stanza is refused with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ironhull.errors import MalformedError

MAX_STANZA = 4 << 20
"""Bytes of one stanza; the largest of Debian's has about 60 KB."""

Stanza = dict[str, str]
"""Values by field name in lower case, in the order of the text.

A value's first line comes without surrounding blanks; lines that continue it follow after a
newline, without the one blank that marks them.
"""

_NAME = re.compile(r"[!-9;-~]+")


def parse_stanza(text: str | bytes, where: str = "stanza") -> Stanza:
    """The fields of one stanza; MalformedError if it is none, or more than one."""
    stanzas = parse_stanzas(text, where)
    if len(stanzas) != 1:
        raise MalformedError(f"{where}: expected one stanza, got {len(stanzas)}")
    return stanzas[0]


def parse_stanzas(text: str | bytes, where: str = "stanza") -> list[Stanza]:
    """All stanzas of a small text; lines that begin with `#` are comments.

    MalformedError as `where:line: …`.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    stanzas: list[Stanza] = []
    current: Stanza = {}
    name = ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r")
        if line.startswith("#"):
            continue
        if not line.strip():
            if current:
                stanzas.append(current)
            current, name = {}, ""
        elif line[0] in " \t":
            if not name:
                raise MalformedError(f"{where}:{number}: a line continues no field: {line!r:.80}")
            current[name] += "\n" + line[1:].rstrip()
        else:
            name, value = _field(line, f"{where}:{number}")
            if name in current:
                raise MalformedError(f"{where}:{number}: field {name!r:.80} is there twice")
            current[name] = value
    if current:
        stanzas.append(current)
    return stanzas


def split_stanzas(chunks: Iterable[bytes], where: str = "stanzas") -> Iterator[bytes]:
    """The raw bytes of each stanza of a long text that comes in pieces of any size.

    Only empty lines separate here, as for apt. Does not look inside; MalformedError if a stanza is
    larger than MAX_STANZA.
    """
    rest = b""
    for chunk in chunks:
        pieces = (rest + chunk).split(b"\n\n")
        rest = pieces.pop()
        if len(rest) > MAX_STANZA:
            raise MalformedError(f"{where}: a stanza is larger than {MAX_STANZA} bytes")
        for piece in pieces:
            if piece[:1] == b"\n":
                piece = piece.lstrip(b"\n")
            if piece:
                yield piece
    if rest := rest.strip(b"\n"):
        yield rest


def _field(line: str, where: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _NAME.fullmatch(name) or name.startswith("-"):
        raise MalformedError(f"{where}: expected `Field: value`, got {line!r:.80}")
    return name.lower(), value.strip()
