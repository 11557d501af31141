"""From .deb files to one layer, in a single pass: inflate, rewrite, hash, compress, hash, store.

A layer's bytes depend on the packages' digests, the policy, the rules of `transform` and the
compressor; their digest is the layer's key. Files keep the order and times of their package.
"""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

from ironhull.build import transform
from ironhull.build.elf import MAGIC, Elf, read_elf
from ironhull.build.record import MadeLayer, PackagePart, TreeEntry
from ironhull.build.scripts import alternatives, diversions
from ironhull.build.transform import Policy
from ironhull.debian.deb import Control, DebFile
from ironhull.debian.package import Deb
from ironhull.errors import EnvironmentProblem, InputError, MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_LAYER_GZIP, OCI_LAYER_ZSTD
from ironhull.oci.tar import DIRECTORY, FILE, HARD_LINK, Member, TarReader
from ironhull.oci.tar_writer import END, TarHeader, header_bytes
from ironhull.store.blobs import BlobStore, BlobWriter

_CHUNK = 1 << 18
_IN_MEMORY = 4 << 20
DATABASE = "var/lib/dpkg/status.d"


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Compression:
    """How layers are compressed; part of every layer's key."""

    method: str
    level: int

    @classmethod
    def parse(cls, text: str) -> Compression:
        """`zstd[:LEVEL]` (1 to 19, default 8) or `gzip[:LEVEL]` (1 to 9, default 6)."""
        method, _, level = text.partition(":")
        limits = {"zstd": (8, 19), "gzip": (6, 9)}
        if method not in limits or (level and not level.isdigit()):
            raise InputError(f"unknown compression {text!r} (use zstd[:1-19] or gzip[:1-9])")
        default, highest = limits[method]
        number = int(level) if level else default
        if not 1 <= number <= highest:
            raise InputError(f"compression {text!r}: levels of {method} are 1 to {highest}")
        return cls(method, number)

    @property
    def media_type(self) -> str:
        return OCI_LAYER_ZSTD if self.method == "zstd" else OCI_LAYER_GZIP

    @property
    def identity(self) -> str:
        """What decides the compressed bytes: method, level, version of the library."""
        if self.method == "zstd":
            version = ".".join(str(part) for part in zstandard.ZSTD_VERSION)
        else:
            version = zlib.ZLIB_RUNTIME_VERSION
        return f"{self.method}:{self.level}/{version}"

    def compressor(self) -> _Compressor:
        if self.method == "zstd":
            return zstandard.ZstdCompressor(level=self.level).compressobj()
        return zlib.compressobj(self.level, zlib.DEFLATED, 31)


