"""What maintainer scripts say that matters to a tree, read as text; no script is ever run."""

from __future__ import annotations

import re
import shlex

from ironhull.build.record import Alternative

_MAX_SCRIPT = 1 << 20


def _commands(script: bytes, program: str) -> list[list[str]]:
    """Argument vectors of all calls of the program that have no variable in them."""
    if len(script) > _MAX_SCRIPT or program.encode() not in script:
        return []
    text = script.decode("utf-8", "replace").replace("\\\n", " ")
    found = []
    for match in re.finditer(rf"\b{program}\s+([^\n;&|]*)", text):
        try:
            words = shlex.split(match[1], comments=True)
        except ValueError:
            continue
        if not any("$" in word or "`" in word for word in words):
            found.append(words)
    return found


def alternatives(postinst: bytes) -> tuple[Alternative, ...]:
    """The alternatives that a postinst installs with literal arguments."""
    found = []
    for words in _commands(postinst, "update-alternatives"):
        if "--install" not in words:
            continue
        at = words.index("--install")
        main = words[at + 1 : at + 5]
        if len(main) < 4 or not main[3].lstrip("-").isdigit():
            continue
        slaves = [
            (words[i + 1], words[i + 2], words[i + 3])
            for i, word in enumerate(words)
            if word == "--slave" and i + 3 < len(words)
        ]
        found.append(Alternative(main[0], main[1], main[2], int(main[3]), tuple(slaves)))
    return tuple(found)


def diversions(preinst: bytes) -> tuple[tuple[str, str], ...]:
    """(path, diverted to) of the diversions that a preinst adds with literal arguments.

    Those of the transition to a merged /usr have no effect on a fresh tree and are left out.
    """
    found = []
    for words in _commands(preinst, "dpkg-divert"):
        paths = [word for word in words if word.startswith("/")]
        if "--remove" in words or not paths:
            continue
        to = words[words.index("--divert") + 1] if "--divert" in words[:-1] else ""
        path = paths[-1]
        if not to.endswith(".usr-is-merged"):
            found.append((path, to or f"{path}.distrib"))
    return tuple(found)
