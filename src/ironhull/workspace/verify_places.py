"""The places of images that are verified: opened with no more than they need.

An image on a disk loads no network. Of many images in one layout, its index.json and what refers
to what are read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from ironhull.attest.listing import ImagePlace, LayoutPlace
from ironhull.errors import NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.reference import Reference
from ironhull.registry.client.naming import Kind, Location, find_image, find_in, find_stored
from ironhull.store.blobs import BlobStore
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.store.referrers import Referrers
from ironhull.workspace.machine import Machine


class Places:
    """Opens images by what a person calls them. What layouts list stays as it was at first."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._layouts: dict[Path, _Snapshot] = {}

    @contextmanager
    def opened(self, reference: str) -> Iterator[ImagePlace]:
        """The place; NotFoundError if nothing is there.

        A short name is one of the store, else of Docker Hub, as for `pull`.
        """
        location = find_image(reference)
        match location.kind:
            case Kind.STORE:
                found = self._stored(location)
                if found is not None:
                    yield found
                    return
                named = Reference.parse(location.text)
            case Kind.LAYOUT:
                layout = self._layout(location.path)
                yield LayoutPlace(layout, layout.image(location), layout.referrers)
                return
            case Kind.ARCHIVE:
                # What decompresses archives takes its time to load.
                from ironhull.store.archive_file import ArchiveFile

                with ArchiveFile(location.path) as archive:
                    yield LayoutPlace(archive, find_in(archive, location).digest)
                return
            case Kind.REGISTRY:
                named = location.reference or Reference.parse(location.text)
        with self._asked(named) as place:
            yield place

    def must_have(self, reference: str) -> None:
        """NotFoundError for what can be seen not to be there, without a registry."""
        location = find_image(reference)
        match location.kind:
            case Kind.STORE:
                self._stored(location)
            case Kind.LAYOUT | Kind.ARCHIVE:
                with self.opened(reference):
                    pass

    def local(self, reference: str) -> bool:
        """Whether it is in a layout, where nothing has to be waited for; what is read is kept."""
        location = find_image(reference)
        try:
            match location.kind:
                case Kind.STORE:
                    return self._stored(location) is not None
                case Kind.LAYOUT:
                    return self._layout(location.path).referrers is not None
        except NotFoundError:
            pass
        return False

    def _stored(self, location: Location) -> LayoutPlace | None:
        """The image of the own store; None for one that only a registry may have."""
        name, folder = location.name or "", self._machine.home.store_folder
        try:
            if not (folder / "oci-layout").is_file():
                raise NotFoundError(
                    f"no image {name!r:.200} in {folder}, where nothing is yet: ironhull build "
                    "and pull bring images there"
                )
            store = self._layout(folder)
            return LayoutPlace(store, store.named(name), store.referrers)
        except NotFoundError:
            if location.text.startswith("store:") or self._machine.settings.offline:
                raise
        return None

    def _layout(self, root: Path) -> _Snapshot:
        found = self._layouts.get(root)
        if found is None:
            found = self._layouts[root] = _Snapshot(ImageLayout(root))
        return found

    @contextmanager
    def _asked(self, reference: Reference) -> Iterator[ImagePlace]:
        # The network: half a second that nobody waits for who needs none.
        from ironhull.registry.client.locations import registry_source
        from ironhull.workspace.registries import registries

        with registries(self._machine) as opened:
            yield registry_source(reference, opened)


class _Snapshot:
    """A layout whose index.json was read once."""

    def __init__(self, layout: ImageLayout) -> None:
        self._layout_ = layout

    @property
    def blobs(self) -> BlobStore:
        """As of the layout."""
        return self._layout_.blobs

    @cached_property
    def _listed(self) -> list[Descriptor]:
        return self._layout_.descriptors()

    @cached_property
    def _names(self) -> dict[str, Digest]:
        found: dict[str, Digest] = {}
        for each in self._listed:
            found.setdefault(each.annotations.get(REF_NAME, each.digest), each.digest)
            found.setdefault(each.digest, each.digest)
        return found

    @cached_property
    def referrers(self) -> Referrers:
        """What refers to what."""
        found = Referrers(self)
        found.read()
        return found

    def descriptors(self) -> list[Descriptor]:
        """As of the layout."""
        return self._listed

    def document(self, digest: Digest, media_type: str | None = None) -> Document:
        """As of the layout."""
        return self._layout_.document(digest, media_type)

    def named(self, name: str) -> Digest:
        """The image of the store with a name; errors as `find_stored`."""
        return self._names.get(name) or find_stored(self._layout_, name).digest

    def image(self, location: Location) -> Digest:
        """The image that a location of the layout means."""
        found = self._names.get(location.name) if location.name else None
        return found or find_in(self._layout_, location).digest
