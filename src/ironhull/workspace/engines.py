"""The machine's container engines: images into them, and definitions' tests in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ironhull.build.testing import TestReport, run_tests
from ironhull.build.testing_document import remember_tests
from ironhull.definition.model import ImageDefinition
from ironhull.engine.find import CONTAINER_ENGINES, EngineSettings, builder, engine
from ironhull.engine.host import AptRepository, HostSettings, host_settings
from ironhull.engine.interface import Builder
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Platform
from ironhull.oci.reference import Reference
from ironhull.store.choice import choose_manifest
from ironhull.values import dataclass
from ironhull.workspace.bubblewrap import bubblewrap, known_bubblewrap
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.images import stored
from ironhull.workspace.machine import Machine
from ironhull.workspace.repositories import repositories_of


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """An image of the store in a container engine."""

    engine: str
    names: tuple[str, ...]
    """Complete: with registry, repository and tag."""
    identity: str
    """What the engine calls it: a config digest, in its own form."""
    manifest: Digest


def engine_settings(machine: Machine) -> EngineSettings:
    """The engines as the settings have them."""
    settings = machine.settings
    return EngineSettings(
        podman=settings.podman,
        buildah=settings.buildah,
        docker_host=settings.docker_host,
        cache=machine.home.engines,
        bubblewrap=partial(bubblewrap, machine),
        known=partial(known_bubblewrap, machine),
        unpacked=machine.home.unpacked,
    )


def engine_name_of(text: str) -> str:
    """A name for an image in an engine, complete: `node:20` is `docker.io/library/node:20`."""
    reference = Reference.parse(text)
    if reference.digest is not None:
        raise InputError(f"{text!r}: a name that is given has a tag, not a digest")
    return str(reference)


def load(
    machine: Machine,
    image: str,
    *,
    engine_name: str | None = None,
    names: Sequence[str] = (),
    platform: Platform | None = None,
) -> LoadedImage:
    """Put an image of the store into an engine, as localhost/NAME:TAG or under `names`.

    `engine_name` None is the first of podman and docker that works. EngineError if none does.
    """
    wanted = tuple(engine_name_of(name) for name in names or (f"localhost/{image}",))
    layout, settings = machine.home.store, engine_settings(machine)
    manifest = choose_manifest(layout, stored(layout, image), platform)
    found: Builder = (
        builder("buildah", settings)
        if engine_name == "buildah"
        else engine(engine_name, settings, CONTAINER_ENGINES)
    )
    identity = found.load(layout, manifest, list(wanted))
    return LoadedImage(found.name, wanted, identity, manifest.digest)


def run_definition_tests(
    machine: Machine, image: str, engine_name: str | None = None
) -> TestReport:
    """Run the tests of an image's definition in the built image; failed ones are in the report."""
    layout = machine.home.store
    descriptor = stored(layout, image)
    definition, _ = Definitions(machine).definition(image)
    found = engine(engine_name, engine_settings(machine))
    with host_of(machine, definition) as host:
        report = run_tests(found, layout, descriptor, definition, host, machine.progress)
    remember_tests(machine.home, report, definition.digest)
    return report


@contextmanager
def host_of(machine: Machine, definition: ImageDefinition) -> Iterator[HostSettings]:
    """The host's network settings, if a test of the definition asks for the network."""
    if not any(one.network for one in definition.tests):
        yield HostSettings()
        return
    repositories: list[AptRepository] = []
    try:
        repositories = [
            AptRepository(one.uri, one.suites, one.components)
            for one in repositories_of(machine.settings, definition)
        ]
    except EnvironmentProblem as problem:
        machine.progress.note(f"warning: tests with apt use the image's own sources: {problem}")
    with machine_host(machine, repositories) as host:
        yield host


@contextmanager
def machine_host(
    machine: Machine, repositories: Sequence[AptRepository] = ()
) -> Iterator[HostSettings]:
    """What containers take over of this machine: proxies, CA files, package indexes."""
    environment = machine.settings.environment
    home = Path(environment.get("HOME") or "/")
    with host_settings(environment, home, repositories) as host:
        yield host
