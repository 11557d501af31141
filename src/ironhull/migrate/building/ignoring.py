"""What `.dockerignore` keeps out of a build context, as Docker reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ironhull.errors import InputError
from ironhull.values import dataclass

MAX_BYTES = 1 << 18
# Several stars in a part; one behind a backslash is itself.
_STARS = re.compile(r"(?<!\\)\*{2,}")
_SIGNS = re.compile(r"\*|\?|\[\^?[^\]/]+\]|\\.|.", re.DOTALL)


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
        for rule in rules:
            if rule.out != result and rule.fits(path):
                result = rule.out
        return result

    return ignored


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern, part by part; None is `**`, any number of folders."""

    parts: tuple[re.Pattern[str] | None, ...]
    out: bool
    """Whether it keeps out what fits; `!` brings it back."""

    def fits(self, path: str) -> bool:
        """Whether it means the path, or a folder that it is in.

        All places of the pattern that may have been reached are followed at once: so it takes no
        longer than path times pattern, whatever a stranger has written.
        """
        end = len(self.parts)
        reached = self._with_skipped({0})
        for segment in path.split("/"):
            following = {at for at in reached if at == end or self.parts[at] is None}
            for at in reached - following:
                part = self.parts[at]
                if part is not None and part.fullmatch(segment):
                    following.add(at + 1)
            reached = self._with_skipped(following)
        return end in reached

    def _with_skipped(self, reached: set[int]) -> set[int]:
        for at in sorted(reached):
            while at < len(self.parts) and self.parts[at] is None:
                at += 1
                reached.add(at)
        return reached


def _rule(line: str) -> _Rule:
    """The rule of a line; InputError if it is none."""
    out = not line.startswith("!")
    text = line.removeprefix("!").strip().strip("/")
    text = re.sub(r"/(?:\./)+|/{2,}", "/", text.removeprefix("./"))
    try:
        return _Rule(tuple(_parts(text.split("/"))), out)
    except re.error as error:
        raise InputError(f".dockerignore: {line!r:.100} is no pattern: {error}") from None


def _parts(texts: Sequence[str]) -> Iterator[re.Pattern[str] | None]:
    for number, text in enumerate(texts, 1):
        last = number == len(texts)
        if text == "**":
            # At the end it is what is in the folder, not the folder.
            yield re.compile(".*", re.DOTALL) if last else None
            continue
        if text.startswith("**"):
            yield None
        yield _part(_STARS.sub("*", text))
        if not last and text.endswith("**") and not text.endswith("\\**"):
            yield None


def _part(text: str) -> re.Pattern[str]:
    """One part. What stands between two stars has a length: where it is found first will do."""
    chunks = [""]
    for found in _SIGNS.finditer(text):
        if found[0] == "*":
            chunks.append("")
        else:
            chunks[-1] += _means(found[0])
    first, *others = chunks
    inner = "".join(f"(?>.*?{chunk})" for chunk in others[:-1])
    return re.compile(first + inner + (f".*{others[-1]}" if others else ""), re.DOTALL)


def _means(sign: str) -> str:
    if sign == "?":
        return "."
    if sign.startswith("[") and sign.endswith("]") and len(sign) > 2:
        return sign.replace("\\", "\\\\")
    return re.escape(sign[1:] if sign.startswith("\\") and len(sign) > 1 else sign)
