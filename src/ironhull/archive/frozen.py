"""A part of an archive as a folder that apt reads from any web server, the same for ever.

Release files and package indexes are the archive's own, byte for byte, so that its signatures hold
and apt needs to trust nobody else; of the packages those are there that were asked for.

<folder>/<repository>/dists/<suite>/InRelease
                                   /main/binary-amd64/Packages.xz, and below by-hash
<folder>/<repository>/pool/…
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from ironhull.archive.debian import packages_files
from ironhull.archive.fetch import fetch_blob, pool_path
from ironhull.archive.index_files import ListedIndex
from ironhull.archive.interface import Download
from ironhull.archive.releases import ArchiveContext, SuiteRelease, release_bytes, suite_address
from ironhull.debian.package import Deb
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.oci.digest import hex_of
from ironhull.oci.platform import Architecture
from ironhull.store.blobs import BlobStore


def freeze(
    folder: Path,
    releases: Sequence[SuiteRelease],
    architectures: Iterable[Architecture],
    debs: Iterable[Deb],
    packages: BlobStore,
    context: ArchiveContext,
) -> None:
    """Make the folder, whole or not at all; one that is there is left as it is.

    `packages` holds the debs. InputError for a suite that is a folder of its own, errors of
    `fetch_blob` for an index that the mirror does not have any more: update the lock then.
    """
    if folder.is_dir():
        return
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        making.mkdir(parents=True)
        _indexes(making, releases, tuple(architectures), context)
        for deb in debs:
            path = making / deb.repository / pool_path(deb.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            _copy(packages.path(deb.sha256), path)
        making.rename(folder)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _indexes(
    folder: Path,
    releases: Sequence[SuiteRelease],
    architectures: Sequence[Architecture],
    context: ArchiveContext,
) -> None:
    transfer = context.transfer(context.progress.note)
    for suite in releases:
        if suite.suite.endswith("/"):
            raise InputError(f"{suite.repository.name} {suite.suite}: no dists folder to freeze")
        dists = folder / suite.repository.name / pool_path(f"dists/{suite.suite}")
        dists.mkdir(parents=True)
        (dists / "InRelease").write_bytes(release_bytes(suite, context))
        for architecture in architectures:
            for listed in packages_files(suite, architecture):
                _index(dists, listed, transfer, context)


def _index(dists: Path, listed: ListedIndex, transfer: Download, context: ArchiveContext) -> None:
    store = BlobStore(context.cache / "downloads")
    digest = listed.file.digest
    plain = suite_address(listed.suite.repository, listed.suite.suite, listed.path)
    urls = [f"{plain.rpartition('/')[0]}/by-hash/SHA256/{hex_of(digest)}", plain]
    advance = context.progress.start(f"keeping {listed.path}", listed.file.size, "bytes")
    fetch_blob(transfer, store, urls, digest, listed.file.size, advance)
    try:
        path = dists / listed.path
        by_hash = path.parent / "by-hash/SHA256" / hex_of(digest)
        by_hash.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store.path(digest), path)
        _copy(path, by_hash)
    finally:
        store.remove(digest)


def _copy(source: Path, target: Path) -> None:
    """A second name for a file that never changes; a copy where the disk has none."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(source, target)
