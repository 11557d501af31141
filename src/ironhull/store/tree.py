"""The merged tree of an image's layers (image-spec layer.md, "Applying Changesets"), as values.

Names and metadata only, no content, no disk: whiteouts, replaced files, hard links and symlinked
parents are settled here, so that who writes the tree has nothing left to decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ironhull.errors import MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.tar import DIRECTORY, HARD_LINK, SYMLINK, Member, TarLimits, TarReader
from ironhull.oci.tar_writer import TarHeader
from ironhull.store.layers import open_layer
from ironhull.store.layout import ImageLayout

MAX_ENTRIES = 2_000_000
_MAX_PATH = 4096
_MAX_LINKS = 40
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
Layers = list[tuple[Descriptor, DiffId]]


@dataclass(slots=True)
class Inode:
    """A file, folder or link; several names may share one. `source` is layer and member number."""

    member: TarHeader
    source: tuple[int, int]
    children: dict[str, _Entry] = field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """Whether it may have entries below it."""
        return self.member.kind == DIRECTORY


@dataclass(slots=True)
class _Entry:
    """A name in a folder, and the layer that set it last."""

    inode: Inode
    layer: int


def merge(layout: ImageLayout, layers: Layers) -> Inode:
    """The root folder of all layers together; each layer's digest is verified."""
    root = Inode(TarHeader("", DIRECTORY, 0o755), (-1, -1))
    count = 0
    for number, (layer, diff_id) in enumerate(layers):
        what = f"layer {layer.digest}"
        with open_layer(layout, layer) as stream:
            reader = TarReader(stream, what, TarLimits(members=MAX_ENTRIES - count))
            for ordinal, member in enumerate(reader):
                _place(root, member, number, ordinal, what)
            count += reader.members
            stream.finish(diff_id)
    return root


def _place(root: Inode, member: Member, layer: int, ordinal: int, what: str) -> None:
    """Put one member of a layer into the tree."""
    path = _clean(member.name, what)
    if not path:
        if member.kind == DIRECTORY:
            root.member = _tar_header(member)
        return
    if member.sparse or member.kind not in "0123456":
        raise MalformedError(f"{what}: {path!r:.200} is sparse, or not of a kind that images have")
    parent_path, _, name = path.rpartition("/")
    # A whiteout of what is not there removes nothing, so its folder is not made for it either.
    if name.startswith(_WHITEOUT):
        parent = _find(root, parent_path)
        if parent is None or not parent.is_folder:
            return
        if name == _OPAQUE:
            _hide_children(parent, layer)
        else:
            _hide(parent, name[len(_WHITEOUT) :], layer)
        return
    parent = _parent(root, parent_path, layer, what)
    before = parent.children.get(name)
    if member.kind == HARD_LINK:
        target = _find(root, _clean(member.link, what))
        if target is None or target.is_folder:
            raise MalformedError(
                f"{what}: {path!r:.200} is a hard link to {member.link!r:.200}, "
                "which is not a file of the image"
            )
        parent.children[name] = _Entry(target, layer)
    # A folder over a folder changes what it says of itself and keeps what is in it; over anything
    # else, and for anything else, the new entry replaces the old one with all that was below.
    elif member.kind == DIRECTORY and before is not None and before.inode.is_folder:
        before.inode.member, before.layer = _tar_header(member), layer
    else:
        parent.children[name] = _Entry(Inode(_tar_header(member), (layer, ordinal)), layer)


def _clean(name: str, what: str) -> str:
    """The name relative to the root: no `.`, no doubled slash, none at either end."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise MalformedError(f"{what}: {name!r:.200} leads out of the image")
    path = "/".join(parts)
    if len(path) > _MAX_PATH:
        raise MalformedError(f"{what}: a path of {len(path)} characters (limit {_MAX_PATH})")
    return path


def _tar_header(member: Member) -> TarHeader:
    return TarHeader(
        "",
        member.kind,
        member.mode,
        max(member.uid, 0),
        max(member.gid, 0),
        member.size,
        max(member.mtime, 0),
        member.link,
        member.xattrs or {},
    )


def _hide(folder: Inode, name: str, layer: int) -> None:
    """A whiteout: the name goes, except for what its own layer put there."""
    entry = folder.children.get(name)
    if entry is None:
        return
    if entry.inode.is_folder:
        _hide_children(entry.inode, layer)
    # What the same layer has put below the name keeps the folder alive, whichever came first.
    if entry.layer < layer and not entry.inode.children:
        del folder.children[name]


def _hide_children(top: Inode, layer: int) -> None:
    # Parents before children going down, children before parents coming back: a folder is judged
    # when it is known what is left in it. No recursion: depth is the image's choice, not ours.
    order, stack = [], [top]
    while stack:
        folder = stack.pop()
        order.append(folder)
        stack += [entry.inode for entry in folder.children.values() if entry.inode.is_folder]
    for folder in reversed(order):
        folder.children = {
            name: entry
            for name, entry in folder.children.items()
            if entry.layer >= layer or entry.inode.children
        }


def _find(root: Inode, path: str) -> Inode | None:
    """What the path leads to; links on the way are followed inside the image, the last is not."""
    folder_path, _, name = path.rpartition("/")
    if not name:
        return root
    folder = _walk(root, folder_path, None)
    entry = folder.children.get(name) if folder is not None else None
    return entry.inode if entry else None


def _parent(root: Inode, path: str, layer: int, what: str) -> Inode:
    """The folder at `path`, made if it is missing."""
    folder = _walk(root, path, layer)
    if folder is None:
        raise MalformedError(f"{what}: {path!r:.200} is used as a folder and is none")
    return folder


def _walk(root: Inode, path: str, make_in: int | None) -> Inode | None:
    """Follow the path as chroot(2) would: `..` stops at the root, links start from it.

    None if it is no folder, or has more than 40 links on the way.
    """
    trail = [root]
    parts = path.split("/")[::-1] if path else []
    links = 0
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            # The root's parent is the root: there is no way out of the image.
            del trail[1 + max(0, len(trail) - 2) :]
            continue
        entry = trail[-1].children.get(part)
        if entry is None:
            if make_in is None:
                return None
            # Tars may leave out parents; engines make them like this.
            entry = _Entry(Inode(TarHeader("", DIRECTORY, 0o755), (make_in, -1)), make_in)
            trail[-1].children[part] = entry
        if entry.inode.member.kind == SYMLINK:
            links += 1
            target = entry.inode.member.link
            # Links that name links can make a path grow without end before they are forty.
            if links > _MAX_LINKS or len(parts) > _MAX_PATH:
                return None
            if target.startswith("/"):
                trail = [root]
            parts += target.split("/")[::-1]
        elif entry.inode.is_folder:
            trail.append(entry.inode)
        else:
            return None
    return trail[-1]


def listing(root: Inode) -> Iterator[tuple[str, Inode]]:
    """Path and inode of everything but the root, a folder before what is in it, by name."""
    stack = [(name, entry.inode) for name, entry in sorted(root.children.items(), reverse=True)]
    while stack:
        path, inode = stack.pop()
        yield path, inode
        stack += [
            (f"{path}/{name}", entry.inode)
            for name, entry in sorted(inode.children.items(), reverse=True)
        ]
