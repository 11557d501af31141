"""The chain of records: each is signed, numbered, and names the bundle of the one before.

Whoever believes one record believes all before it, for it names them by digest; that is why an old
record may be signed with a key that was revoked since, if a later one with a key that holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ironhull.attest.bundle import parse_bundle
from ironhull.attest.statement import parse_statement
from ironhull.json_fields import decode
from ironhull.oci.digest import Digest, digest_of
from ironhull.publication.record import Record, parse_record
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.tiles import Lines
from ironhull.statements.kinds import PUBLICATION
from ironhull.verify.opening import Opened, open_bundle
from ironhull.verify.refusal import Reason, RefusedError
from ironhull.verify.trust import Signer, Trust


@dataclass(frozen=True, slots=True)
class Position:
    """A record by its number and the SHA-256 of its bundle."""

    number: int
    digest: Digest

    def __str__(self) -> str:
        return f"record {self.number} ({self.digest})"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that was verified."""

    record: Record
    digest: Digest
    """Of its bundle."""
    signers: tuple[Signer, ...]
    revoked: bool
    """Signed with a key that was revoked since; a later record vouches for it."""

    @property
    def position(self) -> Position:
        """Number and digest."""
        return Position(self.record.number, self.digest)


def position_of(lines: Sequence[bytes]) -> Position | None:
    """The newest record of a log; None for an empty one."""
    return Position(len(lines), digest_of(lines[-1])) if lines else None


def record_in(line: bytes) -> Record:
    """What a bundle says that was verified before, or was made here; MalformedError, and others."""
    envelope = parse_bundle(decode(line, "a record"), "a record").envelope
    return parse_record(parse_statement(envelope.payload, "a record").predicate)


def open_chain(lines: Sequence[bytes], repository: str, trust: Trust) -> tuple[Entry, ...]:
    """All records of a repository's log, verified; LogRefusedError says which is wrong, and how."""
    entries = tuple(open_records(lines, repository, trust))
    if entries and entries[-1].revoked:
        newest = entries[-1]
        raise LogRefusedError(
            Reason.REVOKED_KEY,
            f"record {newest.record.number}, the newest, is signed by {newest.signers[0]}, a key "
            "that was revoked: a publisher whose key holds has to publish again",
        )
    return entries


def open_records(
    lines: Sequence[bytes], repository: str, trust: Trust, known: int = 0
) -> Iterator[Entry]:
    """The records after the first `known`, of which the last is only named by what follows."""
    before: Entry | None = None
    for index in range(known, len(lines)):
        previous = digest_of(lines[index - 1]) if index else None
        entry = _entry(lines[index], index + 1, trust)
        _must_follow(entry, index + 1, previous, before)
        if entry.record.publication.repository != repository:
            raise LogRefusedError(
                LogReason.OTHER_REPOSITORY,
                f"record {index + 1} is of the repository {entry.record.publication.repository}, "
                f"not of {repository}",
            )
        yield entry
        before = entry


def _entry(line: bytes, number: int, trust: Trust) -> Entry:
    try:
        opened, revoked = _opened(line, trust)
        if opened.type != PUBLICATION:
            raise LogRefusedError(
                LogReason.NOT_A_RECORD, f"a statement of type {opened.type!r:.200}"
            )
        record = parse_record(opened.predicate)
    except (RefusedError, LogRefusedError) as error:
        raise LogRefusedError(error.reason, f"record {number}: {error}") from None
    image = record.publication.image
    if image != opened.about:
        raise LogRefusedError(
            LogReason.OTHER_IMAGE, f"record {number} names {image} and is about {opened.about}"
        )
    return Entry(record, digest_of(line), opened.signers, revoked)


def _opened(line: bytes, trust: Trust) -> tuple[Opened, bool]:
    try:
        return open_bundle(line, None, frozenset(), trust), False
    except RefusedError as error:
        if error.reason is not Reason.REVOKED_KEY:
            raise
    return open_bundle(line, None, frozenset(), Trust(trust.revoked)), True


def _must_follow(entry: Entry, number: int, previous: Digest | None, before: Entry | None) -> None:
    record = entry.record
    if record.number != number:
        raise LogRefusedError(
            LogReason.WRONG_NUMBER, f"record {number} of the log has the number {record.number}"
        )
    if record.previous != previous:
        raise LogRefusedError(
            LogReason.BROKEN_CHAIN,
            f"record {number} follows {record.previous or 'nothing'}, and the one before it is "
            f"{previous or 'none'}",
        )
    if before is not None and record.publication.published < before.record.publication.published:
        raise LogRefusedError(
            LogReason.TIME_BACK, f"record {number} is older than the one before it"
        )


def merged(ours: Lines, theirs: Lines, where: str) -> Lines:
    """The longer of two logs of which one continues the other; LogRefusedError where they fork."""
    for index, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        if mine != other:
            raise LogRefusedError(
                LogReason.FORKED,
                f"{where}: record {index + 1} is {digest_of(other)}, and was {digest_of(mine)} "
                "here: two publishers did not know of each other, or one of the records is forged. "
                "Find out which is right, and remove the other",
            )
    return max(ours, theirs, key=len)
