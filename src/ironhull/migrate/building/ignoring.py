"""What `.dockerignore` keeps out of a build context, as Docker reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

MAX_BYTES = 1 << 18
_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|\[\^?[^\]/]+\]|\\.|.", re.DOTALL)
_MEANS = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


def ignoring(context: Path, dockerfile: Path) -> Callable[[str], bool]:
    """Whether a path of the context, without a slash in front, is kept out of it.

    The file beside the Dockerfile that is called like it is read instead, if there is one.
    """
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    file = own if own.is_file() else context / ".dockerignore"
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return lambda path: False
    rules = [_rule(line) for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]

    def ignored(path: str) -> bool:
        # The last pattern that fits a path, or a folder that it is in, decides.
        result = False
        for pattern, out in rules:
            if pattern.fullmatch(path):
                result = out
        return result

    return ignored


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    """The pattern of a line, and whether it keeps out what fits (`!` brings it back)."""
    out = not line.startswith("!")
    text = line.removeprefix("!").strip().strip("/")
    text = re.sub(r"/(?:\./)+|/{2,}", "/", text.removeprefix("./"))
    made = "".join(_means(found[0]) for found in _PARTS.finditer(text))
    return re.compile(f"{made}(?:/.*)?", re.DOTALL), out


def _means(part: str) -> str:
    if part in _MEANS:
        return _MEANS[part]
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        return part.replace("\\", "\\\\")
    return re.escape(part[1:] if part.startswith("\\") and len(part) > 1 else part)
