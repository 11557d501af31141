"""What a person writes as IMAGE → the image, open for reading.

node:20, store:NAME            Ironhull's own store
localhost:5000/node:20         a registry (a host before the first slash), or docker://…
DIR, oci:DIR[:NAME]            an OCI image layout
FILE, oci-archive:FILE[:NAME]  an archive of either kind; docker-archive: is the same
DIR, rootfs:DIR                a root file system, where the folder is no layout
FILE, rootfs:FILE              the same as a tar, plain or compressed
podman:NAME, docker-daemon:NAME  an image that a container engine holds
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path

from ironhull.errors import InputError, NotFoundError
from ironhull.inventory.sources.engine import open_engine_image
from ironhull.inventory.sources.interface import OpenImage
from ironhull.inventory.sources.oci import open_oci
from ironhull.inventory.sources.rootfs import open_rootfs
from ironhull.inventory.sources.rootfs_tar import is_rootfs_tar, open_rootfs_tar
from ironhull.oci.platform import Platform
from ironhull.registry.client.access import Registries
from ironhull.registry.client.locations import open_source
from ironhull.registry.client.naming import (
    Kind,
    Location,
    find_image,
    find_in,
    find_stored,
)
from ironhull.registry.client.places import StoredSource
from ironhull.store.archive_file import ArchiveFile
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout
from ironhull.values import dataclass

_ENGINES = {"podman": "podman", "docker-daemon": "docker", "containers-storage": "podman"}


@dataclass(frozen=True, slots=True)
class Places:
    """Where images may be. `registries` is called only when one is needed."""

    home: Home
    registries: Callable[[], Registries]
    engines: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {"podman": ("podman",), "docker": ("docker",)}
    )
    """Engine → the command and the options that always follow it."""


@contextmanager
def open_image(text: str, places: Places, platform: Platform | None = None) -> Iterator[OpenImage]:
    """The image that `text` names, for as long as the block lasts."""
    if not text:
        raise InputError("an empty name names no image")
    scheme, colon, rest = text.partition(":")
    if colon and scheme in _ENGINES:
        command = places.engines[_ENGINES[scheme]]
        with open_engine_image(command, rest, text, platform) as image:
            yield image
    elif colon and scheme == "rootfs":
        yield _rootfs(Path(rest), text)
    elif (path := _existing(text)) is not None and path.is_dir():
        if (path / "oci-layout").is_file():
            with _opened(Location(Kind.LAYOUT, text, path=path), places, platform) as image:
                yield image
        else:
            yield open_rootfs(path, text)
    elif path is not None and is_rootfs_tar(path):
        yield open_rootfs_tar(path, text)
    else:
        location = find_image(text)
        if path is not None:
            location = Location(Kind.ARCHIVE, text, path=path)
        elif location.kind is Kind.STORE:
            _meant_as_path(text, places.home.store)
        with _opened(location, places, platform) as image:
            yield image


def is_near(text: str) -> bool:
    """Whether the image is, if anywhere, where neither a registry nor an engine is asked."""
    scheme = text.partition(":")[0]
    if scheme == "rootfs" or _existing(text) is not None:
        return True
    return scheme not in _ENGINES and find_image(text).kind is not Kind.REGISTRY


def _rootfs(path: Path, name: str) -> OpenImage:
    return open_rootfs_tar(path, name) if path.is_file() else open_rootfs(path, name)


def _meant_as_path(text: str, store: ImageLayout) -> None:
    """Say so if a text that the store does not know is there as a path."""
    if Path(text).exists():
        try:
            find_stored(store, text)
        except NotFoundError:
            raise NotFoundError(
                f"no image {text!r} in the store (for the file or folder of that name: ./{text})"
            ) from None


def _existing(text: str) -> Path | None:
    """A path that is meant: it is there, and it looks like one or cannot be a name of the store."""
    path = Path(text)
    looks = text.startswith(("/", "./", "../")) or text in (".", "..") or "/" in text
    return path if (looks or text.endswith(".tar")) and path.exists() else None


@contextmanager
def _opened(location: Location, places: Places, platform: Platform | None) -> Iterator[OpenImage]:
    kind = location.kind.value
    if location.kind is Kind.ARCHIVE:
        # Its layers are read anyway, and held to their digests then: they are not read for these.
        with ArchiveFile(location.path, believing=True) as archive:
            found = StoredSource(archive, find_in(archive, location), location.text)
            yield open_oci(found, location.text, kind, platform, archive.believed)
        return
    with open_source(location, places.registries(), places.home.store) as source:
        yield open_oci(source, location.text, kind, platform)
