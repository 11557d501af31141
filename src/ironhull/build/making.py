"""Making an image that is not there yet: packages, layers, platforms, index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ironhull.build import transform
from ironhull.build.artifact_layer import artifact_layer
from ironhull.build.assemble import annotations_of, put_index
from ironhull.build.built import BuiltImage
from ironhull.build.compose import LayerPlan, group
from ironhull.build.elsewhere import Elsewhere
from ironhull.build.fetch import fetch_packages
from ironhull.build.file_layer import file_layer
from ironhull.build.platform_image import put_platform
from ironhull.build.recipe import recipe_of, remember_recipe
from ironhull.build.record import MadeLayer
from ironhull.build.request import BuildOptions, image_key
from ironhull.build.stage_layer import stage_layers
from ironhull.definition.model import ImageDefinition
from ironhull.errors import InputError
from ironhull.lock.model import Lock, LockedPackage
from ironhull.oci.platform import Platform
from ironhull.progress import Progress
from ironhull.store.home import Home


def make_image(
    definition: ImageDefinition,
    lock: Lock,
    home: Home,
    elsewhere: Elsewhere,
    options: BuildOptions,
    progress: Progress,
) -> BuiltImage:
    """Steps 2 to 5 of `image`; the index is in the store, the tags do not point at it yet."""
    packages = {platform: _locked(definition, lock, platform) for platform in options.platforms}
    policy = policy_of(definition)
    plan = LayerPlan(home, policy, options.compression, elsewhere.layers)
    needed = {
        platform: [plan.need(layer) for layer in group(those)]
        for platform, those in packages.items()
    }
    # 2: a complete package database is made of the control files of all packages.
    complete = definition.keep.package_database == "dpkg"
    missing = None if complete else frozenset(deb.sha256 for deb in plan.missing)
    of_all = [package for those in packages.values() for package in those]
    fetch_packages(of_all, missing, home.packages, elsewhere.packages, progress)
    # 3
    made = plan.make(options.jobs, progress)
    built = []
    for platform, keys in needed.items():
        records = [plan.records[key] for key in dict.fromkeys(keys)]
        records += _other_layers(definition, platform, home, elsewhere, options)
        built_here = stage_layers(
            definition, lock, platform, home, elsewhere, options.compression, progress,
            jobs=options.jobs, twice=options.twice,
        )  # fmt: skip
        records += built_here
        of = _deciding(definition, built_here)
        # 4
        built.append(put_platform(of, lock, platform, records, options.compression, home))
    # 5
    annotations = annotations_of(definition, lock.created)
    index = put_index(home.store, [manifest for manifest, _ in built], annotations)
    total = len({key for keys in needed.values() for key in keys})
    inputs = image_key(definition, lock, options, platforms=False)
    remember_recipe(home, inputs, recipe_of(definition, lock, str(options.compression)))
    return BuiltImage(
        definition.image,
        definition.tags,
        index,
        tuple(platform for _, platform in built),
        str(definition.file),
        inputs,
        made,
        total - made,
    )


def policy_of(definition: ImageDefinition) -> transform.Policy:
    """What a definition chooses of its packages' files."""
    return transform.Policy(
        definition.keep.documentation,
        tuple(sorted(definition.keep.setuid)),
        {one.name: one.part for one in definition.packages if one.part and not one.excluded},
    )


def _other_layers(
    definition: ImageDefinition,
    platform: Platform,
    home: Home,
    elsewhere: Elsewhere,
    options: BuildOptions,
) -> Iterator[MadeLayer]:
    """Layers of fetched files, and of files out of other images."""
    for request in definition.files:
        if not request.platforms or platform in request.platforms:
            yield file_layer(
                request, home, elsewhere.download, options.compression, elsewhere.layers
            )
    for artifact in definition.artifacts:
        if not artifact.platforms or platform in artifact.platforms:
            yield artifact_layer(
                artifact, platform, home, elsewhere.images, options.compression, elsewhere.layers
            )


def _deciding(definition: ImageDefinition, built: Sequence[MadeLayer]) -> ImageDefinition:
    """The definition that also decides for what its stages changed (`diff`) of packages' files."""
    if not any(output.diff for stage in definition.builds for output in stage.outputs):
        return definition
    paths = {f"/{entry.path}" for made in built for part in made.parts for entry in part.entries}
    overlaps = tuple(sorted({*definition.keep.overlaps, *paths}))
    return replace(definition, keep=replace(definition.keep, overlaps=overlaps))


def _locked(
    definition: ImageDefinition, lock: Lock, platform: Platform
) -> tuple[LockedPackage, ...]:
    locked = lock.platforms.get(str(platform))
    if locked is None:
        raise InputError(f"the lock of {definition.file} has no platform {platform}")
    return locked.packages
