"""Inventories on disk, by image: what a rescan reads when the images are gone.

<root>/<hex>.json is the whole inventory. `packages.sqlite` beside it holds each different package
once for all images, so that a thousand inventories are matched like one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ironhull.errors import EnvironmentProblem, MalformedError, NotFoundError
from ironhull.inventory.document import READER, dumps, loads
from ironhull.inventory.model import Inventory, Package
from ironhull.store.files import locked, replace_file
from ironhull.values import dataclass

FORMAT = 2
"""Of the database; the files have the form of `document`."""
_MAX_FILE = 1 << 30
_TABLES = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE IF NOT EXISTS image (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    distribution TEXT NOT NULL, version_id TEXT NOT NULL, codename TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS package (
    id INTEGER PRIMARY KEY, type TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    source TEXT NOT NULL, source_version TEXT NOT NULL, architecture TEXT NOT NULL,
    origin TEXT NOT NULL,
    UNIQUE (type, name, version, source, source_version, architecture, origin));
CREATE TABLE IF NOT EXISTS installed (
    image INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    package INTEGER NOT NULL REFERENCES package (id),
    location TEXT NOT NULL, owned_by TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS installed_image ON installed (image);
CREATE INDEX IF NOT EXISTS installed_package ON installed (package);
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


class InventoryStore:
    """Stored inventories below one folder; several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

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

    def packages(self) -> dict[int, Package]:
        """Each different package of all images once, by number; without places and licences."""
        with self._database() as database:
            rows = database.execute(
                "SELECT id, type, name, version, source, source_version, origin FROM package"
            )
            return {
                number: Package(
                    name=name,
                    version=version,
                    type=kind,
                    location="",
                    source=source,
                    source_version=source_version,
                    origin=origin,
                )
                for number, kind, name, version, source, source_version, origin in rows
            }

    def installed(self) -> dict[int, list[int]]:
        """Image → numbers of its packages, a row of `StoredImage` and keys of `packages`.

        Without what a distribution package installed: that is a part of the package.
        """
        with self._database() as database:
            rows = database.execute(
                "SELECT image, group_concat(package)"
                " FROM installed i JOIN package p ON p.id = i.package"
                " WHERE i.owned_by = '' OR p.type IN ('deb', 'apk') GROUP BY image"
            )
            return {image: [int(part) for part in text.split(",")] for image, text in rows}

    def __iter__(self) -> Iterator[Inventory]:
        """All stored inventories, whole, by name; damaged ones raise MalformedError."""
        for image in self.images():
            path = self.path(image.key)
            try:
                yield loads(path.read_bytes(), str(path))
            except FileNotFoundError:
                continue

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """The open database, for queries over all images; what is written is one transaction."""
        path = self.root / "packages.sqlite"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=60)) as database:
                database.execute("PRAGMA foreign_keys = ON")
                # One process at a time makes it; SQLite does not wait for a change of the mode.
                with locked(self.root / "packages.lock"):
                    database.execute("PRAGMA journal_mode = WAL")
                    database.execute("PRAGMA synchronous = NORMAL")
                    (version,) = database.execute("PRAGMA user_version").fetchone()
                    if version != FORMAT:
                        self._rebuild(database)
                with database:
                    yield database
        except (sqlite3.Error, OSError) as error:
            raise EnvironmentProblem(f"{path}: {error}") from None

    def _rebuild(self, database: sqlite3.Connection) -> None:
        """The database is only an index: make it from the files."""
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


def _index(database: sqlite3.Connection, inventory: Inventory) -> None:
    image, distribution = inventory.image, inventory.distribution
    database.execute("DELETE FROM image WHERE key = ?", (image.key,))
    cursor = database.execute(
        "INSERT INTO image (key, name, distribution, version_id, codename) VALUES (?, ?, ?, ?, ?)",
        (
            image.key,
            image.name,
            distribution.id,
            distribution.version_id,
            distribution.codename,
        ),
    )
    row = cursor.lastrowid
    database.executemany(
        "INSERT OR IGNORE INTO package"
        " (type, name, version, source, source_version, architecture, origin)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (_identity(package) for package in inventory.packages),
    )
    database.executemany(
        "INSERT INTO installed SELECT ?, id, ?, ? FROM package WHERE type = ? AND name = ? AND "
        "version = ? AND source = ? AND source_version = ? AND architecture = ? AND origin = ?",
        (
            (row, package.location, package.owned_by, *_identity(package))
            for package in inventory.packages
        ),
    )


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
