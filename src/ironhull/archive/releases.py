"""Release files of suites: got, verified, kept, and got again from what was kept.

See `archive.trust` for what is verified. This module decides when: each time the mirror is asked,
and again when the kept one is read offline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from ironhull.archive.fetch import (
    JOBS,
    Stoppable,
    address,
    default_transfer,
    in_parallel,
    pool_path,
)
from ironhull.archive.interface import Download, ReleaseRecord, Repository
from ironhull.archive.mirror import local_path
from ironhull.archive.transfer import Transfer
from ironhull.archive.trust import (
    Clock,
    SeenReleases,
    check_dates,
    system_clock,
    verify_signature,
)
from ironhull.debian.release import Release, parse_release
from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    NetworkError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.digest import digest_of
from ironhull.progress import Progress, Silent
from ironhull.store.files import replace_file
from ironhull.transport.address import shown

MAX_RELEASE = 16 << 20


@dataclass(frozen=True, slots=True)
class SuiteRelease:
    """One suite of one repository, with its verified release file."""

    repository: Repository
    suite: str
    record: ReleaseRecord
    release: Release


@dataclass(frozen=True, slots=True)
class ArchiveContext:
    """What both steps need: where the cache is, what time it is, how to download."""

    cache: Path
    """`<home>/cache/archive`."""
    clock: Clock = system_clock
    progress: Progress = field(default_factory=Silent)
    offline: bool = False
    allow_expired: bool = False
    """For a snapshot, which is old on purpose: neither Valid-Until nor a replay is looked for."""
    jobs: int = JOBS
    transfer: Callable[[Callable[[str], None]], Download] = default_transfer


def load_releases(
    repositories: Sequence[Repository], context: ArchiveContext
) -> tuple[SuiteRelease, ...]:
    """The verified release file of each suite, in the order of repositories and suites.

    InputError, UntrustedError or NetworkError tells which one is wrong and why.
    """
    suites = [(repository, suite) for repository in repositories for suite in repository.suites]
    names = [repository.name for repository in repositories]
    if len(set(names)) != len(names):
        raise InputError(f"two repositories have one name: {', '.join(sorted(names))}")
    if not suites:
        raise InputError("no repository is configured")
    if context.offline:
        return tuple(_from_cache(repository, suite, context) for repository, suite in suites)
    transfer = context.transfer(context.progress.note)
    advance = Stoppable(context.progress.start("reading release files", len(suites), "files"))

    def one(item: tuple[Repository, str]) -> SuiteRelease:
        release = _from_mirror(*item, transfer, context)
        advance(1)
        return release

    return tuple(in_parallel(one, suites, context.jobs, advance.stop))


def suite_address(repository: Repository, suite: str, path: str) -> str:
    """Address of a file of a suite; one that ends in a slash is a folder below the root."""
    if suite.endswith("/"):
        folder = suite.strip("./")
        return address(repository.uri, pool_path(f"{folder}/{path}" if folder else path))
    return address(repository.uri, pool_path(f"dists/{suite}/{path}"))


def release_bytes(suite: SuiteRelease, context: ArchiveContext) -> bytes:
    """The release file as it was read; EnvironmentProblem if the cache has another by now."""
    path = _cached(suite.repository, suite.suite, context)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
    if digest_of(data) != suite.record.digest:
        raise EnvironmentProblem(f"{path} was replaced meanwhile: try again")
    return data


def where(suite: SuiteRelease) -> str:
    """How messages name a suite."""
    return f"{suite.repository.name} {suite.suite} ({shown(suite.repository.uri)})"


def _from_mirror(
    repository: Repository, suite: str, transfer: Download, context: ArchiveContext
) -> SuiteRelease:
    url = suite_address(repository, suite, "InRelease")
    where = f"{repository.name} {suite} ({shown(url)})"
    folder = local_path(repository.uri)
    if folder is not None and not folder.is_dir():
        raise NotFoundError(f"{repository.name}: the mirror {folder} is not a folder")
    try:
        data = _fresh(transfer, url, _cached(repository, suite, context))
    except NotFoundError:
        raise NotFoundError(f"{where}: {_no_suite(repository)}") from None
    except NetworkError as error:
        raise NetworkError(f"{repository.name} {suite}: {error}; {repository.remedy}") from None
    found = _verified(data, repository, suite, where, context)
    if not context.allow_expired:
        check_dates(found.release, where, context.clock, own=bool(repository.place))
        SeenReleases(context.cache / "seen").check_and_record(
            repository.name, suite, found.release, found.record.signed_by.split(), where
        )
    replace_file(_cached(repository, suite, context), data)
    return found


def _fresh(transfer: Download, url: str, cached: Path) -> bytes:
    """The release file as the mirror has it; one that it says is the kept one is not sent again.

    Whatever comes of it is verified as if it had been sent.
    """
    chunks: list[bytes] = []
    if not isinstance(transfer, Transfer) or local_path(url) is not None:
        transfer.get(url, chunks.append, limit=MAX_RELEASE, fresh=True)
        return b"".join(chunks)
    beside = cached.with_suffix(".known")
    kept, known = _kept(cached, beside)
    said = transfer.get_changed(url, chunks.append, limit=MAX_RELEASE, known=known)
    if said is None:
        return kept
    data = b"".join(chunks)
    if said:
        replace_file(beside, f"{digest_of(data)}\n{said}".encode(), durable=False)
    return data


def _kept(cached: Path, beside: Path) -> tuple[bytes, str]:
    """The release file that was kept, and what stands for it at the server; empty: nothing does."""
    try:
        if max(cached.stat().st_size, beside.stat().st_size) > MAX_RELEASE:
            return b"", ""
        kept, (digest, _, known) = cached.read_bytes(), beside.read_text().partition("\n")
    except (OSError, UnicodeDecodeError):
        return b"", ""
    return (kept, known) if digest_of(kept) == digest else (b"", "")


def _no_suite(repository: Repository) -> str:
    if repository.place:
        return (
            "the repository has no such suite, or no signed release file for it. The definition "
            f"names both at {repository.place}"
        )
    return (
        "the mirror has no such suite, or no signed release file for it. Check the address and the"
        " suite's name; a security repository of its own is given as a second address (--mirror"
        " 'URL SECURITY-URL')"
    )


def _from_cache(repository: Repository, suite: str, context: ArchiveContext) -> SuiteRelease:
    path = _cached(repository, suite, context)
    where = f"{repository.name} {suite} ({path})"
    try:
        with path.open("rb") as file:
            data = file.read(MAX_RELEASE)
    except FileNotFoundError:
        raise EnvironmentProblem(
            f"{repository.name} {suite}: was never read on this machine from"
            f" {shown(repository.uri)}: run once with the network"
        ) from None
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
    return _verified(data, repository, suite, where, context)


def _verified(
    data: bytes, repository: Repository, suite: str, where: str, context: ArchiveContext
) -> SuiteRelease:
    signed = verify_signature(data, repository.keyrings, where, context.clock)
    release = parse_release(signed.content, where)
    names = {name for name in (release.suite, release.codename) if name}
    if names and suite not in names and not suite.endswith("/"):
        raise UntrustedError(
            f"{where}: is the release file of {' or '.join(sorted(names))}, not of {suite!r}:"
            " write one of these names, or the mirror gives the wrong file"
        )
    record = ReleaseRecord(
        repository=repository.name,
        suite=suite,
        codename=release.codename,
        date=_rfc3339(release.date),
        valid_until=_rfc3339(release.valid_until) if release.valid_until else None,
        digest=digest_of(data),
        signed_by=" ".join(signed.signers),
    )
    return SuiteRelease(repository, suite, record, release)


def _cached(repository: Repository, suite: str, context: ArchiveContext) -> Path:
    # The address is part of the name: what one mirror said is not what another one says.
    origin = hashlib.sha256(repository.uri.encode()).hexdigest()[:12]
    name = f"{quote(repository.name, safe='')},{quote(suite, safe='')},{origin}.InRelease"
    return context.cache / "releases" / name


def _rfc3339(date: datetime) -> str:
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
