"""Images between the own store, registries, layouts and archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ironhull.errors import InputError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.platform import Platform
from ironhull.oci.reference import Reference
from ironhull.publication.log_tag import LOG_TAG
from ironhull.registry.client.access import Registries
from ironhull.registry.client.interface import Target
from ironhull.registry.client.locations import (
    open_source,
    open_target,
    registry_source,
    source_name,
    target_tags,
)
from ironhull.registry.client.naming import Kind, Location, find_stored, has_tag, parse_location
from ironhull.registry.client.places import LayoutTarget, RegistryTarget, StoredSource
from ironhull.registry.client.read_back import ReadBack, read_back
from ironhull.registry.client.transfer import Transferred, transfer
from ironhull.registry.client.tree import Node, image_tree
from ironhull.store.layout import REF_NAME, ImageLayout
from ironhull.values import dataclass
from ironhull.workspace.image_place import image_place
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries


@dataclass(frozen=True, slots=True)
class Published:
    """One image that was brought to one place."""

    name: str
    """What it was called where it came from."""
    target: str
    done: Transferred
    record: int | None = None
    """Number of the newest record of its repository; None where none was written."""
    check: ReadBack | None = None
    """What the registry had of it afterwards; None where nobody asked."""


def push(
    machine: Machine,
    name: str,
    targets: Sequence[str],
    *,
    all_tags: bool = False,
    with_referrers: bool = True,
    mount_from: str | None = None,
    platforms: Sequence[Platform] = (),
    record: bool = True,
    vex_set: str | Path | None = None,
    check: bool = False,
    published: Callable[[Published], object] = lambda one: None,
) -> list[Published]:
    """Push an image of the store to `REGISTRY/REPOSITORY[:TAG]`: blobs, manifests, referrers, tag.

    A target without a tag gets the image's own; `all_tags` pushes every tag of the name's
    repository. `mount_from` is a repository there that has the layers already; `platforms` are
    those of the image to push, none: all. Where a key signs, the publication is recorded, unless
    `record` says no (`publication.writing`); it names the published VEX in `vex_set`, a folder
    or a reference.
    With `check` everything is asked for again as other clients do, and compared: see `read_back`.
    `published` is called with each as it is done.
    Errors: InputError, NotFoundError, NetworkError; LogRefusedError for a record that forks.
    """
    locations = [_target(text, all_tags) for text in targets]
    store, recording = machine.home.store, _recorder(machine, record, vex_set)
    images = _all_tags(store, name) if all_tags else [(name, find_stored(store, name))]
    results = []
    with registries(machine) as opened:
        for label, descriptor in images:
            source = StoredSource(store, descriptor, label)
            for registry in _targets(opened, locations, label, mount_from):
                target = recording(registry)
                done = transfer(
                    source,
                    target,
                    platforms=platforms,
                    with_referrers=with_referrers,
                    progress=opened.progress,
                    stop=opened.stop,
                )
                there = None
                if check:
                    there = read_back(
                        source,
                        registry,
                        platforms=platforms,
                        with_referrers=with_referrers,
                        stop=opened.stop,
                    )
                results.append(Published(label, target.label, done, _number(target), there))
                published(results[-1])
    return results


def _recorder(
    machine: Machine, record: bool, vex_set: str | Path | None = None
) -> Callable[[Target], Target]:
    """What lets a target record what is published there, if it is to be and somebody signs here.

    What writes records loads keys and signatures, which takes as long as many a copy.
    """
    if not (record and machine.signs):
        return _unrecorded
    from ironhull.workspace.recording import publisher_of, recording

    return partial(recording, publisher=publisher_of(machine, vex_set))


def _unrecorded(target: Target) -> Target:
    if isinstance(target, RegistryTarget) and LOG_TAG in target.tags:
        # A record that is copied is still looked at: see `_recorder` for why only now.
        from ironhull.workspace.recording import recording

        return recording(target, None)
    return target


def _number(target: Target) -> int | None:
    """The number of the newest record, where the target is one of `recording`."""
    recorded = getattr(target, "recorded", None)
    return None if recorded is None else recorded.number


def _target(text: str, all_tags: bool) -> Location:
    location = parse_location(text)
    if location.kind is not Kind.REGISTRY:
        raise InputError(
            f"{text!r} is not in a registry: write its host too, as in localhost:5000/{text} "
            "(for layouts and archives: ironhull copy)"
        )
    if all_tags and has_tag(text):
        raise InputError(f"{text!r}: with --all-tags the targets have no tag of their own")
    return location


def _targets(
    opened: Registries, locations: Sequence[Location], label: str, mount_from: str | None
) -> Iterator[RegistryTarget]:
    """Each target; what went to one repository is mounted in the next of the same registry."""
    went: dict[str, str] = {}
    for location in locations:
        reference = location.reference
        if reference is None:
            continue
        other = mount_from or went.get(reference.registry)
        repository = opened.repository(reference, write=True)
        yield RegistryTarget(repository, target_tags(location, label), other)
        went.setdefault(reference.registry, reference.repository)


def _all_tags(store: ImageLayout, name: str) -> list[tuple[str, Descriptor]]:
    """Every name in the store with the same repository."""
    repository = name.rpartition(":")[0] if has_tag(name) else name
    found: list[tuple[str, Descriptor]] = []
    for descriptor in store.descriptors():
        stored = descriptor.annotations.get(REF_NAME, "")
        if stored.rpartition(":")[0] == repository:
            found.append((stored, descriptor))
    if not found:
        raise NotFoundError(f"the store has no tag of {repository!r} (see: ironhull images)")
    return found


def pull(
    machine: Machine,
    reference: str,
    *,
    platforms: Sequence[Platform] = (),
    with_referrers: bool = False,
) -> Published:
    """Bring an image from a registry into the store, under its full name.

    All platforms unless some are named; what the store has is not fetched again.
    """
    wanted = Reference.parse(reference)
    with registries(machine) as opened:
        done = transfer(
            registry_source(wanted, opened, machine.home.store.blobs),
            LayoutTarget(machine.home.store, [str(wanted)], "store"),
            platforms=platforms,
            with_referrers=with_referrers,
            progress=opened.progress,
            stop=opened.stop,
        )
    return Published(str(wanted), "store", done)


def copy(
    machine: Machine,
    source: str,
    target: str,
    *,
    platforms: Sequence[Platform] = (),
    with_referrers: bool = True,
    record: bool = True,
) -> Published:
    """Copy an image with all that refers to it between any two places that can be written as text.

    Between registries also what cosign's older form keeps under tags (`registry.client.tagged`).
    A registry's reference, `oci:DIR[:NAME]`, an archive's file, or a name of the own store. To a
    registry it is recorded as by `push`.
    """
    here, there = parse_location(source), parse_location(target)
    store = machine.home.store
    recorded = record and there.kind is Kind.REGISTRY
    recording = _recorder(machine, recorded)
    with registries(machine) as opened, open_source(here, opened, store) as origin:
        name = source_name(here, origin)
        with open_target(there, opened, store, name) as place:
            destination = recording(place)
            done = transfer(
                origin,
                destination,
                platforms=platforms,
                with_referrers=with_referrers,
                progress=opened.progress,
                stop=opened.stop,
            )
        return Published(origin.label, destination.label, done, _number(destination))


def tags(machine: Machine, reference: str) -> tuple[str, list[str]]:
    """The full name of a repository, and its tags; a tag in `reference` is not looked at."""
    with registries(machine) as opened:
        repository = opened.repository(Reference.parse(reference))
        return str(repository), repository.tags()


def tree(machine: Machine, reference: str) -> tuple[str, Node]:
    """Where an image is, and its manifests, config, layers and referrers.

    `reference` is any place that `copy` reads; a short name is looked for in the store first, then
    on Docker Hub.
    """
    with image_place(machine, reference) as source:
        return source.label, image_tree(source)
