"""What rescans have said already: which vulnerabilities, of which packages, in which round.

A *unit* is one package of one release. A *round* is one rescan; rounds are numbered from 1. What
is written down is never forgotten. One process at a time has a round open; one that fails leaves
the ledger as it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ironhull.errors import EnvironmentProblem
from ironhull.store.files import locked

_TABLES = """
CREATE TABLE IF NOT EXISTS unit (
  identity TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, state BLOB NOT NULL,
  learned INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reported (
  unit INTEGER NOT NULL, vulnerability TEXT NOT NULL, round INTEGER NOT NULL,
  PRIMARY KEY (unit, vulnerability)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS image (key TEXT PRIMARY KEY, round INTEGER NOT NULL) WITHOUT ROWID;
"""


class LedgerUnit(NamedTuple):
    """What the ledger knows of a unit."""

    identity: str
    number: int
    state: bytes
    """A digest of what the unit was vulnerable to; tells whether anything changed since."""
    learned: int
    """The latest round in which something new was said of it; 0: never."""


class LedgerRound:
    """An open round: what was known before it, and writing down what is new."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.images: Mapping[str, int] = dict(connection.execute("SELECT key, round FROM image"))
        """Image → the last round in which it was told what is new."""
        self.number = 1 + max(self.images.values(), default=0)

    def units(self) -> dict[str, LedgerUnit]:
        """Every known unit by its identity."""
        rows = self._connection.execute("SELECT identity, number, state, learned FROM unit")
        # `_make` is a function of Python's around this, and takes twice the time.
        make: Callable[[tuple[object, ...]], LedgerUnit] = partial(tuple.__new__, LedgerUnit)
        return {row[0]: make(row) for row in rows}

    def keep(self, unit: LedgerUnit) -> None:
        """Write down the state of a unit."""
        self._connection.execute("INSERT OR REPLACE INTO unit VALUES (?, ?, ?, ?)", unit)

    def reported(self, unit: int) -> dict[str, int]:
        """What was ever said of a unit: vulnerability → round."""
        return dict(
            self._connection.execute(
                "SELECT vulnerability, round FROM reported WHERE unit = ?", (unit,)
            )
        )

    def reported_since(self, unit: int, last: int) -> set[str]:
        """The vulnerabilities that were first said after a round."""
        rows = self._connection.execute(
            "SELECT vulnerability FROM reported WHERE unit = ? AND round > ?", (unit, last)
        )
        return {row[0] for row in rows}

    def report(self, unit: int, fresh: Mapping[str, int]) -> None:
        """Write down vulnerabilities of a unit with the rounds in which they were first said."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO reported VALUES (?, ?, ?)",
            ((unit, vulnerability, number) for vulnerability, number in fresh.items()),
        )

    def tell(self, images: Iterable[str]) -> None:
        """Note that these images were told, by their keys, what is new until this round."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO image VALUES (?, ?)", ((key, self.number) for key in images)
        )


class Ledger:
    """The ledger in one file, made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def round(self) -> Iterator[LedgerRound]:
        """A new round; kept if the block ends well. EnvironmentProblem if the file is unusable."""
        with locked(self.path.with_suffix(".lock")):
            try:
                with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                    connection.executescript(_TABLES)
                    connection.execute("BEGIN IMMEDIATE")
                    yield LedgerRound(connection)
                    connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise EnvironmentProblem(f"cannot use {self.path}: {error}") from None
