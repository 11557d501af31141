"""The layers put together: what a container sees (image-spec layer.md, "Applying Changesets").

The algorithm, from the highest layer to the lowest, so that each entry is looked at once:
1. An entry whose path was seen in a higher layer is replaced, so it is waste.
2. An entry that a higher layer's whiteout removes, or that lies below a whiteout, an opaque folder
   or a path that became a file, or a file that became a folder, is gone, so it is waste too.
3. Everything else is visible. Then the layer's own whiteouts start to hide what is below it.
Before that, paths that run through symbolic links are made real and hard links get their files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from operator import and_
from typing import Any

from ironhull.errors import MalformedError
from ironhull.inventory.hard_links import Place, join_layers
from ironhull.inventory.merge import INDEX, MAX_ENTRIES, MAX_LAYERS, SHIFT, Merge
from ironhull.inventory.model import Package, Remark
from ironhull.inventory.paths import MAX_LINKS, join
from ironhull.inventory.realign import realigned
from ironhull.inventory.record import (
    FILE,
    HARD_LINK,
    NOWHERE,
    SYMLINK,
    Attributes,
    LayerRecord,
    moved,
)
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A visible path. A hard link has the form of the file it names and no size of its own."""

    path: str
    kind: str
    form: str
    mode: int
    uid: int
    gid: int
    size: int
    layer: int
    """Number of the layer, lowest 0."""
    link: str


