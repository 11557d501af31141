"""What is there to work with: a container engine that runs, and registries that may have a base."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ironhull.engine.find import RUNNERS, engine
from ironhull.engine.interface import Engine, RunOptions
from ironhull.engine.probe import loaded_probe
from ironhull.errors import EngineError, IronhullError, NetworkError
from ironhull.oci.reference import Reference
from ironhull.progress import Silent
from ironhull.transport.patience import Patience
from ironhull.workspace.engines import engine_settings
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries as opened_registries

# A registry that is not there should cost seconds: there are stand-ins.
_IMPATIENT = Patience(attempts=1, connect=4, idle=8, whole=8)


def working_engine(machine: Machine, name: str | None) -> tuple[Engine | None, str]:
    """The engine to use, or why none can be. EngineError if one that was named does not work."""
    problems = []
    for candidate in (name,) if name else RUNNERS:
        try:
            found = _engine(machine, candidate)
            if candidate == "sandbox":
                found.version()
                return found, ""
            with loaded_probe(found) as image:
                found.run(image, RunOptions(network="none"))
        except EngineError as error:
            if name:
                raise
            problems.append(str(error).splitlines()[0])
        else:
            return found, ""
    return None, "; ".join(problems)


def _engine(machine: Machine, name: str) -> Engine:
    settings = engine_settings(machine)
    if name != "sandbox" or settings.bubblewrap is None or settings.unpacked is None:
        return engine(name, settings)
    # What reads Dockerfiles: only where no container engine does it.
    from ironhull.migrate.building.engine import BuildingSandbox

    home = machine.home
    return BuildingSandbox(
        settings.bubblewrap,
        settings.unpacked,
        home.store,
        home.cache / "tmp",
        machine.progress,
    )


@contextmanager
def registries_asked(machine: Machine, own: bool) -> Iterator[Callable[[Reference], str]]:
    """What says why a registry does not have an image to give; with `own` none is asked."""
    if own:
        yield lambda reference: "asked for with --own"
        return
    # The registries' own retries and notes would only tell of what the stand-ins make good.
    with opened_registries(replace(machine, progress=Silent()), _IMPATIENT) as registries:

        def missing(reference: Reference) -> str:
            try:
                found = registries.repository(reference).has_manifest(reference.tag or "latest")
            except NetworkError:
                return f"{reference.registry} does not give it to this machine"
            except IronhullError as error:
                return str(error).splitlines()[0][:200]
            return "" if found else f"{reference.registry} does not have it"

        yield missing
