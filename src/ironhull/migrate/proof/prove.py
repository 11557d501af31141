"""The proof: build both, look into the new one, run both, ask them the same, stop them.

1. Bases: real ones or ours. 2. Both Dockerfiles are built. 3. The new image's files are checked.
4. Both are run: the old one as it always was, the new one read-only and without capabilities.
5. What they said is judged. Whatever is made is first noted as to be undone, so that an interrupt
at any moment leaves no container and no image.
"""

from __future__ import annotations

import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from ironhull.build.check_result import CheckResult
from ironhull.compare.model import Comparison
from ironhull.engine.bases import Bases, Missing, StandIn, substitutes
from ironhull.engine.host import HostSettings
from ironhull.engine.interface import BuildRequest, Engine, RunOptions
from ironhull.errors import EngineError, InputError, IronhullError
from ironhull.inventory.model import ImageConfig, Inventory
from ironhull.migrate.proof.judge import checks, commands, configurations, services
from ironhull.migrate.proof.model import Aspect, Proof, Request, Service, Side, Verdict
from ironhull.migrate.proof.requests import requests_for, tcp_ports
from ironhull.migrate.proof.trial import Way, ended, hardened_way, served
from ironhull.progress import Progress
from ironhull.store.layout import ImageLayout

REPOSITORY = "localhost/ironhull-proof/application"
SETTINGS = {
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
    # npm notes in node_modules where each package came from: a mirror's name is not for images.
    "npm_config_omit_lockfile_registry_resolved": "true",
}
"""Variables of RUN steps."""

