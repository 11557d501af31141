"""What compose files say of the service that is built from this folder: how it is asked and set."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ironhull.errors import MalformedError
from ironhull.migrate.outside.compose import PORT, built_here
from ironhull.migrate.outside.find import COMPOSE
from ironhull.migrate.outside.nodes import Place, documents

_NULL = ("", "null", "~")
"""Taken from whoever starts it."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A service of a compose file; empty where there is none."""

    file: str = ""
    name: str = ""
    ports: tuple[int, ...] = ()
    """TCP ports of the container."""
    health: tuple[str, ...] = ()
    """Words of its health check."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables whose value is written there; what comes from elsewhere is left out."""


def composed(files: Mapping[str, bytes]) -> Composed:
    """The first service built from this folder that has ports, else the first one."""
    found = [
        Composed(name, key.text, _ports(service), _health(service), _environment(service))
        for name in sorted(files)
        if COMPOSE.fullmatch(posixpath.basename(name)) and "/" not in name
        for document in _read(files[name], name)
        for key, service in document.get("services").pairs()
        if built_here(service)
    ]
    return next((one for one in found if one.ports), found[0] if found else Composed())


def _read(data: bytes, name: str) -> list[Place]:
    try:
        return documents(data, name)[1]
    except MalformedError:
        return []


def _ports(service: Place) -> tuple[int, ...]:
    places = [*service.get("ports").each(), *service.get("expose").each()]
    return tuple(dict.fromkeys(port for one in places for port in _port(one)))


def _port(place: Place) -> Iterator[int]:
    if (place.get("protocol").text or "tcp") != "tcp":
        return
    found = PORT.fullmatch(place.text or place.get("target").text)
    if found and not found[0].endswith("/udp") and 0 < int(found["port"]) < 65536:
        yield int(found["port"])


def _health(service: Place) -> tuple[str, ...]:
    if service.get("healthcheck", "disable").text == "true":
        return ()
    return tuple(service.get("healthcheck", "test").words)


def _environment(service: Place) -> Mapping[str, str]:
    place = service.get("environment")
    pairs = [(key.text, value.text) for key, value in place.pairs() if value.text not in _NULL]
    pairs += [
        (key, value)
        for one in place.each()
        for key, sign, value in [one.text.partition("=")]
        if sign
    ]
    return {key: value for key, value in pairs if key and "$" not in value}
