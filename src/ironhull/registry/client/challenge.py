"""WWW-Authenticate as registries send it (RFC 9110, section 11.6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ironhull.values import dataclass

_MAX_HEADER = 8192
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word, not a secret
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:[ \t]+|$)")
_PARAMETER = re.compile(rf'[\s,]*({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in which a server wants to be convinced; scheme and parameter names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """The challenges of all WWW-Authenticate headers; what does not parse ends its header."""
    found: list[Challenge] = []
    for header in headers:
        text, at = header[:_MAX_HEADER], 0
        while match := _SCHEME.match(text, at):
            at, parameters = match.end(), {}
            while parameter := _PARAMETER.match(text, at):
                name, quoted, token = parameter.groups()
                value = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters[name.lower()] = value
                at = parameter.end()
            found.append(Challenge(match[1].lower(), parameters))
    return found
