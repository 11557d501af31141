"""One layer → its record, in one pass over its members. Nothing is unpacked, nothing is run."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO, cast

from ironhull.inventory import record as rec
from ironhull.inventory import secrets
from ironhull.inventory.capabilities import XATTR, capabilities
from ironhull.inventory.cataloguers import programs
from ironhull.inventory.cataloguers.elf import is_program
from ironhull.inventory.cataloguers.interface import Content, Findings, UnreadableError
from ironhull.inventory.cataloguers.table import file_cataloguer, text_cataloguer
from ironhull.inventory.model import Remark
from ironhull.inventory.paths import absolute, utf8
from ironhull.inventory.record import LayerRecord
from ironhull.oci import tar
from ironhull.oci.tar import Member, TarLimits, TarReader
from ironhull.oci.tar_sparse import HOLE

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
DEBIAN_VERSION = "/etc/debian_version"
PASSWD, GROUP = "/etc/passwd", "/etc/group"
TEXTS = frozenset(
    {
        *OS_RELEASE,
        DEBIAN_VERSION,
        PASSWD,
        GROUP,
        "/lib/apk/db/installed",
        "/usr/lib/apk/db/installed",
    }
)
_LIMITS = TarLimits(members=1_500_000)
"""A member costs about 250 bytes of memory."""
_MAX_TEXT = 16 << 20
_MAX_TEXTS = 512 << 20
_MAX_REMARKS = 1000
_IN_MEMORY = 8 << 20
_WHITEOUT, _OPAQUE, _AUFS = ".wh.", ".wh..wh..opq", ".wh..wh."
_LICENSE = re.compile(rb"^License:[ \t]*(\S[^\r\n]*)", re.MULTILINE)
_KINDS = {
    tar.FILE: rec.FILE,
    tar.HARD_LINK: rec.HARD_LINK,
    tar.SYMLINK: rec.SYMLINK,
    tar.DIRECTORY: rec.DIRECTORY,
}


def read_layer(
    chunks: Iterator[bytes],
    where: str,
    limits: TarLimits | None = None,
    advance: Callable[[int], None] = lambda amount: None,
) -> LayerRecord:
    """The record of a layer's tar. MalformedError if the tar is damaged or too large."""
    builder = RecordBuilder(where)
    reader = TarReader(chunks, where, limits or _LIMITS)
    for member in reader:
        builder.add(member, reader)
    reader.drain()
    return builder.record


