"""One layer out of many (`output: squashed`): each path once, as the finished tree has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ironhull.build.compose import write_layer
from ironhull.build.compression import Compression
from ironhull.build.record import MadeLayer
from ironhull.build.sink import LayerSink
from ironhull.build.tree import Tree
from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.tar import DIRECTORY, FILE, HARD_LINK, TarReader
from ironhull.oci.tar_writer import TarHeader
from ironhull.store.layers import open_layer
from ironhull.store.layout import ImageLayout


def squashed_layer(
    tree: Tree, layers: Sequence[MadeLayer], mtime: int, layout: ImageLayout, to: Compression
) -> tuple[Descriptor, DiffId, int]:
    """Folders first, then the files of the layers in their order, then the image's own."""

    def write(sink: LayerSink) -> None:
        for path in sorted(tree.entries):
            entry = tree.entries[path]
            if entry.is_directory:
                sink.member(TarHeader(*entry[:8])._replace(mtime=mtime))
        for record in layers:
            _copy(record, tree, layout, sink)
        for entry in tree.own_entries():
            if not entry.is_directory:
                header = TarHeader(*entry[:8])._replace(mtime=mtime)
                sink.member(header, tree.contents.get(entry.path, b""))

    return write_layer(write, to, layout.blobs)


def _copy(record: MadeLayer, tree: Tree, layout: ImageLayout, sink: LayerSink) -> None:
    owners = {entry.path: part.name for part in record.parts for entry in part.entries}
    # Packages that share a layer may bring one path if the definition says so: the last one counts.
    left = Counter(
        entry.path for part in record.parts for entry in part.entries if not entry.is_directory
    )
    with open_layer(layout, record.descriptor) as stream:
        reader = TarReader(stream, f"layer {record.descriptor.digest}")
        _members(reader, owners, left, tree, sink)
        stream.finish(record.diff_id)


def _members(
    reader: TarReader, owners: dict[str, str], left: Counter[str], tree: Tree, sink: LayerSink
) -> None:
    for member in reader:
        path = member.name.rstrip("/")
        entry = tree.get(path)
        left[path] -= 1
        if left[path] > 0:
            continue
        if entry is None or tree.owner[path] != owners.get(path) or member.kind == DIRECTORY:
            continue
        if entry.kind == HARD_LINK and tree.owner.get(entry.link) != owners[path]:
            raise InputError(
                f"/{entry.path} is a hard link to /{entry.link}, which this image replaces or "
                "deletes: a squashed layer cannot hold it (delete the link too, or use output: "
                "layered)"
            )
        sink.member(TarHeader(*entry[:8], member.xattrs or {}))
        if entry.kind == FILE:
            for piece in reader.content():
                sink.write(piece)
            sink.pad(entry.size)
