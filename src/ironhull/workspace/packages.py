"""Patched source packages: locked, built twice, and published in this machine's own archive.

1. the source package, found in the signed Sources indexes of the distribution's suites, or as the
   lock has it; its files fetched by digest, and the .dsc held against them
2. the binary packages, built in the sandbox from locked packages, and once more for the same bytes
3. what is said of them: VEX, OSV, a bill of materials, provenance (signed, where there is a key)
4. the archive: packages, indexes, InRelease signed by the home's OpenPGP key
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import zstandard

from ironhull.archive.debian import open_archive
from ironhull.archive.fetch import MirrorSource, Snapshot, Wording, default_transfer
from ironhull.archive.releases import ArchiveContext, load_releases
from ironhull.archive.sources import open_sources
from ironhull.attest.statement import Subject, render_statement
from ironhull.build.compression import Compression
from ironhull.build.record import MadeLayer
from ironhull.build.stage_layer import stage_layers
from ironhull.errors import InputError, NotFoundError
from ironhull.lock.file import lock_path
from ironhull.oci.digest import hex_of
from ironhull.oci.tar import FILE, TarReader
from ironhull.patched.dsc import MAX_DSC, check_dsc
from ironhull.patched.key import archive_key
from ironhull.patched.lock import (
    PatchedLock,
    make_patched_lock,
    read_patched_lock,
    write_patched_lock,
)
from ironhull.patched.model import PatchedSource
from ironhull.patched.pool import BuiltDeb, publish, read_deb
from ironhull.patched.reader import load_patched
from ironhull.patched.recipe import recipe
from ironhull.patched.told import bill, fixed, osv, provenance
from ironhull.signing.dsse import signed_bundle
from ironhull.statements.kinds import PROVENANCE
from ironhull.store.blobs import CHUNK
from ironhull.store.files import replace_file
from ironhull.vex.writing import write_openvex
from ironhull.workspace.elsewhere import elsewhere
from ironhull.workspace.machine import Machine
from ironhull.workspace.network import network
from ironhull.workspace.repositories import distributions_own
from ironhull.workspace.signing_keys import statement_signer

_COMPRESSION = "zstd:1"
_MAX_DEB = 1 << 30
_WORDING = Wording(
    "source file",
    "sources",
    "Patch the archive's newer version, or set `snapshot` to the address of an archive that keeps"
    " all.",
)


@dataclass(frozen=True, slots=True)
class BuiltPackage:
    """A patched source package that was built and is in the archive."""

    definition: PatchedSource
    debs: tuple[BuiltDeb, ...]
    """By file name; over all platforms."""
    archive: Path
    """The folder that apt reads."""
    signed_by: str
    """Fingerprint of the key of its release files."""


def lock_package(
    machine: Machine, file: Path, *, update: bool = False
) -> tuple[PatchedSource, PatchedLock]:
    """The lock beside a definition, made where there is none (or anew with `update`).

    NotFoundError where the archive has no such version of the source; errors of locking besides.
    """
    definition = load_patched(file)
    path = lock_path(file)
    if path.exists() and not update:
        return definition, read_patched_lock(path, definition)
    context = _context(machine)
    repositories = distributions_own(machine.settings, definition.distribution)
    releases = load_releases(repositories, context)
    sources = open_sources(releases, context)
    found = sources.find(definition.source, definition.base)
    if found is None:
        known = ", ".join(sources.versions(definition.source)) or "none of it"
        raise NotFoundError(
            f"{definition.place}: the archive has no source package {definition.source} "
            f"{definition.base} ({definition.codename} has: {known})"
        )
    archives = {
        platform: open_archive(releases, platform.debian, context)
        for platform in definition.platforms
    }
    lock = make_patched_lock(definition, found, archives)
    write_patched_lock(path, lock)
    return definition, lock


def build_package(
    machine: Machine, file: Path, *, update: bool = False, jobs: int | None = None
) -> BuiltPackage:
    """Build what a definition says, twice, and publish it in `Home.own_archive`.

    DefinitionError at the line of a patch that does not apply, or of a build that fails;
    CheckFailedError where the second build gives other bytes; UntrustedError for a source that is
    not what the index says. Whatever fails, nothing is published.
    """
    definition, lock = lock_package(machine, file, update=update)
    _fetch_source(machine, definition, lock)
    debs = tuple(_built(machine, definition, lock, jobs or os.cpu_count() or 1))
    home, now = machine.home, datetime.now(UTC)
    documents = _documents(machine, definition, lock, debs, now)
    key = archive_key(home.archive_key)
    architectures = {platform.debian for platform in definition.platforms}
    publish(home.own_archive, definition.codename, definition.source, debs, architectures, key, now)
    for name, data in documents.items():
        replace_file(home.own_fixes / name, data)
    return BuiltPackage(definition, debs, home.own_archive, key.fingerprint)


def _context(machine: Machine) -> ArchiveContext:
    return ArchiveContext(
        machine.home.archive,
        progress=machine.progress,
        offline=machine.settings.offline,
        transfer=partial(default_transfer, network=network(machine)),
    )


def _fetch_source(machine: Machine, definition: PatchedSource, lock: PatchedLock) -> None:
    settings, store = machine.settings, machine.home.packages
    template = settings.snapshot
    source = MirrorSource(
        distributions_own(settings, definition.distribution),
        store,
        snapshot=Snapshot(template, lock.build.created) if template else None,
        offline=settings.offline,
        transfer=partial(default_transfer, network=network(machine)),
        wording=_WORDING,
    )
    source.fetch(lock.source.files, machine.progress)
    dsc = lock.source.dsc
    if dsc.size > MAX_DSC:
        raise InputError(f"{dsc.file_name} is larger than {MAX_DSC} bytes, no .dsc is")
    check_dsc(store.read(dsc.sha256), lock.source, dsc.file_name)


def _built(
    machine: Machine, definition: PatchedSource, lock: PatchedLock, jobs: int
) -> Iterator[BuiltDeb]:
    image = recipe(definition, lock.source, lock.build.created)
    around = elsewhere(machine, image, lock.build)
    found: dict[str, BuiltDeb] = {}
    for platform in definition.platforms:
        layers = stage_layers(
            image,
            lock.build,
            platform,
            machine.home,
            around,
            Compression.parse(_COMPRESSION),
            machine.progress,
            jobs=jobs,
            twice=True,
        )
        for deb in _debs(machine, layers[0]):
            # Packages for all architectures come from the first platform, as from Debian's own.
            found.setdefault(deb.file_name, deb)
    if not found:
        raise InputError(f"{definition.place}: {definition.source} builds no binary package")
    yield from (found[name] for name in sorted(found))


def _debs(machine: Machine, layer: MadeLayer) -> Iterator[BuiltDeb]:
    blobs = machine.home.store.blobs
    with blobs.open(layer.descriptor.digest) as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        reader = TarReader(iter(lambda: stream.read(CHUNK), b""), "built packages")
        for member in reader:
            if member.kind == FILE and member.name.endswith(".deb"):
                data = reader.read(_MAX_DEB)
                if data is None:
                    raise InputError(f"{member.name} is larger than {_MAX_DEB} bytes")
                yield read_deb(data, member.name)


def _documents(
    machine: Machine,
    definition: PatchedSource,
    lock: PatchedLock,
    debs: tuple[BuiltDeb, ...],
    now: datetime,
) -> Mapping[str, bytes]:
    """By their paths in `Home.own_fixes`."""
    stem = f"{definition.source}_{definition.version.replace(':', '%3a')}"
    vex = write_openvex(fixed(definition, debs), "", f"{now:%Y-%m-%dT%H:%M:%SZ}")
    predicate = provenance(definition, lock, machine.settings.builder)
    subjects = [Subject(deb.file_name, {"sha256": hex_of(deb.digest)}) for deb in debs]
    statement = render_statement(subjects, PROVENANCE, predicate)
    documents = {
        f"vex/{stem}.openvex.json": vex.encode(),
        f"bills/{stem}.cdx.json": bill(definition, lock, debs),
        f"provenance/{stem}.intoto.json": statement,
        **{f"osv/{name}": data for name, data in osv(definition, now).items()},
    }
    if machine.signs:
        bundle = signed_bundle(statement, statement_signer(machine))
        documents[f"provenance/{stem}.sigstore.json"] = bundle
    return documents
