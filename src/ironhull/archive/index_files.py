"""Package indexes of suites (Packages, Sources): got by digest, verified, indexed, opened.

Which of them are wanted is for `archive.debian` and `archive.sources` to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.archive.fetch import Stoppable, fetch_blob, in_parallel, pool_path
from ironhull.archive.index import PackagesIndex, build_index, index_path, open_index
from ironhull.archive.interface import Download
from ironhull.archive.releases import ArchiveContext, SuiteRelease, suite_address, where
from ironhull.debian.release import IndexFile
from ironhull.errors import EnvironmentProblem, NotFoundError, UntrustedError
from ironhull.oci.digest import hex_of
from ironhull.store.blobs import BlobStore
from ironhull.store.files import locked

ENDINGS = (".xz", ".gz", "")
# Indexes are read from a table of digests; a size above this is a lie or a mistake.
MAX_INDEX = 1 << 30


@dataclass(frozen=True, slots=True)
class ListedIndex:
    """One index of a suite: where it is and what it must be."""

    suite: SuiteRelease
    component: str
    path: str
    """Below the suite's folder, with its ending."""
    file: IndexFile
    text_size: int | None


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """An index that can be asked."""

    suite: SuiteRelease
    component: str
    index: PackagesIndex


def opened_indexes(files: Sequence[ListedIndex], context: ArchiveContext) -> list[OpenIndex]:
    """All of them, open; downloads and indexes what was not seen before."""
    lacking = [file for file in files if not _is_indexed(file, context)]
    if lacking and context.offline:
        raise EnvironmentProblem(
            f"{where(lacking[0].suite)} has a package index that was never read on this machine"
            f" ({lacking[0].path}): run once with the network"
        )
    if lacking:
        transfer = context.transfer(context.progress.note)
        total = sum(file.file.size for file in lacking)
        advance = Stoppable(context.progress.start("reading package indexes", total, "bytes"))
        in_parallel(
            lambda file: _read_index(file, transfer, context, advance),
            lacking,
            context.jobs,
            advance.stop,
        )
    return list(_opened(files, context))


def listed_index(suite: SuiteRelease, component: str, path: str) -> Iterator[ListedIndex]:
    """The smallest form of an index that the release file lists; none if it is empty."""
    files = suite.release.files
    text = files.get(path)
    if text is not None and text.size == 0:
        return
    for ending in ENDINGS:
        file = files.get(path + ending)
        if file is not None:
            if max(file.size, text.size if text else 0) > MAX_INDEX:
                raise UntrustedError(f"{where(suite)}: {path} claims more than {MAX_INDEX} bytes")
            size = text.size if text is not None else None
            yield ListedIndex(suite, component, pool_path(path + ending), file, size)
            return


def _opened(files: Sequence[ListedIndex], context: ArchiveContext) -> Iterator[OpenIndex]:
    for file in files:
        index = open_index(_index_path(file, context))
        if index is None:
            raise EnvironmentProblem(
                f"{_index_path(file, context)} has gone while it was needed:"
                " is another process cleaning the cache? Try again"
            )
        yield OpenIndex(file.suite, file.component, index)


def _is_indexed(file: ListedIndex, context: ArchiveContext) -> bool:
    index = open_index(_index_path(file, context))
    if index is not None:
        index.close()
    return index is not None


def _index_path(file: ListedIndex, context: ArchiveContext) -> Path:
    return index_path(context.cache / "indexes", file.file.digest)


def _read_index(
    file: ListedIndex, transfer: Download, context: ArchiveContext, advance: Stoppable
) -> None:
    """Download, index, and forget the download: the index has all of it.

    Of several processes that need it at once, one does the work.
    """
    with locked(context.cache / "locks" / f"{hex_of(file.file.digest)}.lock"):
        if not _is_indexed(file, context):
            _download_and_index(file, transfer, context, advance)


def _download_and_index(
    file: ListedIndex, transfer: Download, context: ArchiveContext, advance: Stoppable
) -> None:
    store = BlobStore(context.cache / "downloads")
    digest, size = file.file.digest, file.file.size
    name = f"{where(file.suite)} {file.path}"
    if not store.has(digest):
        plain = suite_address(file.suite.repository, file.suite.suite, file.path)
        urls = [plain]
        if file.suite.release.by_hash:
            urls.insert(0, f"{plain.rpartition('/')[0]}/by-hash/SHA256/{hex_of(digest)}")
        try:
            fetch_blob(transfer, store, urls, digest, size, advance)
        except NotFoundError as error:
            raise NotFoundError(
                f"{name}: the release file lists it, and the mirror does not have it ({error})."
                " The mirror may be in the middle of an update, or incomplete: try again later; "
                + file.suite.repository.remedy
            ) from None
    try:
        with store.open(digest) as source:
            path = _index_path(file, context)
            build_index(path, source, name, digest, file.text_size)
    finally:
        store.remove(digest)
