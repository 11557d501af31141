"""Makes .deb files: honest ones as dpkg-deb would, and hostile ones that it would not.

The tar is written by hand, so that a member can say anything: a name with `../`, a size that its
bytes do not have, a hole of 10 GB, a million of them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import stat
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

import zstandard

MTIME = 1_700_000_000

FILE, HARDLINK, SYMLINK, CHARACTER, BLOCK, DIRECTORY, FIFO, HOLE = "0123456S"


@dataclass(frozen=True)
class Entry:
    """A member of the data tar. The functions below make the usual ones."""

    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    kind: str = FILE
    """The tar type flag."""
    target: str = ""
    """Of a symbolic or hard link, as written into the member."""
    mtime: int = MTIME
    device: tuple[int, int] = (0, 0)
    raw_name: str | None = None
    """Written as it is, in place of `./path`: `../x`, `/x`, `a//b`."""
    claimed_size: int | None = None
    """What the header says in place of the length of `content`."""
    pax: Mapping[str, str] | None = None
    """Records of an extended header before the member."""
    uname: str = "root"
    gname: str = "root"


def file(content: bytes | str = b"", mode: int = 0o644, **other: object) -> Entry:
    data = content.encode() if isinstance(content, str) else content
    return replace(Entry(data, mode), **other)  # type: ignore[arg-type]


def program(content: bytes | str = b"#!/bin/sh\n", mode: int = 0o755, **other: object) -> Entry:
    return file(content, mode, **other)


def directory(mode: int = 0o755, **other: object) -> Entry:
    return replace(Entry(mode=mode, kind=DIRECTORY), **other)  # type: ignore[arg-type]


def symlink(target: str, **other: object) -> Entry:
    return replace(Entry(mode=0o777, kind=SYMLINK, target=target), **other)  # type: ignore[arg-type]


def hardlink(target: str, **other: object) -> Entry:
    """`target` as the tar has it: `./usr/bin/perl`."""
    return replace(Entry(kind=HARDLINK, target=target), **other)  # type: ignore[arg-type]


def device(major: int = 1, minor: int = 3, *, block: bool = False, mode: int = 0o666) -> Entry:
    return Entry(mode=mode, kind=BLOCK if block else CHARACTER, device=(major, minor))


def fifo(mode: int = 0o644) -> Entry:
    return Entry(mode=mode, kind=FIFO)


def hole(size: int) -> Entry:
    """An old GNU sparse file of `size` bytes that has one byte of data, at its end."""
    return Entry(b"!", kind=HOLE, claimed_size=size)


def make_deb(
    name: str,
    version: str,
    *,
    architecture: str = "amd64",
    files: Mapping[str, Entry] | Iterable[tuple[str, Entry]] = (),
    control: Mapping[str, str] | None = None,
    md5sums: bool = True,
    compression: str = "xz",
    scripts: Mapping[str, str] | None = None,
    control_files: Mapping[str, bytes] | None = None,
    conffiles: Iterable[str] = (),
    parents: bool = True,
    truncated: int = 0,
    format_version: bytes = b"2.0\n",
    extra_members: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """The bytes of a .deb.

    `files` by path (`/usr/bin/x` or `usr/bin/x`); an iterable of pairs is streamed and may repeat
    a path. `control` adds fields or replaces them. `scripts` are maintainer scripts,
    `control_files` other members of control.tar. `compression` is xz, zst, gz or none. `parents`
    puts in the folders that lead to each path. `truncated` cuts so many bytes off the end.
    `extra_members` of the ar archive come after `debian-binary`.
    """
    pairs = files.items() if isinstance(files, Mapping) else files
    sums: dict[str, str] = {}
    data = _compressed(compression, _members(pairs, sums, parents))
    members = _control_members(name, version, architecture, control or {}, sums)
    if not md5sums:
        del members["md5sums"]
    members |= {n: file(text, 0o755) for n, text in (scripts or {}).items()}
    members |= {n: file(text) for n, text in (control_files or {}).items()}
    if listed := "".join(f"{path}\n" for path in conffiles):
        members["conffiles"] = file(listed)
    control_tar = _compressed(compression, _members(members.items(), {}, parents=True))
    suffix = "" if compression == "none" else f".{compression}"
    deb = io.BytesIO()
    deb.write(b"!<arch>\n")
    _ar_member(deb, "debian-binary", format_version)
    for member, content in extra_members:
        _ar_member(deb, member, content)
    _ar_member(deb, f"control.tar{suffix}", control_tar)
    _ar_member(deb, f"data.tar{suffix}", data)
    whole = deb.getvalue()
    return whole[: len(whole) - truncated] if truncated else whole


def stanza(fields: Mapping[str, str]) -> str:
    """Fields as a control stanza; lines after a value's first are indented if they are not."""
    lines = []
    for key, value in fields.items():
        first, *rest = value.split("\n")
        lines.append(f"{key}: {first}" if first else f"{key}:")
        lines += [line if line.startswith((" ", "\t")) else f" {line or '.'}" for line in rest]
    return "\n".join(lines) + "\n"


