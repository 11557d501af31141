"""The database of vulnerabilities: which feeds to bring in, from where, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ironhull.advisories import dossier as dossiers
from ironhull.advisories.database import Database
from ironhull.advisories.dossier import DatabaseStatus, Dossier
from ironhull.advisories.feeds.known import KNOWN, KnownFeed
from ironhull.advisories.update import MAX_SHRINK, Outcome, Rules, Source, update
from ironhull.errors import InputError
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network


def update_advisories(
    machine: Machine,
    sources: Sequence[str] = (),
    *,
    max_shrink: float = MAX_SHRINK,
    delta: bool = False,
) -> list[Outcome]:
    """Bring feeds into the database; how each ended is in its outcome, not raised.

    `sources` are `NAME=URL`, `NAME=FILE` or `NAME=DIR`, several of one name together; none: the
    settings' and the default feeds' own addresses. `max_shrink` is the share of its records that a
    feed may lose. `delta`: the sources change single records. InputError for a text that names no
    feed.
    """
    if delta and not sources:
        raise InputError("--delta needs --source NAME=FILE: what to change, and with what")
    rules = Rules(datetime.now(UTC), max_shrink, delta, network(machine))
    chosen = _sources(sources) if sources else _defaults(machine.settings.advisory_sources)
    return update(machine.home.advisories, chosen, rules, machine.progress)


def dossier(machine: Machine, identifier: str) -> Dossier:
    """All that the feeds say about a vulnerability; NotFoundError if they do not name it.

    InputError where there is no database.
    """
    with Database(machine.home.advisories) as database:
        return dossiers.dossier(database, identifier)


def database_status(machine: Machine) -> DatabaseStatus:
    """Which feeds the database has, and how old; InputError where there is none."""
    with Database(machine.home.advisories) as database:
        return dossiers.database_status(database)


def _sources(texts: Sequence[str]) -> list[Source]:
    """In the order in which their names come first."""
    places: dict[str, list[str]] = {}
    for text in texts:
        name, equals, place = text.partition("=")
        if not equals or not place:
            raise InputError(f"--source {text}: expected NAME=URL, NAME=FILE or NAME=DIR")
        if name not in KNOWN:
            raise InputError(
                f"--source {text}: there is no feed {name!r} (there are: {', '.join(KNOWN)})"
            )
        places.setdefault(name, []).append(place)
    return [Source(KNOWN[name], tuple(found)) for name, found in places.items()]


def _defaults(texts: Sequence[str]) -> list[Source]:
    configured = _sources(texts)
    named = {source.known.name for source in configured}
    return configured + [
        Source(known, known.addresses) for known in KNOWN.values() if _wanted(known, named)
    ]


def _wanted(known: KnownFeed, named: set[str]) -> bool:
    return known.default and bool(known.addresses) and known.name not in named
