"""The sandbox as an engine: images of an OCI store, unpacked once by digest, run by bubblewrap.

It holds images only as long as this process: what it is given to load. Where podman and docker have
a bridge, it has a loopback of its own, into which published ports lead; otherwise `host`.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from ironhull.engine.image_user import ImageUser, image_user
from ironhull.engine.interface import (
    BuildRequest,
    BuildResult,
    RunOptions,
    RunResult,
    StopResult,
)
from ironhull.engine.unpacked import unpacked
from ironhull.errors import EngineError, InputError, MalformedError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.entering import Forwarding, execute, forward
from ironhull.sandbox.inside import inside
from ironhull.sandbox.joining import Target, start_of
from ironhull.sandbox.model import (
    DEFAULT_PATH,
    Bind,
    Ended,
    Limits,
    Network,
    Root,
    Tmpfs,
    Volume,
    Wish,
)
from ironhull.sandbox.running import Running, run, start
from ironhull.store.layout import ImageLayout

_PROCESSES = 4096
_VOLUMES = 100
_KERNEL = ("/proc/", "/dev/", "/sys/")
_LAST_PORT = 65535
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
# Docker's default ones without raw sockets, devices and audit; none with `cap_drop` "all".
_DEFAULT = (
    "CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID"
    " SYS_CHROOT"
)
_READ_ONLY_TMPFS = ("/run", "/var/tmp")  # noqa: S108 - in the sandbox


@dataclass(frozen=True, slots=True)
class _Image:
    layout: ImageLayout
    manifest: Descriptor
    config: Mapping[str, Any]


class Sandbox:
    """`find` gives bubblewrap when it is first needed; `folder` keeps images unpacked."""

    name = "sandbox"

    def __init__(self, find: Callable[[], Bubblewrap], folder: Path) -> None:
        self._find = find
        self._folder = folder
        self._bubblewrap: Bubblewrap | None = None
        self._images: dict[str, _Image] = {}

    @property
    def bubblewrap(self) -> Bubblewrap:
        """How it is started here."""
        if self._bubblewrap is None:
            self._bubblewrap = self._find()
        return self._bubblewrap

    def version(self) -> str:
        """bubblewrap's; EngineError if there is none and none can be had."""
        return self.bubblewrap.version

    def load(self, layout: ImageLayout, manifest: Descriptor, names: Sequence[str]) -> str:
        """As `Builder.load`; the names are gone with this process."""
        document = layout.document(manifest.digest, manifest.media_type)
        config = layout.document(document.config.digest).value.get("config")
        image = _Image(layout, manifest, config if isinstance(config, dict) else {})
        self._images |= dict.fromkeys(names, image)
        return document.config.digest

    def pull(self, reference: str, *, insecure: bool = False) -> str:
        """The sandbox has no registries: EngineError."""
        raise EngineError(f"the sandbox runs images of the store: ironhull pull {reference}")

    def exists(self, image: str) -> bool:
        """As `Builder.exists`."""
        return image in self._images

    def inspect(self, image: str) -> Mapping[str, Any]:
        """As `Builder.inspect`."""
        return self._image(image).config

    def size(self, image: str) -> int:
        """Bytes of the layers as they are stored."""
        found = self._image(image)
        document = found.layout.document(found.manifest.digest, found.manifest.media_type)
        return sum(layer.size for layer in document.layers)

    def remove(self, image: str) -> None:
        """As `Builder.remove`; what is unpacked stays for the next time."""
        self._images.pop(image, None)

    def build(self, request: BuildRequest) -> BuildResult:
        """The sandbox builds no Dockerfiles: EngineError."""
        raise EngineError(
            f"the sandbox does not build {request.dockerfile.name} (podman, docker and buildah do)"
        )

    def run(self, image: str, options: RunOptions, *, timeout: float = 60) -> RunResult:
        """As `Engine.run`."""
        wish = self.wish(image, options)
        limits = replace(wish.limits, seconds=timeout)
        return result_of(run(self.bubblewrap, replace(wish, limits=limits)))

    def start(self, image: str, options: RunOptions) -> SandboxContainer:
        """As `Engine.start`; it ends with the thread that called this."""
        return self._started(image, options, None)

    def attach(self, image: str, options: RunOptions) -> SandboxContainer:
        """As `Engine.attach`."""
        return self._started(image, options, (0, 1, 2))

    def _started(
        self, image: str, options: RunOptions, streams: tuple[int, int, int] | None
    ) -> SandboxContainer:
        with ExitStack() as stack:
            wish = self.wish(image, options)
            published = [_published(text) for text in options.publish]
            running = start(self.bubblewrap, wish, streams=streams)
            stack.callback(running.close)
            ports = {}
            for host, outer, inner in published:
                try:
                    ports[inner] = forward(running, inner, host, outer)
                except EngineError:
                    # One that has ended already has no ports, and its logs say why.
                    if running.alive:
                        raise
                    break
                stack.callback(ports[inner].close)
            stopping = self._image(image).config.get("StopSignal")
            return SandboxContainer(running, wish, ports, str(stopping or ""), stack.pop_all())

    def wish(self, image: str, options: RunOptions) -> Wish:
        """The options and the image's config as a wish."""
        found = self._image(image)
        root = unpacked(found.layout, found.manifest, self._folder)
        config = found.config
        user = image_user(root, options.user or str(config.get("User") or ""))
        held = self.held(root, options)
        return replace(
            held,
            volumes=_volumes(root, config, held, user) if options.read_only else (),
            argv=_command(config, options, image),
            environment=_environment(config, options, user),
            workdir=options.workdir or str(config.get("WorkingDir") or "/"),
            uid=user.uid,
            gid=user.gid,
            groups=user.groups,
        )

    def held(self, root: Path, options: RunOptions) -> Wish:
        """How the options hold a command over a folder; what runs, and who, is still to be said."""
        network = _network(options.network)
        return Wish(
            root=root,
            argv=(),
            writes=Root.READ_ONLY if options.read_only else Root.DISCARDED,
            binds=_binds(options, network),
            tmpfs=_tmpfs(root, options),
            network=network,
            capabilities=_capabilities(options),
            limits=Limits(
                memory=_bytes(options.memory) if options.memory else None, processes=_PROCESSES
            ),
        )

    def _image(self, name: str) -> _Image:
        if name not in self._images:
            raise NotFoundError(f"the sandbox has no image {name}")
        return self._images[name]


