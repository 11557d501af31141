"""An index on disk of one Packages file: stanzas by package name, and who provides what.

Made once for each Packages digest, because reading 57 MB of text takes a second; asked many times.
It is an SQLite database that appears whole or not at all. Several processes may make the same one
at once: each makes its own, and the last to be renamed stays.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from ironhull.debian.stanza import split_stanzas
from ironhull.errors import EnvironmentProblem, MalformedError, UntrustedError
from ironhull.oci.digest import Digest, hex_of
from ironhull.store.files import temporary_name

FORMAT = 1
"""Number of the database's layout; a folder of its own keeps versions of Ironhull apart."""

_CHUNK = 1 << 20
_MAX_TEXT = 2 << 30
_MAX_MEMORY = 192 << 20
_SCHEMA = """
CREATE TABLE package (id INTEGER PRIMARY KEY, name TEXT NOT NULL, stanza BLOB NOT NULL);
CREATE TABLE provided (name TEXT NOT NULL, package INTEGER NOT NULL);
"""
_KEYS = """
CREATE INDEX package_name ON package (name);
CREATE INDEX provided_name ON provided (name);
"""
# Every tool that writes indexes spells field names as Policy does; to look for other spellings
# would take a third of the whole time.
_NAME = re.compile(rb"^Package:[ \t]*(\S+)", re.MULTILINE)
_PROVIDES = re.compile(rb"\nProvides:(.*(?:\n[ \t].*)*)")
_PROVIDED = re.compile(r"[^\s,(|]+")


def index_path(folder: Path, digest: Digest) -> Path:
    """Where the index of the Packages file with this digest is or would be."""
    return folder / f"v{FORMAT}" / f"{hex_of(digest)}.sqlite"


class PackagesIndex:
    """An open index; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Use `open_index`, which sees whether the file is there and whole."""
        self.path = path
        self._guard = threading.Lock()
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )

    def stanzas(self, name: str) -> list[bytes]:
        """Raw stanzas of every package of this name, in the file's order."""
        return self._column("SELECT stanza FROM package WHERE name = ? ORDER BY id", name)

    def providers(self, name: str) -> list[bytes]:
        """Raw stanzas of packages whose Provides names this."""
        return self._column(
            "SELECT stanza FROM package WHERE id IN (SELECT package FROM provided WHERE name = ?)"
            " ORDER BY id",
            name,
        )

    def names(self) -> list[str]:
        """All names, sorted."""
        return self._column("SELECT DISTINCT name FROM package ORDER BY name")

    def close(self) -> None:
        """Close the file; it closes by itself when nobody refers to the index any more."""
        self._connection.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()

    def _column(self, query: str, *values: str) -> list[Any]:
        try:
            with self._guard:
                return [row[0] for row in self._connection.execute(query, values)]
        except sqlite3.DatabaseError as error:
            raise EnvironmentProblem(
                f"{self.path} is damaged ({error}); remove it, it is made again"
            ) from None

    def whole(self) -> bool:
        """Whether this is a complete index of our format."""
        try:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
            (page_size,) = self._connection.execute("PRAGMA page_size").fetchone()
        except sqlite3.DatabaseError:
            return False
        return bool(version == FORMAT and self.path.stat().st_size == pages * page_size)


def open_index(path: Path) -> PackagesIndex | None:
    """The index, or None if there is none that can be used; a damaged one is removed."""
    if not path.is_file():
        return None
    index = PackagesIndex(path)
    if index.whole():
        return index
    index.close()
    path.unlink(missing_ok=True)
    return None