class RecordBuilder:
    """Takes the entries of one layer, or of a folder, one by one."""

    def __init__(self, where: str) -> None:
        self.record = LayerRecord()
        self._where = where
        self._seen: dict[str, int] = {}
        self._texts = 0
        self._remarks = 0

    def add(self, member: Member, content: Content) -> None:
        """One entry; of a file's content no more is read than some cataloguer wants."""
        path = absolute(member.name)
        if path is None:
            self._remark(utf8(member.name), "a name that climbs out of the image; left out")
            return
        base = path[path.rfind("/") + 1 :]
        if base.startswith(_WHITEOUT):
            self._whiteout(path, base)
            return
        if path in self._seen:
            self._forget(path)
        self._seen[path] = len(self.record.paths)
        kind, form = _KINDS.get(member.kind, rec.OTHER), rec.PLAIN
        if kind == rec.HARD_LINK:
            target = absolute(member.link)
            if target is None:
                self._remark(path, "a hard link out of the image; left out")
                return
            self.record.links[path] = target
            form = self._like(member, self._seen.get(target))
        elif kind == rec.SYMLINK:
            self.record.links[path] = utf8(member.link)
        if member.xattrs and XATTR in member.xattrs:
            self.record.capabilities[path] = capabilities(member.xattrs[XATTR])
        if kind == rec.FILE and member.size:
            try:
                form = self._file(path, base, member.size, content)
            except UnreadableError as error:
                self._remark(path, str(error))
        self._append(path, kind, form, member)

    def _like(self, member: Member, index: int | None) -> str:
        """Let a hard link be what it names; what its own header says, no file system keeps."""
        if index is None:
            return rec.PLAIN
        record = self.record
        member.mode, member.uid = record.modes[index], record.uids[index]
        member.gid = record.gids[index]
        return record.forms[index]

    def _append(self, path: str, kind: str, form: str, member: Member) -> None:
        record = self.record
        record.paths.append(path)
        record.kinds.append(kind)
        record.forms.append(form)
        record.modes.append(member.mode)
        record.uids.append(member.uid)
        record.gids.append(member.gid)
        record.sizes.append(member.size)

    def _forget(self, path: str) -> None:
        """A later member of the same name replaces the earlier one and all that was read of it."""
        record = self.record
        facts: tuple[dict[str, object], ...] = (
            record.links,
            record.packages,
            record.texts,
            record.licenses,
            record.capabilities,
            record.secrets,
            record.remarks,
        )  # type: ignore[assignment]
        for fact in facts:
            fact.pop(path, None)

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

    def _file(self, path: str, base: str, size: int, content: Content) -> str:
        """Read what is wanted of a file; its form."""
        head = content.head(18)
        if head[:4] == b"\x7fELF":
            if is_program(head):
                with _opened(content, size) as file:
                    self._found(path, programs.read(path, file))
            return rec.LIBRARY if base.endswith(".so") or ".so." in base else rec.PROGRAM
        catalogued = text_cataloguer(path)
        if catalogued is not None:
            data = content.read(catalogued.limit)
            if data is None:
                self._remark(path, f"{size} bytes (limit {catalogued.limit}); not read")
            else:
                self._found(path, catalogued.read(path, data))
                if path in TEXTS:
                    self._text(path, data)
            return rec.PLAIN
        if self._special(path, base, content):
            return rec.PLAIN
        by_extension = file_cataloguer(path)
        if by_extension is not None and head[:2] == b"PK":
            if size > by_extension.limit:
                self._remark(path, f"{size} bytes (limit {by_extension.limit}); not read")
            else:
                with _opened(content, size) as file:
                    self._found(path, by_extension.read(path, file))
            return rec.PLAIN
        if size <= secrets.LIMIT:
            self._search(path, content)
        return rec.SCRIPT if head[:2] == b"#!" else rec.PLAIN

    def _special(self, path: str, base: str, content: Content) -> bool:
        """Files whose text is needed later, and licences. Whether it was one of them."""
        if path in TEXTS or _is_file_list(path):
            data = content.read(_MAX_TEXT)
            if data is None:
                self._remark(path, f"more than {_MAX_TEXT} bytes; not read")
            else:
                self._text(path, data)
            return True
        if base == "copyright" and path.startswith("/usr/share/doc/"):
            data = content.read(secrets.LIMIT)
            if data is not None and data[:7] == b"Format:":
                said = {text.decode("utf-8", "replace").strip() for text in _LICENSE.findall(data)}
                self.record.licenses[path] = sorted(said)
            return True
        return False

    def _search(self, path: str, content: Content) -> None:
        data = content.read(secrets.LIMIT)
        if data is not None:
            detail = secrets.in_file(path, data)
            if detail:
                self.record.secrets[path] = detail

    def _text(self, path: str, data: bytes) -> None:
        self._texts += len(data)
        if self._texts > _MAX_TEXTS:
            self._remark(path, f"more than {_MAX_TEXTS} bytes of package lists; not read")
            return
        self.record.texts[path] = data.decode("utf-8", "backslashreplace")

    def _found(self, path: str, findings: Findings) -> None:
        if findings.packages:
            self.record.packages[path] = findings.packages
        for remark in findings.remarks:
            self._note(path, remark)

    def _remark(self, path: str, message: str) -> None:
        self._note(path, Remark("unparsed", path, message))

    def _note(self, path: str, remark: Remark) -> None:
        """Keep a remark; past a thousand only that there are more, or remarks become the attack."""
        self._remarks += 1
        if self._remarks == _MAX_REMARKS:
            remark = Remark("unparsed", path, "and more remarks, left out")
        if self._remarks <= _MAX_REMARKS:
            self.record.remarks.setdefault(path, []).append(remark)


def _is_file_list(path: str) -> bool:
    if not path.startswith("/var/lib/dpkg/"):
        return False
    return (path.startswith("/var/lib/dpkg/info/") and path.endswith(".list")) or (
        path.startswith("/var/lib/dpkg/status.d/") and path.endswith(".md5sums")
    )


@contextmanager
def _opened(content: Content, size: int) -> Iterator[BinaryIO]:
    """The content as a file that can be sought: in memory if small, else on disk without a name."""
    data = content.read(_IN_MEMORY)
    if data is not None:
        yield BytesIO(data)
        return
    with tempfile.TemporaryFile() as copy:
        for chunk in content.content():
            if chunk is HOLE:
                copy.seek(len(chunk), os.SEEK_CUR)
            else:
                copy.write(chunk)
        copy.truncate()
        copy.seek(0)
        yield cast(BinaryIO, copy)
