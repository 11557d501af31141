"""A migrated Dockerfile held against the old one: both built, looked into and run here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ironhull.compare.compare import compare
from ironhull.compare.model import Comparison
from ironhull.engine.bases import Missing
from ironhull.engine.host import AptRepository, HostSettings
from ironhull.engine.interface import Engine
from ironhull.errors import EnvironmentProblem
from ironhull.inventory.model import Inventory
from ironhull.inventory.take import Taker
from ironhull.migrate.context.folder import FolderContext
from ironhull.migrate.model import Migration, Rung
from ironhull.migrate.outside.find import files_around
from ironhull.migrate.outside.services import Composed, composed
from ironhull.migrate.proof.bases_named import bases_named, stand_in
from ironhull.migrate.proof.closure import check_closure
from ironhull.migrate.proof.model import Aspect, Proof, Request, Verdict
from ironhull.migrate.proof.prove import Questions, Version, Workplace
from ironhull.migrate.proof.prove import prove as prove_there
from ironhull.migrate.proof.requests import requests_of
from ironhull.progress import Silent
from ironhull.store.choice import machine_platform
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.engines import machine_host
from ironhull.workspace.examining import opened_taker
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import measured, opened_database
from ironhull.workspace.repositories import distributions_own
from ironhull.workspace.scanning import ScanChoices
from ironhull.workspace.stand_ins import build_missing
from ironhull.workspace.surroundings import registries_asked, working_engine

_INVENTORY_NAMES = {"podman": "podman", "docker": "docker-daemon", "sandbox": "store"}
_APT_SUITES = "debian-13"
"""Of the images that stand in for others."""


@dataclass(frozen=True, slots=True)
class ProofChoices:
    """What a proof may be told."""

    engine: str | None = None
    """None: the first of podman, docker and sandbox that works."""
    requests: tuple[Request, ...] = ()
    """None: what a compose file says of the service, else what the images say of themselves."""
    commands: tuple[tuple[str, ...], ...] = ()
    """Arguments to run both images with, to their end."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that both get."""
    own: bool = False
    """Take Ironhull's images for every FROM; ask no registry."""


def prove(
    machine: Machine,
    migration: Migration,
    context: Path,
    target: str | None = None,
    chosen: ProofChoices | None = None,
    undisturbed: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Proof:
    """Whether what `migrate` made does what the old Dockerfile did.

    Without an engine that works the verdict is `not tested`, with the reason. `undisturbed` keeps
    further interrupts from the cleaning up. EngineError if an engine that was named does not work,
    or if the old Dockerfile cannot be built; InputError for a base that nobody has.
    """
    chosen = chosen or ProofChoices()
    versions = [
        Version(name, source, target, bases_named(source))
        for name, source in (("before", migration.source), ("after", migration.text))
    ]
    found, problem = working_engine(machine, chosen.engine)
    if found is None:
        reason = f"{problem}: the static checks need the image, which an engine builds"
        return Proof("", (), (), (Aspect("build", "build", Verdict.NOT_TESTED, "", "", reason),), 0)
    with _workplace(machine, found, context, chosen, undisturbed) as place:
        asked = _questions(migration, chosen, composed(files_around(FolderContext(context))))
        return prove_there(place, versions[0], versions[1], asked)


def _questions(migration: Migration, chosen: ProofChoices, service: Composed) -> Questions:
    ports = {
        int(one.before): int(one.after)
        for one in migration.outside
        if one.kind == "port" and one.before.isdecimal() and one.after.isdecimal()
    }
    return Questions(
        chosen.requests or requests_of(service.ports, service.health),
        chosen.commands,
        {**service.environment, **chosen.environment},
        ports,
        init=any(one.kind == "init" for one in migration.outside),
        shell=migration.rung in (Rung.DEV, Rung.REFUSED),
    )


@contextmanager
def _workplace(
    machine: Machine,
    engine: Engine,
    context: Path,
    chosen: ProofChoices,
    undisturbed: Callable[[], AbstractContextManager[None]],
) -> Iterator[Workplace]:
    kind, platform = _INVENTORY_NAMES[engine.name], machine_platform()
    with (
        registries_asked(machine, chosen.own) as missing,
        _host(machine) as host,
        opened_taker(replace(machine, progress=Silent())) as taker,
    ):
        # What is gone in a minute is not to be scanned again for ever.
        forgetful: Taker = replace(taker, stored=None)
        yield Workplace(
            engine=engine,
            store=machine.home.store,
            context=context,
            host=host,
            inventory=lambda image: forgetful.take(f"{kind}:{image}", platform),
            closure=lambda inventory, shell: check_closure(
                forgetful, inventory, platform, shell=shell
            ),
            missing=_not_ours(missing),
            stand_in=lambda reference: _stand_in(machine, reference),
            progress=machine.progress,
            compared=lambda inventories: _compared(machine, inventories),
            undisturbed=undisturbed,
        )


def _not_ours(missing: Missing) -> Missing:
    """No registry is asked for what `localhost` names: that is an engine's own."""
    return lambda reference: (
        "the engine does not have it" if reference.registry == "localhost" else missing(reference)
    )


def _stand_in(machine: Machine, reference: str) -> str:
    catalog = Definitions(machine).catalog
    tags = {name: [entry.stem for entry in catalog.entries(name)] for name in catalog.images()}
    name = stand_in(reference, tags)
    if name:
        build_missing(machine, [name])
    return name


@contextmanager
def _host(machine: Machine) -> Iterator[HostSettings]:
    """The machine's settings for RUN steps, with the mirror for apt in images that stand in."""
    repositories: Sequence[AptRepository] = ()
    try:
        repositories = [
            AptRepository(one.uri, one.suites, one.components)
            for one in distributions_own(machine.settings, _APT_SUITES)
        ]
    except EnvironmentProblem as problem:
        machine.progress.note(f"warning: apt uses the images' own sources: {problem}")
    with machine_host(machine, repositories) as host:
        yield host


def _compared(machine: Machine, inventories: Sequence[Inventory]) -> Comparison:
    quiet = replace(machine, progress=Silent())
    with opened_database(machine) as database:
        sides = [
            measured(quiet, one.image.name, one, database, ScanChoices(max_age=0))
            for one in inventories
        ]
    return compare(sides, datetime.now(UTC))
