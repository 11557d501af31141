"""What a watcher sees of the images that others take files from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ironhull.definition.catalog import CatalogEntry
from ironhull.definition.format import REGISTRY
from ironhull.errors import EnvironmentProblem, IronhullError
from ironhull.registry.client.access import Registries
from ironhull.state.watch_records import ImageState
from ironhull.watch.bases import circles
from ironhull.watch.model import Wanted
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.image_digests import digest_at
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries
from ironhull.workspace.watch_observing import CatalogReader

IMAGE = "image "
"""Begins the subject under which it is said why a followed image was not seen."""
_LONGEST = 300
"""Of a subject: as long as the state keeps it."""


@dataclass(frozen=True, slots=True)
class SeenImages:
    """Followed images as one round sees them, by reference."""

    at: Mapping[str, str]
    """The digest that its tag is at."""
    problems: Mapping[str, str]
    """Why it was not seen."""


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """Which images of the catalog are followed, and who would take files from itself."""

    ours: Mapping[str, str]
    """The image, by the reference that it is followed with."""
    circles: Mapping[str, str]
    """Why, by image."""


def read_bases(
    machine: Machine,
    reader: CatalogReader,
    catalog: Sequence[Wanted],
    only: Collection[Path] | None,
    target: str,
) -> MadeFrom:
    """What the definitions are made from, near and far, also where others than `only` are read.

    `target` is where the catalog is published; what is followed there is of the catalog too.
    """
    ours: dict[str, CatalogEntry] = {}
    while fresh := [each for each in _references(catalog) if each not in ours]:
        found = _entries(machine, fresh, target)
        ours |= found
        if only is None or not (more := {entry.path for entry in found.values()} - {*only}):
            break
        only = {*only, *more}
        catalog, _ = reader.read(only)
    names = {reference: str(entry) for reference, entry in ours.items()}
    said = {
        name: f"it would take files from itself: {way}"
        for name, way in circles(catalog, names).items()
    }
    return MadeFrom(names, said)


def _entries(machine: Machine, references: Sequence[str], target: str) -> dict[str, CatalogEntry]:
    """Those of the catalog, by the reference that they are followed with."""
    definitions = Definitions(machine).catalog
    entries = {entry.path: entry for entry in definitions.all()}
    place = f"{REGISTRY}{target.rstrip('/')}/"
    found: dict[str, CatalogEntry] = {}
    for reference in references:
        known = reference.removeprefix(place) if target else reference
        if known.startswith(REGISTRY):
            continue
        try:
            path = definitions.find(known)
        except IronhullError:
            # Of another catalog: the store may have it.
            continue
        if path in entries:
            found[reference] = entries[path]
    return found


def see_images(
    machine: Machine,
    catalog: Sequence[Wanted],
    ours: Mapping[str, str],
    states: Mapping[str, ImageState],
) -> SeenImages:
    """Where tags of followed images are; images of `ours` are at what was published of them."""
    at: dict[str, str] = {}
    problems: dict[str, str] = {}
    asked: list[str] = []
    for reference in _references(catalog):
        if reference not in ours:
            asked.append(reference)
        elif (state := states.get(ours[reference])) is not None and state.published:
            at[reference] = state.published
    if asked:
        with registries(machine) as opened:
            _ask(machine, asked, opened, at, problems)
    return SeenImages(at, problems)


def _ask(
    machine: Machine,
    references: Sequence[str],
    opened: Registries,
    at: dict[str, str],
    problems: dict[str, str],
) -> None:
    """Ask the store and registries; one that does not answer is not asked a second time."""
    silent: dict[str, EnvironmentProblem] = {}
    for reference in references:
        registry = reference.removeprefix(REGISTRY).partition("/")[0]
        try:
            if registry in silent:
                raise silent[registry]
            at[reference] = digest_at(machine, reference, opened)
        except IronhullError as error:
            if isinstance(error, EnvironmentProblem):
                silent[registry] = error
            problems[reference] = f"{reference}, which files are taken from: {error}"


def subject_of(reference: str) -> str:
    """Under which it is said why a followed image was not seen."""
    return f"{IMAGE}{reference}"[:_LONGEST]


def _references(catalog: Sequence[Wanted]) -> list[str]:
    return sorted({each.reference for wanted in catalog for each in wanted.definition.followed})
