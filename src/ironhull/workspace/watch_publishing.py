"""A rebuilt image into its repository: a tag that never moves, those that do, then the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ironhull.build.built import BuiltImage
from ironhull.definition.model import ImageDefinition
from ironhull.errors import NotFoundError
from ironhull.lock.model import Lock
from ironhull.oci.reference import Reference
from ironhull.registry.client.access import Registries
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.parallel import ask_all
from ironhull.registry.client.places import RegistryTarget, StoredSource
from ironhull.registry.client.transfer import transfer
from ironhull.workspace.machine import Machine
from ironhull.workspace.recording import publisher_of, recording
from ironhull.workspace.registries import registries

_HIDING = (401, 403)


@dataclass(frozen=True, slots=True)
class Given:
    """What a repository was given."""

    repository: str
    tag: str
    """The tag that never moves."""
    moved: bool
    """Whether any tag was not at the image before."""


class Tagged(Protocol):
    """A repository whose tags can be asked for; a registry's `Repository` is one."""

    def has_manifest(self, reference: str) -> str | None:
        """The digest that a tag is at."""
        ...


def repository_of(target: str, definition: ImageDefinition) -> str:
    """Where an image is published below `registry[:port][/prefix]`."""
    return f"{target.rstrip('/')}/{definition.image}"


def give(
    machine: Machine,
    opened: Registries,
    target: str,
    image: BuiltImage,
    definition: ImageDefinition,
    lock: Lock,
) -> Given:
    """Push an image of the store with its statements, and move the tags; what is there stays.

    The tag that never moves is `TAG-DAY.SERIAL` by the lock's day, the first that is free or that
    is at this image already. Errors: those of `publishing.push`.
    """
    place = repository_of(target, definition)
    repository = opened.repository(Reference.parse(place), write=True)
    try:
        tags = set(repository.tags())
    except NotFoundError:
        tags = set()
    digest = image.descriptor.digest
    fixed = _fixed(repository, tags, digest, definition, lock)
    wanted = [fixed, *definition.tags]
    moved = fixed not in tags or any(
        tag not in tags or repository.has_manifest(tag) != digest for tag in definition.tags
    )
    done = recording(RegistryTarget(repository, wanted), publisher_of(machine))
    source = StoredSource(machine.home.store, image.descriptor, f"{definition.image}:{fixed}")
    transfer(source, done, progress=opened.progress, stop=opened.stop)
    return Given(place, fixed, moved)


def _fixed(
    repository: Tagged, tags: set[str], digest: str, definition: ImageDefinition, lock: Lock
) -> str:
    day = lock.created[:10].replace("-", "")
    stem = max(definition.tags, key=len)
    serial = 1
    while True:
        tag = f"{stem}-{day}.{serial}"
        if tag not in tags or repository.has_manifest(tag) == digest:
            return tag
        serial += 1


@dataclass(frozen=True, slots=True)
class Served:
    """What a registry says of images; of those that it refuses to show, why."""

    at: Mapping[str, str]
    """By image: the digest that all its moving tags are at; empty: they are at several, or none."""
    refused: Mapping[str, Refused]
    missing: Mapping[str, Refused]
    """Of those without a tag: what it says to who only reads, for it is not there."""


def served(machine: Machine, places: dict[str, tuple[str, tuple[str, ...]]]) -> Served:
    """Where the moving tags of images are.

    Public registries refuse to show what is not there as they do with what is not to be seen (401
    or 403). Who may push is told: what is refused is asked for once more with that scope, and for
    the list of tags, as before a push. `places` has the repository and the tags of each image.
    NetworkError, and others.
    """
    asked = [(name, place, tag) for name, (place, tags) in places.items() for tag in tags]
    with registries(machine) as opened:
        of = {place: opened.repository(Reference.parse(place)) for place, _ in places.values()}
        heads = [partial(_digest, of[place], tag) for _, place, tag in asked]
        answers = ask_all(heads, opened.stop)
        hidden: dict[str, Refused] = {}
        for (name, _, _), each in zip(asked, answers, strict=True):
            if isinstance(each, Refused):
                hidden.setdefault(name, each)
        listed = [partial(_tags_to_push, opened, places[name][0]) for name in hidden]
        tags = dict(zip(hidden, ask_all(listed, opened.stop), strict=True))
    found: dict[str, set[str]] = {name: set() for name in places}
    for (name, _, _), digest in zip(asked, answers, strict=True):
        found[name].add(digest if isinstance(digest, str) else "")
    missing = {
        name: each
        for name, each in hidden.items()
        if (known := tags[name]) is not None and not known & set(places[name][1])
    }
    return Served(
        {
            name: digests.pop() if len(digests) == 1 else ""
            for name, digests in found.items()
            if name not in hidden or name in missing
        },
        {name: each for name, each in hidden.items() if name not in missing},
        missing,
    )


def _digest(repository: Tagged, tag: str) -> str | Refused | None:
    try:
        return repository.has_manifest(tag)
    except Refused as error:
        if error.status in _HIDING:
            return error
        raise


def _tags_to_push(opened: Registries, place: str) -> set[str] | None:
    """What who may push sees there; None where that is refused too."""
    try:
        return set(opened.repository(Reference.parse(place), write=True).tags())
    except NotFoundError:
        return set()
    except Refused as error:
        if error.status in _HIDING:
            return None
        raise
