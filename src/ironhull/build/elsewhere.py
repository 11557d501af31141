"""What a build gets from elsewhere, behind interfaces: packages, files, images, a sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import BinaryIO, Protocol

from ironhull.archive.interface import Download, PackageSource
from ironhull.build.record import MadeLayer
from ironhull.definition.model import ArtifactRequest
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.platform import Platform
from ironhull.store.blobs import BlobStore
from ironhull.values import dataclass


class ImageSource(Protocol):
    """Other images, by their digest."""

    def manifest(self, wanted: ArtifactRequest, platform: Platform) -> Descriptor:
        """The manifest for the platform, which with its layers is then in the home's store.

        NotFoundError if it is nowhere, or not for this platform; NetworkError.
        """
        ...


@dataclass(frozen=True, slots=True)
class StageCommand:
    """One command of a build stage."""

    root: Path
    """The folder that is `/`; what the command changes stays."""
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    work_dir: str
    uid: int
    gid: int
    empty: tuple[str, ...] = ()
    """Folders that are empty, and gone afterwards."""


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """How it ended."""

    exit_code: int
    output: str
    """What it said last, both streams."""
    timed_out: bool = False
    filled: str = ""
    """Why it was stopped for what it wrote to the disk."""


class StageRunner(Protocol):
    """Runs commands of build stages, without a network."""

    def run(self, command: StageCommand) -> StageOutcome:
        """Run it to its end; EngineError if there is no sandbox on this machine."""
        ...


class SharedLayers(Protocol):
    """Layers that several hosts make once for all of them."""

    def bring(self, key: str) -> bool:
        """Have a layer with its record in the home, if another host has made it."""
        ...

    def keep(self, record: MadeLayer) -> None:
        """Let the other hosts have a layer that was made here."""
        ...


class LayerPlace(Protocol):
    """Where manifests and blobs are: of what `Repository` does, as much as is needed."""

    def fetch_manifest(self, reference: str) -> Document:
        """The manifest with this name; NotFoundError, MalformedError."""
        ...

    def has_manifest(self, reference: str) -> Digest | None:
        """The digest of the manifest with this name; None if there is none."""
        ...

    def push_manifest(self, document: Document, tag: str) -> object:
        """Give a manifest this name."""
        ...

    def read_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A small blob, verified; NotFoundError, UntrustedError."""
        ...

    def fetch_blob(self, descriptor: Descriptor, store: BlobStore) -> None:
        """Bring a blob into a store, verified; NotFoundError, UntrustedError."""
        ...

    def push_blob(self, descriptor: Descriptor, source: Callable[[], BinaryIO]) -> object:
        """Give a blob."""
        ...


class NotShared:
    """Every host makes its own."""

    def bring(self, key: str) -> bool:
        """As `SharedLayers.bring`: nobody has it."""
        return False

    def keep(self, record: MadeLayer) -> None:
        """As `SharedLayers.keep`: nobody wants it."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """All of it, for one image."""

    packages: PackageSource
    download: Download
    images: ImageSource
    stages: StageRunner
    layers: SharedLayers = field(default_factory=NotShared)
