"""What the steps of an image's history did, as far as they say it.

A history is what the builder wrote down: it can be missing, and it can say nothing (`ironhull`,
`buildkit`). Then nothing follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ironhull.inventory.model import Layer

_STEP = re.compile(r"\b(?:RUN|COPY|ADD)\b|/bin/(?:ba)?sh -c|#\(nop\)|\bFROM\b")
_NOT_DONE = re.compile(r"^.*#\(nop\)\s*")
_FETCH = re.compile(r"\b(?:curl|wget|aria2c)\b")
_ADDRESS = re.compile(r"\b(?:https?|ftp)://", re.IGNORECASE)
_CHECKED = re.compile(
    r"sha(?:1|224|256|384|512)sum|shasum|b2sum|minisign|gpgv|cosign verify"
    r"|gpg2?\b.{0,200}? --verify"
)
_ADD_URL = re.compile(r"^(?:RUN )?ADD (?!.*--checksum)[^\n]*\b(?:https?|git)://")
_ADD = re.compile(r"^ADD\b")
_ADD_ARCHIVE = re.compile(r"^ADD (?:--\S+ )*(?:file:[0-9a-f]{64}|\S+\.(?:tar|tar\.\w+|tgz|txz)) ")
_COMMAND = re.compile(r"&&|\|\||;|\|")
# Tool, its word for installing, and what a word looks like that names a version or a file.
_INSTALLS: tuple[tuple[str, re.Pattern[str], re.Pattern[str], re.Pattern[str]], ...] = (
    (
        "apt",
        re.compile(r"\bapt(?:-get)?\b"),
        re.compile(r"\binstall\b"),
        re.compile(r"=|^\./|\.deb$"),
    ),
    ("apk", re.compile(r"\bapk\b"), re.compile(r"\badd\b"), re.compile(r"[=~<>]|^\.")),
    (
        "pip",
        re.compile(r"\bpip3?\b"),
        re.compile(r"\binstall\b"),
        re.compile(r"==|^\.|\.whl$|\.txt$|\.toml$|://"),
    ),
    ("npm", re.compile(r"\bnpm\b"), re.compile(r"\b(?:i|install|add)\b"), re.compile(r"@\d")),
)
_UPDATE = re.compile(r"\b(?:apt(?:-get)? update|apk update|yum (?:check-)?update|dnf update)\b")
_INSTALLING = re.compile(r"\b(?:install|add|upgrade|dist-upgrade)\b")


@dataclass(frozen=True, slots=True)
class History:
    """What the steps show. With `known` false the rest is empty."""

    known: bool
    steps: int = 0
    unchecked: tuple[str, ...] = ()
    """Steps that download something without comparing it with a digest or signature."""
    unpinned: tuple[str, ...] = ()
    """Steps that install packages of whatever version there is."""
    pinned: int = 0
    """Steps that install packages, all in given versions."""
    added: tuple[str, ...] = ()
    """Steps with ADD that unpack nothing and could be COPY."""
    lone_updates: tuple[str, ...] = ()
    """Steps that update the package index and install nothing."""


def history_of(layers: Iterable[Layer]) -> History:
    """What can be read from `created_by` of the layers."""
    written = [layer.created_by for layer in layers if layer.created_by]
    steps = [_plain(text) for text in written if _STEP.search(text)]
    if not steps:
        return History(False)
    installs = [(text, _unpinned(text)) for text in steps]
    return History(
        known=True,
        steps=len(steps),
        unchecked=tuple(_short(text) for text in steps if _is_unchecked(text)),
        unpinned=tuple(_short(text) for text, loose in installs if loose),
        pinned=sum(loose is False for _, loose in installs),
        added=tuple(
            _short(text) for text in steps if _ADD.match(text) and not _ADD_ARCHIVE.match(text)
        ),
        lone_updates=tuple(
            _short(text)
            for text in steps
            if _UPDATE.search(text) and not _INSTALLING.search(_UPDATE.sub("", text))
        ),
    )


def _plain(text: str) -> str:
    """The step itself, in one line, without what builders put around it."""
    text = _NOT_DONE.sub("", " ".join(text.split())).removeprefix("/bin/sh -c ").strip()
    return text.removesuffix(" # buildkit")


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"


def _is_unchecked(text: str) -> bool:
    if _ADD_URL.match(text):
        return True
    fetch = _FETCH.search(text)
    if fetch is None or _ADDRESS.search(text, fetch.end()) is None:
        return False
    return _CHECKED.search(text) is None


def _unpinned(text: str) -> bool | None:
    """Whether a step installs something without a version; None: it installs nothing."""
    found: bool | None = None
    for command in _COMMAND.split(text):
        for tool, program, verb, pinned in _INSTALLS:
            called = program.search(command)
            installing = verb.search(command, called.end()) if called else None
            if installing is None:
                continue
            rest = command[installing.end() :].split()
            words = [word for word in rest if not word.startswith(("-", "$", "/", "<"))]
            if tool == "pip" and {"-r", "--requirement", "--require-hashes"} & set(rest):
                words = []
            if tool == "npm" and not words:
                # `npm install` alone may change what the lock file says; `npm ci` may not.
                return True
            if any(not pinned.search(word) for word in words):
                return True
            found = False
    return found
