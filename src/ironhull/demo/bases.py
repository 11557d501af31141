"""The images that the Dockerfiles name: the real ones where they are to be had, else stand-ins.

No name of the user's is touched: a stand-in gets a name of its own in the engine, and the builder
is told to take it where the Dockerfile says another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from ironhull.demo.cases import OWN, STAND_INS
from ironhull.demo.model import Base
from ironhull.engine.interface import Engine
from ironhull.errors import EngineError
from ironhull.oci.reference import Reference
from ironhull.progress import Progress
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout

Missing = Callable[[Reference], str]
"""Says why a registry does not have an image to give; empty if it has."""


class Bases:
    """Finds bases and loads stand-ins, each once. `made` takes what has to be undone."""

    def __init__(
        self, engine: Engine, store: ImageLayout, made: ExitStack, suffix: str, progress: Progress
    ) -> None:
        self._engine = engine
        self._store = store
        self._made = made
        self._suffix = suffix
        self._progress = progress
        self._loaded: dict[str, str] = {}

    def named(self, missing: Missing) -> tuple[Base, ...]:
        """What the user's two Dockerfiles name."""
        return tuple(self._named(wanted, own, missing) for wanted, own in STAND_INS.items())

    def own(self) -> tuple[Base, ...]:
        """What the third Dockerfile names."""
        return tuple(
            Base(wanted, self._stand_in(stored), "ironhull", stored)
            for wanted, stored in OWN.items()
        )

    def _named(self, wanted: str, own: str, missing: Missing) -> Base:
        reference = Reference.parse(wanted)
        name = str(reference)
        if self._engine.exists(name):
            return Base(wanted, name, "engine")
        reason = missing(reference)
        if not reason:
            try:
                self._progress.note(f"pulling {name}")
                self._made.callback(self._engine.remove, name)
                self._engine.pull(name)
            except EngineError as error:
                reason = str(error).splitlines()[-1][:200]
            else:
                return Base(wanted, name, "registry")
        return Base(wanted, self._stand_in(own), "ironhull", own, reason)

    def _stand_in(self, stored: str) -> str:
        if stored not in self._loaded:
            name = f"localhost/ironhull-demo/{stored}-{self._suffix}"
            manifest = choose_manifest(self._store, self._store.find(stored))
            self._progress.note(f"loading {stored} into {self._engine.name}")
            self._made.callback(self._engine.remove, name)
            self._engine.load(self._store, manifest, [name])
            self._loaded[stored] = name
        return self._loaded[stored]


def substitutes(bases: tuple[Base, ...]) -> Mapping[str, str]:
    """What BuildRequest.bases wants: the name in FROM → the engine's name."""
    return {base.wanted: base.image for base in bases}
