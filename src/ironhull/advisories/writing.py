"""Writes the rows of one feed into the database, within the transaction of the caller."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ironhull.advisories.interface import Deleted, FeedDate, malformed
from ironhull.advisories.model import Record, Row
from ironhull.advisories.rows import Rows, utc
from ironhull.advisories.schema import CONTENT

BATCH = 2_000
PARAMETERS = 900
"""Of one statement; SQLite's oldest limit is 999."""

# Keys of records are made whole here: rows count theirs from 0.
_INSERTS = {
    "record": "INSERT INTO record VALUES (?+{first},?,?,?,?,?,?,?,?,?,?,?,?)",
    "alias": "INSERT OR IGNORE INTO alias VALUES (?,?+{first})",
    "claim": "INSERT INTO claim VALUES (?,?,?,?+{first},?,?,?,?,?,?,?,?,?,?,?)",
    "plain_claim": "INSERT INTO claim (package, ecosystem, vulnerability, record, seq, feed, state,"
    " fixed, urgency) VALUES (?,?,?,?+{first},?,?,?,?,?)",
    "exploited": "INSERT OR REPLACE INTO exploited VALUES (?,?,?,?,?)",
    "score": "INSERT OR REPLACE INTO score VALUES (?,?,?,?)",
    "cycle": "INSERT OR REPLACE INTO cycle VALUES (?,?,?,?,?,?,?)",
    "support": "INSERT INTO support VALUES (?,?,?,?,?,?,?)",
    "in_archive": "INSERT OR IGNORE INTO in_archive VALUES (?,?,?,?,?)",
}
_CLAIM_GOES = (
    "DELETE FROM claim"
    " WHERE package = ? AND ecosystem = ? AND vulnerability = ? AND record = ? AND seq = ?"
)


@dataclass(slots=True)
class Written:
    """What a feed brought."""

    rows: int = 0
    date: str = ""
    deleted: int = 0
    older: int = 0
    """Records of an update that are older than what is there, and were left out."""


class Writer:
    """Writes rows of the feed whose row has the key `feed`."""

    def __init__(self, connection: sqlite3.Connection, feed: int) -> None:
        self.connection = connection
        self.feed = feed
        row = connection.execute("SELECT coalesce(max(key), 0) FROM record").fetchone()
        self.next_record = row[0] + 1
        self._more: Counter[str] = Counter()
        """Claims on an ecosystem that came, less those that went, since they were counted."""

    def clear(self) -> None:
        """Remove all that the feed brought earlier."""
        self.connection.execute(
            "DELETE FROM alias WHERE record IN (SELECT key FROM record WHERE feed = ?)",
            (self.feed,),
        )
        for table in (*CONTENT, "record"):
            self.connection.execute(f"DELETE FROM {table} WHERE feed = ?", (self.feed,))  # noqa: S608

    def write(self, batches: Iterable[Rows], written: Written) -> None:
        """All rows, a batch after the other."""
        for rows in batches:
            written.date = max(written.date, rows.date)
            written.rows += rows.count
            self._put(rows)

    def merge(self, rows: Iterable[Row | FeedDate | Deleted], written: Written) -> None:
        """An update: records replace those of the same identifier, unless they are older.

        A batch at once: claims lie by package, so finding those of a record reads them all.
        """
        rows = iter(rows)
        while chunk := list(islice(rows, BATCH)):
            named = {row.id for row in chunk if isinstance(row, (Record, Deleted))}
            there = self._there(named)
            new: dict[str, Record] = {}
            dropped: list[int] = []
            for row in chunk:
                if isinstance(row, FeedDate):
                    written.date = max(written.date, utc(row.date))
                elif isinstance(row, Deleted):
                    keys = there.pop(row.id, {})
                    dropped += keys
                    written.deleted += len(keys) + (new.pop(row.id, None) is not None)
                elif not isinstance(row, Record):
                    raise malformed(type(row).__name__, "only records can be updated one by one")
                elif _newer(row, there.get(row.id, {}), new.get(row.id)):
                    written.older += 1
                else:
                    dropped += there.pop(row.id, {})
                    new[row.id] = row
                    written.rows += 1
            self._drop(dropped)
            rows_of_new = Rows(self.feed)
            for record in new.values():
                rows_of_new.add(record)
            self._put(rows_of_new)

    def count(self) -> None:
        """Note how many claims the feed has on each ecosystem, so that readers need not count.

        What came and went is added to what was noted: counting all takes longer than an update.
        """
        self.connection.executemany(
            "INSERT INTO ecosystem VALUES (?, ?, ?)"
            " ON CONFLICT (feed, name) DO UPDATE SET claims = claims + excluded.claims",
            [(self.feed, name, more) for name, more in self._more.items()],
        )
        self.connection.execute("DELETE FROM ecosystem WHERE feed = ? AND claims = 0", (self.feed,))
        self._more.clear()

    def _there(self, identifiers: Iterable[str]) -> dict[str, dict[int, str]]:
        """Identifier → the keys of its records, with when each was modified."""
        found: dict[str, dict[int, str]] = {}
        for identifier in identifiers:
            for key, modified in self.connection.execute(
                "SELECT key, modified FROM record WHERE id = ? AND feed = ?",
                (identifier, self.feed),
            ):
                found.setdefault(identifier, {})[key] = modified or ""
        return found

    def _drop(self, keys: Sequence[int]) -> None:
        for start in range(0, len(keys), PARAMETERS):
            some = keys[start : start + PARAMETERS]
            marks = ",".join("?" * len(some))
            # Claims lie by package: they are looked for once, and taken away by their places.
            found = "SELECT package, ecosystem, vulnerability, record, seq FROM claim WHERE record"
            claims = self.connection.execute(f"{found} IN ({marks})", some).fetchall()
            self.connection.executemany(_CLAIM_GOES, claims)
            self._more.subtract(ecosystem for _, ecosystem, *_ in claims)
            for what in ("alias WHERE record", "record WHERE key"):
                self.connection.execute(f"DELETE FROM {what} IN ({marks})", some)  # noqa: S608

    def _put(self, rows: Rows) -> None:
        # In the order of the tree that they go into, neighbours find their page at hand.
        rows.tables["claim"].sort()
        rows.tables["plain_claim"].sort()
        for table in ("claim", "plain_claim"):
            self._more.update([row[1] for row in rows.tables[table]])
        for table, values in rows.tables.items():
            if values:
                insert = _INSERTS[table].format(first=self.next_record)
                self.connection.executemany(insert, values)
        self.next_record += rows.records


def _newer(row: Record, there: Mapping[int, str], new: Record | None) -> bool:
    """Whether what is there, or came earlier in the same update, is newer than a record."""
    known = [*there.values(), *([new.modified] if new else [])]
    return bool(known) and max(known) > row.modified
