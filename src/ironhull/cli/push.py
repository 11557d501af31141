"""`ironhull push`: an image of the own store to one or more repositories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ironhull.cli.output import as_json, print_json
from ironhull.cli.registry_options import registries, registry_options, report, summary
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.registry.client.access import Registries
from ironhull.registry.client.locations import (
    Kind,
    Location,
    find_stored,
    has_tag,
    parse_location,
    target_tags,
)
from ironhull.registry.client.places import RegistryTarget, StoredSource
from ironhull.registry.client.transfer import transfer
from ironhull.store.layout import REF_NAME, ImageLayout


@click.command(short_help="Push an image of the store to registries.")
@click.argument("name", metavar="NAME:TAG")
@click.argument("targets", metavar="REGISTRY/REPOSITORY[:TAG]...", nargs=-1, required=True)
@click.option("--all-tags", is_flag=True, help="Every tag of NAME that the store has.")
@click.option("--no-referrers", is_flag=True, help="Leave out SBOMs, signatures, attestations.")
@click.option("--mount-from", metavar="REPOSITORY", help="A repository there that has the layers.")
@registry_options
@as_json
def push(
    name: str,
    targets: tuple[str, ...],
    all_tags: bool,
    no_referrers: bool,
    mount_from: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Push an image of the store: blobs, manifests, referrers, and the tag last.

    A target without a tag gets the image's own. What the registry has is not sent again.

    Example: ironhull push node:20 localhost:5000/node localhost:5000/base/node:20-slim
    """
    locations = [_target(text, all_tags) for text in targets]
    results = []
    with registries(plain_http, ca, quiet or as_json) as (machine, opened):
        store = machine.home.store
        images = _all_tags(store, name) if all_tags else [(name, find_stored(store, name))]
        for label, descriptor in images:
            source = StoredSource(store, descriptor, label)
            for target in _targets(opened, locations, label, mount_from):
                done = transfer(
                    source,
                    target,
                    with_referrers=not no_referrers,
                    progress=opened.progress,
                    stop=opened.stop,
                )
                results.append({"name": label, "target": target.label, **report(done)})
                if not as_json:
                    click.echo(f"{target.label}: {summary(done)}")
    if as_json:
        print_json(results)


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
        stored: Any = descriptor.annotations.get(REF_NAME, "")
        if stored.rpartition(":")[0] == repository:
            found.append((stored, descriptor))
    if not found:
        raise NotFoundError(f"the store has no tag of {repository!r} (see: ironhull images)")
    return found