class View:
    """The merged file system of `records`, lowest first."""

    def __init__(self, records: Sequence[LayerRecord]) -> None:
        count = sum(len(record) for record in records)
        # Before any table is made: what follows takes memory for each entry.
        if count > MAX_ENTRIES:
            raise MalformedError(f"the layers have more than {MAX_ENTRIES} entries together")
        if len(records) > MAX_LAYERS:
            raise MalformedError(f"an image of more than {MAX_LAYERS} layers")
        self._read = records
        self.records = realigned(records)
        self._files = join_layers(self.records)
        """Hard link → its file, where that is in another layer or behind it."""
        self.second = LayerRecord()
        """What was read of files under the names that links give them."""
        self._second_layers: list[int] = []
        self._notes: list[tuple[str, int, Remark]] = []
        merged = Merge(self.records)
        self.waste, self._table, self._shown = merged.waste, merged.table, merged.shown
        self._links: dict[Place, list[Place]] = {}
        """File → the hard links to it."""
        self._sizes: dict[Place, int] = {}
        """Hard link → the size of its file, where the file's own path is gone."""
        self._databases: dict[int, dict[str, Sequence[Package]]] = {}
        self._join_links()

    def __contains__(self, path: str) -> bool:
        return self._table.get(path) is not None

    def __iter__(self) -> Iterator[Entry]:
        return self.entries(lambda attributes: True)

    def entries(self, wanted: Callable[[Attributes], bool]) -> Iterator[Entry]:
        """The visible entries whose attributes, asked for once each, are wanted."""
        for number, record in enumerate(self.records):
            # Few sets of attributes are shared by many entries, so `wanted` is asked for each set,
            # not entry.
            asked = [wanted(item) for item in record.attributes]
            if any(asked):
                flags = map(and_, self._shown[number], map(asked.__getitem__, record.attribute_ids))
                for entry in compress(range(len(record)), flags):
                    if (number, entry) not in self._files:
                        yield self._entry(number, entry, record.names[entry])
        # These have the attributes of files in other layers.
        for number, entry in self._files:
            if self._shown[number][entry] and wanted(self._attributes((number, entry))):
                yield self._entry(number, entry, self.records[number].names[entry])

    def files(self) -> Iterator[tuple[str, int, Place]]:
        """Path, layer, and the layer and entry that hold it, of each visible regular file.

        A hard link to what is no file, or to nothing, is none: the inventory says so.
        """
        for number, record in enumerate(self.records):
            kinds = [item.kind for item in record.attributes]
            shown, ids = self._shown[number], record.attribute_ids
            for entry, path in compress(enumerate(record.names), shown):
                kind, holder = kinds[ids[entry]], (number, entry)
                if kind == HARD_LINK:
                    holder = self._root(holder)
                    kind = self.records[holder[0]].kind(holder[1])
                if kind == FILE:
                    yield path, number, holder

    def tally(self) -> Iterator[tuple[Attributes, int, int]]:
        """Attributes, and how many visible entries with how many bytes have them."""
        for number, record in enumerate(self.records):
            counts, sizes = [0] * len(record.attributes), [0] * len(record.attributes)
            rows = zip(record.attribute_ids, record.sizes, strict=True)
            for attributes, size in compress(rows, self._shown[number]):
                counts[attributes] += 1
                sizes[attributes] += size
            yield from zip(record.attributes, counts, sizes, strict=True)
        for place, size in self._sizes.items():
            yield self._attributes(place), 0, size
        # Counted above by the attributes that the link has in its own layer: moved to its file's.
        for place in self._files:
            if self._shown[place[0]][place[1]]:
                yield self.records[place[0]].attributes_of(place[1]), -1, 0
                yield self._attributes(place), 1, 0

    def get(self, path: str) -> Entry | None:
        """The entry at exactly this path; symbolic links are not followed."""
        place = self._find(path)
        return None if place is None else self._entry(*place, path)

    def real(self, path: str) -> str:
        """The path with all symbolic links followed, as far as they lead inside the image."""
        links = 0
        done, todo = "", path.split("/")[1:]
        while todo:
            part = todo.pop(0)
            here = f"{done}/{part}"
            target = self._target(here) if links < MAX_LINKS else None
            if target is None:
                done = here
                continue
            links += 1
            # The link's target is walked from the root again, for it may run through links itself.
            todo = join(done or "/", target).split("/")[1:] + todo
            done = ""
        return done or "/"

    def file(self, path: str) -> Place | None:
        """The layer and entry of the file that a path leads to, through links of both kinds."""
        place = self._find(self.real(path))
        if place is None:
            return None
        place = self._root(place)
        return place if self._attributes(place).kind == FILE else None

    def holder(self, path: str) -> Place | None:
        """The layer and entry that hold what is visible at exactly this path, hard links followed.

        None where that is no regular file.
        """
        place = self._find(path)
        if place is None:
            return None
        place = self._root(place)
        return place if self.records[place[0]].kind(place[1]) == FILE else None

    def text(self, path: str) -> str | None:
        """A small text file that was kept, links followed."""
        for entry, name in enumerate(self.second.names):
            if name == path and entry in self.second.texts:
                return self.second.texts[entry]
        place = self._find(self.real(path))
        if place is None:
            return None
        for number, entry in (place, self._root(place)):
            text = self.records[number].texts.get(entry)
            if text is not None:
                return text
        return None

    def facts(self, name: str) -> Iterator[tuple[str, int, Any]]:
        """Path, layer number and fact of each visible file that has one; `name` is a record's.

        A file that is gone but for a hard link to it is found under the link's path.
        """
        for number, record in enumerate(self.records):
            facts: Mapping[int, Any] = getattr(record, name)
            # A file whose own name is gone may live on under a hard link, and what is in it with
            # it.
            for entry, fact in facts.items():
                path = self.shown_as(number, entry, facts)
                if path is not None:
                    yield path, number, moved(fact, self._read[number].names[entry], path)
        second: Mapping[int, Any] = getattr(self.second, name)
        for entry, fact in second.items():
            yield self.second.names[entry], self._second_layers[entry], fact

    def remarks(self) -> Iterator[tuple[str, int, Remark]]:
        """Path, layer number and remark, of what is visible and of names that no file can have.

        These have no path.
        """
        for number, record in enumerate(self.records):
            for entry, remark in record.remarks:
                if entry == NOWHERE:
                    yield "", number, remark
                    continue
                path = self.shown_as(number, entry, {})
                if path is not None:
                    said = moved(remark, self._read[number].names[entry], path)
                    yield path, number, said
        for entry, remark in self.second.remarks:
            path = "" if entry == NOWHERE else self.second.names[entry]
            yield path, self._second_layers[entry], remark
        yield from self._notes

    def shown_as(self, number: int, entry: int, known: Mapping[int, Any]) -> str | None:
        """The visible path of an entry: its own, else that of a hard link to the same file.

        Links that `known` has something of by themselves do not count.
        """
        if self._shown[number][entry]:
            return self.records[number].names[entry]
        for other, link in self._links.get((number, entry), ()):
            if self._shown[other][link] and not (other == number and link in known):
                return self.records[other].names[link]
        return None

    def note(self, layer: int, remark: Remark, path: str = "") -> None:
        """Keep a remark, about one path or many, that only the layers together give reason for."""
        self._notes.append((path, layer, remark))

    def dangling(self) -> Iterator[tuple[str, int, str]]:
        """Path, layer and target of each visible hard link to nothing."""
        for number, record in enumerate(self.records):
            kinds = [item.kind for item in record.attributes]
            if HARD_LINK not in kinds:
                continue
            for entry, target in record.links.items():
                if (
                    self._shown[number][entry]
                    and kinds[record.attribute_ids[entry]] == HARD_LINK
                    # A link that leads to a link after all links were followed leads nowhere.
                    and self._attributes(self._root((number, entry))).kind == HARD_LINK
                ):
                    yield record.names[entry], number, target

    def joined(self) -> Iterator[tuple[str, int]]:
        """Path and layer of each visible hard link to a file of another layer, or behind it."""
        for number, entry in self._files:
            if self._shown[number][entry]:
                yield self.records[number].names[entry], number

    def symlinks(self) -> Iterator[tuple[str, int]]:
        """Path and layer of each visible symbolic link."""
        for number, record in enumerate(self.records):
            for entry in record.links:
                if self._shown[number][entry] and self._attributes((number, entry)).kind == SYMLINK:
                    yield record.names[entry], number

    def children(self, folder: str) -> list[str]:
        """The names of what is visible directly in a folder, sorted."""
        found = set()
        for number, record in enumerate(self.records):
            owner = record.names.folder(folder)
            if owner is not None:
                for entry, item in enumerate(record.names.owners):
                    if item == owner and self._shown[number][entry]:
                        found.add(record.names[entry].rpartition("/")[2])
        return sorted(found)

    def add_second(self, path: str, layer: int) -> int:
        """The number of a new entry in `second`: a file's name, and the layer that gave it."""
        cut = path.rfind("/") + 1
        self.second.names.add(path[:cut], path[cut:])
        self._second_layers.append(layer)
        return len(self._second_layers) - 1

    def packages_at(self, layer: int, path: str) -> Sequence[Package] | None:
        """What one layer, visible or not, says of the packages of a database."""
        known = self._databases.get(layer)
        if known is None:
            record = self.records[layer]
            known = self._databases[layer] = {
                record.names[entry]: found
                for entry, found in record.packages.items()
                if found[0].is_distribution
            }
        return known.get(path)

    def _find(self, path: str) -> Place | None:
        key = self._table.get(path)
        return None if key is None else (key >> SHIFT, key & INDEX)

    def _root(self, place: Place) -> Place:
        """The entry that holds the file of a hard link, or the entry itself."""
        if place in self._files:
            return self._files[place]
        number, entry = place
        return number, self.records[number].inodes.get(entry, entry)

    def _attributes(self, place: Place) -> Attributes:
        number, entry = place
        found = self.records[number].attributes_of(entry)
        if found.kind == HARD_LINK and place in self._files:
            number, entry = self._files[place]
            found = self.records[number].attributes_of(entry)
            if found.kind == FILE:
                found = found._replace(kind=HARD_LINK)
        return found

    def _target(self, path: str) -> str | None:
        """What a symbolic link at the path says; None if there is none."""
        place = self._find(path)
        if place is None or self._attributes(place).kind != SYMLINK:
            return None
        number, entry = self._root(place)
        return self.records[number].links[entry]

    def _entry(self, number: int, entry: int, path: str) -> Entry:
        place = (number, entry)
        attributes = self._attributes(place)
        links, target = self.records[number].links, entry
        if attributes.kind == SYMLINK and place in self._files:
            number, target = self._files[place]
            links = self.records[number].links
        return Entry(
            path,
            *attributes,
            self._sizes.get(place, self.records[place[0]].sizes[entry]),
            place[0],
            links.get(target, ""),
        )

    def _join_links(self) -> None:
        """Know the names of each file; one whose own path is gone is no waste if it has others."""
        for number, record in enumerate(self.records):
            for link, entry in record.inodes.items():
                if (number, link) in self._files:
                    continue
                self._links.setdefault((number, entry), []).append((number, link))
        for place, root in self._files.items():
            self._links.setdefault(root, []).append(place)
        for (number, entry), places in self._links.items():
            record = self.records[number]
            size = record.sizes[entry]
            left = [place for place in places if self._shown[place[0]][place[1]]]
            # The bytes stay in the image for the other name's sake, so they count there once.
            if size and left and not self._shown[number][entry] and record.kind(entry) == FILE:
                self._sizes[left[0]] = size
                self.waste.keep(record.names[entry], number, size)
