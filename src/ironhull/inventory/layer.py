"""One layer → its record, in one pass over its members. Nothing is unpacked, nothing is run.

A second pass over the same members is needed only where a link gives a file a name that somebody
reads, and its own name is none: what it holds went by before anyone could know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ironhull.inventory import record as rec
from ironhull.inventory.capabilities import XATTR, capabilities
from ironhull.inventory.cataloguers.interface import Content
from ironhull.inventory.files import FileReader
from ironhull.inventory.hard_links import link_up
from ironhull.inventory.paths import absolute, utf8
from ironhull.inventory.record import Attributes, LayerRecord
from ironhull.oci import tar
from ironhull.oci.tar import Member, TarLimits, TarReader

Entries = Iterable[tuple[Member, Content]]
LIMITS = TarLimits(members=1_500_000)
"""A member costs about fifty bytes of memory beside its name."""
_WHITEOUT, _OPAQUE, _AUFS = ".wh.", ".wh..wh..opq", ".wh..wh."
_KINDS = {
    tar.FILE: rec.FILE,
    tar.HARD_LINK: rec.HARD_LINK,
    tar.SYMLINK: rec.SYMLINK,
    tar.DIRECTORY: rec.DIRECTORY,
}


def tar_entries(chunks: Iterator[bytes], where: str, limits: TarLimits | None = None) -> Entries:
    """The members of a tar, and what gives their content; the source is read to its end."""
    reader = TarReader(chunks, where, limits or LIMITS)
    for member in reader:
        yield member, reader
    reader.drain()


def read_layer(chunks: Iterator[bytes], where: str, limits: TarLimits | None = None) -> LayerRecord:
    """The record of a layer's tar. MalformedError if the tar is damaged or too large."""
    return read_entries(tar_entries(chunks, where, limits))


def read_entries(entries: Entries) -> LayerRecord:
    """The record of all entries of a layer, or of a folder."""
    builder = RecordBuilder()
    for member, content in entries:
        builder.add(member, content)
    link_up(builder.record)
    return builder.record


class RecordBuilder:
    """Takes the entries of one layer one by one."""

    def __init__(self) -> None:
        self.record = LayerRecord()
        self._files = FileReader(self.record)
        self._attributes: dict[tuple[str, str, int, int, int], int] = {}

    def add(self, member: Member, content: Content) -> None:
        """One entry; of a file's content no more is read than some cataloguer wants."""
        path = absolute(member.name)
        if path is None:
            self._remark(utf8(member.name), "a name that climbs out of the image; left out")
            return
        cut = path.rfind("/") + 1
        base = path[cut:]
        if base.startswith(_WHITEOUT):
            self._whiteout(path, base)
            return
        record = self.record
        entry = len(record.sizes)
        kind, form = _KINDS.get(member.kind, rec.OTHER), rec.PLAIN
        if kind == rec.FILE:
            if member.size:
                form = self._files.read(entry, path, member.size, content)
        elif kind == rec.SYMLINK:
            record.links[entry] = utf8(member.link)
        elif kind == rec.HARD_LINK:
            target = absolute(member.link)
            if target is None:
                self._remark(path, "a hard link out of the image; left out")
                return
            record.links[entry] = target
        if member.xattrs and XATTR in member.xattrs:
            record.capabilities[entry] = capabilities(member.xattrs[XATTR])
        record.names.add(path[:cut], base)
        # A plain tuple is equal to the named one, and made in a fraction of the time.
        attributes = (kind, form, member.mode, member.uid, member.gid)
        number = self._attributes.get(attributes)
        if number is None:
            number = self._attributes[attributes] = len(record.attributes)
            record.attributes.append(Attributes(*attributes))
        record.attribute_ids.append(number)
        record.sizes.append(member.size)

    def _whiteout(self, path: str, base: str) -> None:
        folder = path[: -len(base)]
        if base == _OPAQUE:
            self.record.opaque.append(folder[:-1] or "/")
        elif not base.startswith(_AUFS):
            name = base[len(_WHITEOUT) :]
            if name in ("", ".", ".."):
                self._remark(path, "a whiteout that removes nothing inside its folder; left out")
            else:
                self.record.whiteouts.append(folder + name)

    def _remark(self, path: str, message: str) -> None:
        self._files.remark(rec.NOWHERE, path, message)


def visited(
    entries: Entries, wanted: Mapping[int, object]
) -> Iterator[tuple[int, Member, Content]]:
    """Of all entries of a layer those whose number in its record is wanted."""
    entry = -1
    for member, content in entries:
        if is_kept(member):
            entry += 1
            if entry in wanted:
                yield entry, member, content


def is_kept(member: Member) -> bool:
    """Whether a record has the member as an entry; as `RecordBuilder.add` does it."""
    path = absolute(member.name)
    if path is None or path[path.rfind("/") + 1 :].startswith(_WHITEOUT):
        return False
    return member.kind != tar.HARD_LINK or absolute(member.link) is not None
