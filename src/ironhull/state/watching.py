"""The state of watching: what was observed and done, in a database that several watchers share.

Each method is one transaction, and so are several within `WatchState.transaction`. What stands here
can be found again from registry and store, but for the history, which `state.transfer` writes into
a file and reads back.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Table,
    delete,
    func,
    select,
    text,
)

from ironhull.errors import NotFoundError
from ironhull.state import asked, tables
from ironhull.state.connecting import open_engine, problems
from ironhull.state.watch_records import (
    Attempt,
    Event,
    FeedState,
    ForeignState,
    ImageState,
    Said,
    SuiteState,
    stamp,
)

Clock = Callable[[], datetime]
"""Gives the present, with a time zone."""
_Record = TypeVar("_Record")


class _Mine(threading.local):
    """A thread's transaction."""

    connection: Connection | None = None


class WatchState:
    """The open state; any number of threads and processes may use it at once.

    EnvironmentProblem from every method where the database cannot be used.
    """

    def __init__(self, address: str, clock: Clock) -> None:
        self._engine = open_engine(address)
        self._clock = clock
        self._mine = _Mine()

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def __enter__(self) -> WatchState:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def now(self) -> str:
        """The present, as the state has it."""
        return stamp(self._clock())

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing of what the block does; within another one of this thread, of that."""
        if self._mine.connection is not None:
            yield self._mine.connection
            return
        with problems(self._engine.url), self._engine.begin() as connection:
            self._mine.connection = connection
            try:
                yield connection
            finally:
                self._mine.connection = None

    # -- images ----------------------------------------------------------------------------------

    def images(self) -> dict[str, ImageState]:
        """Where every image stands that was ever seen, by name."""
        with self.transaction() as connection:
            rows = connection.execute(select(tables.image).order_by(tables.image.c.name))
            return {row.name: _record(ImageState, row) for row in rows}

    def image(self, name: str) -> ImageState:
        """Where an image stands; that of one that was never seen is `new`."""
        with self.transaction() as connection:
            return self._image(connection, name)

    def change(self, name: str, change: Callable[[ImageState], ImageState]) -> ImageState:
        """Change where an image stands, by what it is now; nobody comes in between."""
        with self.transaction() as connection:
            changed = change(self._image(connection, name, lock=True))
            self._put(connection, tables.image, [asdict(changed)])
            return changed

    def forget(self, name: str) -> None:
        """Take an image out whose definition is gone; its history stays."""
        with self.transaction() as connection:
            connection.execute(delete(tables.image).where(tables.image.c.name == name))

    def _image(self, connection: Connection, name: str, *, lock: bool = False) -> ImageState:
        wanted = asked.IMAGE_HELD if lock else asked.IMAGE
        row = connection.execute(wanted, {"of_name": name}).first()
        return ImageState(name) if row is None else _record(ImageState, row)

    # -- attempts --------------------------------------------------------------------------------

    def begin(self, attempt: Attempt) -> int:
        """Write down that an attempt began; its number."""
        values = asdict(attempt)
        del values["id"]
        with self.transaction() as connection:
            made = connection.execute(asked.BEGIN, values)
            key = made.inserted_primary_key
            return int(key[0]) if key else 0

    def end(self, number: int, **values: str) -> None:
        """Write down what became of an attempt."""
        with self.transaction() as connection:
            connection.execute(asked.END, {"of_id": number, "ended": self.now, **values})

    def attempts(self, images: Sequence[str] | None = None, most: int = 1000) -> list[Attempt]:
        """The newest attempts, of these images or of all; the newest first."""
        wanted = select(tables.attempt).order_by(tables.attempt.c.id.desc()).limit(most)
        if images is not None:
            wanted = wanted.where(tables.attempt.c.image.in_(images))
        with self.transaction() as connection:
            return [_record(Attempt, row) for row in connection.execute(wanted)]

    def end_abandoned(self, image: str) -> None:
        """What nobody finished of an image was stopped; only for who holds its lease."""
        stopped = {"result": "stopped", "detail": "the watcher ended meanwhile"}
        with self.transaction() as connection:
            connection.execute(asked.END_RUNNING, {"of_image": image, "ended": self.now, **stopped})

    def keep_lock(self, content: bytes) -> str:
        """Keep a lock's bytes; the digest that `lock` finds them by."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        row = {"digest": digest, "content": zlib.compress(content)}
        with self.transaction() as connection:
            self._add(connection, tables.locked, [row])
        return digest

    def lock(self, digest: str) -> bytes:
        """The bytes of a lock; NotFoundError where it was not kept."""
        with self.transaction() as connection:
            found = connection.execute(
                select(tables.locked.c.content).where(tables.locked.c.digest == digest)
            ).scalar()
        if found is None:
            raise NotFoundError(f"the state has no lock {digest}")
        return zlib.decompress(found)

    # -- vulnerabilities -------------------------------------------------------------------------

    def happened(self, events: Sequence[Event]) -> None:
        """Write down events; one that is known keeps its first time."""
        with self.transaction() as connection:
            self._add(connection, tables.event, [asdict(each) for each in events])

    def events(
        self, *, image: str = "", vulnerability: str = "", kinds: Collection[str] = ()
    ) -> list[Event]:
        """Events by time: all, of one image, of one vulnerability, of some kinds."""
        table = tables.event
        wanted = select(table).order_by(table.c.at, table.c.image, table.c.vulnerability)
        if image:
            # What was observed outside is of no image, and so of each.
            outside = not kinds or "observed" in kinds
            wanted = wanted.where(table.c.image.in_((image, "") if outside else (image,)))
        if kinds:
            wanted = wanted.where(table.c.kind.in_(kinds))
        if vulnerability:
            wanted = wanted.where(table.c.vulnerability == vulnerability)
        with self.transaction() as connection:
            return [_record(Event, row) for row in connection.execute(wanted)]

    def observed(self, dates: Mapping[str, str]) -> int:
        """Vulnerability → when others saw it first; how many were not known, or later, before."""
        with self.transaction() as connection:
            table = tables.event
            wanted = select(table).where(table.c.image == "", table.c.kind == "observed")
            known = {row.vulnerability: row.at for row in connection.execute(wanted)}
            rows = [
                asdict(Event(name, "", "observed", at))
                for name, at in dates.items()
                if name not in known or at < known[name]
            ]
            self._put(connection, table, rows)
        return len(rows)

    def seen(self) -> set[tuple[str, str]]:
        """Vulnerability and image of everything that somebody has looked after."""
        table = tables.event
        wanted = select(table.c.vulnerability, table.c.image).where(table.c.kind == "seen")
        with self.transaction() as connection:
            return {(row.vulnerability, row.image) for row in connection.execute(wanted)}

    def count(self, day: str, image: str, by_severity: Mapping[str, int]) -> None:
        """An image's open findings on a day (`2026-11-29`); the last count of a day stays."""
        self.count_all(day, {image: by_severity})

    def count_all(self, day: str, images: Mapping[str, Mapping[str, int]]) -> None:
        """The same for many images at once; what was counted of that day for them is replaced."""
        table = tables.count
        rows = [
            {"day": day, "image": image, "severity": severity, "open": number}
            for image, by_severity in images.items()
            for severity, number in (by_severity or {"unknown": 0}).items()
        ]
        with self.transaction() as connection:
            if images:
                gone = [{"of_day": day, "of_image": image} for image in images]
                connection.execute(asked.UNCOUNT, gone)
            self._put(connection, table, rows)

    def counts(self, image: str = "") -> list[tuple[str, str, str, int]]:
        """Day, image, severity and open findings, by day."""
        table = tables.count
        wanted = select(table).order_by(table.c.day, table.c.image, table.c.severity)
        if image:
            wanted = wanted.where(table.c.image == image)
        with self.transaction() as connection:
            return [
                (row.day, row.image, row.severity, row.open) for row in connection.execute(wanted)
            ]

    # -- what was observed -----------------------------------------------------------------------

    def suites(self) -> list[SuiteState]:
        """The release files as they were seen last."""
        with self.transaction() as connection:
            rows = connection.execute(select(tables.suite).order_by(*tables.suite.primary_key))
            return [_record(SuiteState, row) for row in rows]

    def saw_suites(self, suites: Sequence[SuiteState]) -> None:
        """Write down release files; an unchanged one keeps the time of its change."""
        known = {(each.repository, each.suite): each for each in self.suites()}
        rows = []
        for each in suites:
            before = known.get((each.repository, each.suite))
            same = before is not None and before.digest == each.digest
            changed = before.changed if before is not None and same else each.changed
            rows.append(asdict(replace(each, changed=changed)))
        with self.transaction() as connection:
            self._put(connection, tables.suite, rows)

    def arrivals(self) -> dict[tuple[str, str, str], str]:
        """Package, version and suite → when it was seen there first."""
        table = tables.arrival
        with self.transaction() as connection:
            rows = connection.execute(select(table))
            return {(row.package, row.version, row.suite): row.first for row in rows}

    def arrived(self, packages: Sequence[tuple[str, str, str]]) -> None:
        """Write down that these are seen (as `arrivals` has them); known ones keep their time."""
        names, now = ("package", "version", "suite"), self.now
        rows = [dict(zip(names, each, strict=True)) | {"first": now} for each in packages]
        with self.transaction() as connection:
            self._add(connection, tables.arrival, rows)

    def feeds(self) -> list[FeedState]:
        """The feeds as they were read last."""
        with self.transaction() as connection:
            rows = connection.execute(select(tables.feed).order_by(tables.feed.c.name))
            return [_record(FeedState, row) for row in rows]

    def saw_feeds(self, feeds: Sequence[FeedState]) -> None:
        """Write down feeds."""
        with self.transaction() as connection:
            self._put(connection, tables.feed, [asdict(each) for each in feeds])

    def foreign(self) -> list[ForeignState]:
        """Images that are not ours, by reference."""
        with self.transaction() as connection:
            rows = connection.execute(select(tables.foreign).order_by(tables.foreign.c.reference))
            return [_record(ForeignState, row) for row in rows]

    def saw_foreign(self, image: ForeignState) -> None:
        """Write one down."""
        with self.transaction() as connection:
            self._put(connection, tables.foreign, [asdict(image)])

    def keep_foreign(self, references: Collection[str]) -> None:
        """Forget all that are not followed any more, and what was said of them."""
        gone = [each.reference for each in self.foreign() if each.reference not in references]
        table = tables.foreign
        with self.transaction() as connection:
            connection.execute(delete(table).where(table.c.reference.in_(gone)))
        for said in self.complaints():
            kind, _, reference = said.subject.partition(" ")
            if kind == "foreign" and reference not in references:
                self.settle(said.subject)

    def note(self, key: str) -> str:
        """A small thing to remember; empty where there is none."""
        wanted = select(tables.note.c.value).where(tables.note.c.key == key)
        with self.transaction() as connection:
            return str(connection.execute(wanted).scalar() or "")

    def set_note(self, key: str, value: str) -> None:
        """Remember a small thing."""
        with self.transaction() as connection:
            self._put(connection, tables.note, [{"key": key, "value": value}])

    # -- what was said ---------------------------------------------------------------------------

    def say(self, subject: str, text: str) -> bool:
        """Whether a cause is new for a subject: then it is to be said, and now it was."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        table, now = tables.said, self.now
        here = (table.c.subject == subject, table.c.digest == digest)
        with self.transaction() as connection:
            known = connection.execute(select(table).where(*here).with_for_update()).first()
            row = {
                "subject": subject,
                "digest": digest,
                "text": text,
                "first": known.first if known is not None and not known.over else now,
                "last": now,
                "over": "",
            }
            self._put(connection, table, [row])
            return known is None or bool(known.over)

    def settle(self, subject: str, *standing: str) -> None:
        """Every cause of a subject is over but these texts."""
        kept = [hashlib.sha256(text.encode()).hexdigest() for text in standing]
        wanted = {"of_subject": subject, "of_digests": kept, "over": self.now}
        with self.transaction() as connection:
            connection.execute(asked.END_SAID, wanted)

    def complaints(self) -> list[Said]:
        """The causes that still are, by the time when they began."""
        table = tables.said
        wanted = select(table).where(table.c.over == "").order_by(table.c.first)
        with self.transaction() as connection:
            return [_record(Said, row) for row in connection.execute(wanted)]

    # -- leases ----------------------------------------------------------------------------------

    def take_lease(self, name: str, holder: str, length: timedelta) -> bool:
        """Take or renew a lease; False while another holds it.

        The clocks of the holders have to agree within less than its length.
        """
        now = self._clock()
        values = {"name": name, "holder": holder, "until": stamp(now + length)}
        wanted = asked.lease_of(self._engine.dialect.name)
        with self.transaction() as connection:
            return connection.execute(wanted, values | {"of_now": stamp(now)}).first() is not None

    def end_lease(self, name: str, holder: str) -> None:
        """Give a lease back; nothing happens to one of another holder."""
        with self.transaction() as connection:
            connection.execute(asked.END_LEASE, {"of_name": name, "of_holder": holder})

    def leases(self) -> dict[str, str]:
        """Who holds which lease, also those that ran out."""
        with self.transaction() as connection:
            rows = connection.execute(select(tables.lease.c.name, tables.lease.c.holder))
            return {row.name: row.holder for row in rows}

    # -- rows ------------------------------------------------------------------------------------

    def rows(self, connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
        """All rows of a table, as they are."""
        for row in connection.execute(select(table).order_by(*table.primary_key)):
            yield dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for it

    def empty(self, connection: Connection) -> bool:
        """Whether nothing was ever written."""
        return all(
            connection.execute(select(func.count()).select_from(table)).scalar() == 0
            for table in tables.KEPT
        )

    def add(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows that are not there yet."""
        self._add(connection, table, rows)

    def set_next_attempt(self, connection: Connection) -> None:
        """Let numbers of attempts go on after those that were imported."""
        if self._engine.dialect.name != "sqlite":
            last = "SELECT setval(pg_get_serial_sequence('attempt', 'id'), max(id)) FROM attempt"
            connection.execute(text(last))

    def _add(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            connection.execute(asked.add_to(self._engine.dialect.name, table), list(rows))

    def _put(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        connection.execute(asked.put_into(self._engine.dialect.name, table), list(rows))


def _record(kind: type[_Record], row: Any) -> _Record:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: getattr(row, name) for name in names})
