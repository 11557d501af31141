"""A signed package repository on disk with a key of its own, and a server that may misbehave."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pysequoia

from tests.fakes.deb import Entry, control_fields, make_deb, stanza

TODAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class SigningKey:
    """An OpenPGP key; `certificate` is what goes into a keyring."""

    secret: pysequoia.Tsk

    @classmethod
    def generate(
        cls, user: str = "Test Archive <archive@example.invalid>", **options: int
    ) -> SigningKey:
        return cls(pysequoia.Tsk.generate(user, **options))  # type: ignore[arg-type]

    @property
    def certificate(self) -> bytes:
        return bytes(self.secret.extract_certificate())

    @property
    def fingerprint(self) -> str:
        return self.secret.extract_certificate().fingerprint.upper()

    def sign(self, text: str | bytes) -> bytes:
        """The text as a cleartext-signed message."""
        data = text.encode() if isinstance(text, str) else text
        return pysequoia.sign(self.secret.signer(), data, mode=pysequoia.SignatureMode.CLEAR)


@cache
def archive_key() -> SigningKey:
    """One key for all tests of a process: to make one takes time."""
    return SigningKey.generate()


@dataclass(frozen=True)
class FakeDeb:
    """A .deb and the fields that an index has of it."""

    name: str
    version: str
    data: bytes
    architecture: str = "amd64"
    control: Mapping[str, str] = field(default_factory=dict)
    component: str = "main"

    @classmethod
    def make(
        cls,
        name: str,
        version: str,
        *,
        architecture: str = "amd64",
        control: Mapping[str, str] | None = None,
        files: Mapping[str, Entry] | Iterable[tuple[str, Entry]] = (),
        component: str = "main",
        **options: object,
    ) -> FakeDeb:
        """`options` are those of `make_deb`."""
        data = make_deb(
            name,
            version,
            architecture=architecture,
            control=control,
            files=files,
            **options,  # type: ignore[arg-type]
        )
        return cls(name, version, data, architecture, dict(control or {}), component)

    @property
    def sha256(self) -> str:
        return "sha256:" + hashlib.sha256(self.data).hexdigest()

    @property
    def path(self) -> str:
        plain = self.version.rpartition(":")[2]
        folder = f"pool/{self.component}/{self.name[0]}/{self.name}"
        return f"{folder}/{self.name}_{plain}_{self.architecture}.deb"

    def stanza(self) -> str:
        """As it stands in a Packages index."""
        fields = control_fields(self.name, self.version, self.architecture, self.control)
        return stanza(
            fields
            | {
                "Filename": self.path,
                "Size": str(len(self.data)),
                "SHA256": hashlib.sha256(self.data).hexdigest(),
            }
        )


@dataclass(frozen=True)
class FakeSource:
    """A source package; `files` by name, one of them a .dsc."""

    name: str
    version: str
    files: Mapping[str, bytes]

    @property
    def folder(self) -> str:
        return f"pool/main/{self.name[0]}/{self.name}"

    def stanza(self) -> str:
        """As it stands in a Sources index."""
        lines = [
            f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}"
            for name, data in self.files.items()
        ]
        return stanza(
            {
                "Package": self.name,
                "Binary": self.name,
                "Version": self.version,
                "Directory": self.folder,
                "Checksums-Sha256": "\n" + "\n".join(lines),
            }
        )


def make_repository(
    root: Path,
    debs: Sequence[FakeDeb],
    *,
    suite: str = "trixie",
    codename: str | None = None,
    key: SigningKey | None = None,
    architectures: Sequence[str] = ("amd64",),
    components: Sequence[str] = ("main",),
    date: datetime = TODAY,
    valid_for: timedelta | None = timedelta(days=7),
    by_hash: bool = True,
    endings: Sequence[str] = ("", ".xz"),
    release: Mapping[str, str] | None = None,
    extra_stanzas: str = "",
    separate_all: bool = False,
    sources: Sequence[FakeSource] = (),
) -> Path:
    """Write (over) one suite of a repository at `root`; returns `root`.

    `release` adds fields to the release file, or replaces them; an empty value removes one.
    `endings` are the forms of Packages, `extra_stanzas` goes into each as it is. Packages of
    architecture `all` are in every index, with `separate_all` only in binary-all. `sources` are in
    main's Sources.
    """
    folder = root / "dists" / suite if not suite.endswith("/") else root / suite
    if folder.exists() and not suite.endswith("/"):
        shutil.rmtree(folder)
    for deb in debs:
        _write(root / deb.path, deb.data)
    table: list[str] = []
    listed = [*architectures, *(["all"] if separate_all else [])]
    for component in components:
        for architecture in listed:
            kinds = {architecture} if separate_all else {architecture, "all"}
            stanzas = [
                d.stanza() for d in debs if d.component == component and d.architecture in kinds
            ]
            text = "\n".join([*stanzas, *([extra_stanzas] if extra_stanzas else [])]).encode()
            path = f"{component}/binary-{architecture}/Packages"
            if suite.endswith("/"):
                path = "Packages"
            table += _index_files(folder, path, text, endings, by_hash)
    for source in sources:
        for name, data in source.files.items():
            _write(root / source.folder / name, data)
    if sources:
        text = "\n".join(source.stanza() for source in sources).encode()
        table += _index_files(folder, "main/source/Sources", text, endings, by_hash)
    fields = {
        "Origin": "Test",
        "Label": "Test",
        "Suite": suite,
        "Codename": codename or suite,
        "Date": _date(date),
        "Valid-Until": _date(date + valid_for) if valid_for is not None else "",
        "Acquire-By-Hash": "yes" if by_hash else "",
        "No-Support-for-Architecture-all": "" if separate_all else "Packages",
        "Architectures": " ".join(listed),
        "Components": " ".join(components),
        "Description": "of a test",
        "SHA256": "\n" + "\n".join(table),
    } | dict(release or {})
    text = stanza({name: value for name, value in fields.items() if value})
    signed = (key or archive_key()).sign(text)
    _write(folder / "InRelease", signed)
    return root


def _index_files(
    folder: Path, path: str, text: bytes, endings: Sequence[str], by_hash: bool
) -> Iterator[str]:
    forms: dict[str, Callable[[bytes], bytes]] = {
        "": lambda data: data,
        ".xz": lambda data: lzma.compress(data, preset=0),
        ".gz": lambda data: gzip.compress(data, mtime=0),
    }
    for ending in endings:
        data = forms[ending](text)
        digest = hashlib.sha256(data).hexdigest()
        _write(folder / (path + ending), data)
        if by_hash:
            _write((folder / path).parent / "by-hash/SHA256" / digest, data)
        yield f" {digest} {len(data)} {path}{ending}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _date(date: datetime) -> str:
    return format_datetime(date).replace("+0000", "UTC")


Fault = Callable[["_Handler", bytes], bool]
"""Answers a request for these bytes in its own way; false: after that, answer as usual."""


def status(code: int, **headers: str) -> Fault:
    """An answer without the file; `retry_after="1"` becomes a header."""

    def fault(handler: _Handler, data: bytes) -> bool:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()
        return True

    return fault


def truncated(length: int) -> Fault:
    """Announces the whole file, sends so many bytes of what was asked for, and hangs up."""

    def fault(handler: _Handler, data: bytes) -> bool:
        handler.answer(data, cut=length)
        handler.close_connection = True
        return True

    return fault


def shortened(length: int) -> Fault:
    """Announces and sends only the first bytes, as if the file ended there."""

    def fault(handler: _Handler, data: bytes) -> bool:
        handler.answer(data[:length])
        return True

    return fault


def flipped(offset: int = 0) -> Fault:
    """Sends the file with one bit of one byte changed."""

    def fault(handler: _Handler, data: bytes) -> bool:
        wrong = bytearray(data)
        wrong[offset] ^= 1
        handler.answer(bytes(wrong))
        return True

    return fault


def longer(extra: bytes = b"more") -> Fault:
    """Sends the file and something after it, without saying how long it is."""

    def fault(handler: _Handler, data: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(data + extra)
        handler.close_connection = True
        return True

    return fault


def redirected(target: str) -> Fault:
    """Sends elsewhere; `{n}` in the target counts the requests, so that no two are the same."""

    def fault(handler: _Handler, data: bytes) -> bool:
        count = len(handler.mirror.requests)
        return status(302, location=target.replace("{n}", str(count)))(handler, data)

    return fault


def hanging(after: int = 0) -> Fault:
    """Sends so many bytes and then nothing, until the test ends."""

    def fault(handler: _Handler, data: bytes) -> bool:
        handler.answer(data, cut=after)
        handler.wfile.flush()
        handler.mirror.closing.wait(30)
        handler.close_connection = True
        return True

    return fault


def dripping(pause: float) -> Fault:
    """Sends one byte, waits, and so on."""

    def fault(handler: _Handler, data: bytes) -> bool:
        handler.answer(b"", announced=len(data))
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if handler.mirror.closing.wait(pause):
                break
        handler.close_connection = True
        return True

    return fault


def ignoring_range(handler: _Handler, data: bytes) -> bool:
    """Sends all whatever part was asked for."""
    handler.answer(data, ranges=False)
    return True


def wrong_range(handler: _Handler, data: bytes) -> bool:
    """Sends another part than was asked for."""
    handler.send_response(206)
    handler.send_header("content-range", f"bytes 0-{len(data) - 1}/{len(data)}")
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)
    return True


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    time: float


class FakeMirror:
    """A server of the files below `root`.

    `faults` by the end of a path: each request takes the next, the last one stays.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._guard = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.mirror = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, path_end: str, *faults: Fault) -> None:
        """Let requests for paths that end so fail, in this order; `usual` stops it."""
        self.faults[path_end] = list(faults)

    def paths(self) -> list[str]:
        """Paths that were asked for, in order."""
        return [request.path for request in self.requests]

    def next_fault(self, request: Request) -> Fault | None:
        with self._guard:
            self.requests.append(request)
            for end, faults in self.faults.items():
                if request.path.endswith(end):
                    return faults.pop(0) if len(faults) > 1 else faults[0]
        return None

    def start(self) -> FakeMirror:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def usual(handler: _Handler, data: bytes) -> bool:
    """No fault."""
    return False


