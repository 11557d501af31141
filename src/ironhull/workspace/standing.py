"""Where one image stands in the record of its repository: the newest, or something is newer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ironhull.errors import NotFoundError
from ironhull.oci.digest import Digest
from ironhull.publication.chain import Entry
from ironhull.publication.reading import (
    Complaint,
    missing_statements,
    newest_about,
    omission,
    superseded,
)
from ironhull.publication.record import PublishedStatement
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.registry.client.naming import Kind, find_location
from ironhull.verify.trust import Trust
from ironhull.workspace.machine import Machine
from ironhull.workspace.record_places import (
    ServedRepository,
    record_in_home,
    record_in_registry,
    said_tag,
)
from ironhull.workspace.registries import registries


@dataclass(frozen=True, slots=True)
class Standing:
    """One image in the light of its repository's record."""

    entry: Entry | None
    """The newest record about it; None: no record names it."""
    newest: int
    """Number of the repository's newest record."""
    age: timedelta
    """Of the repository's newest record."""
    missing: tuple[PublishedStatement, ...]
    """Statements that the record names and that the registry does not list."""
    complaints: tuple[Complaint, ...]
    """Why it is not what was published last; none: it is."""


def standing(machine: Machine, reference: str, digest: Digest, trust: Trust) -> Standing:
    """Whether an image is what its repository published last, by its record.

    `digest` is what the reference was resolved to, an index or a manifest. What is read of the
    record is remembered as seen. NotFoundError where there is no record, LogRefusedError for one
    that does not hold, NetworkError.
    """
    location = find_location(reference)
    missing: tuple[PublishedStatement, ...] = ()
    if location.kind is Kind.REGISTRY and location.reference is not None:
        with registries(machine) as opened:
            served = ServedRepository(opened.repository(location.reference))
            entries = record_in_registry(machine, served.repository, trust).entries
            entry = newest_about(entries, digest)
            if entry is not None:
                missing = missing_statements(entry, served)
    elif location.kind is Kind.STORE:
        entries = record_in_home(machine, location.name or "", trust).entries
        entry = newest_about(entries, digest)
    else:
        raise NotFoundError(f"{reference} is in no repository, and so has no record")
    found: list[Complaint | None] = []
    tag = said_tag(reference)
    if entry is None:
        found.append(Complaint(LogReason.UNRECORDED, f"no record names {digest}"))
    else:
        if tag and entry.record.publication.image == digest:
            found.append(superseded(entries, tag, digest))
        found.append(omission(entry, missing))
    age = datetime.now(UTC) - entries[-1].record.publication.published
    complaints = tuple(each for each in found if each is not None)
    return Standing(entry, len(entries), age, missing, complaints)


def older_than_seen(machine: Machine, reference: str, digest: Digest, trust: Trust) -> str:
    """Why an image is not what was published last; empty where it is.

    NotFoundError where nobody can say: there is no record. Other errors as `standing`, but a
    record that does not hold is an answer.
    """
    try:
        found = standing(machine, reference, digest, trust)
    except LogRefusedError as error:
        return f"{error.reason}: {error}"
    return "; ".join(f"{each.reason}: {each.message}" for each in found.complaints)
