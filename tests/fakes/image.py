"""Images made of nothing: layers from mappings, every compression, one platform or several.

layout = ImageLayout(tmp_path / "layout", create=True)
make_image(layout, [{"etc/motd": "hello", "bin/app": File(b"…", mode=0o755)}], names=["app:1"])
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from ironhull.chunked.writer import ChunkedCompressor
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.document import Document, canonical
from ironhull.oci.media_types import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_LAYER_TAR,
    OCI_LAYER_ZSTD,
    OCI_MANIFEST,
)
from ironhull.oci.platform import Platform
from ironhull.store.layout import ImageLayout


@dataclass(frozen=True)
class File:
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    xattrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Directory:
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class Symlink:
    target: str


@dataclass(frozen=True)
class Hardlink:
    target: str


@dataclass(frozen=True)
class Special:
    """A device or fifo: tarfile.CHRTYPE, BLKTYPE or FIFOTYPE."""

    kind: bytes
    major: int = 0
    minor: int = 0


Entry = bytes | str | File | Directory | Symlink | Hardlink | Special
Files = Mapping[str, Entry] | Sequence[tuple[str, Entry]]
"""Path → entry, in tar order; pairs where one path is to appear twice. Names are written as given,
so that a hostile layer can be made."""


def layer_tar(files: Files) -> bytes:
    """An uncompressed layer. A plain `bytes` or `str` is a file of mode 0644."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, entry in files.items() if isinstance(files, Mapping) else files:
            info, content = _member(name, entry)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _member(name: str, entry: Entry) -> tuple[tarfile.TarInfo, bytes]:
    info, content = tarfile.TarInfo(name), b""
    match entry:
        case bytes() | str():
            content = entry.encode() if isinstance(entry, str) else entry
        case File():
            content, info.mode, info.mtime = entry.content, entry.mode, entry.mtime
            info.uid, info.gid = entry.uid, entry.gid
            info.pax_headers = {f"SCHILY.xattr.{key}": text for key, text in entry.xattrs.items()}
        case Directory():
            info.type, info.mode = tarfile.DIRTYPE, entry.mode
            info.uid, info.gid = entry.uid, entry.gid
        case Symlink():
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
        case Hardlink():
            info.type, info.linkname = tarfile.LNKTYPE, entry.target
        case Special():
            info.type, info.devmajor, info.devminor = entry.kind, entry.major, entry.minor
    info.size = len(content)
    return info, content


def compress(data: bytes, compression: str) -> tuple[bytes, str]:
    """The bytes as a layer blob, and the media type; `compression` is zstd, gzip or none."""
    match compression:
        case "zstd":
            return zstandard.ZstdCompressor(level=3).compress(data), OCI_LAYER_ZSTD
        case "gzip":
            return gzip.compress(data, mtime=0), OCI_LAYER_GZIP
        case "none":
            return data, OCI_LAYER_TAR
    raise ValueError(compression)


def make_manifest(
    layout: ImageLayout,
    layers: Iterable[Files | bytes],
    *,
    config: Mapping[str, Any] | None = None,
    compression: str = "zstd",
    platform: str = "linux/amd64",
    annotations: Mapping[str, str] | None = None,
) -> Descriptor:
    """One platform's image; `layers` lowest first, `config` as the image spec names its keys."""
    descriptors, diff_ids = [], []
    for files in layers:
        tar = files if isinstance(files, bytes) else layer_tar(files)
        annotations_of_layer: Mapping[str, str] = {}
        if compression == "zstd:chunked":
            compressor = ChunkedCompressor(3)
            blob, media_type = compressor.compress(tar) + compressor.flush(), OCI_LAYER_ZSTD
            annotations_of_layer = compressor.annotations
        else:
            blob, media_type = compress(tar, compression)
        diff_ids.append(DiffId("sha256:" + hashlib.sha256(tar).hexdigest()))
        descriptors.append(
            Descriptor(media_type, layout.blobs.put(blob), len(blob), annotations_of_layer)
        )
    target = Platform.parse(platform)
    raw = canonical(
        {
            **target.json(),
            "created": "2026-01-02T03:04:05Z",
            "config": dict(config or {}),
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": f"layer {n}"} for n in range(len(diff_ids))],
        }
    )
    value: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": Descriptor(OCI_CONFIG, layout.blobs.put(raw), len(raw)).json(),
        "layers": [descriptor.json() for descriptor in descriptors],
    }
    if annotations:
        value["annotations"] = dict(annotations)
    document = Document.of(value)
    layout.blobs.put(document.raw)
    return document.descriptor(platform=target)


def make_image(
    layout: ImageLayout,
    layers: Iterable[Files | bytes] = ({"etc/motd": "hello\n"},),
    *,
    config: Mapping[str, Any] | None = None,
    compression: str = "zstd",
    platforms: Sequence[str] = ("linux/amd64",),
    names: Sequence[str] = ("app:1",),
    annotations: Mapping[str, str] | None = None,
    index: bool = True,
) -> Descriptor:
    """An image in the layout under `names`: an index, or the bare manifest if `index` is false.

    With several platforms each has the same layers and its own config.
    """
    layers = list(layers)
    manifests = [
        make_manifest(
            layout,
            layers,
            config=config,
            compression=compression,
            platform=platform,
            annotations=annotations,
        )
        for platform in platforms
    ]
    descriptor = manifests[0]
    if index:
        document = Document.of(
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [manifest.json() for manifest in manifests],
            }
        )
        layout.blobs.put(document.raw)
        descriptor = document.descriptor()
    if names:
        layout.tag(descriptor, list(names))
    return descriptor


def unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """The plain files of an archive of our own; `extractall` differs between Python's versions."""
    for member in tar:
        content = tar.extractfile(member)
        if content is not None:
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
