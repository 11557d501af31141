"""The file tree of an image: its layers merged (image-spec layer.md), as a tar or a folder.

1. Read all layers once and build the tree in memory: names and metadata, no content. Whiteouts,
   replaced files, hard links and symlinked parents are settled here, on values, never on a disk.
2. Read them again and take the content of the files that are left.

A folder gets only paths of that tree, below folders that this module has just made, so that no
link of the image is ever followed. It leaves out what would be dangerous on the host: setuid and
setgid bits, file capabilities, pipes; owners are set only by root. A tar has all that. Neither has
devices: container engines make those of their own.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ironhull.errors import EnvironmentProblem, InputError, MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.tar import (
    BLOCK,
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FILE,
    HARD_LINK,
    TarLimits,
    TarReader,
)
from ironhull.oci.tar_writer import END, TarHeader, header_bytes
from ironhull.store.blobs import CHUNK
from ironhull.store.export import whole_file
from ironhull.store.files import temporary_name
from ironhull.store.layers import image_layers, open_layer
from ironhull.store.layout import ImageLayout
from ironhull.store.tree import MAX_ENTRIES, Inode, Layers, listing, merge
from ironhull.store.trees import remove_tree

_COMPRESSED = (".gz", ".tgz", ".zst", ".xz", ".bz2", ".zip")
DEVICES = (CHARACTER, BLOCK_DEVICE)


@dataclass(frozen=True, slots=True)
class RootfsSummary:
    """What was written: number of entries, bytes of content, and what was left out and why."""

    entries: int
    size: int
    skipped: tuple[str, ...] = ()


def write_rootfs(layout: ImageLayout, manifest: Descriptor, target: Path) -> RootfsSummary:
    """The image's merged tree at `target`: a tar if the name ends in `.tar`, else a new folder.

    InputError if the folder is there and not empty; nothing is left behind when it fails.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - a name is needed, links are not
    if target.suffix in _COMPRESSED:
        raise InputError(f"{target.name}: a root file system is a plain .tar, or a folder")
    layers = image_layers(layout, layout.document(manifest.digest, manifest.media_type))
    root = merge(layout, layers)
    if target.suffix == ".tar":
        with whole_file(target) as file:
            return _write_tar(layout, layers, root, file, target.parent)
    return _write_folder(layout, layers, root, target)


def _contents(
    layout: ImageLayout,
    layers: Layers,
    root: Inode,
    take: Callable[[Inode, TarReader], None],
) -> None:
    """Call `take` once for each file that is in the tree, when its content can be read."""
    wanted = {inode.source: inode for _, inode in listing(root) if inode.member.kind == FILE}
    used = {number for number, _ in wanted}
    for number, (layer, diff_id) in enumerate(layers):
        if number not in used:
            continue
        with open_layer(layout, layer) as stream:
            reader = TarReader(stream, f"layer {layer.digest}", TarLimits(members=MAX_ENTRIES))
            for ordinal, _ in enumerate(reader):
                inode = wanted.get((number, ordinal))
                if inode is not None:
                    take(inode, reader)
            # Between the two readings somebody may have changed the file.
            stream.finish(diff_id)


def _write_tar(
    layout: ImageLayout, layers: Layers, root: Inode, file: BinaryIO, folder: Path
) -> RootfsSummary:
    offsets: dict[tuple[int, int], int] = {}
    skipped: list[str] = []
    entries = size = 0
    with tempfile.TemporaryFile(dir=folder) as spool:

        def take(inode: Inode, reader: TarReader) -> None:
            offsets[inode.source] = spool.tell()
            for data in reader.content():
                spool.write(data)

        _contents(layout, layers, root, take)
        names: dict[tuple[int, int], str] = {}
        file.write(header_bytes(root.member._replace(name=".")))
        for path, inode in listing(root):
            if inode.member.kind in DEVICES:
                skipped.append(f"{path}: a device")
                continue
            entries += 1
            first = None if inode.is_folder else names.setdefault(inode.source, path)
            if first not in (None, path):
                file.write(
                    header_bytes(TarHeader(path, HARD_LINK, inode.member.mode, link=first or ""))
                )
                continue
            file.write(header_bytes(inode.member._replace(name=path)))
            if inode.member.kind == FILE:
                spool.seek(offsets[inode.source])
                _copy(spool, file, inode.member.size)
                size += inode.member.size
        file.write(END)
    return RootfsSummary(entries, size, tuple(skipped))


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    left = size
    while left:
        data = source.read(min(CHUNK, left))
        target.write(data)
        left -= len(data)
    target.write(b"\0" * (-size % BLOCK))


