"""Measuring one side of a comparison: inventory, scan, what is attached, what the build left."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce, wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from ironhull.advisories.database import Database
from ironhull.attest.listing import Attachment, ImagePlace, LayoutPlace, attached_to
from ironhull.cli.machine import opened, silent
from ironhull.cli.options import given_platform
from ironhull.cli.scan import IMAGE_OPTIONS, Image, Scanning, inventory_of, run_scan
from ironhull.compare.declared import Declared, declared_in
from ironhull.compare.leaks import Leaks
from ironhull.compare.life import ends_of_life
from ironhull.compare.model import EndOfLife, MeasuredImage, Unknown
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.inventory.known import known_inventory
from ironhull.inventory.model import Inventory
from ironhull.scan.model import ScanResult

_WITHOUT_REFERRERS = {
    "engine": "a container engine keeps no referrers; name the image in its registry",
    "rootfs": "nothing refers to a folder",
}


class Repeatable(click.Command):
    """A command that knows how it was called, for the reports that say how to repeat them."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        given = list(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta["ironhull.command"] = shlex.join(["ironhull", info_name or "", *given])
        return context


def given_command() -> str:
    """The command line of the running Repeatable, quoted for a shell."""
    return str(click.get_current_context().meta["ironhull.command"])


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--platform, --plain-http, --ca, --quiet, given to the command as an Image without a name."""

    @wraps(command)
    def with_target(
        platform: str | None, plain_http: bool, ca: Path | None, quiet: bool, **others: Any
    ) -> Any:
        return command(target=Image("", platform, plain_http, ca, quiet), **others)

    return reduce(lambda wrapped, option: option(wrapped), reversed(IMAGE_OPTIONS), with_target)


@dataclass(frozen=True, slots=True)
class Leaking:
    """Whether traces of the build are looked for, and the image of the build stage if given."""

    wanted: bool = False
    stage: str | None = None


@contextmanager
def opened_database() -> Iterator[Database | Unknown]:
    """The advisory database; Unknown where there is none."""
    try:
        database = Database(silent().home.advisories)
    except InputError as error:
        yield Unknown(str(error))
        return
    with database:
        yield database


def measure(
    images: Sequence[Image],
    database: Database | Unknown,
    chosen: Scanning,
    leaking: Leaking | None = None,
) -> list[MeasuredImage]:
    """A side for each image. The build stage is that of all but the first, the baseline."""
    sides = []
    for number, (image, inventory) in enumerate(zip(images, inventories_of(images), strict=True)):
        leaks = None
        if leaking is not None and leaking.wanted:
            leaks = _leaks(image, inventory, leaking.stage if number else None)
        sides.append(side_of(image, inventory, database, chosen, leaks))
    return sides


def side_of(
    image: Image,
    inventory: Inventory,
    database: Database | Unknown,
    chosen: Scanning,
    leaks: Leaks | None = None,
) -> MeasuredImage:
    """The side of an image whose inventory is at hand."""
    life: tuple[EndOfLife, ...] | Unknown
    life = database if isinstance(database, Unknown) else ends_of_life(inventory, database)
    return MeasuredImage(
        inventory=inventory,
        scan=_scan(image, inventory, database, chosen),
        attached=_attached(image, inventory),
        end_of_life=life,
        leaks=leaks,
    )


def inventories_of(images: Sequence[Image]) -> list[Inventory]:
    """The inventory of each image; those that have to be read are read at the same time.

    Reading is mostly Python's own work, so a process for each. An error is the first image's.
    """
    home = silent().home
    known = [known_inventory(home, image.name, given_platform(image.platform)) for image in images]
    missing = {
        image
        for image, found in zip(images, known, strict=True)
        if found is None and not image.name.endswith(".json")
    }
    # A fork of a process with threads may hang; ours has none until an image is read.
    alone = len(missing) < 2 or threading.active_count() > 1
    if alone or len(os.sched_getaffinity(0)) < 2:
        return [found or inventory_of(image) for image, found in zip(images, known, strict=True)]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    workers = min(len(missing), len(os.sched_getaffinity(0)))
    with ProcessPoolExecutor(workers, get_context("fork"), _as_a_child) as pool:
        futures = {image: pool.submit(inventory_of, image) for image in images if image in missing}
        return [
            found or (futures[image].result() if image in futures else inventory_of(image))
            for image, found in zip(images, known, strict=True)
        ]


def _as_a_child() -> None:
    """Ctrl-C is for the parent, which ends its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _scan(
    image: Image, inventory: Inventory, database: Database | Unknown, chosen: Scanning
) -> ScanResult | Unknown:
    if isinstance(database, Unknown):
        return database
    try:
        return run_scan(image, inventory, database, chosen)
    except InputError as error:
        # No advisories for such an image: everything else of it can still be compared.
        if chosen.vex or chosen.exceptions is not None:
            raise
        return Unknown(str(error))


