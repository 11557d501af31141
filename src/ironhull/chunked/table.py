"""A layer's table of contents, read as a stranger's: which bytes of the layer are which file.

What it says is a hint. Its digest is in the manifest, yet whoever made the layer may have written
anything: places outside the layer or over each other, paths out of the root or there twice, another
file's digest. Such a table is refused whole; a digest that is not the content's shows when what was
put together by it has not the layer's digest.
"""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any, NamedTuple

import zstandard

from ironhull.chunked.format import Part
from ironhull.chunked.writer import TYPES
from ironhull.errors import MalformedError, UntrustedError
from ironhull.oci.digest import Digest, parse_digest

MAX_ENTRIES = 500_000
_KNOWN = frozenset(TYPES.values())
_CHUNK = "chunk"
_MAX_NAME = 64 * 1024


class Frames(NamedTuple):
    """The bytes of a layer that decompress to a file's content."""

    content: Digest
    offset: int
    end: int


def read_table(packed: bytes, part: Part, checksum: Digest | None, where: str) -> list[Frames]:
    """Where the contents of files are, in the order of the layer; `packed` is what `part` names.

    UntrustedError if it has not this checksum, MalformedError if it cannot be true. A table out of
    a layer's own footer has no checksum.
    """
    if checksum is not None and f"sha256:{hashlib.sha256(packed).hexdigest()}" != checksum:
        raise UntrustedError(f"{where}: the table of contents has not the digest {checksum}")
    entries = _entries(_unpacked(packed, part, where), where)
    known: set[str] = set()
    found: list[Frames] = []
    for entry in entries:
        try:
            frames = _checked(entry, known)
        except (MalformedError, TypeError) as error:
            raise MalformedError(f"{where}: table of contents: {error}") from None
        if frames is not None:
            found.append(frames)
    # containers/storage: the order of entries should not be relied on.
    found.sort(key=lambda frames: frames.offset)
    end = 0
    for frames in found:
        if frames.offset < end:
            raise MalformedError(f"{where}: table of contents: two files at byte {frames.offset}")
        end = frames.end
    if found and end > part.offset:
        raise MalformedError(f"{where}: table of contents: a file behind byte {part.offset}")
    return found


def _unpacked(packed: bytes, part: Part, where: str) -> bytes:
    # One byte more than said: a table that goes on is a lie too.
    try:
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
            io.BytesIO(packed)
        )
        data = reader.read(part.unpacked + 1)
    except zstandard.ZstdError as error:
        raise MalformedError(f"{where}: table of contents: damaged compression: {error}") from None
    if len(data) != part.unpacked:
        raise MalformedError(f"{where}: the table of contents has not {part.unpacked} bytes")
    return data


def _entries(raw: bytes, where: str) -> list[Any]:
    # Before they are objects, which take twenty times the bytes of the shortest of them.
    if raw.count(b"{") + raw.count(b"[") > 2 * MAX_ENTRIES:
        raise MalformedError(f"{where}: a table of contents of more than {MAX_ENTRIES} entries")
    try:
        value = json.loads(raw)
        version, entries = value["version"], value["entries"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MalformedError(f"{where}: the table of contents is no JSON of a table") from None
    if version != 1 or not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise MalformedError(
            f"{where}: a table of contents of version {version!r:.20}, expected 1 with at most "
            f"{MAX_ENTRIES} entries"
        )
    return entries


def _checked(entry: Any, known: set[str]) -> Frames | None:
    """Where the entry's content is; None for what has none."""
    if not isinstance(entry, dict):
        raise MalformedError("an entry that is no object")
    kind, name = entry.get("type"), entry.get("name")
    if not isinstance(name, str) or not name or len(name) > _MAX_NAME or "\0" in name:
        raise MalformedError(f"an entry without a name: {name!r:.100}")
    if kind == _CHUNK:
        # A part of the file before it, within that one's bytes.
        return None
    if kind not in _KNOWN:
        raise MalformedError(f"{name!r:.200} is of the unknown kind {kind!r:.50}")
    steps = [step for step in name.split("/") if step not in ("", ".")]
    if ".." in steps:
        raise MalformedError(f"{name!r:.200} leads out of the root")
    path = "/".join(steps)
    if path in known:
        raise MalformedError(f"{name!r:.200} is there twice")
    known.add(path)
    digest, size = entry.get("digest"), entry.get("size", 0)
    if kind != TYPES["0"] or not size or digest is None:
        return None
    offset, end = entry.get("offset"), entry.get("endOffset")
    if type(offset) is not int or type(end) is not int or not 0 <= offset < end:
        raise MalformedError(f"{name!r:.200} is at no place: {offset!r:.30} to {end!r:.30}")
    return Frames(parse_digest(digest), offset, end)
