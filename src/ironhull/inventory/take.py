"""Taking the inventory of an image: layers at once, each read at most once, ever.

1. A stored inventory of the same manifest is the answer. 2. Layers whose record is cached are not
opened. 3. The others are read at the same time, verified, and cached. 4. The records are put
together, and the result is stored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from ironhull.errors import EnvironmentProblem
from ironhull.inventory.assemble import assemble
from ironhull.inventory.cache import RecordCache
from ironhull.inventory.cataloguers.interface import Content
from ironhull.inventory.files import FileReader, kept
from ironhull.inventory.hard_links import Place
from ironhull.inventory.layer import Entries, read_entries, read_layer, tar_entries, visited
from ironhull.inventory.model import Inventory, Remark
from ironhull.inventory.record import NOWHERE, LayerRecord
from ironhull.inventory.second_names import note_dangling, of_layer, of_view
from ironhull.inventory.sources.find import Places, open_image
from ironhull.inventory.sources.interface import LayerSource, OpenImage
from ironhull.inventory.stream import Expected, LayerStream, Readable, StreamLimits
from ironhull.inventory.view import View
from ironhull.oci.platform import Platform
from ironhull.oci.tar import Member, TarLimits
from ironhull.progress import Progress, Silent
from ironhull.store.home import Home
from ironhull.values import dataclass

MAX_WORKERS = 4

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one layer may cost; None: the defaults of the classes."""

    tar: TarLimits | None = None
    stream: StreamLimits | None = None


class KeptInventories(Protocol):
    """Where whole inventories are kept, by the key of their image."""

    def get(self, key: str) -> Inventory | None:
        """The inventory of an image, or None."""
        ...

    def put(self, inventory: Inventory) -> None:
        """Keep an inventory."""
        ...