@contextmanager
def serving(root: Path) -> Iterator[FakeMirror]:
    """A server of the folder, for the length of the block."""
    mirror = FakeMirror(root).start()
    try:
        yield mirror
    finally:
        mirror.stop()


class _Server(ThreadingHTTPServer):
    mirror: FakeMirror

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def mirror(self) -> FakeMirror:
        return self.server.mirror

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0])
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.mirror.next_fault(Request(path, headers, time.monotonic()))
        file = self.mirror.root / path.lstrip("/")
        data = file.read_bytes() if file.is_file() else b""
        if fault is not None and fault(self, data):
            return
        if not file.is_file():
            status(404)(self, b"")
            return
        self.answer(data)

    def answer(
        self, data: bytes, *, cut: int | None = None, ranges: bool = True, announced: int = 0
    ) -> None:
        """The file or the part of it that was asked for; `cut` sends less than announced.

        304 for whoever has it already, by its ETag.
        """
        start = 0
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if self.headers.get("if-none-match") == tag:
            status(304, etag=tag)(self, b"")
            return
        if ranges and (wanted := self.headers.get("range", "")).startswith("bytes="):
            start = int(wanted[6:].partition("-")[0])
            if start >= len(data):
                status(416)(self, b"")
                return
            self.send_response(206)
            self.send_header("content-range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("etag", tag)
        self.send_header("content-length", str(announced or len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:] if cut is None else data[start : start + cut])

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""
