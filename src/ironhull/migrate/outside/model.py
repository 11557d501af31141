"""Values: what a migration asks of the files around it, and what was found in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is different about the new image."""

    ports: Mapping[int, int] = field(default_factory=dict)
    """The port that the old image listened on → the new one's."""
    uid: int = 0
    gid: int = 0
    """Whom it runs as; 0: not known."""
    shell: bool = False
    """It has one."""
    init: bool = False
    """It is to be started with an init."""
    names: frozenset[str] = frozenset()
    """Repositories that mean the image, without tag: `registry.example/shop/web`."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Signs of a text to put others in the place of."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """One thing to change, at one place of one file."""

    file: str
    line: int
    kind: str
    """port, probe, user, init, volume, command."""
    before: str
    """The value that is there, or what is lacking."""
    message: str
    edit: Edit | None = None
    """How; None where a person has to decide."""
