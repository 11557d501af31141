"""The changelogs of packages, kept beside the package files by who unpacks these for a layer.

A package's data archive is one compressed stream, and what its maintainers say stands behind its
programs: to read it there takes a tenth of a second for a library, and seconds for a browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ironhull.errors import EnvironmentProblem
from ironhull.oci.digest import Digest, hex_of
from ironhull.store.blobs import BlobStore
from ironhull.store.files import replace_file

MAX_KEPT = 16 << 20
"""Bytes of a package's changelogs, as they are in it."""


def changelogs_folder(packages: BlobStore) -> Path:
    """The folder of the changelogs of packages."""
    return packages.root / "changelogs"


def changelogs_path(packages: BlobStore, package: Digest) -> Path:
    """The file for the changelogs of a package."""
    return changelogs_folder(packages) / hex_of(package)


def keep_changelogs(packages: BlobStore, package: Digest, files: Mapping[str, bytes]) -> None:
    """Keep all changelogs that a package has, by file name; none is to be known too."""
    import msgspec  # late here and below: a build in which nothing changed needs none

    # They are in the package too: what cannot be kept is read there.
    with suppress(EnvironmentProblem):
        data = msgspec.msgpack.encode(files)
        replace_file(changelogs_path(packages, package), data, durable=False)


def kept_changelogs(path: Path) -> dict[str, bytes] | None:
    """What was kept in a file; None if nothing, or something damaged."""
    import msgspec

    try:
        value = msgspec.msgpack.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None
    whole = isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(data, bytes) for name, data in value.items()
    )
    return value if whole else None
