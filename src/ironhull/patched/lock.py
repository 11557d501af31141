"""The lock of a patched source package: its files, and the packages that it is built from.

JSON beside the definition, `zlib.lock.json` next to `zlib.yaml`. The second half is a lock as
images have it, with the build dependencies as those of a stage.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ironhull.archive.fetch import pool_path
from ironhull.archive.interface import Archive, ReleaseRecord
from ironhull.archive.sources import SourceFile, SourceStanza
from ironhull.definition.stage_image import stage_definition
from ironhull.errors import LockError, MalformedError
from ironhull.json_fields import an_object, decode, objects, text
from ironhull.lock.file import MAX_FILE, parse_lock, render_lock
from ironhull.lock.model import Lock, LockedPlatform, Reason, ReasonKind
from ironhull.lock.resolve import resolve
from ironhull.oci.digest import parse_digest
from ironhull.oci.platform import Platform
from ironhull.patched.depends import NEEDS, WithNeeds, depends_of
from ironhull.patched.model import PatchedSource
from ironhull.patched.recipe import STAGE, recipe
from ironhull.store.files import replace_file

_SOURCE, _BUILD = "source", "build"


@dataclass(frozen=True, slots=True)
class PatchedLock:
    """What a patched source package is made from, to the byte."""

    source: SourceStanza
    build: Lock


def make_patched_lock(
    definition: PatchedSource, source: SourceStanza, archives: Mapping[Platform, Archive]
) -> PatchedLock:
    """Build dependencies resolved on every platform; ResolveError as for images."""
    platforms: dict[str, LockedPlatform] = {}
    releases: dict[tuple[str, str], ReleaseRecord] = {}
    image = recipe(definition)
    for platform in sorted(definition.platforms, key=str):
        archive = archives[platform]
        needs = depends_of(source.build_depends, archive.architecture, definition.profiles)
        found = resolve(
            stage_definition(image, image.builds[0]), platform, WithNeeds(archive, needs)
        )
        kept = tuple(
            replace(package, reasons=_asked(definition, package.reasons))
            for package in found.packages
            if package.name != NEEDS
        )
        platforms[str(platform)] = LockedPlatform((), (), {STAGE: replace(found, packages=kept)})
        releases |= {(one.repository, one.suite): one for one in archive.releases}
    if not releases:
        raise LockError(f"{definition.file}: the archive has no release files to lock to")
    lock = Lock(
        image=definition.source,
        definition=definition.file.name,
        request=definition.request,
        created=max(release.date for release in releases.values()),
        releases=tuple(releases[key] for key in sorted(releases)),
        platforms=platforms,
        requests=(f"{definition.source}={definition.base}", *definition.profiles),
    )
    return PatchedLock(source, lock)


def _asked(definition: PatchedSource, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """What the source package asks for is asked for by its definition."""
    by = f"{definition.file.name}:{definition.place.line}"
    return tuple(
        replace(reason, kind=ReasonKind.REQUESTED, by=by) if reason.by == NEEDS else reason
        for reason in reasons
    )


def read_patched_lock(path: Path, definition: PatchedSource) -> PatchedLock:
    """The lock in a file; LockError if it is missing, damaged or of something else."""
    remedy = f"make it with: ironhull package lock {definition.file}"
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        raise LockError(f"{definition.file} has no lock; {remedy}") from None
    except OSError as error:
        raise LockError(f"cannot read the lock {path}: {error.strerror}") from None
    if len(data) > MAX_FILE:
        raise LockError(f"{path}: larger than {MAX_FILE} bytes, no lock is")
    try:
        value = decode(data, str(path))
        source = _source(an_object(value, _SOURCE, str(path)), str(path))
        build = an_object(value, _BUILD, str(path))
    except MalformedError as error:
        raise LockError(f"{error}; restore it, or {remedy}") from None
    lock = parse_lock(json.dumps(build).encode(), str(path))
    asked = (definition.source, definition.base, definition.request)
    if (source.name, source.version, lock.request) != asked:
        raise LockError(
            f"{path}: {definition.file} asks for something else than when it was locked "
            f"({source.name} {source.version}); accept it with: "
            f"ironhull package lock --update {definition.file}"
        )
    return PatchedLock(source, lock)


def write_patched_lock(path: Path, lock: PatchedLock) -> None:
    """Replace the file; a reader sees the old lock or the new one."""
    value = {
        _SOURCE: {
            "name": lock.source.name,
            "version": lock.source.version,
            "files": [
                {
                    "path": file.path,
                    "sha256": file.sha256,
                    "size": file.size,
                    "repository": file.repository,
                }
                for file in lock.source.files
            ],
        },
        _BUILD: json.loads(render_lock(lock.build)),
    }
    written = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    replace_file(path, written.encode())


def _source(value: dict[str, Any], where: str) -> SourceStanza:
    name, version = text(value, "name", where), text(value, "version", where)
    files = []
    for item in objects(value, "files", where):
        size = item.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise MalformedError(f"{where}: the size of a source file is no number")
        files.append(
            SourceFile(
                name,
                version,
                "source",
                parse_digest(text(item, "sha256", where)),
                size,
                pool_path(text(item, "path", where)),
                text(item, "repository", where),
            )
        )
    names = {file.file_name for file in files}
    if sum(one.endswith(".dsc") for one in names) != 1 or len(names) != len(files):
        raise MalformedError(f"{where}: the source has not one .dsc and each file once")
    return SourceStanza(name, version, tuple(files))
