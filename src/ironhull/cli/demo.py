"""`ironhull demo`: the case study, from the packages to two running applications side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from ironhull.cli.demo_compare import Witness, write_demo_report
from ironhull.cli.demo_report import Found, as_text, to_json
from ironhull.cli.engines import ended_by_signals, engine_option, undisturbed
from ironhull.cli.machine import opened, silent
from ironhull.cli.output import as_json, print_json
from ironhull.demo.cases import CASES, IMAGES
from ironhull.demo.model import CaseStudy
from ironhull.demo.run import Workplace, study
from ironhull.engine.find import RUNNERS, engine
from ironhull.engine.interface import Engine, RunOptions
from ironhull.engine.probe import loaded_probe
from ironhull.errors import (
    CheckFailedError,
    EngineError,
    EnvironmentProblem,
    InputError,
    IronhullError,
    NetworkError,
    NotFoundError,
)
from ironhull.inventory.model import Inventory
from ironhull.lock.file import lock_path
from ironhull.oci.reference import Reference
from ironhull.progress import Silent
from ironhull.store.export import choose_manifest, machine_platform
from ironhull.transport.patience import Patience
from ironhull.workspace.building import BuildChoices, build_images
from ironhull.workspace.engines import engine_settings, machine_host
from ironhull.workspace.examining import opened_taker
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries as opened_registries

_INVENTORY_NAMES = {"podman": "podman", "docker": "docker-daemon"}
# A registry that is not there should cost seconds: there are stand-ins.
_IMPATIENT = Patience(attempts=1, connect=4, idle=8, whole=8)


@click.command()
@engine_option
@click.option("--keep", is_flag=True, help="Leave the applications' images in the engine.")
@click.option("--own", is_flag=True, help="Take Ironhull's images for every FROM; ask no registry.")
@click.option(
    "--app",
    "application",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder with the three Dockerfiles; without it examples/node-app.",
)
@click.option("--mirror", help="Address or folder of the package archive, as in build.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the comparison goes (.html, .json, .md); without it reports/demo.html in the home.",
)
@as_json
def demo(
    engine_name: str | None,
    keep: bool,
    own: bool,
    application: Path | None,
    mirror: str | None,
    report: Path | None,
    as_json: bool,
) -> None:
    r"""Run the case study: one application, built on a standard and on hardened images.

    Builds the base images that the store lacks and the application from three Dockerfiles, runs
    all, asks each the same, tries in each what an attacker could do, and shows them side by side.
    It ends with the report of ironhull compare.
    Everything it made is removed, also on Ctrl-C; what it built stays in Ironhull's store. Without
    a container engine it compares the base images only.

    \b
    Examples:
      ironhull demo
      ironhull demo --engine docker --keep
    """
    began = time.monotonic()
    folder = application or _example()
    with opened(as_json, mirror=mirror) as machine, ended_by_signals():
        _build_missing(machine)
        with opened_taker(silent()) as taker:
            bases = {name: taker.take(name, machine_platform()) for name in IMAGES}
            # What is gone in a minute is not to be scanned again for ever.
            witness = Witness(replace(taker, stored=None))
            done, problem = _with_engine(machine, engine_name, folder, witness, keep=keep, own=own)
    found = Found(bases, done, problem, keep, time.monotonic() - began)
    if as_json:
        print_json(to_json(found))
    else:
        click.echo(as_text(found))
    output = report or machine.home.reports / "demo.html"
    write_demo_report(bases, witness, [case.name for case in CASES], output)
    click.echo(f"report: {output}", err=as_json)
    if done is not None and not done.same_answers:
        raise CheckFailedError(
            "the applications do not answer the same (see the answers in --json)"
        )


def _example() -> Path:
    """The application of the case study: beside the code, or below the current folder."""
    places = [Path("examples/node-app").absolute(), Path(__file__).parents[3] / "examples/node-app"]
    for place in places:
        if place.is_dir():
            return place
    raise InputError(
        f"the application of the case study is not at {places[0]} (run it in Ironhull's own "
        "folder, or name it: --app DIR)"
    )


# -- base images ---------------------------------------------------------------------------------


def _build_missing(machine: Machine) -> None:
    """Build what the store lacks, for this machine only, with what the archive has now."""
    store, platform = machine.home.store, machine_platform()
    for name in IMAGES:
        try:
            choose_manifest(store, store.find(name), platform)
        except NotFoundError:
            machine.progress.note(f"{name} is not in the store for {platform}: building it")
            _build(machine, name)


def _build(machine: Machine, name: str) -> None:
    locked = lock_path(Locking(machine).catalog.find(name)).is_file()
    chosen = BuildChoices((machine_platform(),), update=True)
    try:
        build_images(machine, [name], chosen)
    except EnvironmentProblem as problem:
        if not locked:
            raise
        machine.progress.note(f"warning: {name} is built from its lock as it is: {problem}")
        build_images(machine, [name], replace(chosen, update=False, locked=True))


# -- engine --------------------------------------------------------------------------------------


def _with_engine(
    machine: Machine,
    name: str | None,
    folder: Path,
    witness: Witness,
    *,
    keep: bool,
    own: bool,
) -> tuple[CaseStudy | None, str]:
    """All that needs an engine; without one, why there is none."""
    found, problem = _choose(machine, name)
    if found is None:
        return None, problem
    kind = _INVENTORY_NAMES[found.name]

    def inventory(image: str) -> Inventory:
        return witness.take(f"{kind}:{image}")

    with _asked(machine, own) as missing, machine_host(machine) as host:
        store, shown = machine.home.store, machine.progress
        place = Workplace(found, store, folder, host, inventory, missing, shown, keep, undisturbed)
        return study(place), ""


def _choose(machine: Machine, name: str | None) -> tuple[Engine | None, str]:
    """The engine to use, or why none can be. One that was asked for by name has to work."""
    problems = []
    for candidate in (name,) if name else RUNNERS:
        try:
            found = engine(candidate, engine_settings(machine))
            with loaded_probe(found) as image:
                found.run(image, RunOptions(network="none"))
        except EngineError as error:
            if name:
                raise
            problems.append(str(error).splitlines()[0])
        else:
            return found, ""
    return None, "; ".join(problems)


@contextmanager
def _asked(machine: Machine, own: bool) -> Iterator[Callable[[Reference], str]]:
    """What says why a registry does not have an image to give."""
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
