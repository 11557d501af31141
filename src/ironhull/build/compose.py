"""The layers of an image: those of its packages, made once ever, and the image's own.

A package has a layer to itself. Where an image has more packages than layers are wise, the smallest
share layers by the name of their source, so that an update of one leaves the others' layers alone.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from ironhull.build.compression import Compression
from ironhull.build.elsewhere import SharedLayers
from ironhull.build.layer import layer_key, make_layer
from ironhull.build.made_before import made_before, remember
from ironhull.build.record import MadeLayer
from ironhull.build.sink import LayerSink
from ironhull.build.transform import Policy
from ironhull.build.tree import Tree
from ironhull.debian.package import Deb
from ironhull.lock.model import LockedPackage
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import DiffId
from ironhull.oci.tar import FILE
from ironhull.oci.tar_writer import TarHeader, TarWriter
from ironhull.progress import Progress
from ironhull.store.blobs import BlobStore
from ironhull.store.home import Home

# Engines stop at 127 layers; what people stack on an image needs room.
MAX_LAYERS = 96
_SHARED = 24


def group(packages: Sequence[LockedPackage], limit: int = MAX_LAYERS) -> list[list[LockedPackage]]:
    """The packages of each layer: base-files first, then by the name of the first package."""
    # Large packages alone: they cost most to pull again when something else in the layer changes.
    alone, small = sorted(packages, key=lambda package: (-package.size, package.name)), []
    if len(alone) > limit:
        alone, small = alone[: limit - _SHARED], alone[limit - _SHARED :]
    shared: dict[int, list[LockedPackage]] = {}
    for package in small:
        # By the source's name alone: who shares a layer with whom does not depend on the others,
        # and packages of one source change together anyway.
        bucket = hashlib.sha256(package.source.encode()).digest()[0] % _SHARED
        shared.setdefault(bucket, []).append(package)
    layers = [[package] for package in alone]
    layers += [sorted(packages, key=lambda p: p.name) for packages in shared.values()]
    return sorted(layers, key=lambda layer: (layer[0].name != "base-files", layer[0].name))


class LayerPlan:
    """What layers an image needs, which of them exist, and the work of making the others."""

    def __init__(
        self, home: Home, policy: Policy, compression: Compression, shared: SharedLayers
    ) -> None:
        self._home = home
        self._shared = shared
        self._policy = policy
        self._compression = compression
        self._blobs: BlobStore = home.store.blobs
        self.records: dict[str, MadeLayer] = {}
        self._missing: dict[str, Sequence[Deb]] = {}

    def need(self, debs: Sequence[Deb]) -> str:
        """Note that a layer is needed; returns its key."""
        key = layer_key(debs, self._policy, self._compression)
        if key not in self.records and key not in self._missing:
            record = made_before(self._home, key, self._shared)
            if record is not None:
                self.records[key] = record
            else:
                self._missing[key] = debs
        return key

    @property
    def missing(self) -> list[Deb]:
        """Packages that have to be at hand before `make`."""
        return [deb for debs in self._missing.values() for deb in debs]

    def make(self, jobs: int, progress: Progress) -> int:
        """Make what is missing, the largest first, `jobs` at a time; returns how many were made.

        The first error, or Ctrl-C, stops the others; layers that are finished stay.
        """
        todo = sorted(self._missing.items(), key=lambda item: -sum(deb.size for deb in item[1]))
        if not todo:
            return 0
        advance = progress.start("Making layers", len(todo), "layers")
        stop = threading.Event()

        def check_stop() -> None:
            if stop.is_set():
                raise _StoppedError

        def work(debs: Sequence[Deb]) -> MadeLayer:
            record = make_layer(
                debs, self._home.packages, self._policy, self._compression, self._blobs, check_stop
            )
            remember(self._home, record, self._shared)
            advance(1)
            return record

        with ThreadPoolExecutor(jobs, "layer") as pool:
            try:
                futures = [pool.submit(work, debs) for _, debs in todo]
                # Work that runs looks at `stop` between pieces; work that waits is cancelled.
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)
        for (key, _), record in zip(todo, _results(futures), strict=True):
            self.records[key] = record
        self._missing.clear()
        return len(todo)


class _StoppedError(Exception):
    """Another layer failed; this one's error is not the news."""


def _results(futures: list[Future[MadeLayer]]) -> list[MadeLayer]:
    """All results, or the first error that is one."""
    for future in futures:
        if not future.cancelled():
            error = future.exception()
            if error is not None and not isinstance(error, _StoppedError):
                raise error
    return [future.result() for future in futures]


Written = tuple[Descriptor, DiffId, int]
"""A layer: descriptor, diff_id, bytes of the tar."""
_MAX_KEPT = 500
_own: dict[tuple[Path, Compression, bytes], Written] = {}
"""Images of the same packages mostly have the same own layer, byte for byte."""


def own_layer(tree: Tree, mtime: int, compression: Compression, blobs: BlobStore) -> Written:
    """The layer of what the steps changed, compressed once for all images that have the same."""
    pieces: list[bytes] = []
    tar = TarWriter(pieces.append)
    for path in tree.whiteouts():
        folder, _, name = path.rpartition("/")
        hidden = f"{folder}/.wh.{name}" if folder else f".wh.{name}"
        tar.add(TarHeader(hidden, FILE, 0o644, mtime=mtime))
    for entry in tree.own_entries():
        header = TarHeader(*entry[:8])._replace(mtime=mtime)
        tar.add(header, tree.contents.get(entry.path, b""))

    def write(sink: LayerSink) -> None:
        for piece in pieces:
            sink.write(piece)

    sha256 = hashlib.sha256()
    for piece in pieces:
        sha256.update(piece)
    key = blobs.root, compression, sha256.digest()
    known = _own.get(key)
    if known is None or not blobs.renew(known[0].digest, known[0].size):
        if len(_own) >= _MAX_KEPT:
            _own.clear()
        known = _own[key] = write_layer(write, compression, blobs)
    return known


def write_layer(
    write: Callable[[LayerSink], None], compression: Compression, blobs: BlobStore
) -> Written:
    """A layer of what `write` puts into the sink."""
    with blobs.writer() as blob:
        sink = LayerSink(blob, compression)
        write(sink)
        diff_id = sink.finish()
    return sink.descriptor(), diff_id, sink.size
