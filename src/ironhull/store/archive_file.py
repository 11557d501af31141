"""Image archives as read-only layouts: `oci-archive` and what `docker save` writes.

The file is scanned once, then blobs are read in place. Nothing is unpacked; a compressed archive is
decompressed into a nameless file first. What a blob is worth is for its digest to say:
readers verify it, as they do with a registry's.

`docker save` gives its layers no digests, so they are read for them. Who reads all layers anyway
can have the config believed instead: the digest of a plain layer is its diff_id.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import zstandard

from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    MalformedError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, digest_of, parse_digest
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.media_types import (
    OCI_CONFIG,
    OCI_LAYER_GZIP,
    OCI_LAYER_TAR,
    OCI_LAYER_ZSTD,
    OCI_MANIFEST,
)
from ironhull.oci.tar import FILE, HARD_LINK, SYMLINK, TarLimits
from ironhull.oci.tar_file import headers_of
from ironhull.store.blobs import MAX_READ
from ironhull.store.layers import foreign_compression
from ironhull.store.layout import REF_NAME
from ironhull.values import dataclass

# What docker and containerd call an image in index.json; there ref.name is the tag alone.
_CONTAINERD_NAME = "io.containerd.image.name"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MAX_MEMBERS = 200_000
_MAX_JSON = 16 << 20
_MAX_UNPACKED = 1 << 38
_CHUNK = 1 << 20
_MAX_LINKS = 8
_START = 6
"""Bytes that tell every compression."""


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member's data is in the file, or the name it links to."""

    offset: int
    size: int
    link: str = ""


class _Slice(io.RawIOBase):
    """A part of a file, read by position: several may be read at once."""

    def __init__(self, descriptor: int, member: _Member) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._member = member
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._member.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._member.size - self._at)
        if wanted <= 0:
            return 0
        data = os.pread(self._descriptor, wanted, self._member.offset + self._at)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


