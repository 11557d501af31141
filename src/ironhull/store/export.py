"""Images out of a layout into one file: an OCI archive or docker's own archive.

Both are streamed, depend on nothing but the image and its names, and verify every byte they copy.
The merged file tree of an image is `ironhull.store.rootfs`. One platform that nothing comes with
stands in an archive without an index (docs/compatibility.md, *flat archive* beside *bundle*).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ironhull.errors import EnvironmentProblem, InputError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import Document, canonical
from ironhull.oci.media_types import OCI_INDEX
from ironhull.oci.tar import BLOCK, DIRECTORY, FILE
from ironhull.oci.tar_writer import END, TarHeader, header_bytes
from ironhull.store.blobs import CHUNK
from ironhull.store.choice import MAX_DEPTH
from ironhull.store.files import temporary_name
from ironhull.store.layers import image_layers, open_layer
from ironhull.store.layout import REF_NAME, ImageLayout

# What docker looks for in an OCI archive, beside the specification's own annotation.
CONTAINERD_NAME = "io.containerd.image.name"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears at `path` when the block ends well, and leaves nothing when it does not.

    A device, a pipe and what a link points to (/dev/stdout) are written into, never replaced.
    InputError if `path` is a folder, EnvironmentProblem if it cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder (give the name of a file)")
    if path.exists() and not path.is_file():
        with _special(path) as file:
            yield file
        return
    named, path = path, Path(os.path.realpath(path))
    temporary = temporary_name(path)
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {named}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _special(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("wb") as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {path}: {error.strerror or error}") from None


class _Tar:
    """Members one after the other, time 0, owner 0, to a stream that need not seek."""

    def __init__(self, file: BinaryIO) -> None:
        self._write = file.write

    def small(self, name: str, data: bytes) -> None:
        self.start(name, len(data))
        self._write(data)
        self.pad(len(data))

    def folder(self, name: str) -> None:
        self._write(header_bytes(TarHeader(name, DIRECTORY, 0o755)))

    def start(self, name: str, size: int) -> None:
        self._write(header_bytes(TarHeader(name, FILE, 0o644, size=size)))

    def data(self, data: bytes) -> None:
        self._write(data)

    def pad(self, size: int) -> None:
        self._write(b"\0" * (-size % BLOCK))

    def end(self) -> None:
        self._write(END)


def write_oci_archive(
    layout: ImageLayout,
    descriptor: Descriptor,
    name: str,
    file: BinaryIO,
    also: Sequence[Descriptor] = (),
    made: Document | None = None,
) -> None:
    """A tar of an OCI image layout that holds the image or index as `name`, and nothing else.

    `also` are its referrers, listed without a name. `made` is an index that the layout does not
    hold, and that the descriptor is of.
    """
    digests: dict[Digest, int] = {}
    roots = made.manifests if made is not None else (descriptor,)
    for root in (*roots, *also):
        _collect(layout, root, digests)
    texts = {} if made is None else {made.digest: made.raw}
    named = {**descriptor.annotations, REF_NAME: name, CONTAINERD_NAME: name}
    entry = descriptor.json() | {"annotations": named}
    entries = [entry, *(referrer.json() for referrer in also)]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    tar = _Tar(file)
    tar.folder("blobs")
    tar.folder("blobs/sha256")
    for digest in sorted({*digests, *texts}):
        if digest in texts:
            tar.small(f"blobs/sha256/{hex_of(digest)}", texts[digest])
        else:
            _copy_blob(layout, digest, digests[digest], tar)
    tar.small("index.json", canonical(index))
    tar.small("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    tar.end()


def _collect(
    layout: ImageLayout, descriptor: Descriptor, digests: dict[Digest, int], depth: int = 0
) -> None:
    """Every blob below the descriptor, once, with its size as the descriptor says it."""
    if descriptor.digest in digests:
        return
    digests[descriptor.digest] = descriptor.size
    document = layout.document(descriptor.digest, descriptor.media_type)
    if document.is_index and depth <= MAX_DEPTH:
        for manifest in document.manifests:
            _collect(layout, manifest, digests, depth + 1)
    elif not document.is_index:
        for part in (document.config, *document.layers):
            digests[part.digest] = part.size


def _copy_blob(layout: ImageLayout, digest: Digest, size: int, tar: _Tar) -> None:
    found = layout.blobs.size(digest)
    if found != size:
        raise UntrustedError(f"blob {digest} has {found} bytes, its descriptor says {size}")
    tar.start(f"blobs/sha256/{hex_of(digest)}", size)
    sha256 = hashlib.sha256()
    with layout.blobs.open(digest) as blob:
        left = size
        while left and (data := blob.read(min(CHUNK, left))):
            sha256.update(data)
            tar.data(data)
            left -= len(data)
    if left or sha256.hexdigest() != hex_of(digest):
        raise UntrustedError(f"blob {digest} is damaged (run: ironhull cache verify)")
    tar.pad(size)


def write_docker_archive(
    layout: ImageLayout, manifest: Descriptor, names: Sequence[str], file: BinaryIO
) -> None:
    """What `docker save` writes, for any docker and podman: layers uncompressed, one image.

    A layer is decompressed twice: tar needs its size before its bytes, and it shall pass through
    neither memory nor disk.
    """
    document = layout.document(manifest.digest, manifest.media_type)
    layers = image_layers(layout, document)
    tar = _Tar(file)
    config_name = f"{hex_of(document.config.digest)}.json"
    written: dict[str, str] = {}
    for layer, diff_id in layers:
        name = f"{hex_of(diff_id)}/layer.tar"
        if name in written:
            continue
        with open_layer(layout, layer) as stream:
            stream.finish(diff_id)
            size = stream.size
        tar.folder(hex_of(diff_id))
        tar.start(name, size)
        with open_layer(layout, layer, limit=size) as stream:
            for data in stream:
                tar.data(data)
            stream.finish(diff_id)
        tar.pad(size)
        written[name] = diff_id
    tar.small(config_name, layout.document(document.config.digest).raw)
    value = {
        "Config": config_name,
        "RepoTags": list(names),
        "Layers": [f"{hex_of(diff_id)}/layer.tar" for _, diff_id in layers],
    }
    tar.small("manifest.json", canonical([value]))
    tar.end()