class SandboxContainer:
    """A sandbox that was started, with the ports that lead into it."""

    def __init__(
        self,
        running: Running,
        wish: Wish,
        ports: Mapping[int, Forwarding],
        stop_signal: str,
        held: ExitStack,
    ) -> None:
        self.id = f"sandbox-{running.pid}"
        self.process = running
        self._wish = wish
        self._ports = ports
        self._stop_signal = stop_signal
        self._held = held

    def __enter__(self) -> SandboxContainer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    @property
    def target(self) -> Target:
        """How other processes find it."""
        pid, wish = self.process.pid, self._wish
        return Target(pid, start_of(pid) or 0, wish.uid, wish.gid, wish.groups)

    def execute(
        self,
        command: Sequence[str],
        *,
        timeout: float = 60,
        user: str | None = None,
        workdir: str | None = None,
    ) -> RunResult:
        """As `Container.execute`."""
        wish = replace(self._wish, argv=tuple(command), workdir=workdir or self._wish.workdir)
        if user:
            found = image_user(wish.root, user)
            wish = replace(wish, uid=found.uid, gid=found.gid, groups=found.groups)
        return result_of(execute(self.process, wish, timeout))

    def running(self) -> bool:
        """As `Container.running`."""
        return self.process.alive

    def logs(self) -> tuple[str, str]:
        """As `Container.logs`."""
        out, err = (bytes(one.kept).decode("utf-8", "replace") for one in self.process.output)
        return out, err

    def port(self, port: str) -> tuple[str, int]:
        """As `Container.port`."""
        number = int(port.partition("/")[0])
        if number not in self._ports or not self.process.alive:
            raise EngineError(f"sandbox: {port} of {self.id} is not published")
        found = self._ports[number]
        return found.host, found.port

    def wait(self, timeout: float | None = None) -> int | None:
        """As `Container.wait` and `Attached.wait`."""
        code = self.process.wait(timeout)
        return 128 - code if code is not None and code < 0 else code

    def send(self, number: int) -> None:
        """As `Attached.send`."""
        self.process.send(number)

    def stop(self, grace: int = 10) -> StopResult:
        """As `Container.stop`."""
        self.process.send(stop_signal(self._stop_signal))
        killed = self.process.wait(grace) is None
        if killed:
            self.process.kill()
        ended = self.process.ended()
        return StopResult(137 if killed else ended.exit_code, self.process.stopped(), killed)

    def remove(self) -> None:
        """As `Container.remove`."""
        self._held.close()


def stop_signal(text: str) -> int:
    """The number of an image's stop signal, SIGTERM if it names none that there is."""
    if re.fullmatch(r"[0-9]{1,2}", text) and 0 < int(text) < signal.NSIG:
        return int(text)
    try:
        return signal.Signals[text if text.startswith("SIG") else f"SIG{text}"]
    except KeyError:
        return signal.SIGTERM


def _command(config: Mapping[str, Any], options: RunOptions, image: str) -> tuple[str, ...]:
    entrypoint, command = (_texts(config, key) for key in ("Entrypoint", "Cmd"))
    if options.entrypoint is not None:
        entrypoint, command = options.entrypoint, ()
    argv = (*entrypoint, *(options.command or command))
    if not argv:
        raise InputError(f"{image} has no command of its own: write one behind the name")
    return argv


