"""The sandbox as an engine that builds Dockerfiles too: the instructions that most of them use.

Each stage is a folder: its base unpacked and copied, then changed by COPY and by RUN in the
sandbox. What differs in the last one becomes one layer over the base's own. There is no cache: a
build does every step.
"""

from __future__ import annotations

import os
import posixpath
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from ironhull.build.compression import Compression
from ironhull.build.sink import LayerSink
from ironhull.build.stage_tree import Found, listed
from ironhull.engine.image_user import image_user
from ironhull.engine.interface import BuildRequest, BuildResult, RunOptions
from ironhull.engine.sandbox import Sandbox
from ironhull.engine.unpacked import unpacked
from ironhull.errors import EngineError, EnvironmentProblem, InputError, NotFoundError
from ironhull.migrate.building.copying import Copy
from ironhull.migrate.building.ignoring import ignoring
from ironhull.migrate.building.stage import Around, Stage, perform, shown
from ironhull.migrate.dockerfile.lexer import MAX_BYTES, lex
from ironhull.migrate.dockerfile.stages import StageNodes, found, split
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document, canonical
from ironhull.oci.media_types import OCI_CONFIG, OCI_MANIFEST
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK
from ironhull.oci.tar_writer import TarHeader
from ironhull.progress import Progress, Silent
from ironhull.reports.text import one_line
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.inside import inside
from ironhull.sandbox.model import DEFAULT_PATH, Root
from ironhull.sandbox.running import run
from ironhull.store.blobs import CHUNK
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.store.trees import remove_tree

NOTE = "built in the sandbox, stage by stage, without a cache"
_TAIL = 4000
_SLOW, _SHOWN = ("RUN", "COPY", "ADD"), 100
"""Steps that may take minutes are told of when they begin, in so many characters."""
_DISK, _FILES = 32 << 30, 2_000_000
"""What a stage may have while its steps run: bytes, and files, folders and links."""
_OUTSIDE = ("dev", "proc", "sys", "tmp")
"""Mounted over while a step runs: nothing of them is in a layer."""


class BuildingSandbox(Sandbox):
    """A sandbox whose built images are in a store, under their names, until they are removed."""

    def __init__(
        self,
        find: Callable[[], Bubblewrap],
        folder: Path,
        store: ImageLayout,
        stages: Path,
        progress: Progress | None = None,
    ) -> None:
        """`find` and `folder` as of Sandbox; folders of stages are made below `stages`."""
        super().__init__(find, folder)
        self.progress = progress or Silent()
        self._store = store
        self._stages = stages

    def build(self, request: BuildRequest) -> BuildResult:
        """As `Builder.build`; EngineError, with its line, for what is not done here."""
        began = time.monotonic()
        self._stages.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="stages-", dir=self._stages))
        try:
            work = _Work(self, request, folder)
            manifest = work.image(self._store)
        except OSError as error:
            raise EnvironmentProblem(f"cannot build in {folder}: {error}") from None
        finally:
            removed(folder)
        self._store.tag(manifest, [request.tag])
        identity = self.load(self._store, manifest, [request.tag])
        return BuildResult(identity, time.monotonic() - began, "".join(work.log), (NOTE,))

    def remove(self, image: str) -> None:
        """As `Builder.remove`; its name goes from the store too."""
        super().remove(image)
        self._store.update(
            lambda before: [each for each in before if each.annotations.get(REF_NAME) != image]
        )

    def base(self, name: str) -> tuple[Path, Descriptor, dict[str, Any]]:
        """Folder, manifest and `config` of an image that it has; the folder is not to change."""
        image = self._image(name)
        root = unpacked(image.layout, image.manifest, self._folder)
        return root, image.manifest, deepcopy(dict(image.config))


