"""What a command line names as a place, and opening it.

localhost:5000/node:20    a registry (what has a host before the first slash), or docker://…
oci:DIR[:NAME]            an OCI image layout
oci-archive:FILE[:NAME]   an archive; docker-archive: is the same, both are told by content
bundle.tar                an archive too, also .tar.gz and .tar.zst when read
node:20, store:NAME       Ironhull's own store
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ironhull.errors import EnvironmentProblem, InputError, NetworkError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.reference import TAG, Reference
from ironhull.registry.client.access import Registries
from ironhull.registry.client.interface import Source, Target
from ironhull.registry.client.places import (
    ArchiveTarget,
    LayoutTarget,
    RegistrySource,
    RegistryTarget,
    StoredSource,
)
from ironhull.store.archive_file import ArchiveFile
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.store.referrers import referrers_by_subject

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.zst")


class Kind(Enum):
    """What sort of place an image is in."""

    REGISTRY = "registry"
    LAYOUT = "layout"
    ARCHIVE = "archive"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Location:
    """A place by its kind: a reference, or a path and a name in it, or a name in the store.

    `explicit`: the text itself says a tag or digest.
    """

    kind: Kind
    text: str
    name: str | None = None
    path: Path = Path()
    reference: Reference | None = None

    @property
    def explicit(self) -> bool:
        """Whether it names one image, not the one that a registry takes for `latest`."""
        return self.kind is not Kind.REGISTRY or has_tag(self.text)


def has_tag(text: str) -> bool:
    """Whether a reference as typed has a tag or digest of its own."""
    return "@" in text or ":" in text.rpartition("/")[2]


def parse_location(text: str) -> Location:
    """The place that a text names; InputError if it can name none."""
    scheme, colon, rest = text.partition(":")
    match scheme if colon else "":
        case "oci":
            return _in_path(Kind.LAYOUT, text, rest)
        case "oci-archive" | "docker-archive":
            return _in_path(Kind.ARCHIVE, text, rest)
        case "store":
            return Location(Kind.STORE, text, rest)
        case "docker":
            bare = rest.removeprefix("//")
            return Location(Kind.REGISTRY, bare, reference=Reference.parse(bare))
    if not colon and text.endswith(_ARCHIVES):
        return Location(Kind.ARCHIVE, text, path=Path(text))
    head, slash, _ = text.partition("/")
    if slash and (head == "localhost" or "." in head or ":" in head):
        return Location(Kind.REGISTRY, text, reference=Reference.parse(text))
    return Location(Kind.STORE, text, text)


def find_location(text: str) -> Location:
    """As `parse_location`, but a path that is there is meant, where the text looks like one."""
    path = Path(text)
    if "/" in text and path.exists():
        return Location(Kind.LAYOUT if path.is_dir() else Kind.ARCHIVE, text, path=path)
    return parse_location(text)


def _in_path(kind: Kind, text: str, rest: str) -> Location:
    path, _, name = rest.partition(":")
    if not path:
        raise InputError(f"{text!r}: a path is missing after the colon")
    return Location(kind, text, name or None, Path(path))


@contextmanager
def open_source(location: Location, registries: Registries, store: ImageLayout) -> Iterator[Source]:
    """The place for reading; NotFoundError if nothing is there."""
    match location.kind:
        case Kind.REGISTRY:
            assert location.reference is not None  # noqa: S101 - parse_location sets it
            yield registry_source(location.reference, registries)
        case Kind.STORE:
            name = location.name or ""
            yield StoredSource(store, find_stored(store, name), name)
        case Kind.LAYOUT:
            layout = ImageLayout(location.path)
            yield StoredSource(layout, _one(layout, location), location.text)
        case Kind.ARCHIVE:
            with ArchiveFile(location.path) as archive:
                yield StoredSource(archive, _one(archive, location), location.text)


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


def registry_source(reference: Reference, registries: Registries) -> RegistrySource:
    """A reference at the first mirror that has it, else at its registry. A digest wins."""
    wanted = str(reference.digest or reference.tag)
    for mirror in registries.mirrors_of(reference):
        try:
            if mirror.has_manifest(wanted) is not None:
                return RegistrySource(mirror, wanted)
            why = "it does not have it"
        except (NetworkError, NotFoundError) as error:
            why = str(error)
        registries.progress.note(f"{reference}: not from the mirror {mirror}: {why}")
    return RegistrySource(registries.repository(reference), wanted)


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


def find_stored(store: ImageLayout, name: str) -> Descriptor:
    """An image of the own store by name, by its full reference, or by digest."""
    try:
        return store.find(name)
    except NotFoundError as error:
        first = error
    try:
        return store.find(str(Reference.parse(name)))
    except InputError:
        raise NotFoundError(f"{first}; for a registry's write its host, as in docker.io/") from None


def _one(stored: ImageLayout | ArchiveFile, location: Location) -> Descriptor:
    if location.name:
        return stored.find(location.name)
    referring = {item.digest for items in referrers_by_subject(stored).values() for item in items}
    images = {item.digest: item for item in stored.descriptors() if item.digest not in referring}
    if len(images) == 1:
        return next(iter(images.values()))
    names = [
        item.annotations.get(REF_NAME) or item.digest
        for item in stored.descriptors()
        if item.digest in images
    ]
    raise InputError(
        f"{location.text} holds {len(images)} images; add a colon and the name of one"
        + (f": {', '.join(sorted(names)[:20])}" if names else "")
    )


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
