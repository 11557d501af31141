"""The tree of an image: what its package layers hold, and what the image's own layer changes.

Nothing is on disk: the tree is made of the layers' records. Steps put, link and delete paths; what
they did becomes the image's own layer. Paths are relative to the root, without a leading slash.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from ironhull.build.elf import read_elf
from ironhull.build.origins import Origin, OriginKind
from ironhull.build.record import PackagePart, TreeEntry
from ironhull.build.sink import shebang_of
from ironhull.build.transform import clean_name
from ironhull.errors import InputError, MalformedError
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK

_MAX_LINKS = 40


@dataclass(frozen=True, slots=True)
class Overlap:
    """A path that two packages bring in ways that exclude each other."""

    path: str
    first: str
    second: str
    what: str

    def __str__(self) -> str:
        return f"/{self.path}: {self.what} of both {self.first} and {self.second}"


class Tree:
    """Entries by path. `owner` tells which package brought a path ('' for the image's own)."""

    def __init__(self) -> None:
        self.entries: dict[str, TreeEntry] = {}
        self.owner: dict[str, str] = {}
        self.overlaps: list[Overlap] = []
        self.contents: dict[str, bytes] = {}
        """Data of the files that the image's own layer has."""
        self._below: set[str] = set()
        self._changed: dict[str, TreeEntry] = {}
        self.deleted: set[str] = set()
        self.lost: set[str] = set()
        """Packages of which a file or link is gone or replaced."""
        self.doing = Origin(OriginKind.STEP, "unknown")
        """Who changes the tree now."""
        self.makers: dict[str, Origin] = {}
        """Who put each path of the image's own."""

    def add_package(self, part: PackagePart, decided: frozenset[str] = frozenset()) -> None:
        """Put a package's paths on top; what clashes goes to `overlaps` unless it is `decided`."""
        entries, owner = self.entries, self.owner
        for entry in part.entries:
            path = entry.path
            known = entries.get(path)
            if known is not None and path not in decided:
                clash = _clash(known, entry)
                if clash:
                    self.overlaps.append(Overlap(path, owner[path], part.name, clash))
            if known is not None:
                self._lose(known)
            entries[path] = entry
            owner[path] = part.name
        # What lies in lower layers needs a whiteout to go; what only the own layer had does not.
        self._below.update(entry.path for entry in part.entries)

    def check_parents(self) -> None:
        """Note paths that lie below something that is not a directory."""
        folders = {path.rpartition("/")[0] for path in self.entries}
        wrong = {folder for folder in folders if folder and not self._is_directory(folder)}
        for path in self.entries if wrong else ():
            parent = path.rpartition("/")[0]
            if parent in wrong:
                self.overlaps.append(
                    Overlap(path, self.owner.get(parent, "?"), self.owner[path], "parent folder")
                )

    def __contains__(self, path: str) -> bool:
        return path in self.entries

    def get(self, path: str) -> TreeEntry | None:
        """The entry of a path itself, links not followed; None if there is none."""
        return self.entries.get(path)

    def resolve(self, path: str, *, follow_last: bool = True) -> str | None:
        """Where a path leads inside the image; None if it is missing or loops.

        Links are resolved as in a chroot: absolute targets and `..` stay inside the root.
        """
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if done:
                    done.pop()
                continue
            here = "/".join([*done, part])
            entry = self.entries.get(here)
            if entry is None:
                return None
            # The rest of the way waits below the link's own parts: a stack, so the parts are
            # reversed.
            if entry.kind == SYMLINK and (todo or follow_last):
                links += 1
                if links > _MAX_LINKS:
                    return None
                if entry.link.startswith("/"):
                    done.clear()
                todo.extend(p for p in reversed(entry.link.split("/")) if p not in ("", "."))
                continue
            if todo and not entry.is_directory:
                return None
            done.append(part)
        return "/".join(done)

    def find(self, path: str) -> TreeEntry | None:
        """The entry that a path leads to, links followed; None if there is none."""
        resolved = self.resolve(path)
        return self.entries.get(resolved) if resolved else None

    def children(self, path: str) -> Iterator[TreeEntry]:
        """Entries directly below a directory, sorted by name."""
        prefix = f"{path}/" if path else ""
        names = [
            other
            for other in self.entries
            if other.startswith(prefix) and "/" not in other[len(prefix) :]
        ]
        return (self.entries[name] for name in sorted(names))

    def below(self, path: str) -> list[TreeEntry]:
        """All entries below a directory, sorted by path."""
        prefix = f"{path}/"
        return [self.entries[p] for p in sorted([p for p in self.entries if p.startswith(prefix)])]

    def put_file(
        self,
        path: str,
        data: bytes,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
    ) -> None:
        """A regular file of the image's own; its parents are made if they are missing."""
        # Read now, as layers do when they are made: the check looks at records, never at bytes.
        elf = read_elf(BytesIO(data), len(data), f"/{path}")
        shebang = shebang_of(data)
        self._put(TreeEntry(path, FILE, mode, uid, gid, len(data), 0, "", shebang, elf))
        self.contents[path] = data

    def put_directory(self, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> None:
        """A directory; one that exists gets this mode and owner."""
        self._put(TreeEntry(path, DIRECTORY, mode, uid, gid))

    def put_symlink(self, path: str, target: str) -> None:
        """A symbolic link, in place of whatever was there."""
        self._put(TreeEntry(path, SYMLINK, 0o777, link=target))

    def set_owner(self, path: str, uid: int, gid: int, mode: int | None) -> None:
        """Another owner and mode for what the image's own layer holds.

        InputError for a file out of a package: its bytes are in another layer.
        """
        entry = self.entries[path]
        if not entry.is_directory and path not in self._changed:
            raise InputError(f"/{path} belongs to package {self.owner[path]}: replace it instead")
        mode = entry.mode if mode is None else mode
        self._put(entry._replace(uid=uid, gid=gid, mode=mode))

    def delete(self, path: str) -> None:
        """Remove a path and what is below it."""
        known = self.entries.get(path)
        inside = [] if known is not None and not known.is_directory else self.below(path)
        for gone in [path, *(entry.path for entry in inside)]:
            if gone in self.entries:
                self._lose(self.entries.pop(gone))
            self.owner.pop(gone, None)
            self._changed.pop(gone, None)
            self.contents.pop(gone, None)
            if gone in self._below:
                self.deleted.add(gone)

    def _lose(self, entry: TreeEntry) -> None:
        if not entry.is_directory:
            self.lost.add(self.owner.get(entry.path, ""))

    def _put(self, entry: TreeEntry) -> None:
        path = entry.path
        if not _possible(path):
            raise InputError(f"{path!r:.200} is not a path that an image can hold")
        known = self.entries.get(path)
        # As it was already, from a package's layer: nothing to write. Files may differ in their
        # bytes.
        if known == entry and path not in self.deleted and entry.kind != FILE:
            return
        # What was in the folder goes with it, here as in every engine.
        if known is not None and known.is_directory and not entry.is_directory:
            self.delete(path)
        parent = path.rpartition("/")[0]
        if parent:
            above = self.entries.get(parent)
            if above is None:
                self._put(TreeEntry(parent, DIRECTORY, 0o755))
            elif not above.is_directory:
                raise InputError(f"/{path}: /{parent} is not a directory in this image")
        if known is not None:
            self._lose(known)
        self.entries[path] = self._changed[path] = entry
        self.owner[path] = ""
        self.makers[path] = self.doing
        self.contents.pop(path, None)
        self.deleted.discard(path)

    def own_entries(self) -> list[TreeEntry]:
        """What the image's own layer writes, parents first, sorted by path.

        Parents that exist below are written again with their mode and owner: engines that unpack
        a layer on its own would give them others.
        """
        wanted = dict(self._changed)
        for path in [*self._changed, *self.whiteouts()]:
            parent = posixpath.dirname(path)
            while parent and parent not in wanted:
                wanted[parent] = self.entries[parent]
                parent = posixpath.dirname(parent)
        return [wanted[path] for path in sorted(wanted)]

    def whiteouts(self) -> list[str]:
        """Paths of lower layers that are gone, the topmost of each branch, sorted."""
        return sorted(
            path
            for path in self.deleted
            # One whiteout of a folder hides all below it; and where the parent became a file, that
            # file does, and a whiteout below it could not even be written.
            if posixpath.dirname(path) not in self.deleted
            and (not (above := posixpath.dirname(path)) or self._is_directory(above))
        )

    def _is_directory(self, path: str) -> bool:
        entry = self.entries.get(path)
        return entry is not None and entry.is_directory


def _possible(path: str) -> bool:
    """Whether steps may write the path: parts of it come out of packages, scripts and libraries."""
    try:
        return bool(path) and clean_name(path) == path
    except MalformedError:
        return False


def _clash(known: TreeEntry, entry: TreeEntry) -> str:
    """What is wrong with two packages bringing the same path, '' if nothing is."""
    if known.is_directory and entry.is_directory:
        same = (known.mode, known.uid, known.gid) == (entry.mode, entry.uid, entry.gid)
        return "" if same else "folder with another mode or owner"
    if known.kind == SYMLINK and entry.kind == SYMLINK and known.link == entry.link:
        return ""
    return "file" if known.kind != DIRECTORY and entry.kind != DIRECTORY else "file and folder"


def tree_of(parts: Iterable[PackagePart], decided: Sequence[str] = ()) -> Tree:
    """The tree of packages, later ones on top. InputError lists every overlap and diversion.

    `decided` are absolute paths that a definition allows several packages to bring.
    """
    tree = Tree()
    allowed = frozenset(path.lstrip("/") for path in decided)
    all_parts = list(parts)
    for part in all_parts:
        tree.add_package(part, allowed)
    tree.check_parents()
    problems = [str(overlap) for overlap in tree.overlaps]
    for part in all_parts:
        for path, to in part.diversions:
            name = path.lstrip("/")
            if name in tree and tree.owner[name] != part.name and name not in allowed:
                problems.append(f"{path}: {part.name} diverts it to {to} from {tree.owner[name]}")
    if problems:
        listed = "\n  ".join(problems[:20])
        more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise InputError(
            f"packages of this image bring the same paths:\n  {listed}{more}\n"
            "(decide with hardening.overlaps, or keep one of the packages out with !name)"
        )
    return tree
