"""Starts the web server: one Granian worker process, HTTP/1.1, on a socket of our own making.

One worker, because the work is in Rust (sending) and in hashlib's threads (receiving), and because
rates, caches and counters then need no sharing. The socket is ours for two options: no other
process can listen on the same port, and the kernel drops a client that takes nothing for
`Limits.idle` seconds: no part of the application sees a blob while it is sent.
"""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import multiprocessing
import os
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.mp import MPServer
from starlette.types import ASGIApp

from ironhull.errors import EnvironmentProblem, InputError
from ironhull.registry.server.access import Access
from ironhull.registry.server.app import application
from ironhull.registry.server.connections import Connections
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.earlier import bring_up_to_date
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.pull_through import PullThrough
from ironhull.registry.server.registry import Registry
from ironhull.registry.server.request_log import RequestLog
from ironhull.registry.server.retention import Going, going, let_go
from ironhull.registry.server.rules import Push, Rules
from ironhull.registry.server.site import Site
from ironhull.registry.server.sweep import Swept, sweep
from ironhull.registry.server.uploads import Uploads
from ironhull.registry.server.upstream_interface import Upstream
from ironhull.store.layout import ImageLayout

_BACKLOG = 4096
_STOP_SECONDS = 10
_FILES = 16_384
_CONNECTIONS, _FEW_CONNECTIONS = 8192, 1024
# Descriptors that are no connections: uploads, files being sent, the program's own.
_OTHER_FILES = 256
_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What `ironhull serve` was told."""

    root: Path
    host: str = "127.0.0.1"
    port: int = 5000
    auth: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    read_only: bool = False
    limits: Limits = field(default_factory=Limits)
    rules: Rules = field(default_factory=Rules)
    pushed: Callable[[Push], None] = lambda push: None
    """As `Registry.pushed`."""
    upstream: Callable[[Contents, Uploads], Upstream] | None = None
    """What mirrored registries are asked through, made in the process that answers."""

    @property
    def url(self) -> str:
        """Where clients find it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"

    def check(self) -> None:
        """InputError for options that do not go together or that would let strangers write."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InputError("--tls-cert and --tls-key go together")
        if not 0 < self.port < 65536:
            raise InputError(f"{self.port} is not a port (expected 1 to 65535)")
        if self.read_only and self.rules.mirrors:
            raise InputError("--read-only and [[mirror]] do not go together: it is written here")
        for mirror in self.rules.mirrors:
            host = mirror.upstream.partition("/")[0]
            if host in {f"{name}:{self.port}" for name in (self.host, "localhost", "127.0.0.1")}:
                raise InputError(f"mirror {mirror.prefix!r}: {host} is this registry itself")
        if self.auth is None and not self.read_only and not _is_loopback(self.host):
            raise InputError(
                f"listening on {self.host} without --auth would let anyone push: "
                "give --auth FILE, or --read-only"
            )


def build(config: ServerConfig, log: RequestLog) -> Registry:
    """The registry that the configuration describes."""
    layout = ImageLayout(config.root, create=not config.read_only)
    contents = Contents(layout, config.limits, config.rules)
    if not config.read_only:
        bring_up_to_date(contents)
    uploads = Uploads(contents, config.limits)
    mirrors = None
    if config.upstream is not None and config.rules.mirrors:
        mirrors = PullThrough(contents, config.upstream(contents, uploads), log.note)
    return Registry(
        contents=contents,
        uploads=uploads,
        mirrors=mirrors,
        access=Access(config.auth),
        limits=config.limits,
        log=log,
        read_only=config.read_only,
        pushed=config.pushed,
        connections=Connections(config.limits, config.port, connections()),
    )


def collect(config: ServerConfig) -> tuple[list[Going], Swept]:
    """What the rules let go of, and one sweep of the store; a server may be running on it."""
    contents = Contents(ImageLayout(config.root), config.limits, config.rules)
    return let_go(contents), sweep(contents, Uploads(contents, config.limits))


def would_go(config: ServerConfig) -> list[Going]:
    """What the rules would let go of now."""
    return going(Contents(ImageLayout(config.root), config.limits, config.rules))


def serve(
    config: ServerConfig,
    open_log: Callable[[], RequestLog],
    listening: Callable[[], None] = lambda: None,
    site: Callable[[Registry], Site] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get ten seconds to end.

    `open_log` is called in the process that answers, and `site` too, which makes the pages beside
    the registry; `listening` when clients may come.
    """
    config.check()
    # What is wrong with the options is said here, not by a worker that dies.
    build(config, open_log())
    _raise_file_limit()
    # The worker inherits the socket and the lock.
    multiprocessing.set_start_method("fork", force=True)
    with _only_writer(config):
        loader = partial(_load, config, open_log, site)
        _server(config, listening).serve(target_loader=loader, wrap_loader=False)


