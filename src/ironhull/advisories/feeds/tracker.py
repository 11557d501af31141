"""The security tracker's JSON export: source package → vulnerability → release → state.

It is the tracker's lists after their own join with DSAs and DLAs, release by release, and it names
the versions that the archive has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from ironhull.advisories.ecosystems import ecosystem, release_number
from ironhull.advisories.interface import Document, FeedDate, malformed
from ironhull.advisories.model import Claim, InArchive, Record, State

MAX_SUMMARY = 300


class _Release(msgspec.Struct):
    status: str
    fixed_version: str = ""
    urgency: str = ""
    nodsa: str | None = None
    nodsa_reason: str | None = None
    repositories: Any = None


class _Entry(msgspec.Struct):
    releases: dict[str, _Release] | list[_Release]
    description: str = ""
    debianbug: int | None = None


_DECODER = msgspec.json.Decoder(dict[str, dict[str, _Entry]])
_REASONS = {"ignored": State.IGNORED, "postponed": State.POSTPONED}


@dataclass(frozen=True, slots=True)
class TrackerFeed:
    """Debian's security tracker, in its JSON form."""

    matches: bool = True

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.endswith(".json")

    def read(self, documents: Iterable[Document]) -> Iterator[Record | InArchive | FeedDate]:
        """As `Feed.read`."""
        for document in documents:
            data = document.read()
            try:
                export = _DECODER.decode(data)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                raise malformed(document.name, f"not the tracker's export: {error}") from None
            seen: set[InArchive] = set()
            for source, entries in export.items():
                for identifier, entry in entries.items():
                    yield _record(source, identifier, entry, document.name)
                    fresh = set(_archive(source, entry, document.name)) - seen
                    seen |= fresh
                    yield from sorted(fresh, key=lambda row: (row.suite, row.version))


def _record(source: str, identifier: str, entry: _Entry, name: str) -> Record:
    releases = entry.releases if isinstance(entry.releases, dict) else {}
    return Record(
        id=identifier,
        summary=" ".join(entry.description.split())[:MAX_SUMMARY],
        claims=tuple(
            _claim(source, identifier, release, state, entry, name)
            for release, state in releases.items()
        ),
    )


def _claim(
    source: str, identifier: str, release: str, given: _Release, entry: _Entry, name: str
) -> Claim:
    urgency = given.urgency.rstrip("*")
    reason = given.nodsa or ""
    match given.status:
        case "resolved":
            state = State.NOT_AFFECTED if given.fixed_version == "0" else State.FIXED
            if not given.fixed_version:
                raise malformed(name, f"{source} {identifier} {release}: resolved in no version")
        case "undetermined":
            state = State.UNDETERMINED
        case "open":
            state = _open(given, urgency)
        case _:
            raise malformed(name, f"{source} {identifier}: unknown status {given.status!r:.40}")
    return Claim(
        ecosystem=ecosystem(release),
        package=source,
        vulnerability=identifier,
        state=state,
        fixed=given.fixed_version if state is State.FIXED else "",
        urgency="" if urgency in ("end-of-life", "not yet assigned") else urgency,
        reason=reason,
        bug=entry.debianbug or 0,
    )


def _open(given: _Release, urgency: str) -> State:
    if urgency == "end-of-life":
        return State.END_OF_LIFE
    if given.nodsa is not None or given.nodsa_reason:
        return _REASONS.get(given.nodsa_reason or "", State.NO_DSA)
    return State.UNFIXED


def _archive(source: str, entry: _Entry, name: str) -> Iterator[InArchive]:
    releases = entry.releases if isinstance(entry.releases, dict) else {}
    for release, state in releases.items():
        suites = state.repositories
        if suites is None:
            continue
        if not isinstance(suites, dict):
            raise malformed(name, f"{source}: repositories is not an object")
        for suite, version in suites.items():
            if not isinstance(version, str):
                raise malformed(name, f"{source}: the version in {suite} is not a text")
            yield InArchive(release_number(release), suite, source, version)
