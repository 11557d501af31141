"""Files out of other images (`contents.artifacts`): a layer each, made once.

1. the other image's tree, all its layers merged, as values (`store.tree`)
2. what of it is wanted; what no image may bring is refused
3. the content of those files, layer by layer, into a temporary file
4. the layer, in the order of the paths
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from typing import IO

from ironhull.build import versions
from ironhull.build.compression import Compression
from ironhull.build.elsewhere import ImageSource, SharedLayers
from ironhull.build.made_before import made_before, remember
from ironhull.build.origins import artifact_name
from ironhull.build.path_writer import PathWriter, is_possible, leads_out
from ironhull.build.patterns import chosen
from ironhull.build.placed import placed
from ironhull.build.record import MadeLayer
from ironhull.build.sink import LayerSink
from ironhull.build.transform import ALIASED, MAX_TIME, aliased, clean_name
from ironhull.definition.model import ArtifactRequest
from ironhull.errors import InputError, IronhullError, MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import canonical
from ironhull.oci.platform import Platform
from ironhull.oci.tar import DIRECTORY, FILE, HARD_LINK, SYMLINK, TarLimits, TarReader
from ironhull.oci.tar_writer import TarHeader
from ironhull.store.blobs import CHUNK
from ironhull.store.home import Home
from ironhull.store.layers import image_layers, open_layer
from ironhull.store.layout import ImageLayout
from ironhull.store.tree import MAX_ENTRIES, Inode, Layers, listing, merge

MAX_BYTES = 8 << 30
"""Of all files that are taken, holes too; as of an archive that is unpacked."""
Source = tuple[int, int]


def artifact_layer(
    request: ArtifactRequest,
    platform: Platform,
    home: Home,
    images: ImageSource,
    compression: Compression,
    shared: SharedLayers,
) -> MadeLayer:
    """The layer of one request; DefinitionError at its place if it cannot be had or used."""
    try:
        key = _key(request, platform, compression)
        record = made_before(home, key, shared)
        if record is not None:
            return record
        record = _make(request, images.manifest(request, platform), key, home, compression)
        remember(home, record, shared)
        return record
    except IronhullError as error:
        raise placed(error, request.place, f"{request.reference}@{request.digest}") from None


def _key(request: ArtifactRequest, platform: Platform, compression: Compression) -> str:
    value = {
        "transform": versions.TRANSFORM,
        "image": [request.reference, request.digest, str(platform)],
        "members": [list(request.includes), list(request.excludes)],
        "owner": [request.uid, request.gid],
        "compression": compression.identity,
    }
    return hashlib.sha256(canonical(value)).hexdigest()


def _make(
    request: ArtifactRequest, manifest: Descriptor, key: str, home: Home, compression: Compression
) -> MadeLayer:
    layout = home.store
    layers = image_layers(layout, layout.document(manifest.digest, manifest.media_type))
    # 1, 2
    wanted = list(_wanted(request, merge(layout, layers)))
    if not wanted:
        raise InputError("nothing of it is included; look at its paths with: ironhull export")
    size = sum({inode.source: _size(inode) for _, inode in wanted}.values())
    if size > MAX_BYTES:
        raise MalformedError(f"{size} bytes of it are included, at most {MAX_BYTES} may be")
    with tempfile.TemporaryFile() as spool, layout.blobs.writer() as blob:
        # 3
        offsets = _contents(layout, layers, {inode.source: inode for _, inode in wanted}, spool)
        # 4
        writer = PathWriter(LayerSink(blob, compression))
        first_names: dict[Source, str] = {}
        for path, inode in wanted:
            header = _header(request, path, inode)
            if header.kind != FILE:
                writer.add(header, b"", ())
                continue
            known = first_names.setdefault(inode.source, path)
            if known != path:
                link = header._replace(kind=HARD_LINK, link=known, size=0, xattrs={})
                writer.add(link, b"", ())
                continue
            spool.seek(offsets[inode.source])
            first = spool.read(min(256, header.size))
            spool.seek(offsets[inode.source])
            writer.add(header, first, _pieces(spool, header.size))
        diff_id = writer.sink.finish()
    descriptor = writer.sink.descriptor()
    part = writer.part(artifact_name(request))
    return MadeLayer(key, descriptor, diff_id, writer.sink.size, (part,))


def _wanted(request: ArtifactRequest, root: Inode) -> Iterator[tuple[str, Inode]]:
    for name, inode in listing(root):
        if not chosen(name, request.includes, request.excludes):
            continue
        # An image before the merge of /usr has folders where ours has links to usr/….
        if name in ALIASED and inode.is_folder:
            continue
        path = name if name in ALIASED else aliased(clean_name(name))
        if not is_possible(inode.member.kind):
            raise MalformedError(
                f"{name!r:.200} is neither a file, a folder nor a symbolic link (leave it out with "
                "excludes)"
            )
        if inode.member.kind == SYMLINK and leads_out(path, inode.member.link):
            raise MalformedError(f"link {name!r:.200} leads out of the root, or nowhere")
        yield path, inode


def _size(inode: Inode) -> int:
    return inode.member.size if inode.member.kind == FILE else 0


def _header(request: ArtifactRequest, path: str, inode: Inode) -> TarHeader:
    member = inode.member
    return TarHeader(
        path,
        member.kind,
        # As with packages: setuid and setgid only where a definition writes them under `paths`.
        member.mode & 0o1777,
        member.uid if request.uid is None else request.uid,
        member.gid if request.gid is None else request.gid,
        _size(inode),
        min(member.mtime, MAX_TIME),
        member.link if member.kind == SYMLINK else "",
    )


def _contents(
    layout: ImageLayout, layers: Layers, inodes: dict[Source, Inode], spool: IO[bytes]
) -> dict[Source, int]:
    """Where in the spool each file's content begins."""
    offsets: dict[Source, int] = {}
    used = {source[0] for source, inode in inodes.items() if inode.member.kind != DIRECTORY}
    for number, (layer, diff_id) in enumerate(layers):
        if number not in used:
            continue
        with open_layer(layout, layer) as stream:
            reader = TarReader(stream, f"layer {layer.digest}", TarLimits(members=MAX_ENTRIES))
            for ordinal, _ in enumerate(reader):
                inode = inodes.get((number, ordinal))
                if inode is not None and inode.member.kind == FILE:
                    offsets[number, ordinal] = spool.tell()
                    for data in reader.content():
                        spool.write(data)
            stream.finish(diff_id)
    return offsets


def _pieces(spool: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        data = spool.read(min(CHUNK, size))
        size -= len(data)
        yield data