# A base with a variable in its name is not looked into.
_MAY_EXPOSE = re.compile(rb"^[ \t]*(EXPOSE\b|FROM\b[^\n]*\$)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Version:
    """One of the two Dockerfiles."""

    name: str
    """before or after."""
    dockerfile: bytes
    target: str | None
    bases: tuple[str, ...]
    """Every image that its FROM and COPY --from name."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What to ask both images."""

    requests: tuple[Request, ...] = ()
    """Empty: `/` of what is exposed, and what the health check asks for."""
    commands: tuple[tuple[str, ...], ...] = ()
    """Arguments to run the images with."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that both get."""
    ports: Mapping[int, int] = field(default_factory=dict)
    """A port of the old image → the same of the new one."""
    init: bool = False
    """The new image is to be run with an init."""
    shell: bool = False
    """The new image may have a shell."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a proof works with."""

    engine: Engine
    store: ImageLayout
    context: Path
    host: HostSettings
    inventory: Callable[[str], Inventory]
    """Of an image by its name in the engine."""
    closure: Callable[[Inventory, bool], tuple[CheckResult, ...]]
    """The static checks of an image; the second says whether it may have a shell."""
    missing: Missing
    stand_in: StandIn
    progress: Progress
    compared: Callable[[Sequence[Inventory]], Comparison]
    """Images side by side."""
    undisturbed: Callable[[], AbstractContextManager[None]] = nullcontext
    """Keeps further interrupts from the cleaning up."""
    suffix: str = field(default_factory=lambda: secrets.token_hex(4))


def prove(place: Workplace, before: Version, after: Version, asked: Questions) -> Proof:
    """Do all of it. EngineError if the old Dockerfile cannot be built: nothing can be proved.

    InputError for a request without a port where it is seen before that nothing exposes one.
    """
    began = time.monotonic()
    advance = place.progress.start("proof", 4, "steps")
    with _undone(place) as made:
        naming = ("ironhull-proof", place.suffix)
        bases = Bases(place.engine, place.store, made, naming, place.progress)
        _must_have_a_port(place, (before, after), bases, asked.requests)
        old = _build(place, made, before, bases)
        advance(1)
        try:
            new = _build(place, made, after, bases)
        except EngineError as error:
            failed = Aspect("build", "build", Verdict.UNEXPECTED, "built", "failed", str(error))
            return _proof(place, [old], (), [failed], began)
        advance(1)
        inventories = [place.inventory(side.image) for side in (old, new)]
        closure = place.closure(inventories[1], asked.shell)
        advance(1)
        aspects = [*_aspects(place, (old, new), inventories, closure, asked)]
        advance(1)
        compared = place.compared(inventories)
    return replace(_proof(place, [old, new], closure, aspects, began), comparison=compared)


def _proof(
    place: Workplace,
    sides: Sequence[Side],
    closure: tuple[CheckResult, ...],
    aspects: Sequence[Aspect],
    began: float,
) -> Proof:
    engine = f"{place.engine.name} {place.engine.version()}"
    return Proof(engine, tuple(sides), closure, tuple(aspects), time.monotonic() - began)


@contextmanager
def _undone(place: Workplace) -> Iterator[ExitStack]:
    """A stack of what is to be undone; what cannot be is said and does not hide another error."""
    made = ExitStack()
    try:
        yield made
    finally:
        try:
            with place.undisturbed():
                made.close()
        except IronhullError as error:
            place.progress.note(f"warning: something could not be cleaned up: {error}")


def _build(place: Workplace, made: ExitStack, version: Version, bases: Bases) -> Side:
    found = bases.found(version.bases, place.missing, place.stand_in)
    for base in found:
        place.progress.note(f"FROM {base.wanted} is {base.words}")
    image = f"{REPOSITORY}:{version.name}-{place.suffix}"
    place.progress.note(f"building the Dockerfile {version.name} the migration")
    made.callback(place.engine.remove, image)
    with tempfile.TemporaryDirectory(prefix="ironhull-proof-") as folder:
        dockerfile = Path(folder) / "Dockerfile"
        dockerfile.write_bytes(version.dockerfile)
        built = place.engine.build(
            BuildRequest(
                dockerfile=dockerfile,
                context=place.context,
                tag=image,
                target=version.target,
                bases=substitutes(found),
                files=place.host.mounts,
                environment={**place.host.environment, **SETTINGS},
                # The host's settings may name what only the host reaches: a proxy on its loopback.
                network="host",
                keep_steps=False,
            )
        )
    return Side(version.name, image, built.seconds, found, built.notes)


def _aspects(
    place: Workplace,
    sides: tuple[Side, Side],
    inventories: Sequence[Inventory],
    closure: tuple[CheckResult, ...],
    asked: Questions,
) -> Iterator[Aspect]:
    old, new = (one.config for one in inventories)
    ports = _ports(asked, tcp_ports(old), tcp_ports(new))
    own = [_own(place, side, one.config) for side, one in zip(sides, inventories, strict=True)]
    yield from configurations(own[0], own[1], ports)
    yield from checks(closure)
    plain = RunOptions(environment=asked.environment)
    ways = Way(plain), hardened_way(plain, ports, init=asked.init)
    if asked.commands:
        yield from _commands(place, sides, ways, asked.commands)
    requests = _numbered(requests_for(asked.requests, old), tcp_ports(old) or tcp_ports(new))
    if any(not one.port for one in requests):
        reason = "no port is exposed: name it, as in --request :8080/"
        yield Aspect("answer", "requests", Verdict.NOT_TESTED, reason=reason)
    elif requests:
        yield from _services(place, sides, inventories, ways, requests)
    elif not asked.commands:
        yield from _commands(place, sides, ways, [()])


def _must_have_a_port(
    place: Workplace, versions: Sequence[Version], bases: Bases, requests: Sequence[Request]
) -> None:
    """InputError if a request needs a port and neither the Dockerfiles nor their bases say one."""
    nameless = next((one for one in requests if not one.port), None)
    if nameless is None or any(_MAY_EXPOSE.search(one.dockerfile) for one in versions):
        return
    for version in versions:
        for base in bases.found(version.bases, place.missing, place.stand_in):
            said = place.engine.inspect(base.image)
            if said.get("ExposedPorts") or said.get("OnBuild"):
                return
    raise InputError(
        f"--request {nameless.path}: nothing exposes a port: name it, as in "
        f"--request '{nameless.method} :8080{nameless.path}'"
    )


def _own(place: Workplace, side: Side, config: ImageConfig) -> ImageConfig:
    """The configuration without the environment and the labels that base images have."""
    environment: set[str] = set()
    labels: dict[str, str] = {}
    for base in side.bases:
        said = place.engine.inspect(base.image)
        environment |= set(said.get("Env") or ())
        labels |= said.get("Labels") or {}
    env = tuple(line for line in config.env if line not in environment)
    left = {key: value for key, value in config.labels.items() if labels.get(key) != value}
    return replace(config, env=env, labels=left)


def _ports(asked: Questions, old: Sequence[int], new: Sequence[int]) -> dict[int, int]:
    """Where the new image listens in place of each port of the old one."""
    if asked.ports:
        return dict(asked.ports)
    if len(old) == len(new) == 1 and old != new:
        return {old[0]: new[0]}
    return {}


def _numbered(requests: Sequence[Request], ports: Sequence[int]) -> tuple[Request, ...]:
    """Requests that name no port get the lowest exposed one, if there is one."""
    first = ports[0] if ports else 0
    return tuple(
        one if one.port else Request(one.method, one.path, one.body, first) for one in requests
    )


def _services(
    place: Workplace,
    sides: tuple[Side, Side],
    inventories: Sequence[Inventory],
    ways: tuple[Way, Way],
    requests: Sequence[Request],
) -> Iterator[Aspect]:
    def run(number: int) -> Service:
        place.progress.note(f"running the image {sides[number].name} the migration")
        config = inventories[number].config
        return served(place.engine, sides[number].image, ways[number], config, requests)

    try:
        before = run(0)
    except EngineError as error:
        yield Aspect("start", "start", Verdict.NOT_TESTED, "failed", reason=f"before: {error}")
        return
    try:
        after = run(1)
    except EngineError as error:
        yield Aspect("start", "start", Verdict.UNEXPECTED, "answers", "failed", str(error))
        return
    # Clocks, counters, random numbers: an answer that changes by itself proves nothing.
    again = run(0) if before.answers != after.answers else None
    yield from services(requests, before, after, again)


def _commands(
    place: Workplace,
    sides: tuple[Side, Side],
    ways: tuple[Way, Way],
    wanted: Sequence[tuple[str, ...]],
) -> Iterator[Aspect]:
    results = [
        [ended(place.engine, side.image, way, command) for command in wanted]
        for side, way in zip(sides, ways, strict=True)
    ]
    yield from commands(*results)
