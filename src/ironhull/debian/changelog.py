"""The changelog of a source package (deb-changelog(5)): what its maintainers say of each version.

Read as a stream, newest entry first, and only as far as somebody wants: that of a package of many
years has megabytes, and an update is in its first lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

from ironhull.debian.version import compare
from ironhull.errors import MalformedError

MAX_ENTRIES = 200
MAX_LINES = 2000
"""Of one entry."""
_HEADING = re.compile(
    r"(?P<source>[a-z0-9][a-z0-9+.-]*) \((?P<version>[^()\s]+)\)(?P<suites>(?:\s+[-+0-9A-Za-z.]+)+)"
    r"\s*;(?P<metadata>.*)",
    re.IGNORECASE,
)
_TRAILER = re.compile(r" --(?: (?P<by>.*?) <[^<>]*> {1,2}(?P<date>\S.*)|(?P<other>.*))")
_FILE = re.compile(
    r"(?:\./)?usr/share/doc/(?P<package>[^/]+)/"
    r"(?P<file>changelog\.Debian\.(?:[a-z0-9]+\.)?gz|changelog\.gz|changelog\.Debian|changelog)"
)
_URGENCY = re.compile(r"urgency\s*=\s*([a-z]+)", re.IGNORECASE)
_CVE = re.compile(r"\bCVE-[0-9]{4}-[0-9]{4,19}\b")


@dataclass(frozen=True, slots=True)
class ChangelogEntry:
    """What was changed in one version of a source package."""

    source: str
    version: str
    suites: tuple[str, ...]
    urgency: str
    """The maintainer's word, lower case; empty if he gives none."""
    by: str
    """A name, without an address."""
    date: str
    """RFC 3339, UTC; as written where it is no date."""
    lines: tuple[str, ...] = field(repr=False)
    """Without the indentation that all have; no empty line begins or ends them."""

    @property
    def cves(self) -> tuple[str, ...]:
        """The CVEs that it speaks of, each once, in its order. Not all of them need be fixed."""
        return tuple(dict.fromkeys(_CVE.findall("\n".join(self.lines))))


def changelog_file(path: str, package: str) -> str:
    """The file's name if this is the path of a package's own changelog; else nothing."""
    said = _FILE.fullmatch(path)
    return said["file"] if said and said["package"] == package else ""


def read_changelog(lines: Iterable[str], since: str = "") -> Iterator[ChangelogEntry]:
    """The entries of versions that are higher than `since` (all, if it is empty), newest first.

    It ends at the first that is not, at what is no entry (old changelogs end in other forms), and
    after MAX_ENTRIES. MalformedError if the text does not begin with an entry.
    """
    heading: re.Match[str] | None = None
    body: list[str] = []
    count = 0
    for line in (line.rstrip() for line in lines):
        if heading is None:
            if not line:
                continue
            heading = _HEADING.fullmatch(line)
            if heading is None:
                if count == 0:
                    raise MalformedError(f"no Debian changelog: it begins with {line!r:.100}")
                return
            if since and _known(heading["version"], since):
                return
            body = []
        elif trailer := _TRAILER.fullmatch(line):
            yield _entry(heading, body, trailer)
            heading, count = None, count + 1
            if count == MAX_ENTRIES:
                return
        elif len(body) < MAX_LINES:
            body.append(line)


def _known(version: str, since: str) -> bool:
    try:
        return compare(version, since) <= 0
    except MalformedError:
        return False


def _entry(heading: re.Match[str], body: list[str], trailer: re.Match[str]) -> ChangelogEntry:
    urgency = _URGENCY.search(heading["metadata"])
    return ChangelogEntry(
        heading["source"],
        heading["version"],
        tuple(heading["suites"].split()),
        urgency[1].lower() if urgency else "",
        trailer["by"] or "",
        _moment(trailer["date"] or ""),
        tuple(_trimmed(body)),
    )


def _trimmed(body: list[str]) -> list[str]:
    filled = [number for number, line in enumerate(body) if line]
    if not filled:
        return []
    kept = body[filled[0] : filled[-1] + 1]
    margin = min(len(line) - len(line.lstrip()) for line in kept if line)
    return [line[margin:] for line in kept]


def _moment(date: str) -> str:
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, TypeError, OverflowError):
        return date