class ArchiveFile:
    """An image archive at `path`; close it, or use it in a `with`.

    With `believing`, digests of layers are taken from the config where it has them: those in
    `believed` hold nothing before their blobs were read and compared.
    """

    def __init__(self, path: Path, *, believing: bool = False) -> None:
        self.path = path
        self.believed: set[Digest] = set()
        self._believing = believing
        self._file = _opened(path)
        try:
            self._members = self._scan()
            self._made: dict[Digest, bytes] = {}
            self._places: dict[Digest, _Member] = {}
            if "oci-layout" in self._members or "index.json" in self._members:
                self._entries = self._oci()
            elif "manifest.json" in self._members:
                self._entries = self._docker()
            else:
                raise MalformedError(
                    f"{path} is no image archive: it has neither index.json (OCI) "
                    "nor manifest.json (docker save)"
                )
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ArchiveFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go; nothing can be read from it afterwards."""
        self._file.close()

    def descriptors(self) -> list[Descriptor]:
        """What the archive lists, named by the annotation of the image spec where it has names."""
        return list(self._entries)

    def find(self, name: str) -> Descriptor:
        """The descriptor with this name or digest; NotFoundError says what there is."""
        names = []
        for entry in self._entries:
            found = {entry.annotations.get(REF_NAME), entry.annotations.get(_CONTAINERD_NAME)}
            if name in found or name == entry.digest:
                return entry
            names += [text for text in found if text]
        listed = ", ".join(sorted(names)[:20]) or "images without a name"
        raise NotFoundError(f"no image {name!r} in {self.path} (it has: {listed})")

    @property
    def blobs(self) -> ArchiveFile:
        """Itself: blobs are read as those of an ImageLayout are."""
        return self

    def has(self, digest: Digest) -> bool:
        """Whether the archive holds a blob."""
        return digest in self._made or digest in self._places

    def size(self, digest: Digest) -> int:
        """Bytes of the blob; NotFoundError if it is not there."""
        if digest in self._made:
            return len(self._made[digest])
        return self._place(digest).size

    def open(self, digest: Digest) -> BinaryIO:
        """The blob for reading, unverified; NotFoundError if it is not there."""
        if digest in self._made:
            return io.BytesIO(self._made[digest])
        return self._reader(self._place(digest))

    def read(self, digest: Digest, limit: int = MAX_READ) -> bytes:
        """A small blob whole, verified."""
        if self.size(digest) > limit:
            raise UntrustedError(f"{self.path}: blob {digest} is larger than {limit} bytes")
        with self.open(digest) as file:
            data = file.read()
        if digest_of(data) != digest:
            raise UntrustedError(f"{self.path}: blob {digest} is not what its digest says")
        return data

    def document(self, digest: Digest, media_type: str | None = None) -> Document:
        """A manifest or index, verified."""
        return Document.parse(self.read(digest, MAX_DOCUMENT), media_type)

    def _place(self, digest: Digest) -> _Member:
        try:
            return self._places[digest]
        except KeyError:
            raise NotFoundError(f"no blob {digest} in {self.path}") from None

    def _reader(self, member: _Member, buffer: int = _CHUNK) -> BinaryIO:
        return io.BufferedReader(_Slice(self._file.fileno(), member), buffer)

    def _scan(self) -> dict[str, _Member]:
        members: dict[str, _Member] = {}
        reader = headers_of(self._file, str(self.path), TarLimits(members=_MAX_MEMBERS))
        for member in reader:
            name = _clean(member.name)
            if member.kind == SYMLINK:
                folder = posixpath.dirname(name)
                members[name] = _Member(0, 0, _clean(posixpath.join(folder, member.link)))
            elif member.kind == HARD_LINK:
                members[name] = _Member(0, 0, _clean(member.link))
            elif member.kind == FILE and not member.sparse:
                members[name] = _Member(reader.position, member.size)
        return members

    def _member(self, name: object, whose: str) -> _Member:
        place = _clean(name) if isinstance(name, str) else ""
        for _ in range(_MAX_LINKS):
            member = self._members.get(place)
            if member is None:
                break
            if not member.link:
                return member
            place = member.link
        raise MalformedError(f"{self.path}: {whose} names {name!r:.200}, which is not in it")

    def _json(self, name: str) -> Any:
        member = self._member(name, "an image archive")
        if member.size > _MAX_JSON:
            raise MalformedError(f"{self.path}: {name} of {member.size} bytes")
        with self._reader(member) as file:
            raw = file.read()
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise MalformedError(f"{self.path}: {name} is not JSON: {error}") from None

    def _oci(self) -> list[Descriptor]:
        value = self._json("index.json")
        manifests = value.get("manifests") if isinstance(value, dict) else None
        if not isinstance(manifests, list):
            raise MalformedError(f"{self.path}: index.json is not an image index")
        for name in self._members:
            folder, _, digits = name.rpartition("/")
            if folder == "blobs/sha256" and len(digits) == 64:
                self._places[parse_digest(f"sha256:{digits}")] = self._member(name, name)
        return [Descriptor.from_json(item) for item in manifests]

    def _docker(self) -> list[Descriptor]:
        images = self._json("manifest.json")
        if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
            raise MalformedError(f"{self.path}: manifest.json is not a list of images")
        return [entry for image in images for entry in self._docker_image(image)]

    def _docker_image(self, image: Mapping[str, Any]) -> Iterator[Descriptor]:
        config = self._member(image.get("Config"), "manifest.json")
        if config.size > MAX_DOCUMENT:
            raise MalformedError(f"{self.path}: image config of {config.size} bytes")
        with self._reader(config) as file:
            raw = file.read()
        layers = image.get("Layers")
        if not isinstance(layers, list):
            raise MalformedError(f"{self.path}: an image of manifest.json has no list of Layers")
        self._made[digest_of(raw)] = raw
        said = _said_diff_ids(raw, len(layers)) if self._believing else [None] * len(layers)
        value = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor(OCI_CONFIG, digest_of(raw), len(raw)).json(),
            "layers": [self._docker_layer(*each).json() for each in zip(layers, said, strict=True)],
        }
        document = Document.of(value)
        self._made[document.digest] = document.raw
        tags = image.get("RepoTags") or []
        names = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        for name in names:
            yield document.descriptor(annotations={REF_NAME: name})
        if not names:
            yield document.descriptor()

    def _docker_layer(self, name: object, said: Digest | None) -> Descriptor:
        """A layer's descriptor; `said` is what the config calls the digest of its tar."""
        member = self._member(name, "manifest.json")
        with self._reader(member, _START) as file:
            start = file.read(_START)
        media_type = OCI_LAYER_TAR
        if start.startswith(_GZIP):
            media_type = OCI_LAYER_GZIP
        elif start.startswith(_ZSTD):
            media_type = OCI_LAYER_ZSTD
        is_plain = media_type == OCI_LAYER_TAR and not foreign_compression(start)
        # Of two members only one can be read under a digest: then both have to be looked at.
        if said is not None and is_plain and self._places.get(said, member) == member:
            digest = said
            self.believed.add(digest)
        else:
            digest = self._digest(member)
        self._places.setdefault(digest, member)
        return Descriptor(media_type, digest, member.size)

    def _digest(self, member: _Member) -> Digest:
        sha256 = hashlib.sha256()
        with self._reader(member) as file:
            while data := file.read(_CHUNK):
                sha256.update(data)
        return parse_digest(f"sha256:{sha256.hexdigest()}")


