"""Debian archives: from signed release files to the packages of an architecture.

1. `load_releases` gets InRelease of every suite, all at once, and checks each (`archive.trust`);
   offline it takes the ones that were verified last, and checks the signature again.
2. `open_archive` finds in each the Packages files of an architecture, gets those that have no index
   yet, by digest, and indexes them (`archive.index`).
3. `DebianArchive` answers from the indexes.

One call of 1 serves several of 2, so that all platforms of an image see the same moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from ironhull.archive.fetch import (
    JOBS,
    Download,
    Stoppable,
    address,
    default_transfer,
    fetch_blob,
    in_parallel,
    pool_path,
)
from ironhull.archive.index import PackagesIndex, build_index, index_path, open_index
from ironhull.archive.interface import ReleaseRecord, Repository
from ironhull.archive.mirror import shown
from ironhull.archive.stanzas import binary_package, provided_version
from ironhull.archive.trust import (
    Clock,
    SeenReleases,
    check_dates,
    system_clock,
    verify_signature,
)
from ironhull.debian.package import BinaryPackage, DebianVersion
from ironhull.debian.release import IndexFile, Release, parse_release
from ironhull.debian.version import version_key
from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.digest import digest_of, hex_of
from ironhull.oci.platform import Architecture
from ironhull.progress import Progress, Silent
from ironhull.store.blobs import BlobStore
from ironhull.store.files import locked, replace_file

MAX_RELEASE = 16 << 20
_ENDINGS = (".xz", ".gz", "")
# Packages files are read from a table of digests; a size above this is a lie or a mistake.
MAX_PACKAGES = 1 << 30


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


@dataclass(frozen=True, slots=True)
class _PackagesFile:
    """One Packages file of a suite: where it is and what it must be."""

    suite: SuiteRelease
    component: str
    path: str
    """Below the suite's folder, with its ending."""
    file: IndexFile
    text_size: int | None


@dataclass(frozen=True, slots=True)
class _OpenIndex:
    suite: SuiteRelease
    component: str
    index: PackagesIndex


class DebianArchive:
    """The packages of one architecture over all suites: an `Archive`."""

    def __init__(
        self,
        architecture: Architecture,
        releases: Sequence[SuiteRelease],
        indexes: Sequence[_OpenIndex],
    ) -> None:
        self._architecture = architecture
        self._releases = tuple(release.record for release in releases)
        self._indexes = tuple(indexes)
        self._versions: dict[str, tuple[BinaryPackage, ...]] = {}
        self._providers: dict[str, tuple[tuple[BinaryPackage, DebianVersion | None], ...]] = {}

    @property
    def architecture(self) -> Architecture:
        return self._architecture

    @property
    def releases(self) -> tuple[ReleaseRecord, ...]:
        return self._releases

    def versions(self, name: str) -> Sequence[BinaryPackage]:
        """Every package of this name, highest version first; of equals, the earlier suite first."""
        if name not in self._versions:
            found = self._packages(name, PackagesIndex.stanzas)
            found = [package for package in found if package.name == name]
            found.sort(key=lambda package: version_key(package.version), reverse=True)
            self._versions[name] = tuple(found)
        return self._versions[name]

    def providers(self, name: str) -> Sequence[tuple[BinaryPackage, DebianVersion | None]]:
        """Packages whose Provides names this, and the version provided; by name, then version."""
        if name not in self._providers:
            found = self._packages(name, PackagesIndex.providers)
            found.sort(key=lambda package: (package.name, version_key(package.version)))
            self._providers[name] = tuple((p, provided_version(p, name)) for p in found)
        return self._providers[name]

    def names(self) -> list[str]:
        """All binary package names, sorted."""
        return sorted({name for open_ in self._indexes for name in open_.index.names()})

    def close(self) -> None:
        """Close the indexes; the archive cannot be asked any more."""
        for open_ in self._indexes:
            open_.index.close()

    def _packages(
        self, name: str, ask: Callable[[PackagesIndex, str], list[bytes]]
    ) -> list[BinaryPackage]:
        packages = [
            binary_package(raw, open_.suite.repository.name, open_.suite.suite, open_.component)
            for open_ in self._indexes
            for raw in ask(open_.index, name)
        ]
        return [p for p in packages if p.architecture in (self._architecture, "all")]


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


def open_archive(
    releases: Sequence[SuiteRelease], architecture: Architecture, context: ArchiveContext
) -> DebianArchive:
    """The packages of an architecture; downloads and indexes what was not seen before."""
    files = [file for suite in releases for file in _packages_files(suite, architecture)]
    lacking = [file for file in files if not _is_indexed(file, context)]
    if lacking and context.offline:
        raise EnvironmentProblem(
            f"{_where(lacking[0].suite)} has a package index that was never read on this machine"
            f" ({lacking[0].path}): run once with the network"
        )
    if lacking:
        transfer = context.transfer(context.progress.note)
        total = sum(file.file.size for file in lacking)
        advance = Stoppable(context.progress.start("reading package indexes", total, "bytes"))
        in_parallel(
            lambda file: _read_packages(file, transfer, context, advance),
            lacking,
            context.jobs,
            advance.stop,
        )
    return DebianArchive(architecture, releases, list(_opened(files, context)))


def _opened(files: Sequence[_PackagesFile], context: ArchiveContext) -> Iterator[_OpenIndex]:
    for file in files:
        index = open_index(_index_path(file, context))
        if index is None:
            raise EnvironmentProblem(
                f"{_index_path(file, context)} has gone while it was needed:"
                " is another process cleaning the cache? Try again"
            )
        yield _OpenIndex(file.suite, file.component, index)


