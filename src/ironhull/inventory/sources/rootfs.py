"""A root file system in a folder. No symbolic link is followed, nothing outside is opened."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ironhull.errors import EnvironmentProblem, MalformedError, NotFoundError
from ironhull.inventory.capabilities import XATTR
from ironhull.inventory.cataloguers.interface import UnreadableError
from ironhull.inventory.model import ImageIdentity
from ironhull.inventory.paths import utf8
from ironhull.inventory.sources.interface import Entries, OpenImage
from ironhull.oci import tar
from ironhull.oci.tar import Member

_CHUNK = 256 * 1024
_MAX_DEPTH = 512
_MAX_ENTRIES = 2_000_000
# What the kernel makes up and other machines do not have.
_VIRTUAL = frozenset({"proc", "sys", "dev"})


def open_rootfs(path: Path, name: str) -> OpenImage:
    """The folder as an image without layers and config; NotFoundError if it is no folder."""
    if not path.is_dir():
        raise NotFoundError(f"{path} is not a folder")
    return OpenImage(ImageIdentity(utf8(name), "rootfs"), tree=lambda: _walk(path))


class _FileContent:
    """A file of the folder; opened when its bytes are first asked for."""

    def __init__(self, folder: int, name: str, size: int) -> None:
        self._folder = folder
        self._name = name
        self._size = size
        self._descriptor = -1
        self._head = b""

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def head(self, size: int) -> bytes:
        if self._descriptor < 0:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            try:
                self._descriptor = os.open(self._name, flags, dir_fd=self._folder)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ELOOP):
                    self._size = 0
                    return b""
                raise UnreadableError(f"not read: {error.strerror}") from None
        if len(self._head) < size:
            self._head += self._read(max(size - len(self._head), 4096))
        return self._head[:size]

    def _read(self, size: int) -> bytes:
        try:
            return os.read(self._descriptor, size)
        except OSError as error:
            raise UnreadableError(f"not read: {error.strerror}") from None

    def read(self, limit: int) -> bytes | None:
        if self._size > limit:
            return None
        return b"".join(self.content())[: limit + 1]

    def content(self) -> Iterator[bytes]:
        head = self.head(1)
        head, self._head = self._head, b""
        left = self._size - len(head)
        if head:
            yield head
        # The file may grow while it is read; what it had when it was found is enough.
        while left > 0 and (data := self._read(min(left, _CHUNK))):
            left -= len(data)
            yield data


def _walk(root: Path) -> Entries:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        top = os.open(root, flags)
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {root}: {error.strerror}") from None
    try:
        yield from _Walker(root).folder(top, "", os.fstat(top).st_dev, 0)
    finally:
        os.close(top)


class _Walker:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._entries = 0
        self._names: dict[tuple[int, int], str] = {}

    def folder(self, descriptor: int, path: str, device: int, depth: int) -> Entries:
        """Entries of an open folder and all below it, in the order of their names."""
        if depth > _MAX_DEPTH:
            raise MalformedError(f"{self._root}: folders nested over {_MAX_DEPTH} deep")
        try:
            names = sorted(os.listdir(descriptor))
        except OSError as error:
            raise EnvironmentProblem(f"cannot read {self._root}/{path}: {error}") from None
        for name in names:
            self._entries += 1
            if self._entries > _MAX_ENTRIES:
                raise MalformedError(f"{self._root}: more than {_MAX_ENTRIES} entries")
            yield from self._entry(descriptor, name, f"{path}{name}", device, depth)

    def _entry(self, folder: int, name: str, path: str, device: int, depth: int) -> Entries:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        content = _FileContent(folder, name, status.st_size)
        member = self._member(folder, name, path, status)
        try:
            yield member, content
        finally:
            content.close()
        if member.kind != tar.DIRECTORY or status.st_dev != device:
            return
        if not depth and name in _VIRTUAL:
            return
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            inner = os.open(name, flags, dir_fd=folder)
        except OSError as error:
            raise EnvironmentProblem(f"cannot read {self._root}/{path}: {error}") from None
        try:
            yield from self.folder(inner, f"{path}/", device, depth + 1)
        finally:
            os.close(inner)

    def _member(self, folder: int, name: str, path: str, status: os.stat_result) -> Member:
        mode, kind, link, size = status.st_mode, tar.FIFO, "", 0
        if stat.S_ISDIR(mode):
            kind = tar.DIRECTORY
        elif stat.S_ISLNK(mode):
            kind, link = tar.SYMLINK, os.readlink(name, dir_fd=folder)
        elif stat.S_ISREG(mode):
            kind, size = tar.FILE, status.st_size
            if status.st_nlink > 1:
                first = self._names.setdefault((status.st_dev, status.st_ino), path)
                if first != path:
                    kind, link, size = tar.HARD_LINK, first, 0
        return Member(
            path,
            kind,
            stat.S_IMODE(mode),
            status.st_uid,
            status.st_gid,
            size,
            int(status.st_mtime),
            link,
            _capability(folder, name) if kind == tar.FILE and mode & 0o111 else None,
        )


def _capability(folder: int, name: str) -> dict[str, bytes] | None:
    # getxattr takes no folder descriptor; the name in /proc is that of the open folder.
    try:
        value = os.getxattr(f"/proc/self/fd/{folder}/{name}", XATTR, follow_symlinks=False)
    except OSError:
        return None
    return {XATTR: value}
