"""The record of a repository read from where it is: verified, and no older than what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ironhull.errors import InputError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.publication.chain import Entry, open_chain, record_in
from ironhull.publication.folder import LogFolder, folder_of, repositories_in
from ironhull.publication.log_tag import LOG_TAG
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.registry_log import fetch_log
from ironhull.publication.seen import SeenRecords
from ironhull.publication.tiles import Lines
from ironhull.registry.client.naming import has_tag
from ironhull.registry.client.referrers import list_referrers
from ironhull.registry.client.repository import Repository
from ironhull.verify.trust import Trust
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
    """All records of one repository, at least one."""

    place: str
    """`registry/repository`, or the folder that it was read from."""
    repository: str
    """Without the registry."""
    lines: Lines = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False)


class ServedRepository:
    """A registry's repository as it is now, as `publication.reading` asks it."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def tag(self, tag: str) -> Digest | None:
        """As `reading.Served.tag`."""
        return self.repository.has_manifest(tag)

    def has(self, digest: Digest) -> bool:
        """As `reading.Served.has`."""
        return self.repository.has_manifest(digest) is not None

    def referrers(self, digest: Digest) -> Sequence[Descriptor]:
        """As `reading.Served.referrers`."""
        return list_referrers(self.repository, digest)


def record_in_registry(machine: Machine, repository: Repository, trust: Trust) -> RepositoryRecord:
    """The record that a repository has; what was seen of it is remembered.

    NotFoundError where there is none, LogRefusedError, NetworkError.
    """
    place = str(repository)
    lines = _seen(machine, place, fetch_log(repository))
    if lines is None:
        raise NotFoundError(
            f"{place} has no record of publications (tag {LOG_TAG}): `ironhull push` writes one "
            "where a key signs"
        )
    entries = open_chain(lines, repository.name, trust)
    SeenRecords(machine.home.seen).remember(place, lines)
    return RepositoryRecord(place, repository.name, lines, entries)


def record_in_folder(machine: Machine, folder: Path, trust: Trust) -> RepositoryRecord:
    """The record that an export is, of whatever repository it says; LogRefusedError."""
    lines = _present(LogFolder(folder))
    try:
        repository = record_in(lines[-1]).publication.repository
    except LogRefusedError:
        raise
    except InputError as error:
        raise LogRefusedError(LogReason.NOT_A_RECORD, f"{folder}: {error}") from None
    _seen(machine, repository, lines)
    entries = open_chain(lines, repository, trust)
    SeenRecords(machine.home.seen).remember(repository, lines)
    return RepositoryRecord(str(folder), repository, lines, entries)


def record_in_home(machine: Machine, name: str, trust: Trust) -> RepositoryRecord:
    """The record of what was published from here under a name; NotFoundError lists what there is.

    LogRefusedError for files that are damaged.
    """
    name = name.partition("@")[0]
    repository = name.rpartition(":")[0] if has_tag(name) else name
    publications = machine.home.publications
    folder = LogFolder(folder_of(publications, repository))
    if not folder.exists:
        there = ", ".join(repositories_in(publications)) or "none"
        raise NotFoundError(
            f"no record of {repository!r:.200} here (there are: {there}); that of a registry's "
            "repository is read with its host before the name"
        )
    lines = _present(folder)
    entries = open_chain(lines, repository, trust)
    return RepositoryRecord(str(folder.root), repository, lines, entries)


def said_tag(reference: str) -> str:
    """The tag that a reference itself says, without a digest; else empty."""
    return reference.rpartition(":")[2] if has_tag(reference) and "@" not in reference else ""


def _seen(machine: Machine, place: str, lines: Lines | None) -> Lines | None:
    SeenRecords(machine.home.seen).must_continue(place, lines)
    return lines


def _present(folder: LogFolder) -> Lines:
    lines = folder.lines()
    if not lines:
        raise LogRefusedError(LogReason.EMPTY, f"{folder.root}: no tile of a record is there")
    return lines
