"""Opens the places that a command line names (`naming`), for reading and for writing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ironhull.errors import EnvironmentProblem, InputError, NetworkError, NotFoundError
from ironhull.oci.reference import TAG, Reference
from ironhull.registry.client.access import Registries
from ironhull.registry.client.interface import Source, Target
from ironhull.registry.client.naming import Kind, Location, find_in, find_stored
from ironhull.registry.client.places import (
    ArchiveTarget,
    LayoutTarget,
    RegistrySource,
    RegistryTarget,
    StoredSource,
)
from ironhull.store.archive_file import ArchiveFile
from ironhull.store.blobs import BlobStore
from ironhull.store.layout import REF_NAME, ImageLayout


@contextmanager
def open_source(
    location: Location, registries: Registries, store: ImageLayout, *, believing: bool = False
) -> Iterator[Source]:
    """The place for reading; NotFoundError if nothing is there.

    With `believing` no archive is read whole to know its layers' digests, as `ArchiveFile` says.
    """
    match location.kind:
        case Kind.REGISTRY:
            assert location.reference is not None  # noqa: S101 - parse_location sets it
            yield registry_source(location.reference, registries, store.blobs)
        case Kind.STORE:
            name = location.name or ""
            yield StoredSource(store, find_stored(store, name), name)
        case Kind.LAYOUT:
            layout = ImageLayout(location.path)
            yield StoredSource(layout, find_in(layout, location), location.text)
        case Kind.ARCHIVE:
            with ArchiveFile(location.path, believing=believing) as archive:
                yield StoredSource(archive, find_in(archive, location), location.text)


@contextmanager
def open_target(
    location: Location, registries: Registries, store: ImageLayout, default: str
) -> Iterator[Target]:
    """The place for writing; `default` is the source's name, used where the target says none."""
    match location.kind:
        case Kind.REGISTRY:
            assert location.reference is not None  # noqa: S101 - parse_location sets it
            repository = registries.repository(location.reference, write=True)
            yield RegistryTarget(repository, target_tags(location, default))
        case Kind.STORE:
            name = location.name or ""
            _must_be_name(location.text, name)
            yield LayoutTarget(store, [name], name)
        case Kind.LAYOUT:
            layout = ImageLayout(location.path, create=True)
            yield LayoutTarget(layout, [location.name] if location.name else [], location.text)
        case Kind.ARCHIVE:
            name = location.name or default
            with _staging(location.path) as staging:
                yield ArchiveTarget(location.path, name, staging, location.text)


def registry_source(
    reference: Reference, registries: Registries, near: BlobStore | None = None
) -> RegistrySource:
    """A reference at the first mirror that has it, else at its registry. A digest wins.

    What the store `near` has of chunked layers' files is not fetched.
    """
    wanted = str(reference.digest or reference.tag)
    for mirror in registries.mirrors_of(reference):
        try:
            if mirror.has_manifest(wanted) is not None:
                return RegistrySource(mirror, wanted, near)
            why = "it does not have it"
        except (NetworkError, NotFoundError) as error:
            why = str(error)
        registries.progress.note(f"{reference}: not from the mirror {mirror}: {why}")
    return RegistrySource(registries.repository(reference), wanted, near)


def target_tags(location: Location, default: str) -> list[str]:
    """Tags to give at a registry: the target's own, else the source's, else `latest`."""
    reference = location.reference
    if reference is None:
        return []
    if location.explicit:
        if reference.digest is not None:
            raise InputError(f"{location.text}: push to a tag; the digest follows from the image")
        return [reference.tag or "latest"]
    tag = default.rpartition("/")[2].partition("@")[0].partition(":")[2]
    return [tag if TAG.fullmatch(tag) else "latest"]


def source_name(location: Location, source: Source) -> str:
    """The name under which an image is known where it comes from."""
    if location.reference is not None:
        return str(location.reference)
    if isinstance(source, StoredSource):
        name = source.descriptor.annotations.get(REF_NAME)
        if name:
            return name
    return f"{location.path.name.partition('.')[0].lower() or 'image'}:latest"


def _must_be_name(text: str, name: str) -> None:
    try:
        Reference.parse(name)
    except InputError as error:
        raise InputError(f"{text}: not a name for the store: {error}") from None


@contextmanager
def _staging(path: Path) -> Iterator[ImageLayout]:
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {path}: {error.strerror}") from None
    with folder as name:
        yield ImageLayout(Path(name), create=True)
