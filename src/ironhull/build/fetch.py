"""Which .deb files a build lacks, and getting them."""

from __future__ import annotations

from collections.abc import Iterable

from ironhull.archive.interface import PackageSource
from ironhull.debian.package import Deb
from ironhull.oci.digest import Digest
from ironhull.progress import Progress
from ironhull.store.blobs import BlobStore


def fetch_packages(
    packages: Iterable[Deb],
    needed: frozenset[Digest] | None,
    store: BlobStore,
    source: PackageSource,
    progress: Progress,
) -> None:
    """Have the packages whose digests are `needed` in the store; None: all of them.

    The source is asked only for what the store lacks, and not at all if that is nothing.
    """
    wanted = {
        package.sha256: package
        for package in packages
        if needed is None or package.sha256 in needed
    }
    absent = [package for package in wanted.values() if not store.has(package.sha256, package.size)]
    if absent:
        source.fetch(absent, progress)
