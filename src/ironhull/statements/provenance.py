"""SLSA provenance v1 of an image: what it was made of, by what, exactly (docs/build-type.md).

External parameters are definition, lock, platform and compression; the resolved dependencies have
their bytes, every package, every release file and every key that signed one. There is no time in
it, so that the same build gives the same bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from ironhull import __version__
from ironhull.build import versions
from ironhull.build.origins import BuiltStage, FetchedFile
from ironhull.build.recipe import Recipe, digests_of
from ironhull.inventory.model import Distribution, Package
from ironhull.inventory.purl import purl_of
from ironhull.lock.model import Lock, LockedPackage, LockedPlatform
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import canonical

BUILD_TYPE = "https://ironhull.io/build/v1"
MAX_CONTENT = 4 << 20
"""Bytes of definition and lock that are written into the statement; more is named by digest."""


def provenance(
    recipe: Recipe,
    lock: Lock,
    platform: str,
    *,
    compression: str,
    builder: str,
    invocation: str,
    fetched: Sequence[FetchedFile] = (),
    stages: Sequence[BuiltStage] = (),
    distribution: Distribution = Distribution(),  # noqa: B008 - a frozen value
) -> bytes:
    """The predicate for one platform's image.

    `compression` is the identity of what compressed its layers, `builder` a URI, `invocation` the
    key of what went in, `fetched` the files and other images, `distribution` that of its packages.
    """
    digests = digests_of(recipe)
    return canonical(
        {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "definition": {"path": recipe.path, "digest": _sha256(digests[recipe.path])},
                    "lock": {
                        "path": recipe.lock_path,
                        "digest": _sha256(digests[recipe.lock_path]),
                    },
                    "platform": platform,
                    "compression": recipe.compression,
                },
                "internalParameters": {
                    "compression": compression,
                    "steps": versions.STEPS,
                    "transform": versions.TRANSFORM,
                    **_stages(stages),
                },
                "resolvedDependencies": [
                    *_sources(recipe, digests),
                    *_packages(lock.platforms[platform], distribution),
                    *_of_stages(lock.platforms[platform], distribution),
                    *map(_fetched, fetched),
                    *_releases(lock),
                ],
            },
            "runDetails": {
                "builder": {"id": builder, "version": {"ironhull": __version__}},
                "metadata": {"invocationId": invocation},
            },
        }
    )


def _sources(recipe: Recipe, digests: dict[str, Digest]) -> Iterator[dict[str, Any]]:
    """Definition and lock, whole: with them, anybody can build the image again."""
    files = {**recipe.texts, recipe.lock_path: recipe.lock}
    whole = sum(map(len, files.values())) <= MAX_CONTENT
    for path, data in sorted(files.items()):
        entry = {
            "name": path,
            "uri": f"ironhull:source/{path}",
            "digest": _sha256(digests[path]),
        }
        if whole:
            entry["content"] = base64.b64encode(data).decode()
        yield entry


def _stages(stages: Sequence[BuiltStage]) -> dict[str, Any]:
    """What was run to build what no package brought; the commands are in the definition."""
    said = [
        {
            "name": stage.name,
            "layer": stage.layer,
            "steps": [{"name": name, "commands": digest} for name, digest in stage.steps],
        }
        for stage in stages
    ]
    return {"stages": said} if said else {}


def _of_stages(platform: LockedPlatform, distribution: Distribution) -> Iterator[dict[str, Any]]:
    """Packages that were only where something was built; each once."""
    seen = {package.sha256 for package in platform.packages}
    for name, stage in platform.stages.items():
        for package, entry in zip(stage.packages, _packages(stage, distribution), strict=True):
            if package.sha256 not in seen:
                seen.add(package.sha256)
                entry["annotations"]["stage"] = name
                yield entry


def _packages(platform: LockedPlatform, distribution: Distribution) -> Iterator[dict[str, Any]]:
    for package in platform.packages:
        yield {
            "name": package.path.rpartition("/")[2],
            "uri": locked_purl(package, distribution),
            "digest": _sha256(package.sha256),
            "annotations": {
                "repository": package.repository,
                "suite": package.suite,
                "component": package.component,
                "path": package.path,
                "size": package.size,
            },
        }


def locked_purl(package: LockedPackage, distribution: Distribution) -> str:
    """The purl of a locked package, as the inventory of the image has it."""
    found = Package(
        name=package.name,
        version=package.version,
        type="deb",
        location="",
        architecture=package.architecture,
        source=package.source,
        source_version=package.source_version,
    )
    return purl_of(found, distribution)


def _fetched(file: FetchedFile) -> dict[str, Any]:
    # Of a file beside the definition only the name is known, and where it lay is nobody's business.
    address = file.url if "://" in file.url else f"ironhull:file/{file.url}"
    name = file.url.rpartition("/")[2]
    return {"name": name, "uri": address, "digest": _sha256(file.digest)}


def _releases(lock: Lock) -> Iterator[dict[str, Any]]:
    """The release files that vouch for the packages, and the keys that vouch for those."""
    keys: set[str] = set()
    for release in lock.releases:
        keys.update(release.signed_by.split())
        yield {
            "name": f"InRelease of {release.repository} {release.suite}",
            "uri": f"ironhull:release/{release.repository}/{release.suite}",
            "digest": _sha256(release.digest),
            "annotations": {
                "codename": release.codename,
                "date": release.date,
                "validUntil": release.valid_until,
                "signedBy": sorted(release.signed_by.split()),
            },
        }
    for key in sorted(keys):
        # A version 4 fingerprint is the SHA-1 of the key's packet, a version 6 one its SHA-256.
        algorithm = "sha1" if len(key) == 40 else "sha256"
        yield {
            "name": f"OpenPGP key {key}",
            "uri": f"openpgp4fpr:{key.lower()}",
            "digest": {algorithm: key.lower()},
        }


def _sha256(digest: Digest) -> dict[str, str]:
    return {"sha256": hex_of(digest)}
