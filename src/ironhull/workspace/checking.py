"""Whether a finished image can do its job: its closure, and one start in a container engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ironhull.build.built import BuiltImage
from ironhull.build.check_result import CheckResult
from ironhull.build.start_mending import remedies
from ironhull.build.starting import StartOutcome, start_once
from ironhull.engine.find import engine
from ironhull.engine.interface import Engine
from ironhull.errors import EnvironmentProblem, InputError, NotFoundError
from ironhull.inventory.hard_links import Place
from ironhull.inventory.record import FILE
from ironhull.migrate.proof.closure import check_closure, user_of
from ironhull.oci.platform import Platform
from ironhull.store.choice import choose_manifest, machine_platform
from ironhull.workspace.engines import engine_settings
from ironhull.workspace.examining import opened_taker
from ironhull.workspace.images import stored
from ironhull.workspace.machine import Machine

# How the names of images in an engine begin → the engine.
_HELD = {"podman:": "podman", "docker-daemon:": "docker"}
# Where programs and those who start them are configured; each file and all together are bounded.
_CONFIGURING = ("/etc/", "/usr/lib/systemd/", "/usr/lib/sysusers.d/", "/usr/lib/tmpfiles.d/")
_MAX_TEXT = 1 << 17
_MAX_TEXTS = 500


@dataclass(frozen=True, slots=True)
class CheckChoices:
    """What a check may be told besides the image's name."""

    platform: Platform | None = None
    """None: this machine's."""
    start: bool = True
    """Start it too, where an engine works that has the image or can be given it."""
    engine: str | None = None
    """None: the one that has the image, else the first that works of podman, docker, sandbox."""
    shell: bool = False
    """It may have a shell and a package manager."""


@dataclass(frozen=True, slots=True)
class CheckedAnywhere:
    """What the checks of an image said, and what became of its start."""

    image: str
    checks: tuple[CheckResult, ...]
    start: StartOutcome | None
    """None: it was not tried."""
    untried: str
    """Why not."""

    @property
    def ok(self) -> bool:
        """Whether every check holds and it started, if that was tried."""
        return all(check.ok for check in self.checks) and (self.start is None or self.start.started)


def check(machine: Machine, image: str, chosen: CheckChoices | None = None) -> CheckedAnywhere:
    """Look into an image of any place, and start it once.

    Errors: those of taking an inventory; EngineError if the engine that was named does not work.
    An image that does not hold is no error: `ok` says so.
    """
    chosen = chosen or CheckChoices()
    platform = chosen.platform or machine_platform()
    with opened_taker(machine) as taker:
        inventory = taker.take(image, platform)
        checks = check_closure(taker, inventory, platform, shell=chosen.shell)
    ports = inventory.config.ports
    started, untried = start_in_engine(machine, image, platform, ports, chosen)
    return CheckedAnywhere(image, checks, started, untried)


def started_once(machine: Machine, image: BuiltImage) -> tuple[StartOutcome | None, str]:
    """Start an image that was just built, as `check` does; or None, and why it was not tried."""
    platform = machine_platform()
    if str(platform) not in [one.platform for one in image.platforms]:
        return None, f"it is not built for this machine, {platform}"
    name = f"{image.name}:{image.tags[-1]}"
    with opened_taker(machine) as taker:
        ports = taker.take(name, platform).config.ports
    return start_in_engine(machine, name, platform, ports, CheckChoices())


def start_in_engine(
    machine: Machine, image: str, platform: Platform, ports: tuple[str, ...], chosen: CheckChoices
) -> tuple[StartOutcome | None, str]:
    """Start an image once; or None, and why that cannot be tried. EngineError as `check`."""
    if not chosen.start:
        return None, "not asked for"
    if platform.architecture != machine_platform().architecture:
        return None, f"it is for {platform}, this machine is {machine_platform()}"
    held = next((name for prefix, name in _HELD.items() if image.startswith(prefix)), None)
    try:
        found = engine(chosen.engine or held, engine_settings(machine))
    except EnvironmentProblem as problem:
        if chosen.engine:
            raise
        return None, f"no container engine works here ({problem})"
    try:
        with _in_engine(machine, found, image, platform) as name:
            config = found.inspect(name)
            if not config.get("Entrypoint") and not config.get("Cmd"):
                return None, "it names nothing to start (entrypoint, cmd)"
            outcome = start_once(found, name, ports)
        return (outcome if outcome.started else _mended(machine, image, platform, outcome)), ""
    except NotFoundError:
        how = f"ironhull copy {image} store:NAME:TAG"
        return None, f"it is not in the store ({how} brings it there)"


def _mended(
    machine: Machine, image: str, platform: Platform, outcome: StartOutcome
) -> StartOutcome:
    """The outcome with what would mend it, by the image's own configuration."""
    texts: dict[str, str] = {}
    with opened_taker(machine) as taker:
        user = user_of(taker.take(image, platform))
        with taker.opened(image, platform) as (opened, view):
            wanted = dict[Place, str]()
            for entry in view:
                small = entry.kind == FILE and entry.size <= _MAX_TEXT
                place = view.holder(entry.path) if small else None
                if place is not None and entry.path.startswith(_CONFIGURING):
                    wanted[place] = entry.path
            for place, _, content in taker.contents(
                opened, dict(list(wanted.items())[:_MAX_TEXTS])
            ):
                data = content.read(_MAX_TEXT) or b""
                if b"\0" not in data:
                    texts[wanted[place]] = data.decode("utf-8", "replace")
    found = remedies(outcome.reason, outcome.said, (user.uid, user.gid), texts)
    return replace(outcome, remedies=found)


@contextmanager
def _in_engine(machine: Machine, found: Engine, image: str, platform: Platform) -> Iterator[str]:
    """The image's name in the engine; one of the store is there while the block lasts."""
    prefix, colon, name = image.partition(":")
    if f"{prefix}{colon}" in _HELD:
        if _HELD[f"{prefix}:"] != found.name:
            raise InputError(f"{image} is in {_HELD[f'{prefix}:']}, not in {found.name}")
        yield name
        return
    layout = machine.home.store
    manifest = choose_manifest(layout, stored(machine.home.store, image), platform)
    name = f"localhost/ironhull-check:{os.getpid()}"
    found.load(layout, manifest, [name])
    try:
        yield name
    finally:
        found.remove(name)
