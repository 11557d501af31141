"""Inventories on disk, by image: what a rescan reads when the images are gone.

<root>/<hex>.json is the whole inventory. `packages.sqlite` beside it holds each different package
once for all images, so that a thousand inventories are matched like one, and of each image the
numbers of its packages: 32 bits each, little-endian.
"""

from __future__ import annotations

import sqlite3
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from ironhull.errors import EnvironmentProblem, MalformedError, NotFoundError
from ironhull.inventory.document import READER, dumps, loads
from ironhull.inventory.model import DISTRIBUTION_TYPES, Inventory, Package, PackageType
from ironhull.store.files import locked, replace_file
from ironhull.values import dataclass

FORMAT = 3
"""Of the database; the files have the form of `document`."""
_MAX_FILE = 1 << 30
_TABLES = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE IF NOT EXISTS image (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    distribution TEXT NOT NULL, version_id TEXT NOT NULL, codename TEXT NOT NULL,
    installed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS package (
    id INTEGER PRIMARY KEY, type TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    source TEXT NOT NULL, source_version TEXT NOT NULL, architecture TEXT NOT NULL,
    origin TEXT NOT NULL,
    UNIQUE (type, name, version, source, source_version, architecture, origin));
"""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One stored inventory, without its packages."""

    id: int
    """The row in `packages.sqlite`."""
    key: str
    """The manifest's digest, or the config's where an engine made up the manifest."""
    name: str
    distribution: str
    version_id: str
    codename: str


class StoredPackage(NamedTuple):
    """A different package of all images; what a rescan counts needs no more."""

    number: int
    type: PackageType
    name: str
    version: str
    source: str
    source_version: str
    origin: str

    @property
    def package(self) -> Package:
        """The package without places and licences."""
        return Package(
            name=self.name,
            version=self.version,
            type=self.type,
            location="",
            source=self.source,
            source_version=self.source_version,
            origin=self.origin,
        )


class InventoryStore:
    """Stored inventories below one folder; several processes may use it at once.

    One that is `keeping` has the database open until `close`: for who puts many.
    """

    def __init__(self, root: Path, *, keeping: bool = False) -> None:
        self.root = root
        self._keeping, self._lock = keeping, RLock()
        self._opened: sqlite3.Connection | None = None
        self._file = (0, 0)
        """Device and number of the file that is open."""

    def path(self, key: str) -> Path:
        """Where the inventory of an image is or would be."""
        return self.root / f"{key.removeprefix('sha256:')}.json"

    def get(self, key: str) -> Inventory | None:
        """The inventory of an image by manifest digest; None if there is none, or an old one."""
        if not key:
            return None
        path = self.path(key)
        try:
            if path.stat().st_size > _MAX_FILE:
                return None
            return loads(path.read_bytes(), str(path), READER)
        except (FileNotFoundError, MalformedError):
            return None
        except OSError as error:
            raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None

    def put(self, inventory: Inventory) -> None:
        """Keep an inventory; one of the same image is replaced. A folder has no key: not kept."""
        key = inventory.image.key
        if key:
            replace_file(self.path(key), dumps(inventory))
            with self._database() as database:
                _index(database, inventory)

    def remove(self, key: str) -> None:
        """Forget the inventory of an image; NotFoundError if there is none."""
        try:
            self.path(key).unlink()
        except FileNotFoundError:
            raise NotFoundError(f"no stored inventory of {key}") from None
        with self._database() as database:
            database.execute("DELETE FROM image WHERE key = ?", (key,))

    def images(self) -> list[StoredImage]:
        """All stored images, by name."""
        with self._database() as database:
            rows = database.execute(
                "SELECT id, key, name, distribution, version_id, codename FROM image "
                "ORDER BY name, key"
            )
            return [StoredImage(*row) for row in rows]

    def stored_packages(self) -> dict[int, StoredPackage]:
        """Each different package of all images once, by number."""
        with self._database() as database:
            rows = database.execute(
                "SELECT id, type, name, version, source, source_version, origin FROM package"
            )
            # `_make` is a function of Python's around this, and takes twice the time.
            make: Callable[[tuple[object, ...]], StoredPackage] = partial(
                tuple.__new__, StoredPackage
            )
            return {row[0]: make(row) for row in rows}

    def packages(self) -> dict[int, Package]:
        """As `stored_packages`, as the values that matching takes."""
        return {number: row.package for number, row in self.stored_packages().items()}

    def installed(self) -> dict[int, Sequence[int]]:
        """Image → numbers of its packages, a row of `StoredImage` and keys of `packages`.

        Without what a distribution package installed: that is a part of the package.
        """
        with self._database() as database:
            rows = database.execute("SELECT id, installed FROM image WHERE installed != x''")
            return {image: _numbers(packed) for image, packed in rows}

    def __iter__(self) -> Iterator[Inventory]:
        """All stored inventories, whole, by name; damaged ones raise MalformedError."""
        for image in self.images():
            path = self.path(image.key)
            try:
                yield loads(path.read_bytes(), str(path))
            except FileNotFoundError:
                continue

    def close(self) -> None:
        """Let go of what is kept open; the next one who asks opens it again."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """The open database, for queries over all images; what is written is one transaction."""
        try:
            if not self._keeping:
                with closing(self._connected()) as database, database:
                    yield database
                return
            with self._lock, self._kept_open() as database:
                yield database
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise EnvironmentProblem(f"{self._path}: {error}") from None

    def _kept_open(self) -> sqlite3.Connection:
        if self._opened is None or self._file != _identity_of(self._path):
            self.close()
            # What is put in its place meanwhile is another one.
            self._file = _identity_of(self._path)
            self._opened = self._connected()
        return self._opened

    @property
    def _path(self) -> Path:
        return self.root / "packages.sqlite"

    def _connected(self) -> sqlite3.Connection:
        self.root.mkdir(parents=True, exist_ok=True)
        # Who closes what is kept may be another thread than who wrote.
        database = sqlite3.connect(self._path, timeout=60, check_same_thread=False)
        try:
            # One process at a time makes it; SQLite does not wait for a change of the mode.
            with locked(self.root / "packages.lock"):
                database.execute("PRAGMA journal_mode = WAL")
                # The last one to close writes all to the disk; until then each commit does.
                level = "FULL" if self._keeping else "NORMAL"
                database.execute(f"PRAGMA synchronous = {level}")
                (version,) = database.execute("PRAGMA user_version").fetchone()
                if version != FORMAT:
                    self._rebuild(database)
        except BaseException:
            database.close()
            raise
        return database

    def _rebuild(self, database: sqlite3.Connection) -> None:
        """The database is only an index: make it from the files."""
        # Earlier forms had a row for each package of each image.
        for table in ("installed", "package", "image"):
            database.execute(f"DROP TABLE IF EXISTS {table}")
        database.executescript(_TABLES)
        with database:
            for path in sorted(self.root.glob("*.json")):
                try:
                    _index(database, loads(path.read_bytes(), str(path)))
                except MalformedError:
                    # Of an older format: whoever asks for the image takes it again.
                    path.unlink(missing_ok=True)


def _identity_of(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_dev, found.st_ino


def _index(database: sqlite3.Connection, inventory: Inventory) -> None:
    image, distribution = inventory.image, inventory.distribution
    identities = [
        _identity(package)
        for package in inventory.packages
        if not package.owned_by or package.type in DISTRIBUTION_TYPES
    ]
    database.executemany(
        "INSERT OR IGNORE INTO package"
        " (type, name, version, source, source_version, architecture, origin)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        identities,
    )
    numbers = [
        number
        for identity in identities
        for (number,) in database.execute(
            "SELECT id FROM package WHERE type = ? AND name = ? AND version = ? AND source = ?"
            " AND source_version = ? AND architecture = ? AND origin = ?",
            identity,
        )
    ]
    database.execute("DELETE FROM image WHERE key = ?", (image.key,))
    database.execute(
        "INSERT INTO image (key, name, distribution, version_id, codename, installed)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            image.key,
            image.name,
            distribution.id,
            distribution.version_id,
            distribution.codename,
            _packed(numbers),
        ),
    )


def _packed(numbers: Iterable[int]) -> bytes:
    values = array("I", numbers)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _numbers(packed: bytes) -> Sequence[int]:
    values = array("I")
    values.frombytes(packed)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _identity(package: Package) -> tuple[str, ...]:
    return (
        package.type,
        package.name,
        package.version,
        package.source,
        package.source_version,
        package.architecture,
        package.origin,
    )
