"""Looking after store and cache: what is there, what nothing needs any more, what is damaged."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ironhull.errors import InputError, NotFoundError
from ironhull.oci.digest import Digest, hex_of, parse_digest
from ironhull.progress import Progress
from ironhull.store.blobs import CHUNK, BlobStore
from ironhull.store.changelogs import changelogs_folder
from ironhull.store.files import locked, remove_abandoned, temporary_name
from ironhull.store.home import Home
from ironhull.store.layout import REF_NAME
from ironhull.store.trees import remove_tree, walked

# A build that runs now may have written a blob that no index names yet.
GRACE = 24 * 3600


_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Usage:
    """One kind of thing on disk."""

    name: str
    files: int
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a clean-up removed; bytes."""

    files: int
    size: int


def usage(home: Home) -> list[Usage]:
    """What each part of the home holds."""
    parts = {
        "images and layers": (home.blobs,),
        "packages": (home.packages.root / "sha256",),
        "changelogs of packages": (home.packages.root / "changelogs",),
        "package indexes": (home.archive,),
        "layer records": (home.layers,),
        "image records": (home.images, home.origins, home.recipes, home.tests, home.signed),
        "inventories": (home.layer_inventories, home.layer_contents),
        "unpacked for the sandbox": (home.cache / "sandbox",),
        "unfinished": (*home.unfinished, home.uploads),
    }
    found = []
    for name, folders in parts.items():
        sizes = [path.lstat().st_size for folder in folders for path in _files(folder)]
        found.append(Usage(name, len(sizes), sum(sizes)))
    return found


def prune(
    home: Home, *, layers: bool, packages: bool, unused: bool, grace: float = GRACE
) -> Pruned:
    """Remove what can be made or fetched again.

    `packages`: all .deb files, and what was kept out of them. `layers`: blobs that no image in the
    store needs, and such images unpacked for the sandbox. `unused`: those too, the records of
    layers and images that are gone, and what killed processes left behind.
    """
    doomed: list[Path] = []
    if packages:
        doomed += _files(home.packages.root)
    # Made before the lock is taken: making a store takes it too.
    layout = home.store
    blobs = layout.blobs
    sizes: list[int | None] = []
    with locked(layout.lock):
        if layers or unused:
            needed = _needed(home)
            doomed += [
                blobs.path(digest)
                for digest in blobs
                if digest not in needed and _age(blobs.path(digest)) > grace
            ]
            sizes = _unpacked(home, needed, grace)
        if unused:
            doomed += _orphans(home, {path.name for path in doomed})
        sizes += [_removed(path) for path in doomed]
        if unused:
            sizes += [_left_over(path, grace) for path in _leftovers(home)]
    removed = [size for size in sizes if size is not None]
    return Pruned(len(removed), sum(removed))


def _unpacked(home: Home, needed: set[Digest], grace: float) -> list[int | None]:
    """Remove the trees of images that the store no longer has; the sizes of their files."""
    sizes: list[int | None] = []
    for folder in home.unpacked.iterdir() if home.unpacked.is_dir() else ():
        if not folder.is_dir() or Digest(f"sha256:{folder.name}") in needed:
            continue
        if _age(folder) > grace:
            sizes += [path.lstat().st_size for path in _files(folder)]
            # Out of the way first: nobody finds half a tree.
            leaving = temporary_name(folder)
            folder.rename(leaving)
            remove_tree(leaving)
    return sizes


def _removed(path: Path) -> int | None:
    """The size of the file that is no more; None if another process was faster."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return None
    return size


def _left_over(path: Path, grace: float) -> int | None:
    """As `_removed`, of a file that nobody writes: at once, or by its age if locks do not tell."""
    size = remove_abandoned(path)
    return _removed(path) if size is None and _age(path) > grace else size


def verify(home: Home, progress: Progress) -> list[str]:
    """Read every blob again; returns a line for each that is damaged or missing."""
    problems = []
    for what, store in (("store", home.store.blobs), ("packages", home.packages)):
        digests = sorted(store)
        advance = progress.start(f"Verifying {what}", len(digests), "blobs")
        for digest in digests:
            problems += _damage(store, digest)
            advance(1)
    layout = home.store
    for descriptor in layout.descriptors():
        try:
            for item in layout.walk(descriptor):
                if not layout.blobs.has(item.digest):
                    problems.append(
                        f"{descriptor.digest} needs {item.digest}, which is missing "
                        "(build or pull the image again)"
                    )
        except InputError as error:
            problems.append(str(error))
    return sorted(set(problems))


def _damage(store: BlobStore, digest: Digest) -> list[str]:
    try:
        if _sha256(store, digest) == hex_of(digest):
            return []
    except NotFoundError:
        # Removed since the list was made.
        return []
    return [f"{store.path(digest)} is damaged (remove it; it is made or fetched again)"]


def _needed(home: Home) -> set[Digest]:
    """Blobs below what index.json lists, and those that a registry over the store has on record."""
    layout = home.store
    listed: set[Digest] = set()
    for root in layout.descriptors():
        try:
            listed.update(item.digest for item in layout.walk(root))
        except InputError as error:
            name = root.annotations.get(REF_NAME, root.digest)
            raise InputError(
                f"cannot tell what {name} needs, nothing is removed: {error} "
                "(build or pull the image again first)"
            ) from None
    names = (path.name for path in _files(home.registry))
    return listed | {Digest(f"sha256:{name}") for name in names if _HEX.fullmatch(name)}


def _orphans(home: Home, gone: set[str]) -> Iterator[Path]:
    """Records of layers and images whose blobs are gone or going, and records that are damaged."""
    for folder, key in ((home.layers, "descriptor"), (home.images, "index")):
        for path in _files(folder):
            if path.name.startswith("."):
                continue
            try:
                digest = parse_digest(json.loads(path.read_bytes())[key]["digest"])
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError, InputError):
                yield path
                continue
            if hex_of(digest) in gone or not home.store.blobs.has(digest):
                yield path
    for path in _files(home.origins):
        name = path.name.partition(".")[0]
        if _HEX.fullmatch(name) and (
            name in gone or not home.store.blobs.has(Digest(f"sha256:{name}"))
        ):
            yield path


def _leftovers(home: Home) -> Iterator[Path]:
    """Files that a process was writing when it was killed, or is writing now."""
    for folder in home.unfinished:
        yield from _files(folder)
    records = (home.layers, home.images, home.origins, changelogs_folder(home.packages))
    for folder in (home.store_folder, *records):
        if folder.is_dir():
            yield from (
                path
                for path in folder.iterdir()
                if path.name.startswith(".") and path.name != ".lock" and path.is_file()
            )


def _files(folder: Path) -> list[Path]:
    return [
        Path(each.path) for each in walked(folder) if each.name != ".lock" and not each.is_dir()
    ]


def _age(path: Path) -> float:
    """Seconds since the file was written."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _sha256(store: BlobStore, digest: Digest) -> str:
    sha256 = hashlib.sha256()
    with store.open(digest) as file:
        while data := file.read(CHUNK):
            sha256.update(data)
    return sha256.hexdigest()