def control_fields(
    name: str, version: str, architecture: str, control: Mapping[str, str]
) -> dict[str, str]:
    """The fields that `make_deb` writes, for a Packages index of the same package."""
    fields = {
        "Package": name,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Nobody <nobody@example.invalid>",
        "Installed-Size": "1",
        "Section": "misc",
        "Priority": "optional",
        "Description": f"{name} of a test",
    }
    return fields | dict(control)


def _control_members(
    name: str, version: str, architecture: str, control: Mapping[str, str], sums: Mapping[str, str]
) -> dict[str, Entry]:
    text = stanza(control_fields(name, version, architecture, control))
    listed = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))
    return {"control": file(text), "md5sums": file(listed.encode("utf-8", "surrogateescape"))}


def _members(
    pairs: Iterable[tuple[str, Entry]], sums: dict[str, str], parents: bool
) -> Iterable[bytes]:
    """Blocks of a tar; fills `sums` with the MD5 of each regular file by path."""
    made = {""}
    if parents:
        yield from _member("./", directory())
    for path, entry in pairs:
        path = path.strip("/")
        if entry.raw_name is None and parents:
            parts = path.split("/")
            for depth in range(1, len(parts)):
                parent = "/".join(parts[:depth])
                if parent not in made:
                    made.add(parent)
                    yield from _member(f"./{parent}/", directory())
        name = entry.raw_name
        if name is None:
            name = f"./{path}/" if entry.kind == DIRECTORY else f"./{path}"
            if entry.kind == DIRECTORY:
                made.add(path)
            elif entry.kind == FILE:
                sums[path] = hashlib.md5(entry.content).hexdigest()
        yield from _member(name, entry)
    yield bytes(2 * 512)


def _member(name: str, entry: Entry) -> Iterable[bytes]:
    if entry.pax is not None:
        yield from _pax(entry.pax)
    raw = name.encode("utf-8", "surrogateescape")
    target = entry.target.encode()
    if len(raw) > 100:
        yield from _long(b"L", raw)
    if len(target) > 100:
        yield from _long(b"K", target)
    size = len(entry.content) if entry.claimed_size is None else entry.claimed_size
    sparse = b""
    if entry.kind == HOLE:
        sparse = _octal(size - len(entry.content), 12) + _octal(len(entry.content), 12)
        sparse += bytes(3 * 24 + 1) + _octal(size, 12)
        size = len(entry.content)
    yield _header(raw, entry, target, size, sparse)
    yield _padded(entry.content)


def _header(name: bytes, entry: Entry, target: bytes, size: int, sparse: bytes = b"") -> bytes:
    kind = entry.kind.encode()
    parts = [
        name[:100].ljust(100, b"\0"),
        _octal(stat.S_IMODE(entry.mode), 8),
        _octal(entry.uid, 8),
        _octal(entry.gid, 8),
        _octal(size, 12),
        _octal(entry.mtime, 12),
        b" " * 8,
        kind,
        target[:100].ljust(100, b"\0"),
        b"ustar  \0",
        entry.uname.encode().ljust(32, b"\0"),
        entry.gname.encode().ljust(32, b"\0"),
        _octal(entry.device[0], 8) if kind in b"34" else bytes(8),
        _octal(entry.device[1], 8) if kind in b"34" else bytes(8),
        # GNU: access and change time, offset, long names, unused; then the map of a sparse file.
        bytes(12 + 12 + 12 + 4 + 1) + sparse if sparse else b"",
    ]
    block = b"".join(parts).ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _octal(number: int, width: int) -> bytes:
    """A number of a header: octal, or GNU's base 256 if that is too small."""
    if 0 <= number < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, number)
    return b"\x80" + (number % 256 ** (width - 1)).to_bytes(width - 1, "big")


def _long(kind: bytes, text: bytes) -> Iterable[bytes]:
    entry = Entry(kind=kind.decode(), mtime=0)
    yield _header(b"././@LongLink", entry, b"", len(text) + 1)
    yield _padded(text + b"\0")


def _pax(records: Mapping[str, str]) -> Iterable[bytes]:
    body = b"".join(_pax_record(key, value) for key, value in records.items())
    yield _header(b"./PaxHeaders/x", Entry(kind="x"), b"", len(body))
    yield _padded(body)


def _pax_record(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n".encode()
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def _compressed(compression: str, blocks: Iterable[bytes]) -> bytes:
    raw = io.BytesIO()
    with _compressor(compression, raw) as out:
        for block in blocks:
            out.write(block)
    return raw.getvalue()


@contextmanager
def _compressor(compression: str, raw: io.BytesIO) -> Iterable[IO[bytes]]:  # type: ignore[misc]
    match compression:
        case "xz":
            with lzma.LZMAFile(raw, "wb", preset=1) as out:
                yield out
        case "gz":
            with gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
                yield out
        case "zst":
            with zstandard.ZstdCompressor(3).stream_writer(raw, closefd=False) as out:
                yield out
        case "none":
            yield raw
        case _:
            raise ValueError(f"unknown compression {compression}")


def _ar_member(deb: io.BytesIO, name: str, content: bytes) -> None:
    deb.write(
        b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name.encode(), MTIME, 0, 0, 0o100644, len(content))
    )
    deb.write(content + b"\n" * (len(content) % 2))
