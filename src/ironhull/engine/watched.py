"""The sandbox with an eye on which files of an image are opened in it.

Images are unpacked for it alone, so that nobody else's opens are counted, and run without an
overlay, which hides them from the kernel's notices: where writes are to be discarded, to all of the
root or to the image's volumes, they change a tree of their own that is thrown away.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ironhull.engine.interface import RunOptions
from ironhull.engine.sandbox import Sandbox
from ironhull.engine.unpacked import unpacked
from ironhull.oci.descriptor import Descriptor
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.inside import inside
from ironhull.sandbox.model import Bind, Root, Volume, Wish
from ironhull.sandbox.opens import Opens
from ironhull.store.layout import ImageLayout
from ironhull.store.trees import remove_tree

_UNCHANGED, _WRITABLE = "unchanged", "writable"


class WatchedSandbox(Sandbox):
    """Runs as `Sandbox` does, in trees below `folder`; what was opened is known after its `with`.

    `folder` is its own, and its maker's to remove.
    """

    def __init__(self, find: Callable[[], Bubblewrap], folder: Path) -> None:
        super().__init__(find, folder / _UNCHANGED)
        self._place = folder
        self._watching: dict[Path, Opens] = {}
        self._held = ExitStack()
        self._writable = ExitStack()

    def __enter__(self) -> WatchedSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._writable.close()
        self._held.close()

    def tree(self, layout: ImageLayout, manifest: Descriptor) -> Path:
        """The image's tree that no test may change."""
        return unpacked(layout, manifest, self._place / _UNCHANGED)

    def opened(self) -> frozenset[str]:
        """Files of images that were opened, relative to the root, and without links.

        Errors of `Opens.files`.
        """
        return frozenset[str]().union(*(one.files() for one in self._watching.values()))

    def unwatched(self) -> frozenset[str]:
        """Folders of images of which nothing is known."""
        return frozenset[str]().union(*(one.unwatched() for one in self._watching.values()))

    def wish(self, image: str, options: RunOptions) -> Wish:
        """As `Sandbox.wish`, over a tree that is watched from now on."""
        if options.read_only and not self.inspect(image).get("Volumes"):
            found = super().wish(image, options)
            if found.root not in self._watching:
                self._watch(found.root, self._held)
            _make_targets(found)
            return found
        self._writable.close()
        self._folder = self._place / f"{_WRITABLE}-{len(self._watching)}"
        self._writable.callback(remove_tree, self._folder)
        try:
            found = super().wish(image, options)
        finally:
            self._folder = self._place / _UNCHANGED
        self._watch(found.root, self._writable)
        if not options.read_only:
            return replace(found, writes=Root.KEPT)
        _make_targets(found)
        own = [Bind(_place(found.root, one), one.target, writable=True) for one in found.volumes]
        return replace(found, volumes=(), binds=(*own, *found.binds))

    def _watch(self, root: Path, held: ExitStack) -> None:
        self._watching[root] = held.enter_context(Opens(root))


def _place(root: Path, volume: Volume) -> Path:
    """The folder of the tree that is the volume, and whose it is to be."""
    place = root / volume.target.lstrip("/")
    if os.geteuid() == 0:
        os.chown(place, volume.uid, volume.gid, follow_symlinks=False)
    return place


def _make_targets(wish: Wish) -> None:
    """What is to be mounted on: where it is missing, an overlay would be put over the tree."""
    files = {one.target for one in wish.binds if not one.source.is_dir()}
    for target in wish.targets:
        place = wish.root / inside(wish.root, target).lstrip("/")
        if target.startswith("/dev/") or place.exists():
            continue
        if target in files:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        else:
            place.mkdir(parents=True)
