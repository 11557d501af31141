"""The case study with an engine: build, start, ask, attack, stop; nothing is left behind.

1. Bases: real or stand-ins. 2. Each Dockerfile is built. 3. Each image: inventory, then each way
to run it. Whatever is made is first noted as to be undone, so that an
interrupt at any moment leaves no container and no image.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from ironhull.demo.ask import answers
from ironhull.demo.attack import attack
from ironhull.demo.cases import CASES, NPM, OWN, PORT, STAND_INS, Case
from ironhull.demo.model import Application, CaseStudy, Trial, figures
from ironhull.engine.bases import Base, Bases, Missing, substitutes
from ironhull.engine.host import HostSettings
from ironhull.engine.interface import HARDENED, BuildRequest, BuildResult, Engine, RunOptions
from ironhull.errors import InputError, IronhullError
from ironhull.inventory.model import Inventory
from ironhull.progress import Progress
from ironhull.store.layout import ImageLayout

REPOSITORY = "localhost/ironhull-demo/node-app"


@dataclass(frozen=True, slots=True)
class Workplace:
    """What the case study works with."""

    engine: Engine
    store: ImageLayout
    """Holds the images of `cases.IMAGES`."""
    application: Path
    """The folder with the Dockerfiles."""
    host: HostSettings
    inventory: Callable[[str], Inventory]
    """Of an image by its name in the engine."""
    missing: Missing
    progress: Progress
    keep: bool = False
    """Leave the applications' images in the engine, under `REPOSITORY`."""
    undisturbed: Callable[[], AbstractContextManager[None]] = nullcontext
    """Keeps further interrupts from the cleaning up."""
    suffix: str = field(default_factory=lambda: secrets.token_hex(4))


def study(place: Workplace) -> CaseStudy:
    """Do all of it. EngineError if a build, a start or a request fails."""
    for case in CASES:
        if not (place.application / case.dockerfile).is_file():
            raise InputError(f"{place.application} has no {case.dockerfile}")
    advance = place.progress.start("case study", 1 + 2 * len(CASES), "steps")
    with _undone(place) as made:
        naming = ("ironhull-demo", place.suffix)
        bases = Bases(place.engine, place.store, made, naming, place.progress)
        named, own = bases.found(STAND_INS, place.missing, STAND_INS.__getitem__), bases.own(OWN)
        for base in named:
            place.progress.note(f"FROM {base.wanted} is {base.words}")
        advance(1)
        done = []
        for case in CASES:
            image, built = _build(place, made, case, own if case.own else named)
            advance(1)
            done.append(_application(place, case, image, built))
            advance(1)
    return CaseStudy(place.engine.name, place.engine.version(), (*named, *own), tuple(done))


@contextmanager
def _undone(place: Workplace) -> Iterator[ExitStack]:
    """A stack of what is to be undone; what cannot be is said and does not hide another error."""
    made = ExitStack()
    try:
        yield made
    finally:
        place.progress.note("removing what was made")
        try:
            with place.undisturbed():
                made.close()
        except IronhullError as error:
            place.progress.note(f"warning: something could not be cleaned up: {error}")


def _build(
    place: Workplace, made: ExitStack, case: Case, bases: tuple[Base, ...]
) -> tuple[str, BuildResult]:
    image = f"{REPOSITORY}:{case.name}" + ("" if place.keep else f"-{place.suffix}")
    place.progress.note(f"building {case.dockerfile}")
    if not place.keep:
        made.callback(place.engine.remove, image)
    built = place.engine.build(
        BuildRequest(
            dockerfile=place.application / case.dockerfile,
            context=place.application,
            tag=image,
            bases=substitutes(bases),
            files=place.host.mounts,
            environment={**place.host.environment, **NPM},
            # The host's settings may name what only the host reaches: a proxy on its loopback.
            network="host",
            keep_steps=False,
        )
    )
    return image, built


def _application(place: Workplace, case: Case, image: str, built: BuildResult) -> Application:
    place.progress.note(f"looking into {case.name}")
    found = figures(place.inventory(image))
    place.progress.note(f"running and attacking {case.name}")
    plain = RunOptions()
    ways = [replace(HARDENED, user=found.user or None), plain] if case.locked else [plain]
    return Application(
        name=case.name,
        dockerfile=case.dockerfile,
        image=image,
        build_seconds=built.seconds,
        notes=built.notes,
        figures=found,
        trials=tuple(_trial(place, image, way) for way in ways),
    )


def _trial(place: Workplace, image: str, way: RunOptions) -> Trial:
    options = replace(way, publish=(f"127.0.0.1::{PORT.partition('/')[0]}",))
    with place.engine.start(image, options) as container:
        got = answers(container)
        tried = attack(container)
        ended = container.stop()
    return Trial(_flags(way), got, tried, ended.seconds, ended.exit_code, ended.killed)


def _flags(options: RunOptions) -> tuple[str, ...]:
    """The options as one types them."""
    words = ["--read-only"] if options.read_only else []
    words += [f"--tmpfs {path}" for path in options.tmpfs]
    words += [f"--cap-drop={name}" for name in options.cap_drop]
    words += [f"--security-opt={name}" for name in options.security_opt]
    words += [f"--user {options.user}"] if options.user else []
    return tuple(words)