class _Work:
    """One build."""

    def __init__(self, engine: BuildingSandbox, request: BuildRequest, folder: Path) -> None:
        self._engine, self._request, self._folder = engine, request, folder
        self._ignored = ignoring(request.context, request.dockerfile)
        self._done: list[Stage] = []
        self.log: list[str] = []
        try:
            with request.dockerfile.open("rb") as file:
                document = lex(file.read(MAX_BYTES + 1))
        except OSError as error:
            raise NotFoundError(f"cannot read {request.dockerfile}: {error.strerror}") from None
        before, self._nodes = split(document)
        # ARG before the first FROM: for the FROM lines alone.
        self._outer = Stage(folder, Descriptor("", "", 0), {}, {})  # type: ignore[arg-type]
        for node in before:
            if node.instruction is not None:
                perform(self._outer, node.instruction, self._around())

    def image(self, store: ImageLayout) -> Descriptor:
        """All stages up to the wanted one; the manifest of what became of that."""
        last = self._last()
        for nodes in self._nodes[: last + 1]:
            stage = self._begun(nodes)
            self._done.append(stage)
            for node in nodes.nodes:
                if node.instruction is not None:
                    self.log.append(f"{node.line}: {node.instruction.logical[:500]}\n")
                    if node.instruction.keyword in _SLOW:
                        said = one_line(node.instruction.logical, _SHOWN)
                        self._engine.progress.note(f"line {node.line}: {said}")
                    perform(stage, node.instruction, self._around())
        return _stored(store, self._done[last], int(time.time()))

    def _last(self) -> int:
        target = self._request.target
        if target is None:
            return len(self._nodes) - 1
        index = found(self._nodes, target, len(self._nodes))
        if index is None:
            raise InputError(f"{self._request.dockerfile.name} has no stage {target!r}")
        return index

    def _begun(self, nodes: StageNodes) -> Stage:
        root = self._folder / f"{nodes.index}"
        name = self._outer.text(nodes.source.image)
        earlier = found(self._nodes, name, nodes.index)
        if earlier is not None:
            return _onwards(self._done[earlier], root)
        if name == "scratch":
            raise EngineError(f"line {nodes.start.line}: FROM scratch is not done in the sandbox")
        image = self._request.bases.get(name, name)
        if not self._engine.exists(image):
            raise EngineError(f"line {nodes.start.line}: the sandbox has no image {name}")
        base, manifest, config = self._engine.base(image)
        _copied(base, root)
        return Stage(root, manifest, listed(root), config)

    def _around(self) -> Around:
        return Around(self._request.build_args, self._source, self._run)

    def _source(self, name: str) -> Copy:
        if not name:
            return Copy(self._request.context, (), "", ignored=self._ignored)
        index = found(self._nodes, name, len(self._done) - 1)
        if index is None and name.isdecimal() and int(name) < len(self._done) - 1:
            index = int(name)
        if index is not None:
            return Copy(self._done[index].root, (), "")
        image = self._request.bases.get(name, name)
        if not self._engine.exists(image):
            raise InputError(f"--from={name} is no earlier stage, and no image that is here")
        return Copy(self._engine.base(image)[0], (), "")

    def _run(self, stage: Stage, argv: tuple[str, ...]) -> None:
        request = self._request
        made = _missing(stage.root, [mount.target for mount in request.files])
        user = image_user(stage.root, stage.user)
        options = RunOptions(network=request.network or "none", mounts=request.files)
        environment = {
            "PATH": DEFAULT_PATH, "HOME": user.home,
            **stage.environment, **stage.arguments, **request.environment,
        }  # fmt: skip
        held = self._engine.held(stage.root, options)
        wish = replace(
            held, argv=argv, environment={**held.environment, **environment},
            workdir=stage.workdir, uid=user.uid, gid=user.gid, groups=user.groups,
            writes=Root.KEPT,
            limits=replace(held.limits, seconds=request.timeout, disk=_DISK, files=_FILES),
        )  # fmt: skip
        ended = run(self._engine.bubblewrap, wish)
        _take_away(stage.root, made)
        said = (ended.stdout + ended.stderr).decode("utf-8", "replace")
        self.log.append(said)
        if ended.exit_code:
            how = "ran out of time" if ended.timed_out else f"ended with {ended.exit_code}"
            how = f"was stopped, {ended.filled}" if ended.filled else how
            raise EngineError(
                f"{request.dockerfile.name}: RUN {shown(argv):.300} {how}:\n{said[-_TAIL:]}"
            )


def removed(folder: Path) -> None:
    """Take a folder away with all that is in it, to the end also where an interrupt comes in."""
    try:
        remove_tree(folder)
    except BaseException:
        remove_tree(folder)
        raise


