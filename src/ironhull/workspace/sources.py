"""The source packages of an image: what its licences ask to be given along.

1. The image says from which versions of which source packages its Debian packages were built, and
   what else they have in them (Built-Using). 2. The signed Sources indexes of its suites say which
   files these are; where a mirror has newer ones only, those of the `snapshot` setting at the
   image's time. 3. The files are fetched into the package store, where a second run finds them.
   4. One tar is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import BinaryIO

from ironhull.archive.fetch import MirrorSource, Snapshot, Wording, default_transfer
from ironhull.archive.interface import Repository
from ironhull.archive.releases import ArchiveContext, load_releases
from ironhull.archive.source_tar import write_sources
from ironhull.archive.sources import SourceFile, SourceStanza, open_sources
from ironhull.build.built import built_image
from ironhull.errors import InputError, IronhullError, NotFoundError
from ironhull.inventory.model import Inventory
from ironhull.oci.digest import hex_of
from ironhull.oci.platform import Platform
from ironhull.sbom.identity import created
from ironhull.sbom.sources import built_using
from ironhull.workspace.addressed import Addressed
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.examining import inventory as take_inventory
from ironhull.workspace.fetching import LazyDownload
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network
from ironhull.workspace.repositories import distributions_own, repositories_of

Key = tuple[str, str]
"""Name and version of a source package."""


_NEWER = (
    "Set `snapshot` to the address of an archive that keeps all, or build the image anew (ironhull"
    " build --update)."
)
_WORDING = Wording("source file", "sources", _NEWER, 10_000)


@dataclass(frozen=True, slots=True)
class ImageSources:
    """The source packages of an image, all of whose files are in the package store."""

    image: str
    created: str
    packages: tuple[SourceStanza, ...]
    """By name and version."""
    binaries: Mapping[Key, Sequence[str]]
    """What of the image was built from each: `name version architecture`."""
    others: int
    """Packages of the image that are not Debian's: whose sources are not here."""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """All files, in the order of their packages."""
        return tuple(file for package in self.packages for file in package.files)


def fetch_sources(machine: Machine, image: str, platform: Platform | None = None) -> ImageSources:
    """Find and fetch all source packages of an image in any place.

    NotFoundError names every one that the archive does not have, together; InputError for an image
    without Debian packages. Errors besides: those of `Taker.take`, of release files, of fetching.
    """
    inventory = take_inventory(machine, image, platform)
    wanted = _wanted(inventory)
    if not wanted:
        raise InputError(f"{image} has no Debian packages: of others no sources are known")
    repositories = _repositories(machine, inventory)
    packages, lacking = _found(machine, repositories, sorted(wanted), created(inventory))
    if lacking:
        raise _lacking(image, lacking, wanted, bool(machine.settings.snapshot))
    files = [file for package in packages for file in package.files]
    template = machine.settings.snapshot
    source = MirrorSource(
        repositories,
        machine.home.packages,
        snapshot=Snapshot(template, created(inventory)) if template else None,
        offline=machine.settings.offline,
        transfer=partial(default_transfer, network=network(machine)),
        wording=_WORDING,
    )
    source.fetch(files, machine.progress)
    others = sum(package.type != "deb" for package in inventory.packages)
    return ImageSources(image, created(inventory), tuple(packages), wanted, others)


def write_archive(machine: Machine, sources: ImageSources, file: BinaryIO) -> int:
    """Write all of it as one tar, the same for the same image; its size in bytes."""
    mtime = max(0, int(datetime.fromisoformat(sources.created).timestamp()))
    total = sum(one.size for one in sources.files)
    advance = machine.progress.start("writing sources", total, "bytes")

    def write(data: bytes) -> None:
        file.write(data)
        advance(len(data))

    store = machine.home.packages
    return write_sources(sources.packages, sources.binaries, mtime, store, write)


def _wanted(inventory: Inventory) -> dict[Key, list[str]]:
    wanted: dict[Key, list[str]] = {}
    for package in inventory.packages:
        if package.type != "deb":
            continue
        binary = f"{package.name} {package.version} {package.architecture}"
        for key in [(package.source, package.source_version), *built_using(package)]:
            wanted.setdefault(key, []).append(binary)
    return wanted


def _repositories(machine: Machine, inventory: Inventory) -> Sequence[Repository]:
    """Those of the definition, for an image that was built here; else the distribution's."""
    settings, digest = machine.settings, inventory.image.digest
    known = built_image(machine.home, hex_of(digest)) if digest else None
    if known is not None:
        try:
            definition, _ = Definitions(machine).definition(known.definition)
        except IronhullError as error:
            machine.progress.note(f"note: {known.definition} is not looked at: {error}")
        else:
            download = LazyDownload(machine)
            addressed = Addressed(machine.home.packages, download, settings.offline)
            return repositories_of(settings, definition, addressed.key)
    return distributions_own(settings, inventory.distribution.label)


def _found(
    machine: Machine, repositories: Sequence[Repository], wanted: Sequence[Key], moment: str
) -> tuple[list[SourceStanza], list[Key]]:
    """What the archive has of the wanted, and what it lacks."""
    context = ArchiveContext(
        machine.home.archive,
        progress=machine.progress,
        offline=machine.settings.offline,
        transfer=partial(default_transfer, network=network(machine)),
    )
    archive = open_sources(load_releases(repositories, context), context)
    found = {key: archive.find(*key) for key in wanted}
    template = machine.settings.snapshot
    if template and not all(found.values()):
        snapshot = Snapshot(template, moment)
        then = [replace(one, uri=snapshot.root(one.name)) for one in repositories if not one.place]
        # Old on purpose, and kept apart: the release files of today stay what offline builds use.
        context = replace(context, cache=context.cache / "snapshot", allow_expired=True)
        archive = open_sources(load_releases(then, context), context)
        found |= {key: archive.find(*key) for key in wanted if found[key] is None}
    packages = [stanza for stanza in found.values() if stanza is not None]
    return packages, [key for key in wanted if found[key] is None]


def _lacking(
    image: str, lacking: Sequence[Key], wanted: Mapping[Key, Sequence[str]], snapshot: bool
) -> NotFoundError:
    lines = []
    for key in lacking:
        binaries = ", ".join(binary.split()[0] for binary in wanted[key])
        lines.append(f"  {key[0]} {key[1]} (of {binaries})")
    remedy = (
        "The snapshot does not have them either: is its address that of the image's archive?"
        if snapshot
        else f"A mirror keeps only the sources of current versions. {_NEWER}"
    )
    count = f"{len(lacking)} source package" + ("s" if len(lacking) > 1 else "")
    listed = "\n".join(lines)
    return NotFoundError(f"the archive does not have {count} of {image}:\n{listed}\n{remedy}")
