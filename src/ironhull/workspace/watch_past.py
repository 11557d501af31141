"""What a watcher did for an image or a vulnerability, for who asks for its history.

Whoever never watched waits for no database: it is loaded where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ironhull.errors import InputError, NotFoundError
from ironhull.state.watch_records import KINDS, Attempt, Event
from ironhull.workspace.machine import Machine

VULNERABILITY = re.compile(r"(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|(?:DSA|DLA)-\d+-\d+)")
"""How feeds call one."""


@dataclass(frozen=True, slots=True)
class WatchHistory:
    """What happened to an image or to a vulnerability."""

    subject: str
    attempts: tuple[Attempt, ...]
    """The newest first; of a vulnerability none."""
    events: tuple[Event, ...]
    """By time."""
    published_as: str = ""
    """How the home's record of publications calls it: `base/node:20`; empty: it has none."""


def watched_history(
    machine: Machine, subject: str, address: str | None = None
) -> WatchHistory | None:
    """The attempts at an image with its events, or the events of a vulnerability; None: neither.

    `address` is that of the state; None: the home's, if there is one. NotFoundError for the name of
    a vulnerability that no watched image had, since no repository is called so.
    """
    named = VULNERABILITY.fullmatch(subject)
    if address is None and not machine.home.watch_state.is_file():
        if named:
            raise NotFoundError(f"{subject}: nothing is watched here yet (ironhull watch)")
        return None
    # SQLAlchemy takes longer to load than a history of publications to read.
    from ironhull.workspace.watch_deciding import watched_name
    from ironhull.workspace.watching import opened_state

    with opened_state(machine, address) as state:
        events = state.events(vulnerability=subject)
        if events:
            return WatchHistory(subject, (), _in_order(events))
        if named:
            raise NotFoundError(
                f"{subject}: no watched image had it since it is watched (ironhull status)"
            )
        try:
            name = watched_name(machine, state, subject)
        except InputError:
            return None
        attempts = state.attempts([name])
        if not attempts:
            return None
        repository = state.image(name).repository.partition("/")[2]
        stem = name.rpartition(":")[2].rpartition("-")[0]
        called = f"{repository}:{stem}" if repository else ""
        return WatchHistory(name, tuple(attempts), _in_order(state.events(image=name)), called)


def _in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """By time; of one moment as one follows from the other."""
    return tuple(sorted(events, key=lambda each: (each.at, KINDS.index(each.kind))))
