"""The layer of one upgraded package: its new files over the old ones, and the old ones' removal.

Paths of a package run through the image's own links (`/lib` may be `/usr/lib`). A folder that a
layer mentions gets the owner and mode that the image says, for engines take the uppermost. Settings
that somebody changed stay as they are; so do folders that become empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ironhull.build.sink import LayerSink
from ironhull.build.transform import MAX_TIME, clean_name
from ironhull.debian.deb import Control, DebFile
from ironhull.errors import MalformedError
from ironhull.inventory.record import DIRECTORY as VIEW_DIRECTORY
from ironhull.inventory.view import View
from ironhull.oci.tar import DIRECTORY, FILE, HARD_LINK, SYMLINK, Member, TarReader
from ironhull.oci.tar_writer import TarHeader, header_bytes
from ironhull.remediate.paths import RealPaths

_ID_BITS = 0o6000


class NotDoneError(Exception):
    """A package stays as it is; the text says why."""


@dataclass(frozen=True, slots=True)
class OldPackage:
    """What the image has of a package; paths are absolute and as the package writes them."""

    paths: frozenset[str]
    """Of everything but folders, as far as the database says it."""
    conffiles: Mapping[str, str]
    """Path → MD5 as it was shipped."""
    digests: Mapping[str, str]
    """MD5 of the files that are in the image, of those that the database has one of."""
    control: Mapping[str, bytes] = field(default_factory=dict)
    """Its maintainer scripts by name."""
    strangers: tuple[str, ...] = ()
    """Files of it that are not the package's: somebody put others in their place."""


@dataclass(slots=True)
class NewPackage:
    """What the layer of a package has."""

    control: Control
    paths: list[str] = field(default_factory=list)
    """All of the package's, as dpkg lists them."""
    written: set[str] = field(default_factory=set)
    """Real paths, absolute."""
    conffiles: list[tuple[str, str]] = field(default_factory=list)
    """Path and MD5 as shipped."""
    kept: list[str] = field(default_factory=list)
    """Settings that were changed in the image and stay."""
    removed: list[str] = field(default_factory=list)
    """Real paths of old files that are gone."""
    md5sums: list[str] = field(default_factory=list)
    """The package's own lines for what of it the image has."""
    notes: list[str] = field(default_factory=list)


