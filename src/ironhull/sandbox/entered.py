"""A program of its own that goes into a running sandbox: run by `entering`, imported by nobody.

`forward LISTENER PORT NS…`: accept from a socket of the host, relay to the port in there.
`execute LAUNCHER SECCOMP KEPT NS…`: become a process of the sandbox and execute the launcher; the
capabilities that it may have are the bits of KEPT.
`join FOLDER MNT OWNER NS… -- PROGRAM…`: execute a program of the host, with its mounts, in those
namespaces, which OWNER owns; the sandbox's own mounts MNT lie at FOLDER, for nobody else to see.
Numbers are inherited descriptors but for PORT and KEPT. Only the standard library, and no
site-packages: it has to start in milliseconds, with one thread, which is what a user namespace
wants of who enters it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import sys
import threading

_DEATH, _SECCOMP, _BOUNDING_DROP, _NO_NEW_PRIVS, _FILTER = 1, 22, 24, 38, 2
_LAST_CAPABILITY = 63
_NEW_MOUNTS = 0x20000
# Numbers that all machines have alike.
_OPEN_TREE, _MOVE_MOUNT = 428, 429
_HERE, _CLONE, _RECURSIVE, _FROM_DESCRIPTOR = -100, 1, 0x8000, 4


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _enter(descriptors: list[int]) -> None:
    libc = _libc()
    for descriptor in descriptors:
        if libc.setns(descriptor, 0):
            error = ctypes.get_errno()
            sys.exit(f"cannot enter the sandbox: {os.strerror(error)}")
        os.close(descriptor)


def _forward(listener: int, port: int, namespaces: list[int]) -> None:
    _libc().prctl(_DEATH, signal.SIGKILL)
    _enter(namespaces)
    server = socket.socket(fileno=listener)
    while True:
        accepted, _ = server.accept()
        threading.Thread(target=_relay, args=(accepted, port), daemon=True).start()


def _relay(outer: socket.socket, port: int) -> None:
    with outer:
        try:
            inner = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            return
        with inner:
            inner.settimeout(None)
            back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
            back.start()
            _pump(outer, inner)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def _execute(launcher: int, seccomp: int, words: list[int]) -> None:
    kept, *namespaces = words
    libc = _libc()
    calls = os.read(seccomp, 1 << 16) if seccomp >= 0 else b""
    _enter(namespaces)
    os.chdir("/")
    libc.prctl(_DEATH, signal.SIGKILL)
    # A namespace of processes holds for children only.
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(128 - code if code < 0 else code)
    libc.prctl(_DEATH, signal.SIGKILL)
    for number in range(_LAST_CAPABILITY + 1):
        if not kept >> number & 1:
            # What this kernel does not know, it refuses.
            libc.prctl(_BOUNDING_DROP, number, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    if calls:
        buffer = ctypes.create_string_buffer(calls, len(calls))
        program = struct.pack("HxxxxxxP", len(calls) // 8, ctypes.addressof(buffer))
        if libc.prctl(_SECCOMP, _FILTER, ctypes.c_char_p(program)):
            sys.exit("the kernel takes no filter of system calls")
    os.execve(f"/proc/self/fd/{launcher}", ["launcher"], {})  # noqa: S606


def _join(folder: str, mounts: int, spaces: list[int], program: list[str]) -> None:
    libc = _libc()
    _enter(spaces[:1])
    _done(libc.unshare(_NEW_MOUNTS))
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    # A mount is copied where it is, and put down where it is wanted.
    _enter([mounts])
    tree = _done(libc.syscall(_OPEN_TREE, _HERE, b"/", _CLONE | _RECURSIVE))
    _enter([own])
    target = os.fsencode(folder)
    _done(libc.syscall(_MOVE_MOUNT, tree, b"", _HERE, target, _FROM_DESCRIPTOR))
    os.close(tree)
    _enter(spaces[1:])
    os.execve(program[0], program, {})  # noqa: S606


def _done(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        sys.exit(f"cannot show the sandbox's files: {os.strerror(error)}")
    return result


if __name__ == "__main__":
    _verb, *_words = sys.argv[1:]
    if _verb == "join":
        _end = _words.index("--")
        _mounts, *_spaces = map(int, _words[1:_end])
        _join(_words[0], _mounts, _spaces, _words[_end + 1 :])
    _first, _second, *_rest = map(int, _words)
    {"forward": _forward, "execute": _execute}[_verb](_first, _second, _rest)
