"""The files around a Dockerfile that name its image, and what has to change in them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ironhull.errors import MalformedError
from ironhull.migrate.context.interface import Context
from ironhull.migrate.model import Migration, Rung
from ironhull.migrate.outside.compose import compose_changes, compose_names
from ironhull.migrate.outside.kubernetes import (
    pod_changes,
    selected,
    service_changes,
    values_changes,
)
from ironhull.migrate.outside.model import Found, Wanted
from ironhull.migrate.outside.nodes import Place, documents

COMPOSE = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml")
_YAML = re.compile(r".+\.ya?ml")
_LOCKS = frozenset(("pnpm-lock.yaml", ".pre-commit-config.yaml"))
MAX_FILES = 500


def wanted_of(migration: Migration, names: Iterable[str] = ()) -> Wanted:
    """What a migration asks of the files around it; `names` are what its image is called."""
    ports = {
        int(one.before): int(one.after)
        for one in migration.outside
        if one.kind == "port" and one.before.isdecimal() and one.after.isdecimal()
    }
    owners = re.findall(
        rb"^[ \t]*USER\s+(\d+)(?::(\d+))?", migration.text, re.MULTILINE | re.IGNORECASE
    )
    uid, gid = (owners[-1][0], owners[-1][1] or owners[-1][0]) if owners else (b"0", b"0")
    return Wanted(
        ports,
        int(uid),
        int(gid),
        shell=migration.rung in (Rung.DEV, Rung.REFUSED),
        init=any(one.kind == "init" for one in migration.outside),
        names=frozenset(names),
    )


def files_around(context: Context) -> dict[str, bytes]:
    """The YAML files of a context, at most MAX_FILES."""
    names = [
        name
        for name in context.names
        if _YAML.fullmatch(name) and posixpath.basename(name) not in _LOCKS
    ]
    read = ((name, context.read(name)) for name in names[:MAX_FILES])
    return {name: data for name, data in read if data is not None}


def outside_changes(files: Mapping[str, bytes], wanted: Wanted) -> tuple[Found, ...]:
    """What to change, by file and line. A file that is no YAML (a template, say) is passed over.

    Images that compose files build from this folder count as the image under their names too.
    """
    parsed: dict[str, tuple[str, list[Place]]] = {}
    for name, data in files.items():
        try:
            parsed[name] = documents(data, name)
        except MalformedError:
            continue
    both = [(name, place) for name, (_, places) in parsed.items() for place in places]
    named = {one for _, place in both for one in compose_names(place)}
    wanted = replace(wanted, names=wanted.names | named)
    labels = [one for _, place in both for one in selected(place, wanted)]
    found: list[Found] = []
    for name, place in both:
        text = parsed[name][0]
        if COMPOSE.fullmatch(posixpath.basename(name)):
            found += compose_changes(name, text, place, wanted)
        elif place.get("kind"):
            found += pod_changes(name, text, place, wanted)
            found += service_changes(name, text, place, labels, wanted)
        else:
            found += values_changes(name, text, place, wanted)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (one.file, one.line, one.kind)))
