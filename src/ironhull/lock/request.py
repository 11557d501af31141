"""What a definition asks of the archive: its digest, and whether a lock is the answer to it."""

from __future__ import annotations

from collections.abc import Sequence

from ironhull.definition.model import ImageDefinition, PackageRequest
from ironhull.errors import LockError
from ironhull.lock.model import Lock
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.document import canonical

_LISTED = 8


def request_text(request: PackageRequest) -> str:
    """A request as a definition writes it: `nodejs`, `curl=8.14.1-2`, `!perl-base`."""
    if request.excluded:
        return f"!{request.name}"
    return request.name if request.version is None else f"{request.name}={request.version}"


def request_texts(definition: ImageDefinition) -> tuple[str, ...]:
    """Packages and addresses without a digest, sorted: what a person sees as the request."""
    packages = (
        request_text(request) + (" (with recommends)" if request.recommends else "")
        for request in definition.packages
    )
    stages = (
        f"{request_text(request)} (in stage {stage.name})"
        for stage in definition.builds
        for request in stage.packages
    )
    return tuple(sorted({*packages, *stages, *definition.addressed}))


def request_digest(definition: ImageDefinition) -> Digest:
    """Of packages, repositories, platforms and distribution; order and places do not count.

    Whatever else a definition says can change without the lock becoming another.
    """
    value = {
        "distribution": definition.distribution,
        "codename": definition.codename,
        "platforms": sorted(str(platform) for platform in definition.platforms),
        "packages": sorted(
            [request.name, request.version or "", request.excluded, request.recommends]
            for request in definition.packages
        ),
        "repositories": [
            {
                "name": repository.name,
                "uri": repository.uri,
                "suite": repository.suite,
                "components": repository.components,
                "keyrings": [digest_of(keyring) for keyring in repository.keyrings],
            }
            for repository in definition.repositories
        ],
    }
    # Only where there are any, so that locks without them keep their digest.
    if definition.builds:
        value["stages"] = [
            [
                stage.name,
                sorted(str(platform) for platform in stage.platforms),
                sorted(request_text(request) for request in stage.packages),
            ]
            for stage in definition.builds
        ]
    if definition.addressed:
        value["addressed"] = definition.addressed
    return digest_of(canonical(value))


def check_lock(lock: Lock, definition: ImageDefinition, file: str) -> None:
    """LockError if the lock (`file`, for the message) is not the answer to this definition."""
    name = definition.file.name
    if (lock.definition, lock.image) != (name, definition.image):
        raise LockError(
            f"{file}: is the lock of {lock.image} ({lock.definition}), not of "
            f"{definition.image} ({name}); remove it, then run: ironhull lock {definition.file}"
        )
    if lock.request == request_digest(definition):
        unknown = [address for address in definition.addressed if address not in lock.digests]
        if unknown:
            raise LockError(
                f"{file}: has no digest of {unknown[0]:.200}, which the definition names by "
                f"address alone; make it with: ironhull lock --update {definition.file}"
            )
        waiting = [one for one in definition.followed if one.variable in definition.pending]
        if waiting:
            raise LockError(
                f"{file}: has no digest of {waiting[0].reference:.200}, which the definition takes "
                f"files from; make it with: ironhull lock --update {definition.file}"
            )
        return
    changes = "; ".join(_changes(lock, definition)) or "its repositories or distribution changed"
    raise LockError(
        f"{file}: {definition.file} asks for something else than when it was locked: {changes}; "
        f"accept it with: ironhull lock --update {definition.file}"
    )


def _changes(lock: Lock, definition: ImageDefinition) -> list[str]:
    before, after = set(lock.requests), set(request_texts(definition))
    wanted = {str(platform) for platform in definition.platforms}
    parts = {
        "added": sorted(after - before),
        "removed": sorted(before - after),
        "platforms added": sorted(wanted - set(lock.platforms)),
        "platforms removed": sorted(set(lock.platforms) - wanted),
    }
    return [f"{what} {_listed(names)}" for what, names in parts.items() if names]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