def _onwards(stage: Stage, root: Path) -> Stage:
    """A stage built on another: in a copy, whose unchanged paths are the base's still."""
    after = listed(stage.root)
    _copied(stage.root, root)
    new = listed(root)
    before = {
        path: new[path] if after.get(path) == one else one for path, one in stage.before.items()
    }
    return Stage(root, stage.base, before, deepcopy(stage.config))


def _missing(root: Path, targets: Sequence[str]) -> list[str]:
    """What the sandbox will make for mounts in a folder that keeps it, the innermost first."""
    made: set[str] = set()
    for target in targets:
        here = inside(root, target)
        while here != "/" and not os.path.lexists(root / here.lstrip("/")):
            made.add(here)
            here = posixpath.dirname(here)
    return sorted(made, key=lambda path: path.count("/"), reverse=True)


def _take_away(root: Path, made: Sequence[str]) -> None:
    """Remove it again. The step may have put links on the way there: they lead nowhere else."""
    for path in made:
        with suppress(OSError, InputError):
            folder, name = posixpath.split(path)
            place = root / inside(root, folder).lstrip("/") / name
            place.rmdir() if stat.S_ISDIR(place.lstat().st_mode) else place.unlink()


def _copied(source: Path, target: Path) -> None:
    """A tree with its owners, times and links; shared blocks where the file system can."""
    done = subprocess.run(
        ["cp", "-a", "--reflink=auto", "--", source, target], capture_output=True, check=False
    )
    if done.returncode:
        raise EnvironmentProblem(f"cannot copy {source.name}: {done.stderr.decode()[-300:]}")


def _stored(store: ImageLayout, stage: Stage, now: int) -> Descriptor:
    """The base's image with one more layer, in the store without a name."""
    old = store.document(stage.base.digest, stage.base.media_type)
    config = store.document(old.config.digest).value
    compression = Compression.parse("gzip:6")
    with store.blobs.writer() as blob:
        sink = LayerSink(blob, compression)
        _write(sink, stage, now)
        diff_id = sink.finish()
    layer = sink.descriptor()
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    history = {"created": created, "created_by": "ironhull, in the sandbox"}
    value = {
        **config,
        "created": created,
        "config": stage.config,
        "rootfs": {"type": "layers", "diff_ids": [*config["rootfs"]["diff_ids"], diff_id]},
        "history": [*config.get("history", []), history],
    }
    raw = canonical(value)
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor(OCI_CONFIG, store.blobs.put(raw), len(raw)).json(),
            "layers": [*old.value["layers"], layer.json()],
        }
    )
    store.blobs.put(document.raw)
    return document.descriptor()


def _write(sink: LayerSink, stage: Stage, now: int) -> None:
    """What was changed, by path, then a whiteout for what is gone."""
    after = listed(stage.root)
    for path, one in after.items():
        if path.partition("/")[0] not in _OUTSIDE and stage.before.get(path) != one:
            _member(sink, stage.root, path, one, now)
    for path in stage.before.keys() - after.keys():
        folder, _, name = path.rpartition("/")
        if path.partition("/")[0] not in _OUTSIDE and (not folder or folder in after):
            sink.member(TarHeader(f"{folder}/.wh.{name}".lstrip("/"), FILE, 0o644, mtime=now))


def _member(sink: LayerSink, root: Path, path: str, one: Found, now: int) -> None:
    owner = (one.uid, one.gid) if os.geteuid() == 0 else (0, 0)
    if stat.S_ISDIR(one.mode):
        sink.member(TarHeader(path, DIRECTORY, one.mode & 0o1777, *owner, mtime=now))
    elif stat.S_ISLNK(one.mode):
        sink.member(TarHeader(path, SYMLINK, 0o777, *owner, mtime=now, link=one.link))
    elif stat.S_ISREG(one.mode):
        _content(sink, root / path, TarHeader(path, FILE, one.mode & 0o777, *owner, one.size, now))


def _content(sink: LayerSink, path: Path, header: TarHeader) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        sink.member(header)
        left = header.size
        while left:
            piece = file.read(min(CHUNK, left))
            if not piece:
                raise EnvironmentProblem(f"{path.name} became shorter while it was read")
            sink.write(piece)
            left -= len(piece)
        sink.pad(header.size)
