"""What changed from one build of an image to the next: measured, compared, and in whose words.

The maintainers' words stand in the newer build's package files: those that the store has, else
those that the archive still has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ironhull.archive.debian import ArchiveContext, load_releases, open_archive
from ironhull.archive.fetch import MirrorSource, default_transfer
from ironhull.archive.interface import Repository
from ironhull.build.origins import read_origins
from ironhull.changes.bases import bases_of, moved_bases
from ironhull.changes.make import changes_of
from ironhull.changes.model import BaseChanges, BuildChanges
from ironhull.changes.reading import Changelogs
from ironhull.compare.compare import compare as compare_images
from ironhull.compare.model import Comparison, MeasuredImage, Unknown
from ironhull.debian.changelog import ChangelogEntry
from ironhull.debian.package import Deb
from ironhull.errors import InputError, IronhullError, NotFoundError
from ironhull.inventory.model import Inventory, Package
from ironhull.oci.document import MAX_DOCUMENT, Document
from ironhull.oci.platform import Platform
from ironhull.publication.chain import Entry
from ironhull.registry.client.naming import find_location
from ironhull.reports.text import one_line
from ironhull.store.changelogs import changelogs_path
from ironhull.workspace.history import HistoryChoices, history
from ironhull.workspace.image_place import image_place
from ironhull.workspace.machine import Machine
from ironhull.workspace.measuring import MeasureChoices, compare
from ironhull.workspace.network import network
from ironhull.workspace.repositories import distributions_own


def changelog(
    machine: Machine, image: str, since: str = "", chosen: MeasureChoices | None = None
) -> BuildChanges:
    """What changed in `image` since an older one; both are what `scanning.scan` takes.

    Without `since` the older one is what its tag stood for before, by the signed record of its
    repository. NotFoundError where that has none; otherwise the errors of `measuring.compare`.
    """
    chosen = chosen or MeasureChoices()
    older = since or previous(machine, image)
    return _with_words(machine, compare(machine, older, [image], chosen))


def changes_between(machine: Machine, older: MeasuredImage, newer: MeasuredImage) -> BuildChanges:
    """The same of two images that are measured already."""
    return _with_words(machine, compare_images([older, newer], datetime.now(UTC)))


def _with_words(machine: Machine, comparison: Comparison) -> BuildChanges:
    older, newer = comparison.sides[0], comparison.sides[1]
    files = _PackageFiles(machine, newer.inventory)
    return changes_of(comparison, files.entries, _bases_moved(machine, older, newer))


def _bases_moved(
    machine: Machine, older: MeasuredImage, newer: MeasuredImage
) -> BaseChanges | Unknown:
    try:
        before, after = (bases_of(_config(machine, each)) for each in (older, newer))
    except IronhullError as error:
        return Unknown(one_line(str(error), 300))
    return moved_bases(before, after)


def _config(machine: Machine, side: MeasuredImage) -> Mapping[str, Any]:
    """The config of an image that was looked into: of the store, else from where it is."""
    identity = side.inventory.image
    if identity.config is None:
        raise NotFoundError(f"{side.name} is {identity.kind} and has no config that could tell")
    with suppress(NotFoundError):
        return Document.parse(machine.home.existing_store.blobs.read(identity.config)).value
    with image_place(machine, side.name) as place:
        root = place.root()
        found = [each for each in root.manifests if each.digest == identity.manifest]
        manifest = place.document(found[0]) if found else root
        if manifest.config.digest != identity.config or manifest.config.size > MAX_DOCUMENT:
            raise NotFoundError(f"the config of {side.name} cannot be read")
        return Document.parse(place.read(manifest.config)).value


def previous(machine: Machine, image: str) -> str:
    """What the tag of a registry's image stood for before: a reference by digest.

    NotFoundError where the repository's record says of no other image under this tag.
    """
    location = find_location(image)
    reference = location.reference
    if reference is None:
        raise NotFoundError(
            f"{image} is in no registry, so no record says what came before it: name the older"
            " image with --since"
        )
    if not location.explicit:
        raise InputError(f"{image} has no tag: which image of the repository is meant?")
    entries = history(machine, image, HistoryChoices()).shown
    older = _older(entries)
    if older is None:
        raise NotFoundError(f"the record of {image} says of no image before it: nothing changed")
    return f"{reference.registry}/{reference.repository}@{older}"


def _older(entries: tuple[Entry, ...]) -> str | None:
    images = [each.record.publication.image for each in entries]
    return next((each for each in reversed(images) if each != images[-1]), None)


_READ = Changelogs()
"""Of this process: a worker of a watcher makes many images after another."""


class _PackageFiles:
    """The .deb files of an image's packages, got when they are wanted."""

    def __init__(self, machine: Machine, inventory: Inventory) -> None:
        self._machine, self._inventory = machine, inventory
        manifest = inventory.image.manifest
        origins = read_origins(machine.home, manifest) if manifest else None
        self._locked: dict[tuple[str, str], Deb] = {
            (deb.name, deb.version): deb for deb in (origins.packages if origins else ())
        }
        self._find: Callable[[str, str], Deb | None] | None = None
        self._repositories: list[Repository] | None = None

    def entries(self, package: Package, since: str) -> tuple[tuple[ChangelogEntry, ...], str]:
        """As `changes.make.Entries`: errors become the reason why there are none."""
        try:
            deb = self._deb(package)
            store = self._machine.home.packages
            if not store.has(deb.sha256, deb.size):
                self._fetch(deb)
            what = f"{deb.name} {deb.version} ({deb.architecture})"
            kept = changelogs_path(store, deb.sha256)
            return _READ.read(store.path(deb.sha256), what, since, kept), ""
        except IronhullError as error:
            return (), one_line(str(error), 300)

    def _deb(self, package: Package) -> Deb:
        found = self._locked.get((package.name, package.version))
        if found is None:
            found = self._in_archive(package)
        if found is None:
            raise NotFoundError(f"the archive does not have {package.name} {package.version}")
        return found

    def _in_archive(self, package: Package) -> Deb | None:
        if self._find is None:
            self._find = self._opened()
        return self._find(package.name, package.version)

    def _opened(self) -> Callable[[str, str], Deb | None]:
        context = ArchiveContext(
            cache=self._machine.home.archive,
            progress=self._machine.progress,
            offline=self._machine.settings.offline,
            transfer=partial(default_transfer, network=network(self._machine)),
        )
        releases = load_releases(self._own(), context)
        platform = self._inventory.image.platform or Platform("linux", "amd64")
        archive = open_archive(releases, platform.debian, context)

        def find(name: str, version: str) -> Deb | None:
            return next((one for one in archive.versions(name) if one.version == version), None)

        return find

    def _own(self) -> list[Repository]:
        if self._repositories is None:
            label = self._inventory.distribution.label
            if self._inventory.distribution.id != "debian":
                raise InputError(f"of {label or 'an unknown distribution'} no archive is known")
            self._repositories = distributions_own(self._machine.settings, label)
        return self._repositories

    def _fetch(self, deb: Deb) -> None:
        source = MirrorSource(
            self._own(),
            self._machine.home.packages,
            offline=self._machine.settings.offline,
            transfer=partial(default_transfer, network=network(self._machine)),
        )
        source.fetch([deb], self._machine.progress)
