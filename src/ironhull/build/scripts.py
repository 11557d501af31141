"""What maintainer scripts say that matters to a tree, read as text; no script is ever run."""

from __future__ import annotations

import posixpath
import re
import shlex

from ironhull.build.record import Alternative

_MAX_SCRIPT = 1 << 20
_PRIORITY = re.compile(r"-?[0-9]{1,9}")
_ALTERNATIVE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9+._-]{0,199}")
_OTHER_DIVERT_ACTIONS = frozenset({"--remove", "--list", "--listpackage", "--truename"})


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
        if len(main) < 4 or not _PRIORITY.fullmatch(main[3]) or not _sound(*main[:3]):
            continue
        slaves = [
            (words[i + 1], words[i + 2], words[i + 3])
            for i, word in enumerate(words)
            if word == "--slave" and i + 3 < len(words) and _sound(*words[i + 1 : i + 4])
        ]
        found.append(Alternative(main[0], main[1], main[2], int(main[3]), tuple(slaves)))
    return tuple(found)


def _sound(link: str, name: str, path: str) -> bool:
    """Whether these can be an alternative: two absolute paths that do not climb, and a name."""
    return _ALTERNATIVE_NAME.fullmatch(name) is not None and all(
        text.startswith("/") and posixpath.normpath(text) == text and not text.startswith("//")
        for text in (link, path)
    )


def diversions(preinst: bytes) -> tuple[tuple[str, str], ...]:
    """(path, diverted to) of the diversions that a preinst adds with literal arguments.

    Those of the transition to a merged /usr have no effect on a fresh tree and are left out.
    """
    found = []
    for words in _commands(preinst, "dpkg-divert"):
        to = ""
        if "--divert" in words[:-1]:
            at = words.index("--divert")
            to = words[at + 1]
            del words[at : at + 2]
        paths = [word for word in words if word.startswith("/")]
        if not paths or not _OTHER_DIVERT_ACTIONS.isdisjoint(words):
            continue
        path = paths[-1]
        if not to.endswith(".usr-is-merged"):
            found.append((path, to or f"{path}.distrib"))
    return tuple(found)
