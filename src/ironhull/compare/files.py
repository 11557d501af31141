"""An image's file list with owners, and the few texts that the search for leaks reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ironhull.compare.leaks import FileEntry, ImageFiles, wanted_texts
from ironhull.inventory.model import Inventory
from ironhull.inventory.ownership import owners
from ironhull.inventory.paths import absolute
from ironhull.inventory.record import DIRECTORY
from ironhull.inventory.sources.interface import OpenImage
from ironhull.inventory.stream import Expected, LayerStream
from ironhull.inventory.take import Taker
from ironhull.inventory.view import View
from ironhull.oci.platform import Platform
from ironhull.oci.tar import TarReader

MAX_TEXT = 32 << 20
MAX_TEXTS = 300


def contents_of(taker: Taker, inventory: Inventory, platform: Platform | None = None) -> ImageFiles:
    """The files of the image that an inventory is of; errors are those of `Taker.take`."""
    with taker.opened(inventory.image.name, platform) as (image, records):
        view = View(records)
        entries = [entry for entry in view if entry.kind != DIRECTORY]
        installed = frozenset(each.name for each in inventory.packages if each.is_distribution)
        owned = owners(view, (entry.path for entry in entries), installed)
        files = tuple(
            sorted(
                (FileEntry(entry.path, entry.size, entry.path in owned) for entry in entries),
                key=lambda entry: entry.path,
            )
        )
        wanted = wanted_texts(entry.path for entry in entries)[:MAX_TEXTS]
        return ImageFiles(inventory, files, _texts(image, view, wanted))


def _texts(image: OpenImage, view: View, wanted: Sequence[str]) -> dict[str, bytes]:
    """Texts by path; one that is too large, or behind a link, is left out."""
    by_layer: dict[int, set[str]] = {}
    for path in wanted:
        entry = view.get(path)
        if entry is not None and entry.kind == "f":
            by_layer.setdefault(entry.layer, set()).add(path)
    found: dict[str, bytes] = {}
    for number, paths in by_layer.items():
        if image.tree is not None:
            for member, content in image.tree():
                _keep(found, paths, absolute(member.name), content.read)
            continue
        layer = image.layers[number]
        where = f"{image.identity.name}: layer {layer.digest}"
        expected = Expected(where, layer.digest, layer.diff_id, layer.size)
        with layer.open() as file, LayerStream(file, expected, None) as stream:
            reader = TarReader(iter(stream), where, None)
            for member in reader:
                _keep(found, paths, absolute(member.name), reader.read)
    return found


def _keep(
    found: dict[str, bytes],
    wanted: set[str],
    path: str | None,
    read: Callable[[int], bytes | None],
) -> None:
    if path is not None and path in wanted:
        data = read(MAX_TEXT)
        if data is not None:
            found[path] = data
