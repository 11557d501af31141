"""apt's sources: one-line `.list` and deb822 `.sources` files (sources.list(5)).

Gives what the files say, enabled binary sources only; which of them are Debian's own is for
`archive.mirror` to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ironhull.debian.stanza import Stanza, parse_stanzas
from ironhull.errors import EnvironmentProblem, InputError, MalformedError
from ironhull.values import dataclass

APT_SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
_MAX_FILE = 1 << 20
_LINE = re.compile(r"(?P<type>deb|deb-src)\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<rest>\S.*)")


@dataclass(frozen=True, slots=True)
class AptSource:
    """One address with its suites."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str
    """As written: paths, fingerprints, or an armoured key; empty if not there."""
    place: str
    """`file:line`, or `file` for a stanza."""


def apt_sources(paths: Sequence[Path]) -> list[AptSource]:
    """The sources of these files, and of the `.list` and `.sources` files of these folders.

    A file or folder that is not there has none. A file that cannot be understood is an error: to
    skip it could mean to use another mirror than the machine's owner chose.
    """
    sources: list[AptSource] = []
    for path in _files(paths):
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_FILE).decode("utf-8", "replace")
        except OSError as error:
            raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
        try:
            read = _deb822(text, str(path)) if path.suffix == ".sources" else _list(text, str(path))
            sources.extend(read)
        except MalformedError as error:
            raise EnvironmentProblem(
                f"cannot find the package mirror: {error} (set one instead: --mirror URL)"
            ) from None
    return sources


def parse_line(line: str, place: str) -> AptSource | None:
    """One line, `deb [options] URI suite component…`; None for `deb-src` and comments."""
    line = re.sub(r"(^|\s)#.*", "", line).strip()
    if not line:
        return None
    found = _LINE.fullmatch(line)
    words = found["rest"].split() if found else []
    # A suite that ends in a slash is a folder, without components.
    if found is None or len(words) < 2 or (len(words) == 2) != words[1].endswith("/"):
        raise InputError(
            f"{place}: not a line of apt sources: {line!r:.120}"
            " (expected: deb [options] URI suite component…)"
        )
    if found["type"] == "deb-src":
        return None
    options = dict(_option(option, place) for option in (found["options"] or "").split())
    return AptSource(words[0], (words[1],), tuple(words[2:]), options.get("signed-by", ""), place)


def _option(text: str, place: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise InputError(f"{place}: expected option=value, got {text!r:.80}")
    return key.lower().rstrip("+-"), value


def _list(text: str, place: str) -> Iterator[AptSource]:
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            try:
                source = parse_line(stripped, f"{place}:{number}")
            except InputError as error:
                raise MalformedError(str(error)) from None
            if source is not None:
                yield source


def _deb822(text: str, place: str) -> Iterator[AptSource]:
    for stanza in parse_stanzas(text, place):
        if "deb" in stanza.get("types", "").split() and _enabled(stanza):
            suites = tuple(stanza.get("suites", "").split())
            components = tuple(stanza.get("components", "").split())
            signed_by = stanza.get("signed-by", "").strip()
            for uri in stanza.get("uris", "").split():
                yield AptSource(uri, suites, components, signed_by, place)


def _enabled(stanza: Stanza) -> bool:
    return stanza.get("enabled", "yes").lower() not in ("no", "false", "without", "off", "disable")


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = (p for p in path.iterdir() if p.suffix in (".list", ".sources"))
            yield from sorted(p for p in found if p.is_file())
        elif path.is_file():
            yield path