def _texts(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = config.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise MalformedError(f"the image's config: {key} is not a list of texts")
    return tuple(found)


def _environment(config: Mapping[str, Any], options: RunOptions, user: ImageUser) -> dict[str, str]:
    found = {"PATH": DEFAULT_PATH, "HOSTNAME": "sandbox", "container": "ironhull"}
    found |= dict(line.partition("=")[::2] for line in _texts(config, "Env"))
    return {"HOME": user.home, **found, **options.environment}


def _network(name: str | None) -> Network:
    match name:
        case "host":
            return Network.HOST
        case None | "none" | "bridge":
            return Network.NONE
        case _:
            raise InputError(f"the sandbox has no network {name!r} (it has: none, host)")


def _binds(options: RunOptions, network: Network) -> tuple[Bind, ...]:
    own = tuple(Bind(mount.source, mount.target, mount.writable) for mount in options.mounts)
    if network is Network.NONE:
        return own
    files = (Path("/etc/resolv.conf"), Path("/etc/hosts"))
    return (*(Bind(one, str(one)) for one in files if one.is_file()), *own)


def _tmpfs(root: Path, options: RunOptions) -> tuple[Tmpfs, ...]:
    """Those asked for; a read-only root has what podman gives it. /tmp is everybody's always."""
    wanted = {}
    for target in (*(_READ_ONLY_TMPFS if options.read_only else ()), "/tmp", *options.tmpfs):  # noqa: S108
        path, _, words = target.partition(":")
        size = re.search(r"(?:^|,)size=(\w+)", words)
        folder = root / inside(root, path).lstrip("/")
        temporary = path.rstrip("/") in ("/tmp", "/var/tmp")  # noqa: S108
        known = folder.stat().st_mode & 0o7777 if folder.is_dir() else 0o755
        wanted[path] = Tmpfs(
            path, _bytes(size[1]) if size else 1 << 30, 0o1777 if temporary else known
        )
    return tuple(wanted.values())


def _volumes(
    root: Path, config: Mapping[str, Any], held: Wish, user: ImageUser
) -> tuple[Volume, ...]:
    """The image's own, where nothing else is mounted: as the image has the folder.

    One that it does not have is the user's, as podman has it.
    """
    wanted = config.get("Volumes") or {}
    if not isinstance(wanted, dict) or len(wanted) > _VOLUMES:
        raise MalformedError(f"the image's config: Volumes is no map of at most {_VOLUMES} folders")
    taken = {inside(root, target) for target in held.targets}
    found = {}
    for target in wanted:
        path = inside(root, target)
        if path in taken or f"{path}/".startswith(_KERNEL):
            continue
        folder = root / path.lstrip("/")
        if folder.is_dir():
            known = folder.stat()
            found[path] = Volume(path, known.st_uid, known.st_gid, known.st_mode & 0o7777)
        elif not folder.exists():
            found[path] = Volume(path, user.uid, user.gid)
    return tuple(found[path] for path in sorted(found))


def _capabilities(options: RunOptions) -> tuple[str, ...]:
    dropped = {name.upper().removeprefix("CAP_") for name in options.cap_drop}
    kept = [] if "ALL" in dropped else [one for one in _DEFAULT.split() if one not in dropped]
    added = [name.upper().removeprefix("CAP_") for name in options.cap_add]
    return tuple(f"CAP_{name}" for name in dict.fromkeys((*kept, *added)))


def _published(text: str) -> tuple[str, int, int]:
    """Host's address, its port (0: any) and the port inside, of `127.0.0.1::8080` and the like."""
    outer, _, inner = text.rpartition(":")
    host, _, port = outer.rpartition(":")
    number, _, protocol = inner.partition("/")
    if protocol not in ("", "tcp"):
        raise InputError(f"cannot publish {text!r}: the sandbox relays TCP alone")
    if not _is_port(number) or (port and not _is_port(port)):
        raise InputError(
            f"cannot publish {text!r}: write HOST:PORT:PORT, HOST::PORT or PORT:PORT, "
            "each port from 1 to 65535"
        )
    return host or "127.0.0.1", int(port or 0), int(number)


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) <= _LAST_PORT


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+)([bkmg]?)b?", text.lower())
    if not found:
        raise InputError(f"{text!r} is no size (write for example 512m)")
    return int(found[1]) * _UNITS[found[2]]


def result_of(ended: Ended) -> RunResult:
    """The same as all engines say it."""
    out, err = (data.decode("utf-8", "replace") for data in (ended.stdout, ended.stderr))
    return RunResult(ended.exit_code, out, err, ended.seconds, ended.timed_out)