class LayerSink:
    """A layer on its way into the store: takes tar bytes, gives digest and diff_id at the end."""

    def __init__(self, blob: BlobWriter, compression: Compression) -> None:
        self._blob = blob
        self._compressor = compression.compressor()
        self._sha256 = hashlib.sha256()
        self._pending: list[bytes] = []
        self._held = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append tar bytes; small pieces are gathered first."""
        self._pending.append(data)
        self._held += len(data)
        if self._held >= _CHUNK:
            self._drain()

    def member(self, member: TarHeader, data: bytes = b"") -> None:
        """Append a member and its data, which are at hand."""
        self.write(header_bytes(member))
        if data:
            self.write(data)
            self.pad(len(data))

    def pad(self, size: int) -> None:
        """Fill up the last block of a member of `size` bytes."""
        if size % 512:
            self.write(b"\0" * (-size % 512))

    def finish(self) -> DiffId:
        """End the archive; the blob is complete afterwards."""
        self.write(END)
        self._drain()
        self._blob.write(self._compressor.flush())
        return DiffId("sha256:" + self._sha256.hexdigest())

    def _drain(self) -> None:
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        self._held = 0
        self.size += len(data)
        self._sha256.update(data)
        out = self._compressor.compress(data)
        if out:
            self._blob.write(out)


def layer_key(debs: Sequence[Deb], policy: Policy, compression: Compression) -> str:
    """64 hexadecimal digits that name a layer before it is made."""
    value = {
        "transform": transform.VERSION,
        "packages": [deb.sha256 for deb in debs],
        "documentation": policy.documentation,
        "setuid": list(policy.setuid),
        "compression": compression.identity,
    }
    return hashlib.sha256(canonical(value)).hexdigest()


def make_layer(
    debs: Sequence[Deb],
    packages: BlobStore,
    policy: Policy,
    compression: Compression,
    blobs: BlobStore,
    check_stop: Callable[[], None],
) -> MadeLayer:
    """Make the layer of these `packages` and put it into `blobs`; returns its record.

    MalformedError if a package is damaged or hostile. `check_stop` may raise to end the work.
    """
    with blobs.writer() as blob:
        sink = LayerSink(blob, compression)
        seen: dict[str, TreeEntry] = {}
        parts = tuple(
            _Packer(deb, packages.path(deb.sha256), policy, sink, seen, check_stop).pack()
            for deb in debs
        )
        diff_id = sink.finish()
    descriptor = Descriptor(compression.media_type, blob.digest, blob.size)
    key = layer_key(debs, policy, compression)
    return MadeLayer(key, descriptor, diff_id, sink.size, parts)


class _Packer:
    """Writes one package into a sink and notes what is in it."""

    def __init__(
        self,
        deb: Deb,
        path: Path,
        policy: Policy,
        sink: LayerSink,
        seen: dict[str, TreeEntry],
        check_stop: Callable[[], None],
    ) -> None:
        self._deb = deb
        self._path = path
        self._policy = policy
        self._sink = sink
        self._seen = seen
        self._check_stop = check_stop
        self._what = f"{deb.name} {deb.version} ({deb.architecture})"
        self._entries: dict[str, TreeEntry] = {}
        self._captured: dict[str, bytes] = {}
        self._removed_setuid: list[str] = []
        self._conffiles: dict[str, str] = {}

    def pack(self) -> PackagePart:
        with self._opened() as file:
            deb = DebFile(file, self._what)
            self._expect(deb.control)
            for line in _lines(deb.control.files.get("conffiles", b"")):
                if line.startswith("/"):
                    self._conffiles[transform.aliased(line.strip().lstrip("/"))] = ""
            reader = deb.data()
            for member in reader:
                self._add(member, reader)
            # The compressed stream's own checksum comes after the archive's end.
            reader.drain()
        md5sums = self._md5sums(deb.control.files.get("md5sums", b""))
        conffiles = tuple((f"/{path}", md5) for path, md5 in self._conffiles.items() if md5)
        shipped = len(self._entries)
        self._database(deb.control, md5sums, conffiles)
        return PackagePart(
            self._deb.name,
            self._deb.version,
            self._deb.architecture,
            tuple(self._entries.values()),
            deb.control.fields,
            shipped,
            md5sums,
            alternatives(deb.control.files.get("postinst", b"")),
            diversions(deb.control.files.get("preinst", b"")),
            self._captured,
            conffiles,
            tuple(self._removed_setuid),
        )

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            raise EnvironmentProblem(
                f"{self._what}: {self._path} is gone (was the cache cleaned up? build again)"
            ) from None

    def _expect(self, control: Control) -> None:
        for field, expected in (
            ("Package", self._deb.name),
            ("Version", self._deb.version),
            ("Architecture", self._deb.architecture),
        ):
            if control.fields[field] != expected:
                raise MalformedError(
                    f"{self._what}: its control file says {field}: {control.fields[field]}"
                )

    def _add(self, member: Member, reader: TarReader) -> None:
        self._check_stop()
        name = transform.clean_name(member.name)
        if not name:
            return
        new = transform.transformed(member, name, self._what, self._policy)
        if new is None:
            return
        if new.mode != member.mode:
            self._removed_setuid.append(f"/{new.name}")
        if new.kind == HARD_LINK:
            new = self._hardlink(new)
        self._parents(new.name)
        known = self._entries.get(new.name)
        if known is not None and not (known.is_directory and new.kind == DIRECTORY):
            raise MalformedError(f"{self._what}: {new.name!r} is in the archive twice")
        if new.kind == DIRECTORY:
            self._directory(new)
        else:
            self._emit(new, reader)

    def _emit(self, new: TarHeader, reader: TarReader) -> None:
        self._sink.write(header_bytes(new))
        if new.kind == HARD_LINK:
            entry = self._entries[new.link]._replace(path=new.name, kind=HARD_LINK, link=new.link)
        else:
            shebang, elf = self._copy(new, reader) if new.kind == FILE else ("", None)
            entry = TreeEntry(*new[:8], shebang, elf)
        self._entries[new.name] = self._seen[new.name] = entry

    def _directory(self, member: TarHeader) -> None:
        entry = TreeEntry(*member[:8])
        known = self._seen.get(member.name)
        if known is None:
            self._sink.write(header_bytes(member))
            self._seen[member.name] = entry
        self._entries[member.name] = entry

    def _parents(self, path: str) -> None:
        """A package that ships a file without its folders gets them: root's, 0755."""
        parent = path.rpartition("/")[0]
        if parent and parent not in self._entries:
            self._parents(parent)
            self._directory(TarHeader(parent, DIRECTORY, 0o755))
        elif parent and not self._entries[parent].is_directory:
            raise MalformedError(f"{self._what}: {path!r} lies below {parent!r}, no directory")

    def _hardlink(self, member: TarHeader) -> TarHeader:
        target = transform.aliased(transform.clean_name(member.link))
        known = self._entries.get(target)
        if known is None or not known.is_file:
            raise MalformedError(
                f"{self._what}: hard link {member.name!r} to {member.link!r}, which is not there"
            )
        return member._replace(link=target, mode=known.mode, size=0)

    def _copy(self, member: TarHeader, reader: TarReader) -> tuple[str, Elf | None]:
        captured: list[bytes] | None = None
        if transform.CAPTURED.fullmatch(member.name):
            if member.size > transform.CAPTURE_LIMIT:
                raise MalformedError(
                    f"{self._what}: {member.name!r} has {member.size} bytes, "
                    f"the limit for such a file is {transform.CAPTURE_LIMIT}"
                )
            captured = []
        md5 = hashlib.md5(usedforsecurity=False) if member.name in self._conffiles else None

        def watch(piece: bytes) -> None:
            self._check_stop()
            if captured is not None:
                captured.append(piece)
            if md5 is not None:
                md5.update(piece)

        first = reader.head(min(256, member.size))
        where = f"{self._what}: {member.name!r:.200}"
        found = copy_content(self._sink, first, reader.content(), member.size, watch, where)
        if captured is not None:
            self._captured[member.name] = b"".join(captured)
        if md5 is not None:
            self._conffiles[member.name] = md5.hexdigest()
        return found

    def _md5sums(self, raw: bytes) -> str:
        """The package's own md5sums without the files that are not in the layer."""
        kept = []
        for line in _lines(raw):
            digest, _, name = line.partition("  ")
            try:
                path = transform.aliased(transform.clean_name(name))
            except MalformedError:
                continue
            entry = self._entries.get(path)
            if entry is not None and entry.is_file:
                kept.append(f"{digest}  {path}\n")
        return "".join(kept)

    def _database(
        self, control: Control, md5sums: str, conffiles: tuple[tuple[str, str], ...]
    ) -> None:
        """What scanners read: the control fields, and the digests of the files that are here."""
        name = self._deb.name
        self._parents(f"{DATABASE}/{name}")
        texts = {name: status_entry(control.fields, conffiles), f"{name}.md5sums": md5sums}
        for file, text in texts.items():
            data = text.encode("utf-8", "surrogateescape")
            path = f"{DATABASE}/{file}"
            self._sink.member(TarHeader(path, FILE, 0o644, size=len(data)), data)
            self._entries[path] = self._seen[path] = TreeEntry(path, FILE, 0o644, size=len(data))