def _attached(image: Image, inventory: Inventory) -> tuple[Attachment, ...] | Unknown:
    identity = inventory.image
    digests = [each for each in (identity.digest, identity.manifest) if each]
    return _asked(image, inventory, lambda place: attached_to(place, digests))


def declared_about(image: Image, side: MeasuredImage) -> Declared | Unknown:
    """What the image's maker says of it: annotations and provenance."""
    inventory, attached = side.inventory, side.attached
    labels = inventory.config.labels
    listed = () if isinstance(attached, Unknown) else attached
    found = _asked(
        image, inventory, lambda place: declared_in(place, inventory.image, labels, listed)
    )
    if isinstance(found, Unknown) and inventory.layers:
        return Declared(labels, (), (found.reason,))
    return found


_Answer = TypeVar("_Answer")


def _asked(
    image: Image, inventory: Inventory, ask: Callable[[ImagePlace], _Answer]
) -> _Answer | Unknown:
    """The answer of the place where the image is; Unknown where nobody can be asked."""
    identity = inventory.image
    if identity.kind in _WITHOUT_REFERRERS:
        return Unknown(_WITHOUT_REFERRERS[identity.kind])
    if image.name.endswith(".json"):
        return Unknown("a stored inventory lists no referrers")
    try:
        if identity.kind == "store":
            root = identity.digest or identity.manifest
            if root is None:
                raise InputError(f"{identity.name} has no digest")
            return ask(LayoutPlace(silent().home.existing_store, root))
        with _source(image) as source:
            return ask(source)
    except (InputError, EnvironmentProblem) as error:
        return Unknown(str(error))


@contextmanager
def _source(image: Image) -> Iterator[ImagePlace]:
    from ironhull.cli.registry_options import registries
    from ironhull.registry.client.locations import Kind, Location, open_source, parse_location

    location = parse_location(image.name)
    path = Path(image.name)
    if "/" in image.name and path.exists():
        kind = Kind.LAYOUT if path.is_dir() else Kind.ARCHIVE
        location = Location(kind, image.name, path=path)
    with (
        registries(image.plain_http, image.ca, True) as (machine, found),
        open_source(location, found, machine.home.store) as source,
    ):
        yield source


def _leaks(image: Image, inventory: Inventory, wanted: str | None) -> Leaks:
    from ironhull.compare.files import contents_of
    from ironhull.compare.leaks import find_leaks
    from ironhull.workspace.examining import opened_taker

    platform = given_platform(image.platform)
    with (
        opened(image.quiet, plain_http=image.plain_http, ca=image.ca) as machine,
        opened_taker(machine) as taker,
    ):
        contents = contents_of(taker, inventory, platform)
        stage = None
        if wanted is not None:
            other = inventory_of(replace(image, name=wanted))
            stage = contents_of(taker, other, platform)
    return find_leaks(contents, stage)