class Watcher(Protocol):
    """Looks at all content of one layer while it is read for its record."""

    def entries(self, entries: Entries) -> Entries:
        """The same entries, their contents watched."""
        ...

    def done(self, digest: str) -> None:
        """The layer was read to its end, and held to its digests."""
        ...


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes inventories. Without `cache` and `stored` nothing is kept."""

    places: Places
    cache: RecordCache | None = None
    stored: KeptInventories | None = None
    progress: Progress = field(default_factory=Silent)
    limits: Limits = field(default_factory=Limits)
    workers: int = 0
    """Layers read at the same time; 0: as many as there are processors, at most MAX_WORKERS."""
    watch: Callable[[], Watcher] | None = None
    """Makes a watcher for each layer that has no record yet: it need not be read once more."""

    @classmethod
    def at_home(cls, places: Places, stored: KeptInventories, progress: Progress) -> Taker:
        """One that keeps records and inventories in the home."""
        home = places.home
        return cls(places, RecordCache(records_folder(home)), stored, progress)

    def take(
        self, text: str, platform: Platform | None = None, *, again: bool = False
    ) -> Inventory:
        """The inventory of the image that `text` names; `again` reads it and all its
        layers even if they are known.

        Errors: those of sources.find.open_image, UntrustedError and MalformedError of layers.
        """
        with open_image(text, self.places, platform) as image:
            known = None
            if self.stored is not None and not again:
                known = self.stored.get(image.identity.key)
            # The content is the digest's; only what it was called by is of this call.
            if known is not None:
                for layer in image.layers:
                    if layer.is_believed:
                        self._hold(image.identity.name, layer)
                return replace(known, image=image.identity)
            inventory = assemble(image, self._view(image, again))
        if self.stored is not None:
            self.stored.put(inventory)
        return inventory

    @contextmanager
    def opened(
        self, text: str, platform: Platform | None = None
    ) -> Iterator[tuple[OpenImage, View]]:
        """The open image and its layers put together, for who needs its files; errors as `take`."""
        with open_image(text, self.places, platform) as image:
            yield image, self._view(image, False)

    def contents(
        self, image: OpenImage, places: Mapping[Place, Value]
    ) -> Iterator[tuple[Place, Member, Content]]:
        """Those files of the open image that are wanted, layer by layer, as these are read again.

        Each content can be read until the next is asked for. What of a folder has changed since it
        was looked at may be missing, or be another file.
        """
        layers: dict[int, dict[int, Value]] = {}
        for (number, entry), value in places.items():
            layers.setdefault(number, {})[entry] = value
        for number, entries in sorted(layers.items()):
            with self._entries(image, number) as all_entries:
                for entry, member, content in visited(all_entries, entries):
                    yield (number, entry), member, content

    def _view(self, image: OpenImage, again: bool) -> View:
        """The layers put together, and what links make of their files."""
        view = View(self._records(image, again))
        note_dangling(view)
        wanted = of_view(view)
        reader = FileReader(view.second)
        for place, member, content in self.contents(image, wanted):
            if member.size:
                with kept(content, member.size) as again_and_again:
                    for name in wanted[place]:
                        entry = view.add_second(name.path, name.layer)
                        reader.read(entry, name.path, member.size, again_and_again())
        return view

    @contextmanager
    def _entries(self, image: OpenImage, number: int) -> Iterator[Entries]:
        """The entries of a layer, or of the folder, held to its digests if read to the end."""
        if image.tree is not None:
            yield image.tree()
            return
        layer = image.layers[number]
        where = f"{image.identity.name}: layer {layer.digest}"
        with self._stream(layer, where, lambda amount: None) as stream:
            yield tar_entries(iter(stream), where, self.limits.tar)

    def _records(self, image: OpenImage, again: bool) -> list[LayerRecord]:
        if image.tree is not None:
            whole = read_entries(image.tree())
            _read_links(whole, of_layer(whole), image.tree)
            return [whole]
        known: dict[str, LayerRecord] = {}
        missing: dict[str, LayerSource] = {}
        for layer in image.layers:
            record = None
            if self.cache is not None and not again:
                record = self.cache.get(layer.digest, layer.diff_id)
            if record is not None:
                if layer.is_believed and layer.digest not in known:
                    self._hold(image.identity.name, layer)
                known[layer.digest] = record
            else:
                # The same layer may stand in an image twice, an empty one often does.
                missing.setdefault(layer.digest, layer)
        if missing:
            known |= self._read_all(image, missing)
        return [known[layer.digest] for layer in image.layers]

    def _read_all(self, image: OpenImage, layers: dict[str, LayerSource]) -> dict[str, LayerRecord]:
        total = sum(layer.size or 0 for layer in layers.values())
        advance = self.progress.start(f"reading {image.identity.name}", total, "bytes")
        workers = self.workers or min(MAX_WORKERS, len(os.sched_getaffinity(0)))
        with ThreadPoolExecutor(min(workers, len(layers))) as pool:
            # Large layers first: the last one to end should be a small one.
            ordered = sorted(layers.values(), key=lambda layer: -(layer.size or 0))
            futures = {
                layer.digest: pool.submit(self._read, image.identity.name, layer, advance)
                for layer in ordered
            }
            try:
                return {digest: future.result() for digest, future in futures.items()}
            finally:
                for future in futures.values():
                    future.cancel()

    def _hold(self, name: str, layer: LayerSource) -> None:
        """Read a layer for nothing but its digests; UntrustedError if they do not hold."""
        with self._stream(layer, f"{name}: layer {layer.digest}", lambda amount: None) as stream:
            for _ in stream:
                pass

    def _read(self, name: str, layer: LayerSource, advance: Callable[[int], None]) -> LayerRecord:
        where = f"{name}: layer {layer.digest}"
        if layer.foreign:
            remark = Remark("unparsed", "/", f"{where} is kept elsewhere and was not read")
            return LayerRecord(diff_id=layer.diff_id or "", remarks=[(NOWHERE, remark)])
        watcher = self.watch() if self.watch is not None else None
        with self._stream(layer, where, advance) as stream:
            if watcher is None:
                record = read_layer(iter(stream), where, self.limits.tar)
            else:
                entries = tar_entries(iter(stream), where, self.limits.tar)
                record = read_entries(watcher.entries(entries))
        record.diff_id = stream.diff_id
        record.stored, record.uncompressed = stream.stored, stream.uncompressed
        if stream.compression:
            message = (
                f"{where} is compressed with {stream.compression}, which is in no "
                "specification: engines may refuse it"
            )
            record.remarks.append((NOWHERE, Remark("warning", "/", message)))
        # Only where hard links give a file a name by which it would be read otherwise.
        again = of_layer(record)
        if again:
            with self._stream(layer, where, lambda amount: None) as stream:
                entries = tar_entries(iter(stream), where, self.limits.tar)
                _read_links(record, again, lambda: entries)
        if self.cache is not None:
            self.cache.put(layer.digest, record)
        if watcher is not None:
            watcher.done(layer.digest)
        return record

    @contextmanager
    def _stream(
        self, layer: LayerSource, where: str, advance: Callable[[int], None]
    ) -> Iterator[LayerStream]:
        expected = Expected(where, layer.digest, layer.diff_id, layer.size)
        try:
            with (
                layer.open() as file,
                LayerStream(_Counted(file, advance), expected, self.limits.stream) as stream,
            ):
                yield stream
        except OSError as error:
            raise EnvironmentProblem(f"{where}: cannot be read: {error}") from None


def _read_links(
    record: LayerRecord, again: Mapping[int, Sequence[int]], entries: Callable[[], Entries]
) -> None:
    """Read files of a layer once more, under the names that hard links give them."""
    if not again:
        return
    reader = FileReader(record)
    for entry, member, content in visited(entries(), again):
        if member.size:
            with kept(content, member.size) as again_and_again:
                for link in again[entry]:
                    reader.read(link, record.names[link], member.size, again_and_again())


class _Counted:
    """A file that says how much of it was read."""

    def __init__(self, file: Readable, advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._advance(len(data))
        return data


def records_folder(home: Home) -> Path:
    """Where the records of layers are."""
    return home.layer_inventories