def _write_folder(layout: ImageLayout, layers: Layers, root: Inode, target: Path) -> RootfsSummary:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target} is there and not an empty folder")
    staging = temporary_name(target)
    try:
        staging.mkdir(mode=0o700, parents=True)
        summary = _Unpacker(os.fsencode(staging)).run(layout, layers, root)
        staging.rename(target)
        return summary
    except OSError as error:
        raise EnvironmentProblem(f"cannot write {target}: {error.strerror or error}") from None
    except OverflowError as error:
        raise MalformedError(f"an owner or a time in the image that no file has: {error}") from None
    finally:
        remove_tree(staging)


class _Unpacker:
    """Writes the tree below one folder that nobody else knows yet."""

    def __init__(self, top: bytes) -> None:
        self._top = top
        self._root = os.geteuid() == 0
        self._paths: dict[tuple[int, int], bytes] = {}
        self._size = 0
        self._skipped: list[str] = []

    def run(self, layout: ImageLayout, layers: Layers, root: Inode) -> RootfsSummary:
        tree = list(listing(root))
        links: list[tuple[bytes, bytes]] = []
        for name, inode in tree:
            path = self._path(name)
            first = None if inode.is_folder else self._paths.setdefault(inode.source, path)
            if first not in (None, path):
                links.append((first or b"", path))
            else:
                self._make(name, path, inode)
        _contents(layout, layers, root, self._fill)
        for first, path in links:
            if os.path.lexists(first):
                os.link(first, path, follow_symlinks=False)
        for name, inode in reversed(tree):
            if inode.is_folder:
                self._finish(self._path(name), inode.member)
        self._finish(self._top, root.member)
        skipped = tuple(self._skipped)
        if not self._root:
            skipped += ("owners (only root can set them)",)
        return RootfsSummary(len(tree) - len(self._skipped), self._size, skipped)

    def _path(self, name: str) -> bytes:
        return self._top + b"/" + _raw(name)

    def _make(self, name: str, path: bytes, inode: Inode) -> None:
        member = inode.member
        match member.kind:
            case "5":
                os.mkdir(path, 0o700)  # noqa: PTH102
            case "2":
                os.symlink(_raw(member.link), path)  # noqa: PTH211
                self._own(path, member)
            case "0":
                if member.mode & 0o6000:
                    self._skipped.append(f"{name}: its setuid or setgid bit")
            case _:
                self._skipped.append(f"{name}: a device or pipe")

    def _fill(self, inode: Inode, reader: TarReader) -> None:
        path = self._paths[inode.source]
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(path, flags, 0o600), "wb") as file:
            for data in reader.content():
                file.write(data)
                self._size += len(data)
        self._finish(path, inode.member)

    def _finish(self, path: bytes, member: TarHeader) -> None:
        self._own(path, member)
        # A folder's setgid bit only tells whose group new files have.
        allowed = 0o3777 if member.kind == DIRECTORY else 0o1777
        os.chmod(path, member.mode & allowed)  # noqa: PTH101 - names are bytes
        os.utime(path, (member.mtime, member.mtime))

    def _own(self, path: bytes, member: TarHeader) -> None:
        if self._root:
            os.chown(path, member.uid, member.gid, follow_symlinks=False)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
