"""Debian's raw tracker annotations: the CVE list, and the lists of DSAs and DLAs.

Read as the tracker's text, or as one JSON file an entry that carries the text's lines
(`Header.Original`, `Annotations[].Original`). The grammar is the tracker's
(security-tracker/doc/security-team.d.o/security_tracker):

1. An entry begins at the margin: `CVE-2024-1 (…)`, `CVE-2024-XXXX […]`, `[date] DSA-1-1 pkg - …`.
2. Indented below are `{…}` cross-references, `NOTE:` and `TODO:` lines, and package lines:
   `- package version (flags)`, `[release] - package <kind> (reason)`.
3. Flags are `bug #N` and an urgency in any order; what is left of the brackets is free text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

import msgspec

from ironhull.advisories.documents import DAMAGED
from ironhull.advisories.ecosystems import SID, ecosystem
from ironhull.advisories.interface import Document, FeedDate, malformed
from ironhull.advisories.model import Claim, Record, State

MAX_LINE = 64 << 10
MAX_ENTRY_LINES = 5_000
MAX_REASON = 600

_CVE_HEADER = re.compile(r"(CVE-\d{4}-(?:\d{4,}|XXXX))(?: ?[(\[](.*?)[)\]]?)?\s*")
_ADVISORY_HEADER = re.compile(r"\[(\d{1,2} \w{3} \d{4})\] (D[A-Z]*A-\d+(?:-\d+)?)\s*(.*)")
_PACKAGE = re.compile(
    r"(?:\[(?P<release>[a-z0-9.-]+)\] )?- (?P<package>[a-z0-9][a-z0-9+.-]*)"
    r"(?: +(?:<(?P<kind>[a-z-]+)>|(?P<version>[^\s<(]\S*)))?"
    r"(?: +\((?P<text>.*)\))?\s*"
)
_OLDER_STATE = re.compile(r"\.[0-9a-f]{8,40}\.json$")
_BUG = re.compile(r"bug #(\d{1,9})")
_URGENCIES = frozenset({"unimportant", "low", "medium", "high", "not yet assigned"})
_CITATION = re.compile(
    r"\s*(?:https?://\S+|(?:fixed|introduced|fix|follow[- ]up|upstream|patch|prerequisite|commit|"
    r"test|debian bug|cve)s?\b[^.]*:\s*\S*https?://.*)\s*",
    re.IGNORECASE,
)
_KINDS: dict[str, State] = {
    state.value: state
    for state in State
    if state not in (State.FIXED, State.RANGES, State.EXPRESSION)
}


class _Line(msgspec.Struct, rename="pascal"):
    original: str


class _Envelope(msgspec.Struct, rename="pascal"):
    header: _Line
    annotations: list[_Line] = []


_DECODER = msgspec.json.Decoder(_Envelope)


@dataclass(slots=True)
class _Entry:
    """The lines of an entry, sorted by what they are."""

    header: str
    place: str
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AnnotationFeed:
    """CVE, DSA and DLA entries."""

    matches: bool = True

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.endswith((".json", ".list")) and not _OLDER_STATE.search(name)

    def read(self, documents: Iterable[Document]) -> Iterator[Record | FeedDate]:
        """As `Feed.read`."""
        for document in documents:
            for entry in _entries(document):
                record = _record(entry)
                if record is None:
                    continue
                yield record
                if record.modified:
                    yield FeedDate(record.modified)


def _entries(document: Document) -> Iterator[_Entry]:
    if document.name.endswith(".json"):
        yield _envelope(document)
        return
    entry: _Entry | None = None
    for number, line in _lines(document):
        if not line[0].isspace():
            if entry is not None:
                yield entry
            entry = _Entry(line, f"{document.name}:{number}")
            continue
        if entry is None:
            raise malformed(document.name, f"line {number} belongs to no entry")
        entry.lines.append(line.strip())
        if len(entry.lines) > MAX_ENTRY_LINES:
            raise malformed(document.name, f"line {number}: an endless entry")
    if entry is not None:
        yield entry


def _envelope(document: Document) -> _Entry:
    try:
        envelope = _DECODER.decode(document.read())
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise malformed(document.name, f"not a tracker entry: {error}") from None
    lines = [line.original.strip() for line in envelope.annotations]
    return _Entry(envelope.header.original.strip(), document.name, lines)


def _lines(document: Document) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers."""
    with document.open() as file:
        for number in count(1):
            try:
                raw = file.readline(MAX_LINE + 1)
            except DAMAGED as error:
                raise malformed(document.name, f"damaged: {error}") from None
            if not raw:
                return
            if len(raw) > MAX_LINE:
                raise malformed(document.name, f"line {number} is longer than {MAX_LINE} bytes")
            line = raw.decode("utf-8", "replace").rstrip()
            if line:
                yield number, line


