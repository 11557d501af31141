"""What watching asks its database of every image: to make a statement takes longer than to run it.

What is bound (`of_…`) has no column's name, so that the other parameters are what is written.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ironhull.state import tables

_image, _attempt, _said, _lease = tables.image.c, tables.attempt.c, tables.said.c, tables.lease.c
_count = tables.count.c

IMAGE = select(tables.image).where(_image.name == bindparam("of_name"))
IMAGE_HELD = IMAGE.with_for_update()
"""Nobody else changes it before the transaction ends."""
BEGIN = insert(tables.attempt)
END = update(tables.attempt).where(_attempt.id == bindparam("of_id"))
END_RUNNING = update(tables.attempt).where(
    _attempt.image == bindparam("of_image"), _attempt.result == "running"
)
END_SAID = update(tables.said).where(
    _said.subject == bindparam("of_subject"),
    _said.over == "",
    _said.digest.not_in(bindparam("of_digests", expanding=True)),
)
END_LEASE = delete(tables.lease).where(
    _lease.name == bindparam("of_name"), _lease.holder == bindparam("of_holder")
)
UNCOUNT = delete(tables.count).where(
    _count.day == bindparam("of_day"), _count.image == bindparam("of_image")
)


def insert_of(dialect: str) -> Any:
    """The insert of the dialect: both know ON CONFLICT, by the same names."""
    return sqlite.insert if dialect == "sqlite" else postgresql.insert


@cache
def add_to(dialect: str, table: Table) -> Any:
    """Rows whose keys are not there."""
    return insert_of(dialect)(table).on_conflict_do_nothing()


@cache
def put_into(dialect: str, table: Table) -> Any:
    """Rows in the place of those with their keys."""
    wanted = insert_of(dialect)(table)
    keys = [column.name for column in table.primary_key]
    others = {c.name: wanted.excluded[c.name] for c in table.columns if c.name not in keys}
    return wanted.on_conflict_do_update(index_elements=keys, set_=others)


@cache
def lease_of(dialect: str) -> Any:
    """A lease that is free at `of_now`, or the holder's own; its name where it was taken."""
    wanted = insert_of(dialect)(tables.lease)
    given = wanted.excluded
    free = or_(_lease.until < bindparam("of_now"), _lease.holder == given.holder)
    values = {"holder": given.holder, "until": given.until}
    taken = wanted.on_conflict_do_update(index_elements=["name"], set_=values, where=free)
    return taken.returning(_lease.name)
