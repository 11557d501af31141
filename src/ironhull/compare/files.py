"""An image's file list with owners, and the few texts that the search for leaks reads."""

from __future__ import annotations

from collections.abc import Sequence

from ironhull.compare.leaks import FileEntry, ImageFiles, wanted_texts
from ironhull.inventory.hard_links import Place
from ironhull.inventory.model import Inventory
from ironhull.inventory.ownership import owners
from ironhull.inventory.record import DIRECTORY
from ironhull.inventory.sources.interface import OpenImage
from ironhull.inventory.take import Taker
from ironhull.inventory.view import View
from ironhull.oci.platform import Platform

MAX_TEXT = 32 << 20
MAX_TEXTS = 300


def contents_of(taker: Taker, inventory: Inventory, platform: Platform | None = None) -> ImageFiles:
    """The files of the image that an inventory is of; errors are those of `Taker.take`."""
    with taker.opened(inventory.image.name, platform) as (image, view):
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
        return ImageFiles(inventory, files, _texts(taker, image, view, wanted))


def _texts(taker: Taker, image: OpenImage, view: View, wanted: Sequence[str]) -> dict[str, bytes]:
    """Texts by path, through links of both kinds; one that is too large is left out."""
    places: dict[Place, list[str]] = {}
    for path in wanted:
        place = view.file(path)
        if place is not None:
            places.setdefault(place, []).append(path)
    found: dict[str, bytes] = {}
    for place, _, content in taker.contents(image, places):
        data = content.read(MAX_TEXT)
        if data is not None:
            found.update(dict.fromkeys(places[place], data))
    return found
