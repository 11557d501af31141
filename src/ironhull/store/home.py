"""Where Ironhull keeps things on disk.

<home>/store/     an OCI image layout of all that was built or pulled
<home>/cache/     what can be made or fetched again
    packages/     .deb files by sha256
    archive/      release files and package indexes
    layers/       records of layers that were made, by the key of what went into them
    images/       records of images that were built, by the key of what went into them
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import EnvironmentProblem
from ironhull.store.blobs import BlobStore
from ironhull.store.layout import ImageLayout


@dataclass(frozen=True, slots=True)
class Home:
    """The folders below one root (`IRONHULL_HOME`; `cli` decides which)."""

    root: Path

    @property
    def store(self) -> ImageLayout:
        try:
            return ImageLayout(self.root / "store", create=True)
        except EnvironmentProblem as error:
            raise EnvironmentProblem(f"{error}; IRONHULL_HOME names another place") from None

    @property
    def packages(self) -> BlobStore:
        """.deb files; the root of the store is `cache/packages`."""
        return BlobStore(self.root / "cache" / "packages")

    @property
    def archive(self) -> Path:
        return self.root / "cache" / "archive"

    @property
    def layers(self) -> Path:
        return self.root / "cache" / "layers"

    @property
    def images(self) -> Path:
        return self.root / "cache" / "images"
