"""The catalog's SQLite file: its tables, one connection that reads and one that writes.

Apart, because whoever writes may wait for the disk (a checkpoint copies a thousand pages and syncs
them), and a page that reads must not wait for that: with a write-ahead log it need not.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ironhull.errors import EnvironmentProblem

FORMAT = 1
_TABLES = """
CREATE TABLE build (
    digest TEXT PRIMARY KEY, summary BLOB NOT NULL, facts BLOB NOT NULL, changed INTEGER NOT NULL);
CREATE INDEX build_changed ON build (changed);
CREATE TABLE part (manifest TEXT NOT NULL, digest TEXT NOT NULL, first INTEGER NOT NULL,
    PRIMARY KEY (manifest, digest)) WITHOUT ROWID;
CREATE TABLE scan (manifest TEXT PRIMARY KEY, stamp TEXT NOT NULL, facts BLOB NOT NULL);
CREATE TABLE finding (vulnerability TEXT NOT NULL, manifest TEXT NOT NULL, package TEXT NOT NULL,
    status TEXT NOT NULL, severity TEXT NOT NULL, said TEXT NOT NULL,
    PRIMARY KEY (vulnerability, manifest, package)) WITHOUT ROWID;
CREATE INDEX finding_manifest ON finding (manifest);
CREATE TABLE installed (name TEXT NOT NULL, manifest TEXT NOT NULL, version TEXT NOT NULL,
    PRIMARY KEY (name, manifest, version)) WITHOUT ROWID;
CREATE INDEX installed_manifest ON installed (manifest);
CREATE TABLE moved (repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL,
    at TEXT NOT NULL);
CREATE INDEX moved_digest ON moved (digest);
CREATE INDEX moved_repository ON moved (repository, tag, at);
CREATE TABLE day (repository TEXT NOT NULL, day TEXT NOT NULL, tag TEXT NOT NULL,
    raw INTEGER NOT NULL, open INTEGER NOT NULL, PRIMARY KEY (repository, day, tag)) WITHOUT ROWID;
CREATE TABLE generation (number INTEGER NOT NULL);
INSERT INTO generation VALUES (1);
"""
# Of what may be there since: a file of an older Ironhull gets it beside what only it remembers.
_LATER = """
CREATE TABLE IF NOT EXISTS vouched (manifest TEXT PRIMARY KEY, words TEXT NOT NULL,
    plain BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS vouched_words ON vouched (words);
CREATE INDEX IF NOT EXISTS part_digest ON part (digest);
CREATE TABLE IF NOT EXISTS changelog (package TEXT PRIMARY KEY, facts BLOB NOT NULL);
"""


class IndexFile:
    """The open file; any number of threads may use it. `:memory:` is one that is not kept.

    EnvironmentProblem from every method where the file cannot be used.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._writing = threading.RLock()
        try:
            if isinstance(path, Path):
                path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._reader = self._connection()
            self._prepare()
            # What is in memory only is another database for each connection.
            self._reading = self._writing
            if path != ":memory:":
                self._reader, self._reading = self._connection(), threading.RLock()
        except (sqlite3.Error, OSError) as error:
            raise EnvironmentProblem(
                f"{path}: {error}; it may be deleted, and is made anew"
            ) from None

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
        self._writer.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """What reads: it sees all that was written before, and no half of a change."""
        with self._reading, self._named_errors():
            yield self._reader

    def row(self, query: str, *given: str) -> Any:
        """The first row of an answer, or None: what every page asks several times."""
        try:
            with self._reading:
                return self._reader.execute(query, given).fetchone()
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"{self._path}: {error}") from None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All or nothing of the block."""
        with self._writing, self._named_errors():
            # A block within another one is a part of it.
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def changing(self) -> Iterator[tuple[sqlite3.Connection, int]]:
        """The same for what changes answers: under the next number of the generation."""
        with self.writing() as database:
            database.execute("UPDATE generation SET number = number + 1")
            (number,) = database.execute("SELECT number FROM generation").fetchone()
            yield database, number

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"{self._path}: {error}") from None

    def _connection(self) -> sqlite3.Connection:
        made = sqlite3.connect(
            self._path, timeout=60, check_same_thread=False, isolation_level=None
        )
        if self._path != ":memory:":
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("PRAGMA synchronous = NORMAL")
        return made

    def _prepare(self) -> None:
        database = self._writer
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == FORMAT:
            for statement in _LATER.split(";"):
                database.execute(statement)
            return
        database.execute("BEGIN EXCLUSIVE")
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            database.execute(f'DROP TABLE "{name}"')
        for statement in (_TABLES + _LATER).split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {FORMAT}")
        database.execute("COMMIT")
