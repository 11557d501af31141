"""Hard links: which file each of them is, in its layer or in the layers below.

A hard link names a path and means the file that is there at that moment: a later member may take
the path away, or a higher layer remove it, and the file stays as long as one name does. Engines
apply members in their order, so the file is the one of the members before, else of the layers
below, as they are put together. Where there is none they refuse the layer; a member behind the
link is taken then, so that no file is left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import chain

from ironhull.inventory.paths import parent
from ironhull.inventory.record import DIRECTORY, HARD_LINK, Attributes, LayerRecord

Place = tuple[int, int]
"""A layer's number and an entry's in it."""


def link_up(record: LayerRecord) -> None:
    """Make each hard link to an entry before it the file, or the symbolic link, that it names."""
    hard = _open_links(record)
    if not hard:
        return
    wanted = {record.links[entry] for entry in hard}
    current: dict[str, int] = {}
    numbers = {item: number for number, item in enumerate(record.attributes)}
    for entry, path in enumerate(record.names):
        if entry in hard:
            found = current.get(record.links[entry])
            if found is not None:
                _join(record, entry, record.inodes.get(found, found), numbers)
        if path in wanted:
            current[path] = entry


def _open_links(record: LayerRecord) -> set[int]:
    """The entries that are hard links to what is not known yet."""
    numbers = {number for number, item in enumerate(record.attributes) if item.kind == HARD_LINK}
    return {
        entry
        for entry in record.links
        if record.attribute_ids[entry] in numbers and entry not in record.inodes
    }


def _join(record: LayerRecord, link: int, entry: int, numbers: dict[Attributes, int]) -> None:
    said = record.attributes_of(entry)
    match said.kind:
        case "d":
            # No file system has hard links to folders: the link stays one to nothing.
            return
        case "h":
            # To a file of a layer below: the same one as that link, whatever has its name by now.
            record.inodes[link] = entry
        case "l":
            record.links[link] = record.links[entry]
        case "f":
            record.inodes[link] = entry
            said = said._replace(kind=HARD_LINK)
        case _:
            del record.links[link]
    if said not in numbers:
        numbers[said] = len(record.attributes)
        record.attributes.append(said)
    record.attribute_ids[link] = numbers[said]


def join_layers(records: Sequence[LayerRecord]) -> dict[Place, Place]:
    """Hard link → its file, for links to files that their own layer has not before them.

    `records` lowest first, their paths free of symbolic links. Links to nothing are left out.
    """
    hard = {number: links for number, item in enumerate(records) if (links := _open_links(item))}
    if not hard:
        return {}
    wanted = {records[number].links[entry] for number, links in hard.items() for entry in links}
    where, gone = _places(records, wanted)
    found: dict[Place, Place] = {}
    for number, links in hard.items():
        for entry in sorted(links):
            target = records[number].links[entry]
            here = (number, entry)
            for place in _candidates(where.get(target, ()), here):
                if place[0] < number and _is_removed(target, place[0], number, gone):
                    continue
                root = _root(records, place, found)
                if root is not None:
                    found[here] = root
                    break
    for number in hard:
        record = records[number]
        for link, entry in record.inodes.items():
            if (number, entry) in found:
                found[number, link] = found[number, entry]
    return found


def _candidates(places: Sequence[Place], here: Place) -> Sequence[Place]:
    """Where the target may be: before the link, in its own layer or below, else behind it."""
    at = bisect_left(places, here)
    behind = [place for place in places[at : at + 2] if place != here and place[0] == here[0]]
    return [*places[max(at - 1, 0) : at], *behind]


def _root(
    records: Sequence[LayerRecord], place: Place, found: Mapping[Place, Place]
) -> Place | None:
    """The entry that is the file itself, through other hard links; None for a folder or nothing."""
    number, entry = place
    record = records[number]
    kind = record.kind(entry)
    if kind == HARD_LINK:
        inode = record.inodes.get(entry)
        if inode is None or record.kind(inode) == HARD_LINK:
            return found.get(place if inode is None else (number, inode))
        return number, inode
    return None if kind == DIRECTORY else place


def _places(
    records: Sequence[LayerRecord], wanted: set[str]
) -> tuple[dict[str, list[Place]], dict[str, list[int]]]:
    """Where each wanted path is, and which layers take away a path or what is below it."""
    above = {folder for path in wanted for folder in _above(path)}
    where: dict[str, list[Place]] = {}
    gone: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        for path in chain(record.whiteouts, record.opaque):
            if path in above or path in wanted:
                gone.setdefault(path, []).append(number)
        for entry, path in enumerate(record.names):
            if path in wanted:
                where.setdefault(path, []).append((number, entry))
            if path in above and record.kind(entry) != DIRECTORY:
                gone.setdefault(path, []).append(number)
    return where, gone


def _is_removed(path: str, layer: int, before: int, gone: Mapping[str, Sequence[int]]) -> bool:
    """Whether a layer between the two takes away what the lower one has at the path."""
    for name in chain((path,), _above(path)):
        layers = gone.get(name, ())
        at = bisect_left(layers, layer + 1)
        if at < len(layers) and layers[at] < before:
            return True
    return False


def _above(path: str) -> list[str]:
    folders = []
    while path != "/":
        path = parent(path)
        folders.append(path)
    return folders
