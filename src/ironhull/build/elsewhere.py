"""What a build gets from elsewhere: packages, files, other images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ironhull.archive.interface import Download, PackageSource
from ironhull.definition.model import ArtifactRequest
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.platform import Platform


class ImageSource(Protocol):
    """Other images, by their digest."""

    def manifest(self, wanted: ArtifactRequest, platform: Platform) -> Descriptor:
        """The manifest for the platform, which with its layers is then in the home's store.

        NotFoundError if it is nowhere, or not for this platform; NetworkError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """All of it, for one image."""

    packages: PackageSource
    download: Download
    images: ImageSource
