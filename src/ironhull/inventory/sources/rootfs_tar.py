"""A root file system as a tar, plain or compressed: a distribution's own, or an export of one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ironhull.errors import EnvironmentProblem, MalformedError, NotFoundError
from ironhull.inventory.layer import LIMITS, tar_entries
from ironhull.inventory.model import ImageIdentity
from ironhull.inventory.paths import absolute, utf8
from ironhull.inventory.sources.interface import Entries, OpenImage
from ironhull.inventory.stream import Expected, LayerStream, is_plain
from ironhull.oci.tar import Member, TarReader
from ironhull.oci.tar_file import headers_of

_IMAGE = frozenset({"oci-layout", "index.json", "manifest.json", "repositories", "blobs"})
# fmt: off
_SYSTEM = frozenset(
    {"bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "nix", "opt", "proc",
     "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"}
)
# fmt: on
_MAX_ASKED = 10_000
_START = 16


def open_rootfs_tar(path: Path, name: str) -> OpenImage:
    """The tar as an image without layers and config; NotFoundError if there is no such file."""
    if not path.is_file():
        raise NotFoundError(f"{path} is not a file")
    return OpenImage(ImageIdentity(utf8(name), "rootfs"), tree=lambda: _entries(path))


def is_rootfs_tar(path: Path) -> bool:
    """Whether a tar has a file system's folders and not an image archive's files.

    The first member that tells decides; where none does, it is a file system if it has any.
    """
    has_members = False
    try:
        for member in islice(_members(path), _MAX_ASKED):
            has_members = True
            top = (absolute(member.name) or "/").split("/")[1]
            if top in _IMAGE:
                return False
            if top in _SYSTEM:
                return True
    except MalformedError:
        return False
    return has_members


def _members(path: Path) -> Iterator[Member]:
    """The members without their contents, which a plain tar then need not be read for."""
    try:
        with path.open("rb") as file:
            if is_plain(file.read(_START)):
                file.seek(0)
                yield from headers_of(file, str(path), LIMITS)
                return
            file.seek(0)
            with LayerStream(file, Expected(str(path))) as stream:
                yield from TarReader(iter(stream), str(path), LIMITS)
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror or error}") from None


def _entries(path: Path) -> Entries:
    try:
        with path.open("rb") as file, LayerStream(file, Expected(str(path))) as stream:
            yield from tar_entries(iter(stream), str(path))
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror or error}") from None