def build_index(path: Path, source: BinaryIO, name: str, digest: Digest, size: int | None) -> None:
    """Make the index of a Packages file.

    `source` has the file as served, `name` its name with the ending that tells the compression,
    `digest` that of the bytes in `source`, `size` the bytes of the text if the release file says.
    UntrustedError if either does not hold, MalformedError if it is not a Packages file; there is no
    index then.
    """
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            _fill(connection, _text(source, name, digest, size), name)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except sqlite3.OperationalError as error:
        raise EnvironmentProblem(f"cannot write {path}: {error}") from None
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {path}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _fill(connection: sqlite3.Connection, text: Iterator[bytes], where: str) -> None:
    # No journal: nobody sees the file before it is whole.
    for pragma in ("page_size=16384", "journal_mode=OFF", "synchronous=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_SCHEMA)
    connection.execute("BEGIN")
    provided: list[tuple[str, int]] = []
    connection.executemany(
        "INSERT INTO package VALUES (?, ?, ?)", _rows(split_stanzas(text, where), provided, where)
    )
    connection.executemany("INSERT INTO provided VALUES (?, ?)", provided)
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")
    connection.executescript(_KEYS)


def _rows(
    stanzas: Iterator[bytes], provided: list[tuple[str, int]], where: str
) -> Iterator[tuple[int, str, bytes]]:
    for number, stanza in enumerate(stanzas, 1):
        name = _NAME.search(stanza)
        if name is None:
            raise MalformedError(f"{where}: stanza {number} has no Package field: {stanza!r:.120}")
        if b"\nProvides:" in stanza and (provides := _PROVIDES.search(stanza)) is not None:
            text = re.sub(r"\([^)]*\)", "", provides[1].decode("utf-8", "replace"))
            provided.extend((virtual, number) for virtual in set(_PROVIDED.findall(text)))
        yield number, name[1].decode("utf-8", "replace"), stanza


def _text(source: BinaryIO, name: str, digest: Digest, size: int | None) -> Iterator[bytes]:
    """The file's text in pieces; complains at its end if it was not the right file."""
    sha256 = hashlib.sha256()

    def raw() -> Iterator[bytes]:
        while data := source.read(_CHUNK):
            sha256.update(data)
            yield data

    total = 0
    limit = _MAX_TEXT if size is None else size
    try:
        for data in _decompressed(raw(), name):
            total += len(data)
            if total > limit:
                raise UntrustedError(f"{name}: has more than the {limit} bytes it should have")
            yield data
    except (lzma.LZMAError, zlib.error, EOFError) as error:
        raise UntrustedError(f"{name}: cannot be decompressed: {error}") from None
    if "sha256:" + sha256.hexdigest() != digest:
        raise UntrustedError(f"{name}: expected {digest}, got sha256:{sha256.hexdigest()}")
    if size is not None and total != size:
        raise UntrustedError(f"{name}: expected {size} bytes of text, got {total}")


def _decompressed(raw: Iterator[bytes], name: str) -> Iterator[bytes]:
    if name.endswith(".xz"):
        return _streams(raw, lambda: _Xz(), name)
    if name.endswith(".gz"):
        return _streams(raw, lambda: _Gzip(), name)
    return raw


class _Xz:
    """One xz stream, a bounded piece at a time."""

    def __init__(self) -> None:
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MAX_MEMORY)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data, _CHUNK)
        while not (self._stream.eof or self._stream.needs_input):
            yield self._stream.decompress(b"", _CHUNK)

    @property
    def rest(self) -> bytes | None:
        """What follows the stream; None while it has not ended."""
        return self._stream.unused_data if self._stream.eof else None


class _Gzip:
    """One gzip member, a bounded piece at a time."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(31)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield self._stream.decompress(data, _CHUNK)
            data = self._stream.unconsumed_tail

    @property
    def rest(self) -> bytes | None:
        return self._stream.unused_data if self._stream.eof else None


def _streams(raw: Iterator[bytes], new: Callable[[], _Xz | _Gzip], name: str) -> Iterator[bytes]:
    """The text of streams that follow each other; EOFError if the last is cut off."""
    stream: _Xz | _Gzip | None = None
    for data in raw:
        while data:
            stream = stream or new()
            yield from stream.pieces(data)
            rest = stream.rest
            data = rest or b""
            if rest is not None:
                stream = None
    if stream is not None:
        raise EOFError("it is cut off")
