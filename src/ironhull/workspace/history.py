"""What was published in a repository: its record, verified, and held against what is there now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ironhull.errors import NoKeyError, NotFoundError
from ironhull.publication.chain import Entry, merged
from ironhull.publication.folder import LogFolder
from ironhull.publication.reading import Checked, Complaint, State, check, frozen
from ironhull.publication.refusal import LogRefusedError
from ironhull.publication.tiles import Lines
from ironhull.registry.client.naming import Kind, find_location, has_tag
from ironhull.verify.trust import Trust
from ironhull.workspace.machine import Machine
from ironhull.workspace.record_places import (
    RepositoryRecord,
    ServedRepository,
    record_in_folder,
    record_in_home,
    record_in_registry,
    said_tag,
)
from ironhull.workspace.registries import registries
from ironhull.workspace.verifying import trust_of


@dataclass(frozen=True, slots=True)
class HistoryChoices:
    """What reading a history may be told besides the repository."""

    keys: Sequence[Path] = ()
    """Public keys to believe; none: those of the home's ring."""
    max_age: timedelta | None = None
    """How old the newest record may be; None: any age."""
    export: Path | None = None
    """A folder that gets the record's files, once it is verified."""


@dataclass(frozen=True, slots=True)
class History:
    """The record of one repository, verified."""

    place: str
    """`registry/repository`, or the folder that it was read from."""
    repository: str
    entries: tuple[Entry, ...] = field(repr=False)
    """All of them, the oldest first."""
    shown: tuple[Entry, ...] = field(repr=False)
    """Those that are about what the reference names: a tag, a digest, or everything."""
    states: Mapping[int, State]
    """What became of each record's image, by number; empty where no registry was asked."""
    complaints: tuple[Complaint, ...]
    """What the repository does not give as its record says; none: all is as it was published."""
    unchecked: int
    """Current images whose statements were not looked for."""
    age: timedelta
    """Of the newest record."""


def history(machine: Machine, reference: str, chosen: HistoryChoices | None = None) -> History:
    """The record of a registry's repository, of a folder of tiles, or of a name published here.

    NotFoundError where there is none; LogRefusedError, with its reason, for one that is not
    believed: not signed by a known key, cut, forked, shorter than what was seen. NetworkError.
    """
    chosen = chosen or HistoryChoices()
    try:
        trust = trust_of(machine, chosen.keys)
    except NoKeyError:
        # What is not here is said first, without a registry being asked.
        if LogFolder(Path(reference)).exists or find_location(reference).kind is Kind.REGISTRY:
            raise
        with suppress(LogRefusedError):
            _read(machine, reference, Trust(()))
        raise
    found, checked = _read(machine, reference, trust)
    now = datetime.now(UTC)
    old = frozen(found.entries, now, chosen.max_age)
    if chosen.export is not None:
        _export(chosen.export, found.lines)
    return History(
        found.place,
        found.repository,
        found.entries,
        _about(found.entries, reference),
        checked.states,
        (*checked.complaints, *((old,) if old else ())),
        checked.unchecked,
        now - found.entries[-1].record.publication.published,
    )


def _read(machine: Machine, reference: str, trust: Trust) -> tuple[RepositoryRecord, Checked]:
    nothing = Checked({}, (), 0)
    if LogFolder(Path(reference)).exists:
        return record_in_folder(machine, Path(reference), trust), nothing
    location = find_location(reference)
    if location.kind is Kind.STORE:
        return record_in_home(machine, location.name or "", trust), nothing
    if location.kind is not Kind.REGISTRY or location.reference is None:
        raise NotFoundError(
            f"{reference} has no record of publications: name a repository of a registry, a "
            "folder that `ironhull history --export` wrote, or a name published from here"
        )
    with registries(machine) as opened:
        # The registry itself, not a mirror of it: whether there is something newer is the question.
        served = ServedRepository(opened.repository(location.reference))
        found = record_in_registry(machine, served.repository, trust)
        tag = said_tag(location.text)
        return found, check(found.entries, served, [tag] if tag else None)


def _export(target: Path, lines: Lines) -> None:
    """Bring a folder up to date; LogRefusedError where it has another history."""
    folder = LogFolder(target)
    with folder.changing():
        folder.write(merged(lines, folder.lines(), str(target)))


def _about(entries: tuple[Entry, ...], reference: str) -> tuple[Entry, ...]:
    if not has_tag(reference) or Path(reference).exists():
        return entries
    if "@" in reference:
        digest = reference.rpartition("@")[2]
        return tuple(each for each in entries if digest == each.record.publication.image)
    tag = said_tag(reference)
    return tuple(each for each in entries if tag in each.record.publication.tags)


def history_json(found: History) -> dict[str, object]:
    """What `ironhull history --json` says."""
    return {
        "place": found.place,
        "repository": found.repository,
        "newest": found.entries[-1].record.number,
        "age_days": found.age.days,
        "unchecked": found.unchecked,
        "complaints": [
            {"reason": each.reason, "message": each.message} for each in found.complaints
        ],
        "records": [_entry_json(each, found.states) for each in found.shown],
    }


def _entry_json(entry: Entry, states: Mapping[int, State]) -> dict[str, object]:
    said = entry.record.publication
    return {
        "number": entry.record.number,
        "digest": entry.digest,
        "previous": entry.record.previous,
        "published": said.published.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tags": list(said.tags),
        "image": said.image,
        "platforms": {each.platform: each.digest for each in said.platforms},
        "statements": [
            {
                "subject": each.subject,
                "type": each.type,
                "referrer": each.referrer,
                "size": each.size,
            }
            for each in said.statements
        ],
        "vex_set": None
        if said.vex_set is None
        else {"number": said.vex_set.number, "digest": said.vex_set.digest},
        "signers": [str(each) for each in entry.signers],
        "key_revoked": entry.revoked,
        "state": states.get(entry.record.number, "unknown"),
    }
