"""Fetched files and archives (`contents.files`): a layer each, checked by digest, made once."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import zstandard

from ironhull.archive.fetch import Download
from ironhull.build.compose import write_layer
from ironhull.build.layer import Compression, LayerSink
from ironhull.build.record import LayerRecord, PackagePart, TreeEntry, read_record, write_record
from ironhull.build.transform import aliased, clean_name
from ironhull.definition.model import FileRequest
from ironhull.errors import DefinitionError, InputError, IronhullError, MalformedError, Problem
from ironhull.oci.document import canonical
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK, Member, TarLimits, TarReader
from ironhull.oci.tar_writer import TarHeader
from ironhull.store.blobs import CHUNK, BlobStore
from ironhull.store.home import Home

MAX_FILE = 4 << 30
MAX_UNPACKED = 8 << 30
_ARCHIVE = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tar.bz2")


def file_layer(
    request: FileRequest, home: Home, download: Download, compression: Compression
) -> LayerRecord:
    """The layer of one request; DefinitionError at its place if it cannot be had or used."""
    try:
        key = _key(request, compression)
        record = read_record(home.layers, key)
        if record is not None and home.store.blobs.has(record.descriptor.digest):
            return record
        path = _fetched(request, home.packages, download)
        record = _make(request, path, key, home.store.blobs, compression)
        write_record(home.layers, record)
        return record
    except IronhullError as error:
        place = request.place
        problem = Problem(place.file, place.line, place.column, f"{request.url}: {error}")
        if isinstance(error, InputError):
            raise DefinitionError([problem]) from None
        raise type(error)(str(problem)) from None


def _key(request: FileRequest, compression: Compression) -> str:
    value = {
        "file": request.checksum,
        "archive": _is_archive(request),
        "path": request.path,
        "owner": [request.uid, request.gid, request.mode],
        "members": [list(request.includes), list(request.excludes)],
        "compression": compression.identity,
    }
    return hashlib.sha256(canonical(value)).hexdigest()


def _is_archive(request: FileRequest) -> bool:
    """An archive is unpacked where folders are meant: a path with a slash at its end, a filter."""
    wanted = request.path.endswith("/") or bool(request.includes or request.excludes)
    if wanted and not urlsplit(request.url).path.endswith(_ARCHIVE):
        raise InputError(f"not an archive that can be unpacked (known: {', '.join(_ARCHIVE)})")
    return wanted


def _fetched(request: FileRequest, blobs: BlobStore, download: Download) -> Path:
    if not blobs.has(request.checksum):
        with blobs.writer(request.checksum) as blob:
            parts = urlsplit(request.url)
            if parts.scheme in ("", "file"):
                local = Path(unquote(parts.path))
                base = Path(request.place.file).parent
                with (base / local).open("rb") as file:
                    while data := file.read(CHUNK):
                        blob.write(data)
            else:
                download.get(request.url, blob.write, limit=MAX_FILE)
    return blobs.path(request.checksum)


def _make(
    request: FileRequest, path: Path, key: str, blobs: BlobStore, compression: Compression
) -> LayerRecord:
    entries: dict[str, TreeEntry] = {}

    def write(sink: LayerSink) -> None:
        if _is_archive(request):
            _unpack(request, path, sink, entries)
        else:
            size = path.stat().st_size
            name = aliased(clean_name(request.path.lstrip("/")))
            mode = 0o644 if request.mode is None else request.mode
            _parents(name, sink, entries)
            _head(TarHeader(name, FILE, mode, request.uid, request.gid, size), sink, entries)
            with path.open("rb") as file:
                while data := file.read(CHUNK):
                    sink.write(data)
            sink.pad(size)

    descriptor, diff_id, size = write_layer(write, compression, blobs)
    name = posixpath.basename(urlsplit(request.url).path)
    part = PackagePart(name, "", "all", tuple(entries.values()), {}, len(entries), "")
    return LayerRecord(key, descriptor, diff_id, size, (part,))


def _unpack(
    request: FileRequest, path: Path, sink: LayerSink, entries: dict[str, TreeEntry]
) -> None:
    root = request.path.strip("/")
    with _opened(path, request.url) as file:
        reader = TarReader(_bounded(file), posixpath.basename(request.url), TarLimits(200_000))
        for member in reader:
            name = clean_name(member.name)
            if not name or not _chosen(name, request):
                continue
            target = aliased(clean_name(f"{root}/{name}" if root else name))
            header = _header(member, target, request)
            if header.kind == DIRECTORY and target in entries:
                continue
            _parents(target, sink, entries)
            _head(header, sink, entries)
            for piece in reader.content():
                sink.write(piece)
            sink.pad(header.size)


def _header(member: Member, target: str, request: FileRequest) -> TarHeader:
    if member.kind not in (FILE, DIRECTORY, SYMLINK) or member.sparse:
        raise MalformedError(f"{member.name!r:.200} is neither a file, a folder nor a link")
    if member.kind == SYMLINK and not member.link.startswith("/"):
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(target), member.link))
        if meant.startswith(".."):
            raise MalformedError(f"link {member.name!r:.200} leads out of the root")
    mode = member.mode & 0o1777
    if member.kind == FILE and request.mode is not None:
        mode = request.mode
    size = member.size if member.kind == FILE else 0
    return TarHeader(
        target, member.kind, mode, request.uid, request.gid, size, max(0, member.mtime), member.link
    )


def _chosen(name: str, request: FileRequest) -> bool:
    included = not request.includes or any(fnmatchcase(name, p) for p in request.includes)
    return included and not any(fnmatchcase(name, p) for p in request.excludes)


def _head(header: TarHeader, sink: LayerSink, entries: dict[str, TreeEntry]) -> None:
    if header.name in entries:
        raise MalformedError(f"{header.name!r:.200} is in the archive twice")
    sink.member(header)
    entries[header.name] = TreeEntry(*header[:8])


def _parents(name: str, sink: LayerSink, entries: dict[str, TreeEntry]) -> None:
    parent = posixpath.dirname(name)
    if not parent:
        return
    known = entries.get(parent)
    if known is None:
        _parents(parent, sink, entries)
        _head(TarHeader(parent, DIRECTORY, 0o755), sink, entries)
    elif not known.is_directory:
        raise MalformedError(f"{name!r:.200} lies below something that is no folder")


@contextmanager
def _opened(path: Path, url: str) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        if url.endswith((".gz", ".tgz")):
            yield gzip.GzipFile(fileobj=file)  # type: ignore[misc]
        elif url.endswith((".xz", ".txz")):
            yield lzma.LZMAFile(file)  # type: ignore[misc]  # noqa: SIM115 - it owns nothing
        elif url.endswith(".bz2"):
            yield bz2.BZ2File(file)  # type: ignore[misc]
        elif url.endswith(".zst"):
            yield zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file)
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
    except (OSError, EOFError, lzma.LZMAError, zstandard.ZstdError) as error:
        raise MalformedError(f"damaged archive ({error})") from None