def _is_indexed(file: _PackagesFile, context: ArchiveContext) -> bool:
    index = open_index(_index_path(file, context))
    if index is not None:
        index.close()
    return index is not None


def _index_path(file: _PackagesFile, context: ArchiveContext) -> Path:
    return index_path(context.cache / "indexes", file.file.digest)


def _read_packages(
    file: _PackagesFile, transfer: Download, context: ArchiveContext, advance: Stoppable
) -> None:
    """Download, index, and forget the download: the index has all of it.

    Of several processes that need it at once, one does the work.
    """
    with locked(context.cache / "locks" / f"{hex_of(file.file.digest)}.lock"):
        if not _is_indexed(file, context):
            _download_and_index(file, transfer, context, advance)


def _download_and_index(
    file: _PackagesFile, transfer: Download, context: ArchiveContext, advance: Stoppable
) -> None:
    store = BlobStore(context.cache / "downloads")
    digest, size = file.file.digest, file.file.size
    where = f"{_where(file.suite)} {file.path}"
    if not store.has(digest):
        plain = _suite_address(file.suite.repository, file.suite.suite, file.path)
        urls = [plain]
        if file.suite.release.by_hash:
            urls.insert(0, f"{plain.rpartition('/')[0]}/by-hash/SHA256/{hex_of(digest)}")
        try:
            fetch_blob(transfer, store, urls, digest, size, advance)
        except NotFoundError as error:
            raise NotFoundError(
                f"{where}: the release file lists it, and the mirror does not have it ({error})."
                " The mirror may be in the middle of an update, or incomplete: try again later, or"
                " use another (--mirror URL)"
            ) from None
    try:
        with store.open(digest) as source:
            path = _index_path(file, context)
            build_index(path, source, where, digest, file.text_size)
    finally:
        store.remove(digest)


def _packages_files(suite: SuiteRelease, architecture: Architecture) -> Iterator[_PackagesFile]:
    """Packages files that hold the architecture; a suite without it has none."""
    release, repository = suite.release, suite.repository
    if suite.suite.endswith("/"):
        yield from _packages_file(suite, "", "Packages")
        return
    known = release.architectures
    if known and architecture not in known:
        raise InputError(
            f"{_where(suite)} has no architecture {architecture} (it has: {', '.join(known)})"
        )
    for component in repository.components:
        if release.components and component not in release.components:
            raise InputError(
                f"{_where(suite)}: unknown component {component!r}"
                f" (it has: {', '.join(release.components)})"
            )
        found = list(
            _packages_file(suite, component, f"{component}/binary-{architecture}/Packages")
        )
        if release.all_is_separate:
            found += _packages_file(suite, component, f"{component}/binary-all/Packages")
        if not found:
            raise NotFoundError(
                f"{_where(suite)}: the release file lists no Packages file of component"
                f" {component!r} for {architecture}"
            )
        yield from found


def _packages_file(suite: SuiteRelease, component: str, path: str) -> Iterator[_PackagesFile]:
    files = suite.release.files
    text = files.get(path)
    if text is not None and text.size == 0:
        return
    for ending in _ENDINGS:
        file = files.get(path + ending)
        if file is not None:
            if max(file.size, text.size if text else 0) > MAX_PACKAGES:
                raise UntrustedError(
                    f"{_where(suite)}: {path} claims more than {MAX_PACKAGES} bytes"
                )
            size = text.size if text is not None else None
            yield _PackagesFile(suite, component, pool_path(path + ending), file, size)
            return


def _from_mirror(
    repository: Repository, suite: str, transfer: Download, context: ArchiveContext
) -> SuiteRelease:
    url = _suite_address(repository, suite, "InRelease")
    where = f"{repository.name} {suite} ({shown(url)})"
    chunks: list[bytes] = []
    try:
        transfer.get(url, chunks.append, limit=MAX_RELEASE, fresh=True)
    except NotFoundError:
        raise NotFoundError(
            f"{where}: the mirror has no such suite, or no signed release file for it. Check the"
            " address and the suite's name; a security repository of its own is given as a second"
            " address (--mirror 'URL SECURITY-URL')"
        ) from None
    data = b"".join(chunks)
    found = _verified(data, repository, suite, where, context)
    if not context.allow_expired:
        check_dates(found.release, where, context.clock)
        SeenReleases(context.cache / "seen").check_and_record(
            repository.name, suite, found.release, found.record.signed_by.split(), where
        )
    replace_file(_cached(repository, suite, context), data)
    return found


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


def _suite_address(repository: Repository, suite: str, path: str) -> str:
    """Address of a file of a suite; one that ends in a slash is a folder below the root."""
    if suite.endswith("/"):
        folder = suite.strip("./")
        return address(repository.uri, pool_path(f"{folder}/{path}" if folder else path))
    return address(repository.uri, pool_path(f"dists/{suite}/{path}"))


def _cached(repository: Repository, suite: str, context: ArchiveContext) -> Path:
    # The address is part of the name: what one mirror said is not what another one says.
    origin = hashlib.sha256(repository.uri.encode()).hexdigest()[:12]
    name = f"{quote(repository.name, safe='')},{quote(suite, safe='')},{origin}.InRelease"
    return context.cache / "releases" / name


def _rfc3339(date: datetime) -> str:
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _where(suite: SuiteRelease) -> str:
    return f"{suite.repository.name} {suite.suite} ({shown(suite.repository.uri)})"
