"""Which repositories are mirrors of others', as the file of rules says.

[[mirror]]
prefix = "hub"                       # hub/NAME here is NAME there
upstream = "registry.example"        # HOST[:PORT][/PATH], as in an image's name
repositories = ["library/*"]         # which of upstream's; left out: all
revalidate = "15m"                   # how long a tag is believed before upstream is asked again
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ironhull.errors import InputError
from ironhull.oci.reference import MAX_NAME, NAME, Reference
from ironhull.registry.server.rule_values import seconds, tables, texts

_REVALIDATE = 15 * 60.0
_KEYS = {"prefix", "upstream", "repositories", "revalidate"}
_HOST = re.compile(r"localhost|[^/]*[.:][^/]*")


@dataclass(frozen=True, slots=True)
class Mirror:
    """One registry, or a part of it, that is mirrored below a prefix."""

    prefix: str
    upstream: str
    repositories: tuple[str, ...] = ("*",)
    revalidate: float = _REVALIDATE
    """Seconds for which what upstream said of a tag, or of referrers, is believed."""

    def source(self, repository: str) -> Reference | None:
        """Where a repository of ours comes from; None if it is none of this mirror."""
        prefix = f"{self.prefix}/"
        if not repository.startswith(prefix):
            return None
        name = repository.removeprefix(prefix)
        if not any(fnmatchcase(name, pattern) for pattern in self.repositories):
            return None
        host, _, path = self.upstream.partition("/")
        whole = f"{path}/{name}" if path else name
        return Reference(host, whole) if len(f"{host}/{whole}") <= MAX_NAME else None


def mirrors_of(value: object, where: str) -> tuple[Mirror, ...]:
    """The mirrors of a parsed file; InputError says what is wrong."""
    found = tuple(
        _mirror(table, f"{where} {at}") for at, table in enumerate(tables(value, where), 1)
    )
    for at, mirror in enumerate(found):
        for other in found[:at]:
            # Of two that nest, one would shadow the other for some names only.
            pair = (f"{mirror.prefix}/", f"{other.prefix}/")
            if pair[0].startswith(pair[1]) or pair[1].startswith(pair[0]):
                raise InputError(
                    f"{where}: prefix {mirror.prefix!r} and {other.prefix!r} overlap: "
                    "give each mirror one of its own"
                )
    return found


def _mirror(table: Mapping[str, Any], where: str) -> Mirror:
    if not {"prefix", "upstream"} <= set(table) <= _KEYS:
        raise InputError(
            f"{where}: has {sorted(table)}, expected prefix and upstream "
            "(and perhaps repositories and revalidate)"
        )
    prefix, upstream = table["prefix"], table["upstream"]
    if not isinstance(prefix, str) or not NAME.fullmatch(prefix) or len(prefix) > MAX_NAME:
        raise InputError(f"{where}: prefix {prefix!r:.100} is not the start of a repository's name")
    return Mirror(
        prefix,
        _upstream(upstream, where),
        texts(table.get("repositories", ["*"]), f"{where}: repositories"),
        seconds(table["revalidate"], f"{where}: revalidate")
        if "revalidate" in table
        else _REVALIDATE,
    )


def _upstream(text: object, where: str) -> str:
    expected = "expected HOST[:PORT][/PATH], for example registry.example:5000/team"
    if not isinstance(text, str) or not _HOST.match(text.partition("/")[0]):
        raise InputError(f"{where}: upstream {text!r:.100}: {expected}")
    host, slash, path = text.partition("/")
    try:
        # The grammar of references, with a name put where there is none.
        Reference.parse(f"{host}/{path or 'any/thing'}")
    except InputError:
        raise InputError(f"{where}: upstream {text!r:.100}: {expected}") from None
    if ":" in path or "@" in path or (slash and not path):
        raise InputError(f"{where}: upstream {text!r:.100}: {expected}")
    return text
