"""A record beside the repository that it is of: what is missing, what moved, how old it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.publication.chain import Entry
from ironhull.publication.record import PublishedStatement
from ironhull.publication.refusal import LogReason
from ironhull.reports.words import tally

MAX_CHECKED = 200
"""Images whose statements are looked for in one reading, the newest first."""

State = Literal["current", "replaced", "gone", "unknown"]
"""Of a record's image: a tag of its is still at it; none is; it is not there; nobody looked."""


class Served(Protocol):
    """What a repository gives now; a registry's `Repository` through `RepositoryServed`."""

    def tag(self, tag: str) -> Digest | None:
        """What a tag is at; None if there is no such tag."""
        ...

    def has(self, digest: Digest) -> bool:
        """Whether a manifest is there."""
        ...

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """What refers to a manifest."""
        ...


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that the repository does not give as its record says."""

    reason: LogReason
    message: str


def newest_by_tag(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Which record moved each tag last."""
    return {tag: each for each in entries for tag in each.record.publication.tags}


def newest_about(entries: Sequence[Entry], digest: Digest) -> Entry | None:
    """The newest record of an image: of the index, or of a manifest that it lists."""
    for each in reversed(entries):
        said = each.record.publication
        if said.image == digest or any(item.digest == digest for item in said.platforms):
            return each
    return None


def missing_statements(entry: Entry, served: Served) -> tuple[PublishedStatement, ...]:
    """The statements that a record names and that are not listed where they were attached."""
    listed: dict[Digest, set[Digest]] = {}
    missing = []
    for each in entry.record.publication.statements:
        if each.subject not in listed:
            listed[each.subject] = {item.digest for item in served.referrers(each.subject)}
        if each.referrer not in listed[each.subject]:
            missing.append(each)
    return tuple(missing)


def superseded(entries: Sequence[Entry], tag: str, digest: Digest) -> Complaint | None:
    """What is wrong with an image under a tag, by the newest record of the tag; None: nothing."""
    newest = newest_by_tag(entries).get(tag)
    if newest is None or newest.record.publication.image == digest:
        return None
    number = newest.record.number
    for each in reversed(entries):
        said = each.record.publication
        if tag in said.tags and said.image == digest:
            return Complaint(
                LogReason.ROLLED_BACK,
                f"{tag} is {digest} of record {each.record.number}, and record {number} moved it "
                f"to {newest.record.publication.image}",
            )
    return Complaint(
        LogReason.UNRECORDED,
        f"{tag} is {digest}, which no record names for it; record {number} moved it to "
        f"{newest.record.publication.image}",
    )


def omission(entry: Entry, missing: Sequence[PublishedStatement]) -> Complaint | None:
    """What to say of statements that are missing; None if none is."""
    if not missing:
        return None
    first = missing[0]
    more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    return Complaint(
        LogReason.OMITTED,
        f"record {entry.record.number} names {first.type} ({first.referrer}) about "
        f"{first.subject}{more}, which the registry does not list",
    )


def frozen(entries: Sequence[Entry], now: datetime, most: timedelta | None) -> Complaint | None:
    """What to say of a newest record that is too old, or of tomorrow; None if it is neither."""
    if most is None or not entries:
        return None
    newest = entries[-1].record
    age = now - newest.publication.published
    if age > most:
        return Complaint(
            LogReason.FROZEN,
            f"the newest record, {newest.number}, is {tally(age.days, 'day')} old, at most "
            f"{most.days} are accepted: nothing newer is published, or it is kept from us",
        )
    if age < -timedelta(days=1):
        return Complaint(
            LogReason.FROZEN,
            f"the newest record, {newest.number}, is of {newest.publication.published:%Y-%m-%d}, "
            "which is to come: its age cannot be told (is the clock right?)",
        )
    return None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a repository gives, held against its record."""

    states: dict[int, State]
    """By the record's number."""
    complaints: tuple[Complaint, ...]
    unchecked: int
    """Current images whose statements were not looked for, because there are too many."""


def check(entries: Sequence[Entry], served: Served, tags: Sequence[str] | None = None) -> Checked:
    """Hold a repository against its record: every tag's newest record, or that of some `tags`.

    Errors are those of the registry.
    """
    newest = newest_by_tag(entries)
    complaints: list[Complaint] = []
    current: dict[int, Entry] = {}
    for tag in newest if tags is None else tags:
        there = served.tag(tag) if tag in newest else None
        if there is None:
            continue
        wrong = superseded(entries, tag, there)
        if wrong is not None:
            complaints.append(wrong)
        else:
            current[newest[tag].record.number] = newest[tag]
    looked = sorted(current, reverse=True)[:MAX_CHECKED]
    for number in looked:
        wrong = omission(current[number], missing_statements(current[number], served))
        if wrong is not None:
            complaints.append(wrong)
    return Checked(
        _states(entries, served, set(current)), tuple(complaints), len(current) - len(looked)
    )


def _states(entries: Sequence[Entry], served: Served, current: set[int]) -> dict[int, State]:
    images = {entries[number - 1].record.publication.image for number in current}
    there: dict[Digest, bool] = dict.fromkeys(images, True)
    found: dict[int, State] = {}
    for each in reversed(entries):
        number, image = each.record.number, each.record.publication.image
        if number in current:
            found[number] = "current"
            continue
        if image not in there:
            if len(there) > MAX_CHECKED:
                found[number] = "unknown"
                continue
            there[image] = served.has(image)
        found[number] = "replaced" if there[image] else "gone"
    return found
