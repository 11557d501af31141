"""The images that a Dockerfile names: the real ones where they are to be had, else ours.

No name of the user's is touched: what is loaded gets a name of its own in the engine, and the
builder is told to take it where the Dockerfile says another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Literal

from ironhull.engine.interface import Engine
from ironhull.errors import EngineError, InputError
from ironhull.oci.reference import Reference
from ironhull.progress import Progress
from ironhull.store.choice import choose_manifest, machine_platform
from ironhull.store.layout import ImageLayout
from ironhull.values import dataclass

Missing = Callable[[Reference], str]
"""Says why a registry does not have an image to give; empty if it has."""
StandIn = Callable[[str], str]
"""The image of the store that can take the place of the one a Dockerfile names; '' if none can."""
Origin = Literal["engine", "registry", "ironhull"]


@dataclass(frozen=True, slots=True)
class Base:
    """An image that a Dockerfile names, and the one that was taken for it."""

    wanted: str
    """As the Dockerfile writes it."""
    image: str
    """The engine's name for what was taken."""
    origin: Origin
    """`engine`: it was there under its name; `registry`: pulled; `ironhull`: of the own store."""
    stored: str = ""
    """Its name in Ironhull's store."""
    reason: str = ""
    """Why it is not the one that is named; empty where it is."""

    @property
    def words(self) -> str:
        """What stands in for what, in plain words."""
        match self.origin:
            case "engine":
                return "the image that the engine has under this name"
            case "registry":
                return f"the image of its registry, {self.image}"
            case "ironhull":
                because = f" ({self.reason})" if self.reason else ""
                return f"Ironhull's {self.stored}{because}"


class Bases:
    """Finds bases, each once.

    `made` takes what has to be undone; what is loaded is called `localhost/PREFIX/NAME-SUFFIX`.
    """

    def __init__(
        self,
        engine: Engine,
        store: ImageLayout,
        made: ExitStack,
        naming: tuple[str, str],
        progress: Progress,
    ) -> None:
        """`naming`: the prefix and the suffix."""
        self._engine = engine
        self._store = store
        self._made = made
        self._prefix, self._suffix = naming
        self._progress = progress
        self._loaded: dict[str, str] = {}
        self._found: dict[str, Base] = {}

    def found(self, names: Iterable[str], missing: Missing, stand_in: StandIn) -> tuple[Base, ...]:
        """One for each name that an engine can know; InputError for one that nobody has."""
        wanted = [name for name in dict.fromkeys(names) if name != "scratch" and "$" not in name]
        for name in wanted:
            if name not in self._found:
                self._found[name] = self._find(name, missing, stand_in)
        return tuple(self._found[name] for name in wanted)

    def own(self, names: Mapping[str, str]) -> tuple[Base, ...]:
        """Images of the store for these names, whatever an engine or a registry calls so."""
        return tuple(
            Base(wanted, self._load(stored), "ironhull", stored) for wanted, stored in names.items()
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
        return Base(wanted, self._load(own), "ironhull", own, reason)

    def _load(self, stored: str) -> str:
        if stored not in self._loaded:
            name = f"localhost/{self._prefix}/{stored}-{self._suffix}"
            manifest = choose_manifest(self._store, self._store.find(stored), machine_platform())
            self._progress.note(f"loading {stored} into {self._engine.name}")
            self._made.callback(self._engine.remove, name)
            self._engine.load(self._store, manifest, [name])
            self._loaded[stored] = name
        return self._loaded[stored]


def substitutes(bases: Iterable[Base]) -> Mapping[str, str]:
    """What BuildRequest.bases wants: the name in FROM → the engine's name."""
    return {base.wanted: base.image for base in bases}
