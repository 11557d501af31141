"""Which files of a folder are opened, by whomever: the kernel says so (inotify(7)).

Each folder below the root is watched, not each file, so that files are counted that are opened by
any mount of them, to be executed, as an interpreter or as a library. No privileges are needed. What
is not seen: a file that is only asked for (stat, access), and one that is opened with O_PATH.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from ironhull.errors import EngineError, EnvironmentProblem
from ironhull.store.trees import walked

_OPEN, _OVERFLOW, _IS_FOLDER = 0x20, 0x4000, 0x40000000
_ONLY_FOLDERS, _NO_LINK = 0x01000000, 0x02000000
_EVENT = struct.Struct("iIII")
_BUFFER = 1 << 18


class Opens:
    """Watches a folder while its `with` block runs; `files` is complete after it.

    EnvironmentProblem if the kernel does not let so many folders be watched.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.fsencode(root)
        self._folders: dict[int, bytes] = {}
        self._found: set[bytes] = set()
        self._lost = False
        self._blind: list[bytes] = []
        self._held = contextlib.ExitStack()
        self._inotify = -1
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Opens:
        libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._inotify < 0:
            raise _refused(ctypes.get_errno())
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, self._inotify)
            wanted = _OPEN | _ONLY_FOLDERS | _NO_LINK
            for folder in self._below():
                number = libc.inotify_add_watch(self._inotify, folder, wanted)
                if number >= 0:
                    self._folders[number] = folder[len(self._root) :].lstrip(b"/")
                elif (code := ctypes.get_errno()) == errno.EACCES:
                    self._blind.append(folder)
                else:
                    raise _refused(code)
            ending, end = os.pipe2(os.O_CLOEXEC)
            stack.callback(os.close, ending)
            self._reader = threading.Thread(target=self._read, args=(ending,), daemon=True)
            self._reader.start()
            self._held = stack.pop_all()
            self._held.callback(self._reader.join)
            self._held.callback(os.close, end)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def files(self) -> frozenset[str]:
        """Paths relative to the root, as they really are: no links.

        EngineError if more was opened at once than the kernel keeps in mind.
        """
        if self._lost:
            raise EngineError(
                "the kernel lost sight of what was opened, there was too much at once "
                "(raise sysctl fs.inotify.max_queued_events)"
            )
        return frozenset(os.fsdecode(one) for one in self._found)

    def unwatched(self) -> frozenset[str]:
        """Folders that may not be watched or listed: of what is below them nothing is known."""
        return frozenset(
            os.fsdecode(folder[len(self._root) :].lstrip(b"/")) for folder in self._blind
        )

    def _below(self) -> Iterator[bytes]:
        """The root and each folder below it."""
        yield self._root
        for entry in walked(Path(os.fsdecode(self._root)), self._unreadable):
            if entry.is_dir(follow_symlinks=False):
                yield os.fsencode(entry.path)

    def _unreadable(self, error: OSError) -> None:
        self._blind.append(os.fsencode(error.filename))

    def _read(self, ending: int) -> None:
        """Take what the kernel tells, until the pipe is closed and nothing more is to come."""
        waiting = select.poll()
        waiting.register(self._inotify, select.POLLIN)
        waiting.register(ending, select.POLLIN)
        ended = False
        while True:
            ready = {number for number, _ in waiting.poll(0 if ended else None)}
            if self._inotify in ready:
                self._take(os.read(self._inotify, _BUFFER))
            elif ended:
                return
            if ending in ready:
                ended = True
                waiting.unregister(ending)

    def _take(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            number, mask, _, size = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            name = data[at : at + size].rstrip(b"\0")
            at += size
            if mask & _OVERFLOW:
                self._lost = True
            elif mask & _OPEN and not mask & _IS_FOLDER and name:
                folder = self._folders[number]
                self._found.add(folder + b"/" + name if folder else name)


def _refused(code: int) -> EnvironmentProblem:
    remedy = ""
    if code in (errno.ENOSPC, errno.EMFILE):
        remedy = " (raise sysctl fs.inotify.max_user_watches and max_user_instances)"
    return EnvironmentProblem(f"cannot watch which files are opened: {os.strerror(code)}{remedy}")