def _said_diff_ids(config: bytes, count: int) -> Sequence[Digest | None]:
    """What a config says of `count` layers, lowest first; None for all if it has not so many."""
    try:
        value = json.loads(config)
        found = value["rootfs"]["diff_ids"]
        if isinstance(found, list) and len(found) == count:
            return [parse_digest(item) for item in found]
    except (ValueError, RecursionError, LookupError, TypeError, InputError):
        # Whoever reads the config says what is wrong with it.
        pass
    return [None] * count


def _clean(name: str) -> str:
    """The name from the archive's root; what climbs above it names nothing in it."""
    return posixpath.normpath("/" + name.lstrip("/")).lstrip("/")


def _opened(path: Path) -> BinaryIO:
    """The archive for reading by position; a compressed one decompressed."""
    try:
        file = path.open("rb")
        start = file.read(6)
        file.seek(0)
        if found := foreign_compression(start):
            raise MalformedError(
                f"{path} is compressed with {found}; image archives are plain, gzip or zstd"
            )
        start = start[:4]
        if start[:2] != _GZIP and start != _ZSTD:
            return file
        with file:
            plain: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
            try:
                _decompress(path, file, start == _ZSTD, plain)
                plain.seek(0)
            except BaseException:
                plain.close()
                raise
            return plain
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror or error}") from None


def _decompress(path: Path, file: BinaryIO, is_zstd: bool, plain: BinaryIO) -> None:
    written = 0
    try:
        for data in _zstd(file) if is_zstd else _gunzip(file):
            written += len(data)
            if written > _MAX_UNPACKED:
                raise MalformedError(f"{path}: unpacks to more than {_MAX_UNPACKED} bytes")
            plain.write(data)
    except (zlib.error, EOFError, zstandard.ZstdError) as error:
        raise MalformedError(f"{path}: damaged: {error}") from None


def _zstd(file: BinaryIO) -> Iterator[bytes]:
    # 128 MiB is the window that `zstd -19` and below need.
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    yield from decompressor.read_to_iter(file, read_size=_CHUNK, write_size=_CHUNK)


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    state = zlib.decompressobj(wbits=31)
    while data := file.read(1 << 16):
        while data:
            yield state.decompress(data, _CHUNK)
            data = state.unconsumed_tail
            if state.eof:
                data = state.unused_data
                if not data.strip(b"\0"):
                    data = b""
                else:
                    state = zlib.decompressobj(wbits=31)
    if not state.eof:
        raise EOFError("it ends in the middle")
