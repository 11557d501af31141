"""What a command line names as a place.

localhost:5000/node:20    a registry (what has a host before the first slash), or docker://…
oci:DIR[:NAME]            an OCI image layout
oci-archive:FILE[:NAME]   an archive; docker-archive: is the same, both are told by content
bundle.tar                an archive too, also .tar.gz and .tar.zst when read
node:20, store:NAME       Ironhull's own store

`locations` opens them. Whoever needs no registry has here all that it takes, and loads no network.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Protocol

from ironhull.errors import InputError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.reference import Reference, names_registry
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.store.referrers import Listing, Referrers
from ironhull.values import dataclass

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
    if names_registry(text):
        return Location(Kind.REGISTRY, text, reference=Reference.parse(text))
    return Location(Kind.STORE, text, text)


def find_location(text: str) -> Location:
    """As `parse_location`, but a path that is there is meant, where the text looks like one."""
    path = Path(text)
    if "/" in text and path.exists():
        return Location(Kind.LAYOUT if path.is_dir() else Kind.ARCHIVE, text, path=path)
    return parse_location(text)


def find_image(text: str) -> Location:
    """The same; NotFoundError for what can only be a path and is not there."""
    is_path = text.startswith(("/", "./", "../")) and not text.endswith(_ARCHIVES)
    if is_path and not Path(text).exists():
        raise NotFoundError(f"{text}: no such file or folder")
    return find_location(text)


def _in_path(kind: Kind, text: str, rest: str) -> Location:
    path, _, name = rest.partition(":")
    if not path:
        raise InputError(f"{text!r}: a path is missing after the colon")
    return Location(kind, text, name or None, Path(path))


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


class Findable(Listing, Protocol):
    """A layout, or an archive of one."""

    def find(self, name: str) -> Descriptor:
        """What has the name or the digest; NotFoundError."""
        ...


def find_in(stored: Findable, location: Location) -> Descriptor:
    """What a location of a layout or an archive means: the named image, or the only one."""
    if location.name:
        return stored.find(location.name)
    referring = Referrers(stored).digests()
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
