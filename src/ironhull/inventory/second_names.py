"""Files that links give a name which somebody reads: what has to be read again, as what.

A layer is read in one pass, and what a file holds is read by its name: `package.json`, `METADATA`,
`/var/lib/dpkg/status`. A file of pnpm's store, named after its digest, tells nothing until a hard
link to it is `node_modules/x/package.json`; a database may be elsewhere, behind a symbolic link.

Hard links inside one layer are settled with the layer and cached with it (`of_layer`). Those to
other layers, and symbolic links, need the whole image (`of_view`). Where both names have the same
reader, which would find the same, nothing is read twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ironhull.inventory import secrets
from ironhull.inventory.cataloguers import dpkg, runtimes
from ironhull.inventory.files import DPKG, TEXTS, reader_of
from ironhull.inventory.hard_links import Place
from ironhull.inventory.model import Remark
from ironhull.inventory.record import HARD_LINK, LIBRARY, PROGRAM, LayerRecord, moved
from ironhull.inventory.view import View
from ironhull.values import dataclass

MAX_NAMES = 100_000
"""Names of one image that are read again; a remark says if there are more."""
_MAX_REMARKS = 1000
_DATABASES = (*sorted(TEXTS), dpkg.DATABASE)
_FOLDERS = (dpkg.PARTS, f"{DPKG}info")


@dataclass(frozen=True, slots=True)
class SecondName:
    """A name that a link gives a file, and the number of the layer that says so."""

    path: str
    layer: int


def of_layer(record: LayerRecord) -> dict[int, list[int]]:
    """Entry → the hard links to it under whose names it has to be read again.

    Links that would find the same as the file's own name get it at once.
    """
    found: dict[int, list[int]] = {}
    for link, entry in record.inodes.items():
        if record.kind(entry) == HARD_LINK:
            continue
        path, first = record.names[link], record.names[entry]
        if _is_alike(path, first):
            _share(record, entry, record, link, path)
        elif _says_more(path, first, record, entry):
            found.setdefault(entry, []).append(link)
    return found


def of_view(view: View) -> dict[Place, list[SecondName]]:
    """File → the names under which it has to be read again, at most MAX_NAMES of them."""
    found: dict[Place, list[SecondName]] = {}
    count = 0
    for name, is_hard in _candidates(view):
        place = view.file(name.path)
        if place is None:
            continue
        number, entry = place
        record = view.records[number]
        first = record.names[entry]
        if is_hard and _is_alike(name.path, first):
            _share(record, entry, view.second, view.add_second(name.path, name.layer), name.path)
        elif (is_hard or reader_of(name.path) is not reader_of(first)) and _says_more(
            name.path, first, record, entry
        ):
            count += 1
            if count > MAX_NAMES:
                message = f"more than {MAX_NAMES} links to files that are to be read; left out"
                view.note(name.layer, Remark("unparsed", name.path, message))
                break
            found.setdefault(place, []).append(name)
    return found


def note_dangling(view: View) -> None:
    """Say which hard links name nothing, most of all those that would be read."""
    for number, (path, layer, target) in enumerate(view.dangling()):
        if number == _MAX_REMARKS:
            view.note(layer, Remark("unparsed", path, "and more hard links to nothing, left out"))
            return
        message = f"a hard link to {target}, which is not there; engines refuse such a layer"
        kind: Literal["unparsed", "warning"] = "unparsed" if reader_of(path) else "warning"
        view.note(layer, Remark(kind, path, message), path)


def _is_alike(path: str, first: str) -> bool:
    """Whether both names have one reader, which finds the same under both."""
    reader = reader_of(path)
    return reader is not None and reader is reader_of(first) and _base(path) == _base(first)


def _says_more(path: str, first: str, record: LayerRecord, entry: int) -> bool:
    """Whether reading the file as `path` may find what reading it as `first` did not."""
    if record.attributes_of(entry).form in (PROGRAM, LIBRARY):
        known = {item.name for item in record.packages.get(entry, ()) if item.type == "binary"}
        return not known.issuperset(runtimes.names_of(path))
    if reader_of(path) is not None:
        return True
    return secrets.is_named(path) and not secrets.is_named(first)


def _share(source: LayerRecord, entry: int, target: LayerRecord, link: int, path: str) -> None:
    """Let the link say what the file does, with its own path."""
    old = source.names[entry]
    if entry in source.packages:
        target.packages[link] = [moved(item, old, path) for item in source.packages[entry]]
    if entry in source.texts:
        target.texts[link] = source.texts[entry]
    if entry in source.licenses:
        target.licenses[link] = source.licenses[entry]


def _candidates(view: View) -> Iterator[tuple[SecondName, bool]]:
    """Links that may lead to a file to be read, and whether they are hard ones."""
    for path, layer in view.joined():
        yield SecondName(path, layer), True
    for path, layer in view.symlinks():
        if reader_of(path) is not None or secrets.is_named(path):
            yield SecondName(path, layer), False
    for path in _DATABASES:
        yield from _elsewhere(view, path)
    for folder in _FOLDERS:
        real = view.real(folder)
        if real != folder:
            for base in view.children(real):
                yield from _elsewhere(view, f"{folder}/{base}")


def _elsewhere(view: View, path: str) -> Iterator[tuple[SecondName, bool]]:
    """The path, if only folders that are links lead to it."""
    if path not in view:
        found = view.get(view.real(path))
        if found is not None:
            yield SecondName(path, found.layer), False


def _base(path: str) -> str:
    return path[path.rfind("/") + 1 :]
