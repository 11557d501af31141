"""Where a set of VEX is kept: a folder for a static server, or an artifact in a registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from ironhull.attest.attaching import referrer_of
from ironhull.attest.statement import Subject, render_statement
from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of, hex_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_EMPTY, OCI_MANIFEST
from ironhull.registry.client.naming import Kind, find_location
from ironhull.registry.client.repository import Repository
from ironhull.signing.dsse import signed_bundle
from ironhull.signing.interface import Signer
from ironhull.statements.kinds import SIGNATURE
from ironhull.store.files import replace_file
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import list_documents
from ironhull.workspace.machine import Machine

SET, SET_BUNDLE = "set.json", "set.sigstore.json"
SET_TYPE = "application/vnd.ironhull.vex-set.v1"
MAX_SET = 64 << 20
_FILE_TYPE = "application/octet-stream"
_TITLE = "org.opencontainers.image.title"
_EMPTY = b"{}"
_NO_TIME = "1970-01-01T00:00:00Z"


class SetPlace(Protocol):
    """A place of one set; `files` are by their paths in it."""

    label: str

    def read(self, path: str) -> bytes | None:
        """A file of the set that is there; None if it is not. MalformedError for a huge one."""
        ...

    def write(self, files: Mapping[str, bytes], signer: Signer) -> None:
        """Put a set in the place of the one before: readers see either one, whole."""
        ...


@contextmanager
def set_place(machine: Machine, text: str | Path) -> Iterator[SetPlace]:
    """The place that a folder or a registry's reference means."""
    location = find_location(str(text))
    if isinstance(text, Path) or location.kind is not Kind.REGISTRY or location.reference is None:
        yield FolderSet(Path(text))
        return
    # The network: a folder needs none.
    from ironhull.workspace.registries import registries

    reference = location.reference
    if reference.digest:
        raise InputError(f"{text}: a set goes on from number to number, name it by a tag")
    with registries(machine) as opened:
        yield RegistrySet(opened.repository(reference, write=True), reference.tag or "latest")


class FolderSet:
    """A set in a folder that a static server serves."""

    def __init__(self, folder: Path) -> None:
        self.label = str(folder)
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """As `SetPlace.read`."""
        try:
            with (self._folder / path).open("rb") as file:
                data = file.read(MAX_SET + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"cannot read {self._folder / path}: {error.strerror}") from None
        return _whole(data, f"{self.label}/{path}")

    def write(self, files: Mapping[str, bytes], signer: Signer) -> None:
        """As `SetPlace.write`; what vouches for the files comes last."""
        last = (SET_BUNDLE, SET)
        for path in (*(each for each in files if each not in last), *last):
            replace_file(self._folder / path, files[path])


class RegistrySet:
    """A set as an artifact under a tag: a layer for each file, by its title; signed as images are.

    `oras pull` writes the folder, `cosign verify` holds the artifact to the key.
    """

    def __init__(self, repository: Repository, tag: str) -> None:
        self.label = f"{repository}:{tag}"
        self._repository, self._tag = repository, tag
        self._layers: dict[str, Descriptor] | None = None

    def read(self, path: str) -> bytes | None:
        """As `SetPlace.read`."""
        if self._layers is None:
            self._layers = self._listed()
        layer = self._layers.get(path)
        if layer is None:
            return None
        if layer.size > MAX_SET:
            raise MalformedError(f"{self.label}/{path}: {layer.size} bytes (limit {MAX_SET})")
        return self._repository.read_blob(layer, MAX_SET)

    def _listed(self) -> dict[str, Descriptor]:
        try:
            manifest = self._repository.fetch_manifest(self._tag)
        except NotFoundError:
            return {}
        if manifest.is_index or manifest.value.get("artifactType") != SET_TYPE:
            raise UntrustedError(
                f"{self.label} is no set of VEX ({manifest.digest}); publish under another tag"
            )
        return {each.annotations.get(_TITLE, ""): each for each in manifest.layers}

    def write(self, files: Mapping[str, bytes], signer: Signer) -> None:
        """As `SetPlace.write`: blobs, manifest, its signature, and the tag last."""
        # What transfers images: only a registry needs it.
        from ironhull.registry.client.places import RegistryTarget, StoredSource
        from ironhull.registry.client.transfer import transfer

        with TemporaryDirectory(prefix="ironhull-vex-") as folder:
            layout = ImageLayout(Path(folder), create=True)
            for data in (_EMPTY, *files.values()):
                layout.blobs.put(data)
            made = _artifact(files)
            layout.blobs.put(made.raw)
            layout.tag(made.descriptor(), [self._tag])
            about = Subject(self._repository.name, {"sha256": hex_of(made.digest)})
            bundle = signed_bundle(render_statement([about], SIGNATURE, b"{}"), signer)
            signature = referrer_of(layout.blobs, made.descriptor(), bundle, SIGNATURE, _NO_TIME)
            list_documents(layout, [signature])
            source = StoredSource(layout, made.descriptor(), self.label)
            transfer(source, RegistryTarget(self._repository, [self._tag]))
        self._layers = None


def _artifact(files: Mapping[str, bytes]) -> Document:
    """The manifest of files; no time in it: the same set gives the same bytes."""
    return Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": SET_TYPE,
            "config": Descriptor(OCI_EMPTY, digest_of(_EMPTY), len(_EMPTY)).json(),
            "layers": [
                Descriptor(_FILE_TYPE, digest_of(data), len(data), {_TITLE: path}).json()
                for path, data in sorted(files.items())
            ],
        }
    )


def _whole(data: bytes, name: str) -> bytes:
    if len(data) > MAX_SET:
        raise MalformedError(f"{name}: larger than {MAX_SET} bytes")
    return data