def _record(entry: _Entry) -> Record | None:
    advisory = _ADVISORY_HEADER.fullmatch(entry.header)
    if advisory:
        return _advisory(entry, advisory)
    header = _CVE_HEADER.fullmatch(entry.header)
    if header is None:
        raise malformed(entry.place, f"not the head of a tracker entry: {entry.header!r:.80}")
    notes = tuple(
        line if line.startswith("TODO") else line.removeprefix("NOTE:").strip()
        for line in entry.lines
        if line.startswith(("NOTE:", "TODO", "NOT-FOR-US:"))
    )
    claims = [_claim(line, header[1], entry.place) for line in entry.lines if _is_package(line)]
    summary = (header[2] or "").strip()
    identifier = header[1]
    if identifier.endswith("XXXX"):
        bug = next((claim.bug for claim in claims if claim.bug), 0)
        identifier = temporary(summary, bug)
    prose = _prose(notes)
    return Record(
        id=identifier,
        withdrawn="rejected" if "REJECTED" in entry.lines else "",
        summary=summary,
        related=tuple(_references(entry.lines)),
        notes=notes,
        claims=tuple(
            claim._replace(
                vulnerability=identifier,
                reason=claim.reason or (prose if claim.urgency == "unimportant" else ""),
            )
            for claim in claims
        ),
    )


def _advisory(entry: _Entry, header: re.Match[str]) -> Record:
    try:
        date = datetime.strptime(header[1], "%d %b %Y").strftime("%Y-%m-%dT00:00:00Z")
    except ValueError:
        raise malformed(entry.place, f"not a date: {header[1]!r}") from None
    cves = [name for name in _references(entry.lines) if name.startswith("CVE-")]
    lines = [_claim(line, header[2], entry.place) for line in entry.lines if _is_package(line)]
    return Record(
        id=header[2],
        modified=date,
        published=date,
        summary=header[3].strip(),
        related=tuple(cves),
        claims=tuple(
            claim._replace(vulnerability=name, advisory=header[2])
            for claim in lines
            for name in cves or [header[2]]
        ),
    )


def _is_package(line: str) -> bool:
    return line.startswith(("- ", "["))


def _claim(line: str, vulnerability: str, place: str) -> Claim:
    found = _PACKAGE.fullmatch(line)
    kind = found["kind"] if found else None
    if found is None or (kind is not None and kind not in _KINDS):
        raise malformed(place, f"{vulnerability}: not a package line: {line!r:.120}")
    default = State.FIXED if found["version"] else State.UNFIXED
    bug, urgency, reason = _flags(found["text"] or "")
    return Claim(
        ecosystem=ecosystem(found["release"]) if found["release"] else SID,
        package=found["package"],
        vulnerability=vulnerability,
        state=default if kind is None else _KINDS[kind],
        fixed=found["version"] or "",
        urgency=urgency,
        reason=reason,
        line=line,
        bug=bug,
    )


def _flags(text: str) -> tuple[int, str, str]:
    bug, urgency, free = 0, "", []
    for part in text.split(";"):
        word = part.strip()
        number = _BUG.fullmatch(word)
        if number:
            bug = bug or int(number[1])
        elif word in _URGENCIES:
            urgency = word
        elif word:
            free.append(word)
    return bug, urgency, "; ".join(free)


def _references(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("{") and line.endswith("}"):
            yield from line[1:-1].split()


def _prose(notes: Iterable[str]) -> str:
    """What the notes say in words: sentences may run over several of them."""
    words = [
        note
        for note in notes
        if not _CITATION.fullmatch(note[:MAX_REASON]) and "TODO" not in note[:4]
    ]
    return " ".join(words)[:MAX_REASON]


def temporary(summary: str, bug: int) -> str:
    """A stable identifier for an entry that has no CVE yet, as the tracker builds it."""
    digest = hashlib.md5(summary.encode(), usedforsecurity=False).hexdigest()
    return f"TEMP-{bug:07d}-{digest[:6].upper()}"
