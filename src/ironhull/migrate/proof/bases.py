"""The images that the two Dockerfiles name: the real ones where they are to be had, else ours.

No name of the user's is touched: what is loaded gets a name of its own in the engine, and the
builder is told to take it where the Dockerfile says another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack

from ironhull.engine.interface import Engine
from ironhull.errors import EngineError, InputError
from ironhull.migrate.proof.model import Base
from ironhull.oci.reference import Reference
from ironhull.progress import Progress
from ironhull.store.choice import choose_manifest, machine_platform
from ironhull.store.layout import ImageLayout

Missing = Callable[[Reference], str]
"""Says why a registry does not have an image to give; empty if it has."""
StandIn = Callable[[str], str]
"""The image of the store that can take the place of the one a Dockerfile names; '' if none can."""


class Bases:
    """Finds bases, each once. `made` takes what has to be undone."""

    def __init__(
        self, engine: Engine, store: ImageLayout, made: ExitStack, suffix: str, progress: Progress
    ) -> None:
        self._engine = engine
        self._store = store
        self._made = made
        self._suffix = suffix
        self._progress = progress
        self._loaded: dict[str, str] = {}

    def found(self, names: Iterable[str], missing: Missing, stand_in: StandIn) -> tuple[Base, ...]:
        """One for each name that an engine can know; InputError for one that nobody has."""
        return tuple(
            self._find(name, missing, stand_in)
            for name in dict.fromkeys(names)
            if name != "scratch" and "$" not in name
        )

    def _find(self, wanted: str, missing: Missing, stand_in: StandIn) -> Base:
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
        own = stand_in(wanted)
        if not own:
            raise InputError(
                f"{wanted}: {reason}, and no image of Ironhull's can take its place "
                f"(put it into {self._engine.name} under this name)"
            )
        self._progress.note(f"FROM {wanted} is Ironhull's {own}")
        return Base(wanted, self._load(own), "ironhull", own, reason)

    def _load(self, stored: str) -> str:
        if stored not in self._loaded:
            name = f"localhost/ironhull-proof/{stored}-{self._suffix}"
            manifest = choose_manifest(self._store, self._store.find(stored), machine_platform())
            self._made.callback(self._engine.remove, name)
            self._engine.load(self._store, manifest, [name])
            self._loaded[stored] = name
        return self._loaded[stored]


def substitutes(bases: Iterable[Base]) -> Mapping[str, str]:
    """What BuildRequest.bases wants: the name in FROM → the engine's name."""
    return {base.wanted: base.image for base in bases}
