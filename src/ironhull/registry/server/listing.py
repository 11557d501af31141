"""Tags: what index.json of the layout says, read once per change of the file.

An entry whose reference name is `repository:tag` is that tag. Entries with another name or none
(attestations that a build put beside its image, for example) are `loose`: see `contents`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.registry.server.names import split_ref_name
from ironhull.registry.server.records import sync_folder
from ironhull.store.layout import REF_NAME, ImageLayout


@dataclass(frozen=True, slots=True)
class Listing:
    """index.json at one moment: repository → tag → descriptor, and the entries without a tag."""

    tags: Mapping[str, Mapping[str, Descriptor]]
    loose: tuple[Descriptor, ...]


class Tags:
    """The tags of a layout; safe from several threads and processes."""

    def __init__(self, layout: ImageLayout) -> None:
        self._layout = layout
        self._index = layout.root / "index.json"
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int, int], Listing] | None = None

    def listing(self) -> Listing:
        """What index.json lists now; the same object until the file changes."""
        status = self._index.stat()
        stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
        with self._lock:
            if self._read is None or self._read[0] != stamp:
                self._read = (stamp, _listing(self._layout.descriptors()))
            return self._read[1]

    def point(self, repository: str, tag: str, descriptor: Descriptor) -> None:
        """Let the tag be this manifest: before, the old image; after, the new one; on disk."""
        self._layout.tag(descriptor, [f"{repository}:{tag}"])
        sync_folder(self._layout.root)

    def remove(self, repository: str, gone: Callable[[str, Digest], bool]) -> None:
        """Remove the tags of a repository for which `gone(tag, digest)` is true."""

        def kept(descriptor: Descriptor) -> bool:
            name = split_ref_name(descriptor.annotations.get(REF_NAME, ""))
            return name is None or name[0] != repository or not gone(name[1], descriptor.digest)

        self._layout.update(lambda before: [item for item in before if kept(item)])
        sync_folder(self._layout.root)


def _listing(descriptors: list[Descriptor]) -> Listing:
    tags: dict[str, dict[str, Descriptor]] = {}
    loose = []
    for descriptor in descriptors:
        name = split_ref_name(descriptor.annotations.get(REF_NAME, ""))
        if name is None:
            loose.append(descriptor)
        else:
            tags.setdefault(name[0], {})[name[1]] = descriptor
    return Listing(tags, tuple(loose))
