"""Source packages as one tar, written as a stream: equal packages give equal bytes.

`sources.json` says what there is; each package is a folder NAME_VERSION with its .dsc and the files
that this names, as the archive has them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ironhull.archive.sources import SourceFile, SourceStanza
from ironhull.errors import EnvironmentProblem, NotFoundError, UntrustedError
from ironhull.oci.digest import hex_of
from ironhull.oci.document import canonical
from ironhull.oci.tar import BLOCK, DIRECTORY, FILE
from ironhull.oci.tar_writer import TarHeader, TarWriter, header_bytes
from ironhull.store.blobs import CHUNK, BlobStore

LIST = "sources.json"
_FOLDER, _PLAIN = 0o755, 0o644


def write_sources(
    packages: Sequence[SourceStanza],
    binaries: Mapping[tuple[str, str], Sequence[str]],
    mtime: int,
    store: BlobStore,
    write: Callable[[bytes], object],
) -> int:
    """Write the tar; its size in bytes. The files are in the store, and are verified once more.

    `binaries` are, by name and version of a source package, what was built from it, for the list.
    """
    written = 0

    def counted(data: bytes) -> None:
        nonlocal written
        write(data)
        written += len(data)

    tar = TarWriter(counted)
    ordered = sorted(packages, key=lambda package: (package.name, package.version))
    listed = [_listed(package, binaries) for package in ordered]
    tar.add(TarHeader(LIST, FILE, _PLAIN, mtime=mtime), canonical({"sources": listed}) + b"\n")
    for package in ordered:
        folder = _folder(package)
        tar.add(TarHeader(folder, DIRECTORY, _FOLDER, mtime=mtime))
        for file in package.files:
            header = TarHeader(f"{folder}/{file.file_name}", FILE, _PLAIN, size=file.size)
            counted(header_bytes(header._replace(mtime=mtime)))
            _copy(file, store, counted)
    tar.end()
    return written


def _folder(package: SourceStanza) -> str:
    return f"{package.name}_{package.version}"


def _listed(
    package: SourceStanza, binaries: Mapping[tuple[str, str], Sequence[str]]
) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "folder": _folder(package),
        "binaries": sorted(binaries.get((package.name, package.version), ())),
        "files": [
            {"name": file.file_name, "sha256": hex_of(file.sha256), "size": file.size}
            for file in package.files
        ],
    }


def _copy(file: SourceFile, store: BlobStore, write: Callable[[bytes], object]) -> None:
    sha256, size = hashlib.sha256(), 0
    try:
        with store.open(file.sha256) as source:
            while data := source.read(CHUNK):
                sha256.update(data)
                size += len(data)
                write(data)
    except NotFoundError:
        raise EnvironmentProblem(
            f"{file.file_name} has gone from {store.root} (was the cache cleaned up? Try again)"
        ) from None
    if (size, sha256.hexdigest()) != (file.size, hex_of(file.sha256)):
        raise UntrustedError(
            f"{store.path(file.sha256)} is damaged: it is not {file.file_name} any more (remove it,"
            " it is fetched again)"
        )
    write(b"\0" * (-size % BLOCK))
