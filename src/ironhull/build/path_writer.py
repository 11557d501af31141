"""Writes paths that no package brought into a layer, and notes what they are."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from ironhull.build.record import PackagePart, TreeEntry
from ironhull.build.sink import LayerSink, copy_content
from ironhull.build.transform import CAPTURE_LIMIT, CAPTURED
from ironhull.errors import MalformedError
from ironhull.oci.tar import DIRECTORY, FILE, HARD_LINK, SYMLINK
from ironhull.oci.tar_writer import TarHeader


class PathWriter:
    """A layer of files: each path once, below folders that are there or made."""

    def __init__(self, sink: LayerSink) -> None:
        self.sink = sink
        self.entries: dict[str, TreeEntry] = {}
        self._captured: dict[str, bytes] = {}

    def add(self, header: TarHeader, first: bytes, pieces: Iterable[bytes]) -> None:
        """Write a member; `first` is how its content begins, of which `pieces` are all."""
        name = header.name
        self._parents(name)
        known = self.entries.get(name)
        if known is not None and known.is_directory and header.kind == DIRECTORY:
            return
        if known is not None:
            raise MalformedError(f"{name!r:.200} is in the archive twice")
        self.sink.member(header)
        entry = TreeEntry(*header[:8])
        if header.kind == HARD_LINK:
            entry = self.entries[header.link]._replace(path=name, kind=HARD_LINK, link=header.link)
        if header.kind == FILE:
            capture = CAPTURED.fullmatch(name) and header.size <= CAPTURE_LIMIT
            held: list[bytes] = []
            watch = held.append if capture else _pass
            found = copy_content(self.sink, first, pieces, header.size, watch, f"/{name}")
            entry = entry._replace(shebang=found[0], elf=found[1])
            if capture:
                self._captured[name] = b"".join(held)
        self.entries[name] = entry

    def part(self, name: str) -> PackagePart:
        """All of it as one part of a layer; the owner of a path tells who brought it."""
        entries = tuple(self.entries.values())
        return PackagePart(name, "", "all", entries, {}, len(entries), "", captured=self._captured)

    def _parents(self, name: str) -> None:
        parent = posixpath.dirname(name)
        if not parent:
            return
        known = self.entries.get(parent)
        if known is None:
            self._parents(parent)
            self.add(TarHeader(parent, DIRECTORY, 0o755), b"", ())
        elif not known.is_directory:
            raise MalformedError(f"{name!r:.200} lies below something that is no folder")


def leads_out(target: str, link: str) -> bool:
    """Whether a symbolic link at `target` leads out of the root, or nowhere."""
    if link.startswith("/"):
        return False
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(target), link))
    return not link or meant == ".." or meant.startswith("../")


def is_possible(kind: str) -> bool:
    """Whether an image may get something of this kind of tar member."""
    return kind in (FILE, DIRECTORY, SYMLINK)


def _pass(piece: bytes) -> None:
    """What is not captured is not looked at."""