class PackageLayer:
    """Writes one package into a sink."""

    def __init__(
        self,
        view: View,
        real: RealPaths,
        takes: Callable[[str], bool],
        old: OldPackage,
        owner: Callable[[str], str],
        sink: LayerSink,
        mtime: int,
    ) -> None:
        self._mtime = mtime
        self._view, self._real, self._takes = view, real, takes
        self._old, self._owner, self._sink = old, owner, sink
        self._folders: set[str] = set()

    def write(self, path: Path, what: str) -> NewPackage:
        """The package's new files, then the removal of old ones.

        NotDoneError where the image has something that is not the package's to change;
        MalformedError for a damaged or hostile package.
        """
        with path.open("rb") as file:
            deb = DebFile(file, what)
            new = NewPackage(deb.control)
            shipped = _conffiles(deb.control)
            for member in (reader := deb.data()):
                self._add(member, reader, new, shipped, what)
            reader.drain()
        new.md5sums = _md5sums(deb.control, new.written, self._real)
        self._remove(new)
        return new

    def _add(
        self,
        member: Member,
        reader: TarReader,
        new: NewPackage,
        shipped: frozenset[str],
        what: str,
    ) -> None:
        name = clean_name(member.name)
        if not name:
            new.paths.append("/.")
            return
        if member.kind not in (FILE, HARD_LINK, SYMLINK, DIRECTORY) or member.sparse:
            raise MalformedError(f"{what}: {name!r} is neither a file, a directory nor a link")
        path = f"/{name}"
        new.paths.append(path)
        if not self._takes(path):
            return
        real = self._real.real(path)
        there = self._view.get(real)
        is_folder = member.kind == DIRECTORY
        if is_folder and there is not None:
            # A link to a folder stands for it, as /lib does for /usr/lib.
            if self._kind(self._view.real(real)) != VIEW_DIRECTORY:
                raise NotDoneError(f"{path} is a folder in it, and is none in the image")
            return
        if not is_folder and there is not None and there.kind == VIEW_DIRECTORY:
            raise NotDoneError(f"{path} is none in it, and is a folder in the image")
        other = self._owner(real) if there is not None else ""
        if other:
            raise NotDoneError(f"{path} belongs to {other} in the image")
        self._parents(real)
        if is_folder:
            self._folder(real, member.mode, member.uid, member.gid, _time(member))
        elif member.kind == FILE and path in shipped:
            self._setting(member, reader, path, real, new)
        else:
            self._file(member, reader, real, new)

    def _kind(self, real: str) -> str:
        found = self._view.get(real)
        if found is not None:
            return found.kind
        # Some layers leave folders out that have something in them.
        return VIEW_DIRECTORY if self._view.children(real) else ""

    def _file(self, member: Member, reader: TarReader, real: str, new: NewPackage) -> None:
        mode, link = member.mode, member.link
        there = self._view.get(real)
        if mode & _ID_BITS and there is not None and not there.mode & _ID_BITS:
            mode &= ~_ID_BITS
            new.notes.append(f"{real} stays without setuid, as the image has it")
        if member.kind == HARD_LINK:
            link = self._real.real(f"/{clean_name(member.link)}")
            if link not in new.written:
                raise MalformedError(f"{real}: a hard link to {link}, which is not before it")
            link = link[1:]
        size = member.size if member.kind == FILE else 0
        self._sink.write(header_bytes(_header(member, real, mode, size, link)))
        if member.kind == FILE:
            for piece in reader.content():
                self._sink.write(piece)
            self._sink.pad(member.size)
        new.written.add(real)

    def _setting(
        self, member: Member, reader: TarReader, path: str, real: str, new: NewPackage
    ) -> None:
        """A configuration file: one that was changed, or taken away, stays so (Policy 10.7.3)."""
        data = b"".join(reader.content())
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        new.conffiles.append((path, md5))
        before = self._old.conffiles.get(path)
        has = self._old.digests.get(path)
        if before is not None and has != before:
            new.kept.append(path)
            return
        if before is None and self._view.get(real) is not None:
            raise NotDoneError(f"{path} is a new setting in it, and the image has a file there")
        if before == md5:
            return
        self._sink.member(_header(member, real, member.mode, len(data), ""), data)
        new.written.add(real)

    def _remove(self, new: NewPackage) -> None:
        listed = {self._real.real(path) for path in new.paths if path != "/."}
        for path in sorted(self._old.paths):
            real = self._real.real(path)
            there = self._view.get(real)
            if real in listed or there is None or there.kind == VIEW_DIRECTORY:
                continue
            # Settings that are no longer shipped stay until somebody purges the package.
            if path in self._old.conffiles or self._owner(real):
                continue
            folder, _, name = real.rpartition("/")
            self._parents(real)
            header = TarHeader(f"{folder}/.wh.{name}".lstrip("/"), FILE, 0o644, mtime=self._mtime)
            self._sink.member(header)
            new.removed.append(real)

    def _parents(self, real: str) -> None:
        folder = real.rpartition("/")[0]
        if not folder or folder in self._folders:
            return
        self._parents(folder)
        there = self._view.get(folder)
        if there is None:
            self._folder(folder, 0o755, 0, 0, self._mtime)
        elif there.kind != VIEW_DIRECTORY:
            raise NotDoneError(f"{folder} is no folder in the image")
        else:
            self._folder(folder, there.mode, there.uid, there.gid, self._mtime)

    def _folder(self, real: str, mode: int, uid: int, gid: int, mtime: int) -> None:
        if real in self._folders:
            return
        self._folders.add(real)
        self._sink.write(header_bytes(TarHeader(real[1:], DIRECTORY, mode, uid, gid, 0, mtime)))


def _header(member: Member, real: str, mode: int, size: int, link: str) -> TarHeader:
    return TarHeader(real[1:], member.kind, mode, member.uid, member.gid, size, _time(member), link)


def _time(member: Member) -> int:
    return min(max(0, member.mtime), MAX_TIME)


def _conffiles(control: Control) -> frozenset[str]:
    text = control.files.get("conffiles", b"").decode("utf-8", "surrogateescape")
    return frozenset(line.strip() for line in text.splitlines() if line.startswith("/"))


def _md5sums(control: Control, written: set[str], real: RealPaths) -> list[str]:
    """The package's own lines for the files that the image has now."""
    text = control.files.get("md5sums", b"").decode("utf-8", "surrogateescape")
    kept = []
    for line in text.splitlines():
        _, _, name = line.partition("  ")
        if name and real.real(f"/{name.removeprefix('./')}") in written:
            kept.append(line)
    return kept
