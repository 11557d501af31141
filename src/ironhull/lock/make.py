"""A lock from a definition and the archives of its platforms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ironhull.archive.interface import Archive, ReleaseRecord
from ironhull.definition.model import ImageDefinition, Track
from ironhull.definition.stage_image import stage_definition
from ironhull.definition.variables import tracked_value
from ironhull.errors import LockError, NetworkError, ResolveError
from ironhull.lock.diff import diff
from ironhull.lock.model import Lock, LockedPlatform
from ironhull.lock.pool import Pool
from ironhull.lock.request import request_digest, request_texts
from ironhull.lock.resolve import resolve
from ironhull.oci.platform import Platform

Archives = Mapping[Platform, Archive]
_ROUNDS = 3
_MARKS = ("\x00platform\x00", "\x00architecture\x00")


def make_lock(definition: ImageDefinition, archives: Archives) -> Lock:
    """The lock of all platforms of the definition; ResolveError with the lines of all that fail.

    Its `variables` are what `track` found: load the definition again with them (`lock_definition`).
    """
    platforms: dict[str, LockedPlatform] = {}
    problems: dict[Platform, ResolveError] = {}
    for platform in _sorted(definition):
        try:
            platforms[str(platform)] = _resolved(definition, platform, archives[platform])
        except ResolveError as error:
            problems[platform] = error
    if problems:
        first = next(iter(problems.values()))
        raise ResolveError(_said_once(problems), first.chain)
    releases = _releases(archives[platform] for platform in _sorted(definition))
    if not releases:
        raise LockError(f"{definition.file}: the archive has no release files to lock to")
    return Lock(
        image=definition.image,
        definition=definition.file.name,
        request=request_digest(definition),
        created=max(release.date for release in releases),
        releases=releases,
        platforms=platforms,
        requests=request_texts(definition),
        variables=_tracked(definition, archives),
    )


def _resolved(definition: ImageDefinition, platform: Platform, archive: Archive) -> LockedPlatform:
    """The packages of the image and of its build stages on a platform."""
    stages = {
        stage.name: resolve(stage_definition(definition, stage), platform, archive)
        for stage in definition.builds
        if not stage.platforms or platform in stage.platforms
    }
    return replace(resolve(definition, platform, archive), stages=stages)


def _said_once(problems: Mapping[Platform, ResolveError]) -> str:
    """What is wrong, each thing once: `for amd64 and arm64`, where both say the same.

    An error is made of blocks: a line, and the indented ones below it.
    """
    found: dict[str, list[Platform]] = {}
    for platform, error in problems.items():
        for block in re.split(r"\n(?=\S)", str(error)):
            found.setdefault(_named_by(block, platform, *_MARKS), []).append(platform)
    lines = []
    for block, platforms in found.items():
        names = [" and ".join(map(str, platforms)), " and ".join(p.debian for p in platforms)]
        for mark, name in zip(_MARKS, names, strict=True):
            block = block.replace(mark, name)
        lines.append(block)
    return "\n".join(lines)


def _named_by(text: str, platform: Platform, whole: str, architecture: str) -> str:
    """The text with these marks for the platform's name and for that of its architecture."""
    text = re.sub(rf"(?<![\w-]){re.escape(str(platform))}(?![\w-])", whole, text)
    return re.sub(rf"(?<![\w/-]){re.escape(platform.debian)}(?![\w-])", architecture, text)


def lock_definition(
    load: Callable[[Mapping[str, str]], ImageDefinition],
    archives: Archives,
    images: Mapping[str, str] | None = None,
) -> tuple[ImageDefinition, Lock]:
    """The definition with the variables that the archive gives, and its lock.

    `load` reads the definition with values for its tracked variables. A variable that has a default
    may be part of a request, so both are made until they agree. `images` are the values of those
    that follow images.
    """
    known = images or {}
    definition = load(known)
    for _ in range(_ROUNDS):
        lock = make_lock(definition, archives)
        lock = replace(lock, variables=dict(sorted({**lock.variables, **known}.items())))
        definition = load(lock.variables)
        if lock.request == request_digest(definition):
            return definition, lock
    raise ResolveError(
        f"{definition.file}: 'track' never settles: what is asked for changes the version that it "
        "follows; do not use a tracked variable in the packages"
    )


def moved(old: Lock, new: Lock) -> Lock:
    """The new lock, with the old date and release files if only those are newer.

    The same packages then stay the same image, digest and all: what was true of the older release
    files (that they list these packages) still is.
    """
    origins = [{(r.repository, r.suite) for r in lock.releases} for lock in (old, new)]
    if old.request == new.request and origins[0] == origins[1] and not diff(old, new).matters:
        return replace(new, created=old.created, releases=old.releases)
    return new


def _sorted(definition: ImageDefinition) -> list[Platform]:
    return sorted(definition.platforms, key=str)


def _releases(archives: Iterable[Archive]) -> tuple[ReleaseRecord, ...]:
    found: dict[tuple[str, str], ReleaseRecord] = {}
    for archive in archives:
        for release in archive.releases:
            other = found.setdefault((release.repository, release.suite), release)
            if other.digest != release.digest:
                raise NetworkError(
                    f"{release.repository} {release.suite} changed while it was read "
                    f"({other.date} and {release.date}); run the command again"
                )
    return tuple(found[key] for key in sorted(found))


def _tracked(definition: ImageDefinition, archives: Archives) -> dict[str, str]:
    values: dict[str, str] = {}
    for track in definition.tracks:
        found = {
            platform: _value(track, definition, archives[platform])
            for platform in _sorted(definition)
        }
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{value} on {platform}" for platform, value in found.items())
            raise ResolveError(
                f"{track.place}: {track.variable} would be {listed}; wait until the archive has "
                "one version for all, or pin it"
            )
        values[track.variable] = next(iter(found.values()))
    return dict(sorted(values.items()))


def _value(track: Track, definition: ImageDefinition, archive: Archive) -> str:
    versions = Pool(archive, definition.packages).versions(track.package)
    if not versions:
        raise ResolveError(
            f"{track.place}: 'track' follows {track.package}, which the archive does not have "
            f"for {archive.architecture}"
        )
    return tracked_value(track, versions[0].version)