def copy_content(
    sink: LayerSink,
    first: bytes,
    pieces: Iterable[bytes],
    size: int,
    watch: Callable[[bytes], object],
    where: str,
) -> tuple[str, Elf | None]:
    """Copy a file's content into a layer; the line after `#!` and the facts of an ELF file.

    `first` is how the content begins, of which `pieces` are all; `watch` sees each piece; `where`
    begins the message if the file cannot be.
    """
    elf = None
    if first.startswith(MAGIC):
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
            for piece in pieces:
                watch(piece)
                sink.write(piece)
                spool.write(piece)
            spool.seek(0)
            elf = read_elf(spool, size, where)  # type: ignore[arg-type]
    else:
        for piece in pieces:
            watch(piece)
            sink.write(piece)
    sink.pad(size)
    return shebang_of(first), elf


def shebang_of(first: bytes) -> str:
    """The line after `#!` as the kernel reads it: a carriage return is part of the interpreter."""
    if not first.startswith(b"#!"):
        return ""
    return first[2:256].partition(b"\n")[0].decode("utf-8", "replace").strip(" \t")


def _lines(raw: bytes) -> list[str]:
    return raw.decode("utf-8", "surrogateescape").split("\n")


# What dpkg writes into its database; in a package it would contradict us.
_OURS = ("status", "conffiles", "config-version", "triggers-awaited", "triggers-pending")


def status_entry(fields: Mapping[str, str], conffiles: Sequence[tuple[str, str]]) -> str:
    """A stanza of the dpkg database: the control fields, and that the package is installed."""
    lines = []
    for name, value in fields.items():
        if name.lower() in _OURS:
            continue
        lines.append(f"{name}:{value}" if value.startswith("\n") else f"{name}: {value}")
        if name == "Package":
            lines.append("Status: install ok installed")
    if conffiles:
        lines.append("Conffiles:")
        lines.extend(f" {path} {md5}" for path, md5 in conffiles)
    return "\n".join(lines) + "\n"
