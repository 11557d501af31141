"""From a definition and its lock to an image in the store, its steps in order.

Everything is a function of the definition, the lock and the options; what was made is found again
by the key of what went into it, so that a build in which nothing changed only looks things up.

1. what was asked for may have been built before (`request`, `built`)
2. get the packages whose layers are missing (`fetch`)
3. make those layers, and the layers of fetched files (`compose`, `file_layer`)
4. the image of each platform: steps, check, its own layer, manifest (`platform_image`)
5. the index of all platforms (`assemble`)
6. the tags (`publish`)
"""

from __future__ import annotations

from contextlib import suppress

from ironhull.archive.fetch import Download
from ironhull.archive.interface import PackageSource
from ironhull.build import transform
from ironhull.build.assemble import annotations_of, put_index
from ironhull.build.built import BuiltImage, built_image, remember
from ironhull.build.compose import LayerPlan, group
from ironhull.build.fetch import fetch_packages
from ironhull.build.file_layer import file_layer
from ironhull.build.platform_image import put_platform
from ironhull.build.publish import VanishedError, publish, whole, with_platforms_of
from ironhull.build.request import BuildOptions, image_key
from ironhull.definition.model import ImageDefinition
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.lock.model import Lock, LockedPackage
from ironhull.oci.digest import hex_of
from ironhull.oci.platform import Platform
from ironhull.progress import Progress
from ironhull.store.home import Home

_ATTEMPTS = 3


def build_image(
    definition: ImageDefinition,
    lock: Lock,
    home: Home,
    source: PackageSource,
    download: Download,
    options: BuildOptions,
    progress: Progress,
) -> BuiltImage:
    """Build every platform and publish the index under the definition's tags.

    CheckFailedError if a check fails: nothing is published then, the layers that were made stay.
    """
    # 1
    key = image_key(definition, lock, options)
    for _ in range(_ATTEMPTS):
        known = built_image(home, key)
        if known is None or not whole(home.store, known):
            known = _build(definition, lock, home, source, download, options, progress)
            remember(home, key, known)
        # A clean-up in another process may have come in between: then once more.
        with suppress(VanishedError):
            # 6
            joined = with_platforms_of(home, known, definition, lock)
            if joined is not known:
                remember(home, hex_of(joined.descriptor.digest), joined)
            image = publish(home.store, joined, definition, lock)
            _say_what_stays(definition, image, progress)
            return image
    raise EnvironmentProblem(
        f"layers of {definition.image} vanish from {home.root} while they are used "
        "(does something remove files there? build again when it is done)"
    )


def _say_what_stays(definition: ImageDefinition, image: BuiltImage, progress: Progress) -> None:
    staying = [tag for tag in definition.tags if tag not in image.tags]
    if staying:
        progress.note(
            f"note: {image.name}:{staying[0]} stays what it was: it has platforms that were not "
            f"built now; this image is {image.name}:{image.tags[-1]} (build all platforms to move "
            "the tags)"
        )


def _build(
    definition: ImageDefinition,
    lock: Lock,
    home: Home,
    source: PackageSource,
    download: Download,
    options: BuildOptions,
    progress: Progress,
) -> BuiltImage:
    """Steps 2 to 5."""
    packages = {platform: _locked(definition, lock, platform) for platform in options.platforms}
    policy = transform.Policy(definition.keep.documentation, tuple(sorted(definition.keep.setuid)))
    plan = LayerPlan(home, policy, options.compression)
    needed = {
        platform: [plan.need(layer) for layer in group(those)]
        for platform, those in packages.items()
    }
    # 2: a complete package database is made of the control files of all packages.
    complete = definition.keep.package_database == "dpkg"
    missing = None if complete else frozenset(deb.sha256 for deb in plan.missing)
    of_all = [package for those in packages.values() for package in those]
    fetch_packages(of_all, missing, home.packages, source, progress)
    # 3
    made = plan.make(options.jobs, progress)
    built = []
    for platform, keys in needed.items():
        records = [plan.records[key] for key in dict.fromkeys(keys)]
        records += [
            file_layer(request, home, download, options.compression)
            for request in definition.files
            if not request.platforms or platform in request.platforms
        ]
        # 4
        built.append(put_platform(definition, lock, platform, records, options.compression, home))
    # 5
    annotations = annotations_of(definition, lock.created)
    index = put_index(home.store.blobs, [manifest for manifest, _ in built], annotations)
    total = len({key for keys in needed.values() for key in keys})
    return BuiltImage(
        definition.image,
        definition.tags,
        index,
        tuple(platform for _, platform in built),
        str(definition.file),
        image_key(definition, lock, options, platforms=False),
        made,
        total - made,
    )


def _locked(
    definition: ImageDefinition, lock: Lock, platform: Platform
) -> tuple[LockedPackage, ...]:
    locked = lock.platforms.get(str(platform))
    if locked is None:
        raise InputError(f"the lock of {definition.file} has no platform {platform}")
    return locked.packages
