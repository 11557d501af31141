"""Fetched files and archives (`contents.files`): a layer each, checked by digest, made once."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import posixpath
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import zstandard

from ironhull.archive.interface import Download
from ironhull.build import versions
from ironhull.build.compression import Compression
from ironhull.build.elsewhere import SharedLayers
from ironhull.build.made_before import made_before, remember
from ironhull.build.origins import fetched_name
from ironhull.build.path_writer import PathWriter, is_possible, leads_out
from ironhull.build.patterns import chosen
from ironhull.build.placed import placed
from ironhull.build.record import MadeLayer
from ironhull.build.sink import LayerSink
from ironhull.build.transform import MAX_TIME, aliased, clean_name
from ironhull.build.zip_reader import ZipReader
from ironhull.definition.model import ARCHIVES, FileRequest
from ironhull.errors import InputError, IronhullError, MalformedError
from ironhull.oci.document import canonical
from ironhull.oci.tar import FILE, SYMLINK, Member, TarLimits, TarReader
from ironhull.oci.tar_writer import TarHeader
from ironhull.store.blobs import CHUNK, BlobStore, BlobWriter
from ironhull.store.home import Home

MAX_FILE = 4 << 30
MAX_UNPACKED = 8 << 30
MAX_MEMBERS = 200_000


def file_layer(
    request: FileRequest,
    home: Home,
    download: Download,
    compression: Compression,
    shared: SharedLayers,
) -> MadeLayer:
    """The layer of one request; DefinitionError at its place if it cannot be had or used."""
    try:
        key = _key(request, compression)
        record = made_before(home, key, shared)
        if record is not None:
            return record
        path = _fetched(request, home.packages, download)
        record = _make(request, path, key, home.store.blobs, compression)
        remember(home, record, shared)
        return record
    except IronhullError as error:
        raise placed(error, request.place, request.url) from None


def _key(request: FileRequest, compression: Compression) -> str:
    value = {
        "transform": versions.TRANSFORM,
        "file": request.checksum,
        # It is in the image's history, and its ending says how an archive is compressed.
        "name": _name(request),
        "archive": _is_archive(request),
        "path": request.path,
        "owner": [request.uid, request.gid, request.mode],
        "members": [list(request.includes), list(request.excludes)],
        # Since a pattern of a folder means what lies in it.
        **({"patterns": 2} if request.includes or request.excludes else {}),
        "compression": compression.identity,
    }
    return hashlib.sha256(canonical(value)).hexdigest()


def _name(request: FileRequest) -> str:
    return posixpath.basename(urlsplit(request.url).path)


def _is_archive(request: FileRequest) -> bool:
    """An archive is unpacked where folders are meant: a path with a slash at its end, a filter."""
    wanted = request.path.endswith("/") or bool(request.includes or request.excludes)
    if wanted and not _name(request).endswith(ARCHIVES):
        raise InputError(f"not an archive that can be unpacked (known: {', '.join(ARCHIVES)})")
    return wanted


def _fetched(request: FileRequest, blobs: BlobStore, download: Download) -> Path:
    checksum = request.checksum
    if checksum is None:
        raise InputError("has no digest, neither in the definition nor in the lock")
    if not blobs.has(checksum):
        with blobs.writer(checksum) as blob:
            parts = urlsplit(request.url)
            if parts.scheme in ("", "file"):
                _copy_local(Path(request.place.file).parent / unquote(parts.path), blob)
            else:
                download.get(request.url, blob.write, limit=MAX_FILE)
    return blobs.path(checksum)


def _copy_local(path: Path, blob: BlobWriter) -> None:
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    with file:
        while data := file.read(CHUNK):
            blob.write(data)
            if blob.size > MAX_FILE:
                raise InputError(f"{path} is larger than {MAX_FILE} bytes")


def _make(
    request: FileRequest, path: Path, key: str, blobs: BlobStore, compression: Compression
) -> MadeLayer:
    with blobs.writer() as blob:
        writer = PathWriter(LayerSink(blob, compression))
        if _is_archive(request):
            _unpack(writer, path, request)
        else:
            _single(writer, path, request)
        diff_id = writer.sink.finish()
    descriptor = writer.sink.descriptor()
    part = writer.part(fetched_name(request))
    return MadeLayer(key, descriptor, diff_id, writer.sink.size, (part,))


def _single(writer: PathWriter, path: Path, request: FileRequest) -> None:
    size = path.stat().st_size
    name = aliased(clean_name(request.path.lstrip("/")))
    mode = 0o644 if request.mode is None else request.mode
    with path.open("rb") as file:
        first = file.read(256)
        file.seek(0)
        header = TarHeader(name, FILE, mode, request.uid, request.gid, size)
        writer.add(header, first, iter(lambda: file.read(CHUNK), b""))


def _unpack(writer: PathWriter, path: Path, request: FileRequest) -> None:
    root, archive = request.path.strip("/"), _name(request)
    with _opened(path, archive) as reader:
        for member in reader:
            name = clean_name(member.name)
            if not name or not chosen(name, request.includes, request.excludes):
                continue
            target = aliased(clean_name(f"{root}/{name}" if root else name))
            header = _header(member, target, request)
            writer.add(header, reader.head(min(256, header.size)), reader.content())
        reader.drain()


def _header(member: Member, target: str, request: FileRequest) -> TarHeader:
    if not is_possible(member.kind) or member.sparse:
        raise MalformedError(
            f"{member.name!r:.200} is neither a file, a folder nor a symbolic link "
            "(leave it out with excludes)"
        )
    if member.kind == SYMLINK and leads_out(target, member.link):
        raise MalformedError(f"link {member.name!r:.200} leads out of the root, or nowhere")
    mode = member.mode & 0o1777
    if member.kind == FILE and request.mode is not None:
        mode = request.mode
    size = member.size if member.kind == FILE else 0
    mtime = min(max(0, member.mtime), MAX_TIME)
    return TarHeader(target, member.kind, mode, request.uid, request.gid, size, mtime, member.link)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[TarReader | ZipReader]:
    with path.open("rb") as file:
        if name.endswith(".zip"):
            yield ZipReader(file, name, MAX_MEMBERS, MAX_UNPACKED)
        else:
            with _decompressed(file, name) as stream:
                yield TarReader(_bounded(stream), name, TarLimits(MAX_MEMBERS))


@contextmanager
def _decompressed(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    if name.endswith((".gz", ".tgz")):
        yield gzip.GzipFile(fileobj=file)  # type: ignore[misc]
    elif name.endswith((".xz", ".txz")):
        yield lzma.LZMAFile(file)  # type: ignore[misc]  # noqa: SIM115 - it owns nothing
    elif name.endswith(".bz2"):
        yield bz2.BZ2File(file)  # type: ignore[misc]
    elif name.endswith(".zst"):
        yield zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
            file, read_across_frames=True
        )
    else:
        yield file


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    left = MAX_UNPACKED
    try:
        while data := file.read(CHUNK):
            left -= len(data)
            if left < 0:
                raise MalformedError(f"unpacks to more than {MAX_UNPACKED} bytes")
            yield data
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        raise MalformedError(f"damaged archive ({error})") from None
