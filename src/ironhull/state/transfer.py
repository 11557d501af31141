"""The state in a file and back: a line of JSON for each row, the tables in one order.

The first line says what it is. An import goes into an empty state, all of it or nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from ironhull.errors import InputError, MalformedError
from ironhull.state import tables
from ironhull.state.watching import WatchState

FORMAT = 1
MAX_LINE = 64 << 20
_BATCH = 500


def export_state(state: WatchState, file: BinaryIO) -> int:
    """Write everything but leases; how many rows there were. They are of one moment."""
    number = 0
    with state.transaction() as connection:
        file.write(_line({"ironhull-state": FORMAT}))
        for table in tables.KEPT:
            for row in state.rows(connection, table):
                file.write(_line({"table": table.name, "row": _plain(row)}))
                number += 1
    return number


def import_state(state: WatchState, file: BinaryIO, name: str) -> int:
    """Read what `export_state` wrote into an empty state; how many rows.

    InputError for a state in which something is, MalformedError for what is no export; nothing of
    it is written then.
    """
    known = {table.name: table for table in tables.KEPT}
    waiting: dict[str, list[dict[str, Any]]] = {name: [] for name in known}
    number = 0
    with state.transaction() as connection:
        if not state.empty(connection):
            raise InputError(f"{name}: the state is not empty; import into a new one")
        for place, value in _lines(file, name):
            table = known.get(str(value.get("table")))
            row = value.get("row")
            if table is None or not isinstance(row, dict) or set(row) != set(table.c.keys()):
                raise MalformedError(f"{name}:{place}: not a row of a state of this Ironhull")
            rows = waiting[table.name]
            rows.append(_raw(row, f"{name}:{place}"))
            number += 1
            if len(rows) >= _BATCH:
                state.add(connection, table, rows)
                rows.clear()
        for table in tables.KEPT:
            state.add(connection, table, waiting[table.name])
        state.set_next_attempt(connection)
    return number


def _lines(file: BinaryIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    place = 0
    while line := file.readline(MAX_LINE + 1):
        place += 1
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if len(line) > MAX_LINE or not isinstance(value, dict):
            raise MalformedError(f"{name}:{place}: no line of a state (ironhull state export)")
        if place == 1 and value.get("ironhull-state") != FORMAT:
            raise MalformedError(f"{name}: not a state that `ironhull state export` wrote")
        if place > 1:
            yield place, value
    if not place:
        raise MalformedError(f"{name}: is empty")


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for key, value in row.items()
    }


def _raw(row: dict[str, Any], place: str) -> dict[str, Any]:
    try:
        return {
            key: base64.b64decode(value["base64"], validate=True)
            if isinstance(value, dict) and set(value) == {"base64"}
            else value
            for key, value in row.items()
        }
    except (ValueError, TypeError):
        raise MalformedError(f"{place}: is no base64") from None
