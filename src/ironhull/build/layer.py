"""From .deb files to one layer, in a single pass: inflate, rewrite, hash, compress, hash, store.

A layer's bytes depend on the packages' digests, the policy, the rules of `transform` and the
compressor; their digest is the layer's key. Files keep the order and times of their package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from ironhull.build import transform, versions
from ironhull.build.compression import Compression
from ironhull.build.elf import Elf
from ironhull.build.patterns import chosen
from ironhull.build.record import MadeLayer, PackagePart, TreeEntry
from ironhull.build.scripts import alternatives, diversions
from ironhull.build.sink import LayerSink, copy_content
from ironhull.build.transform import Policy
from ironhull.debian.changelog import changelog_file
from ironhull.debian.deb import Control, DebFile
from ironhull.debian.package import Deb
from ironhull.errors import EnvironmentProblem, MalformedError
from ironhull.oci.document import canonical
from ironhull.oci.tar import DIRECTORY, FILE, HARD_LINK, Member, TarReader
from ironhull.oci.tar_writer import TarHeader, header_bytes
from ironhull.store.blobs import BlobStore
from ironhull.store.changelogs import MAX_KEPT, keep_changelogs

DATABASE = "var/lib/dpkg/status.d"


def layer_key(debs: Sequence[Deb], policy: Policy, compression: Compression) -> str:
    """64 hexadecimal digits that name a layer before it is made."""
    value = {
        "transform": versions.TRANSFORM,
        "packages": [deb.sha256 for deb in debs],
        "documentation": policy.documentation,
        "setuid": list(policy.setuid),
        "compression": compression.identity,
    }
    parts = {deb.name: policy.parts[deb.name] for deb in debs if deb.name in policy.parts}
    # Only where there are any, so that layers of whole packages keep their keys.
    if parts:
        value["parts"] = {
            name: [list(part.only), list(part.without)] for name, part in parts.items()
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
        # Over all packages of the layer: a folder that two of them have is written once.
        seen: dict[str, TreeEntry] = {}
        parts = tuple(_Packer(deb, packages, policy, sink, seen, check_stop).pack() for deb in debs)
        diff_id = sink.finish()
    descriptor = sink.descriptor()
    key = layer_key(debs, policy, compression)
    return MadeLayer(key, descriptor, diff_id, sink.size, parts)


class _Packer:
    """Writes one package into a sink and notes what is in it."""

    def __init__(
        self,
        deb: Deb,
        packages: BlobStore,
        policy: Policy,
        sink: LayerSink,
        seen: dict[str, TreeEntry],
        check_stop: Callable[[], None],
    ) -> None:
        self._deb = deb
        self._packages = packages
        self._path = packages.path(deb.sha256)
        self._policy = policy
        self._sink = sink
        self._seen = seen
        self._check_stop = check_stop
        self._what = f"{deb.name} {deb.version} ({deb.architecture})"
        self._entries: dict[str, TreeEntry] = {}
        self._captured: dict[str, bytes] = {}
        # None: what they say is not kept, so that who wants it looks into the package.
        self._changelogs: dict[str, bytes] | None = None if policy.documentation else {}
        self._removed_setuid: list[str] = []
        self._conffiles: dict[str, str] = {}
        self._part = policy.parts.get(deb.name)
        # Folders of a package of which a part is wanted: written where something lies in them.
        self._folders: dict[str, TarHeader] = {}

    def pack(self) -> PackagePart:
        with self._opened() as file:
            deb = DebFile(file, self._what)
            self._expect(deb.control)
            # A flag before the path (`remove-on-upgrade /etc/x`) is for files that are not there.
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
        # Before the database: what comes after it is ours, not the package's.
        shipped = len(self._entries)
        if self._part is not None and not any(
            chosen(path, self._part.only, self._part.without)
            for path, entry in self._entries.items()
            if not entry.is_directory
        ):
            raise MalformedError(
                f"{self._what}: `only` and `except` of the definition leave no file of it"
            )
        self._database(deb.control, md5sums, conffiles)
        if self._changelogs is not None:
            keep_changelogs(self._packages, self._deb.sha256, self._changelogs)
        return PackagePart(
            self._deb.name,
            self._deb.version,
            self._deb.architecture,
            tuple(self._entries.values()),
            self._fields(deb.control),
            shipped,
            md5sums,
            alternatives(deb.control.files.get("postinst", b"")),
            diversions(deb.control.files.get("preinst", b"")),
            self._captured,
            conffiles,
            tuple(self._removed_setuid),
        )

    def _fields(self, control: Control) -> dict[str, str]:
        """The control fields; of a part the database says so, in a field that dpkg keeps."""
        if self._part is None:
            return dict(control.fields)
        what = "only" if self._part.only else "all except"
        said = f"{what} {' '.join(self._part.only or self._part.without)}"
        return {**control.fields, "X-Ironhull-Part": said}

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            raise EnvironmentProblem(
                f"{self._what}: {self._path} is gone (was the cache cleaned up? build again)"
            ) from None

    def _expect(self, control: Control) -> None:
        # The digest was right, so the lock is wrong: it would call one package by another's name.
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
            self._left_out(member, reader)
            return
        # The rules change a mode only by taking setuid and setgid away.
        if new.mode != member.mode:
            self._removed_setuid.append(f"/{new.name}")
        if self._part is not None:
            if new.kind == DIRECTORY:
                self._folders[new.name] = new
                return
            if not transform.in_part(new.name, self._deb.name, self._part):
                return
        if new.kind == HARD_LINK:
            new = self._hardlink(new)
        self._parents(new.name)
        # dpkg would take the last; then digest and record would each speak of another file.
        known = self._entries.get(new.name)
        if known is not None and not (known.is_directory and new.kind == DIRECTORY):
            raise MalformedError(f"{self._what}: {new.name!r} is in the archive twice")
        if new.kind == DIRECTORY:
            self._directory(new)
        else:
            self._emit(new, reader)

    def _left_out(self, member: Member, reader: TarReader) -> None:
        """Of what is not in the layer the changelogs are wanted when an image says what changed."""
        file = changelog_file(member.name, self._deb.name)
        if not file or member.kind != FILE or self._changelogs is None:
            return
        data = reader.read(MAX_KEPT - sum(map(len, self._changelogs.values())))
        if data is None:
            self._changelogs = None
        else:
            self._changelogs[file] = data

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
            self._directory(self._folders.get(parent) or TarHeader(parent, DIRECTORY, 0o755))
        elif parent and not self._entries[parent].is_directory:
            raise MalformedError(f"{self._what}: {path!r} lies below {parent!r}, no directory")

    def _hardlink(self, member: TarHeader) -> TarHeader:
        target = transform.aliased(transform.clean_name(member.link))
        # Only to what this package had before the link: engines unpack in order, and a layer has to
        # mean the same in every image.
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
        # dpkg's database has MD5 of configuration files, to tell whether somebody changed them.
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
            # Two blanks: names may have one in them. A line that is not like this names no file.
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
        texts = {name: status_entry(self._fields(control), conffiles), f"{name}.md5sums": md5sums}
        for file, text in texts.items():
            # Old control files are not UTF-8 everywhere: their bytes go through as they are.
            data = text.encode("utf-8", "surrogateescape")
            path = f"{DATABASE}/{file}"
            self._sink.member(TarHeader(path, FILE, 0o644, size=len(data)), data)
            self._entries[path] = self._seen[path] = TreeEntry(path, FILE, 0o644, size=len(data))


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
        # A field whose first line is empty has no blank after its colon.
        lines.append(f"{name}:{value}" if value.startswith("\n") else f"{name}: {value}")
        if name == "Package":
            lines.append("Status: install ok installed")
    if conffiles:
        lines.append("Conffiles:")
        lines.extend(f" {path} {md5}" for path, md5 in conffiles)
    return "\n".join(lines) + "\n"