def _server(config: ServerConfig, listening: Callable[[], None]) -> _Server:
    try:
        return _Server(
            "ironhull",
            listening=listening,
            stalled=config.limits.idle,
            address=config.host,
            port=config.port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            workers=1,
            # Threads that read files for sending. More of them are slower on a busy machine (a
            # pull took 62 ms with one and 250 with four), and no faster from a cold disk.
            runtime_blocking_threads=1,
            backlog=_BACKLOG,
            # What the web server calls so is how many connections it accepts at a time; the next
            # one waits until one of them ends. `connections` sees to it that there is room.
            backpressure=connections(),
            # What a connection may hold of a body; more is not faster, and a hundred pushes at
            # once take twice the memory.
            http1_settings=HTTP1Settings(header_read_timeout=30_000, max_buffer_size=131072),
            log_enabled=False,
            ssl_cert=config.tls_cert,
            ssl_key=config.tls_key,
            ssl_protocol_min=SSLProtocols.tls12,
            workers_kill_timeout=_STOP_SECONDS,
        )
    except (ssl.SSLError, OSError) as error:
        raise InputError(
            f"{config.tls_cert} and {config.tls_key} are no certificate and its key: {error}"
        ) from None


def _load(
    config: ServerConfig,
    open_log: Callable[[], RequestLog],
    site: Callable[[Registry], Site] | None,
) -> ASGIApp:
    """The application, in the worker; the worker ends when its parent is gone, however it went."""
    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # Else each of the threads has room of its own that it gives back to no other: a tenth more
    # memory, for what Python's lock lets one thread do at a time. Only glibc has this.
    with suppress(AttributeError):
        library.mallopt(_M_ARENA_MAX, 2)
    log = open_log()
    if connections() < _FEW_CONNECTIONS:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        log.note(f"at most {connections()} connections at a time (raise it: ulimit -n, now {soft})")
    registry = build(config, log)
    return application(registry, site(registry) if site else None)


class _Server(MPServer):
    """Granian on a socket that we opened."""

    def __init__(
        self, target: str, stalled: float, listening: Callable[[], None], **options: Any
    ) -> None:
        super().__init__(target, **options)
        self._stalled = stalled
        self._listening = listening

    def _init_shared_socket(self) -> None:
        self._socket = _listen(self.bind_addr, self.bind_port, self._stalled)
        self._ssp = None
        self._sso = None
        self._sfd = self._socket.fileno()  # type: ignore[assignment]
        holder = SocketHolder(self._socket.fileno(), False, _BACKLOG)  # type: ignore[call-arg]
        self._shd = holder  # type: ignore[assignment]
        self._listening()


def _listen(host: str, port: int, stalled: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Connections inherit all of these (tcp(7)).
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stalled * 1000))
        opened.bind((host, port))
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise EnvironmentProblem(f"cannot listen on {host}:{port}: {error.strerror}") from None
    opened.set_inheritable(True)
    return opened


def _raise_file_limit() -> None:
    """A connection and an upload are a file each; the usual soft limit is 1024 of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections() -> int:
    """How many connections there can be: each may need a second file, to send or to receive."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _CONNECTIONS
    return max(16, min(_CONNECTIONS, (soft - _OTHER_FILES) // 2))


@contextmanager
def _only_writer(config: ServerConfig) -> Iterator[None]:
    """Two servers that write would not know of each other's uploads: the second one stops here."""
    if config.read_only:
        yield
        return
    path = config.root / "registry" / ".serving"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise EnvironmentProblem(
            f"another ironhull serve writes to {config.root} (use --read-only beside it)"
        ) from None
    finally:
        os.close(descriptor)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
