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
from dataclasses import replace

from ironhull.build.built import BuiltImage, built_image, remember
from ironhull.build.elsewhere import Elsewhere
from ironhull.build.publish import VanishedError, publish, whole, with_platforms_of
from ironhull.build.request import BuildOptions, image_key
from ironhull.definition.model import ImageDefinition
from ironhull.errors import EnvironmentProblem
from ironhull.lock.model import Lock
from ironhull.oci.digest import hex_of
from ironhull.progress import Progress
from ironhull.store.home import Home

_ATTEMPTS = 3


def build_image(
    definition: ImageDefinition,
    lock: Lock,
    home: Home,
    elsewhere: Elsewhere,
    options: BuildOptions,
    progress: Progress,
) -> BuiltImage:
    """Build every platform and publish the index under the definition's tags, or `named`.

    CheckFailedError if a check fails: nothing is published then, the layers that were made stay.
    """
    # 1
    key = image_key(definition, lock, options)
    for _ in range(_ATTEMPTS):
        known = built_image(home, key)
        if known is None or options.twice or not whole(home.store, known):
            # The making takes long to load; a build in which nothing changed does without.
            from ironhull.build.making import make_image

            known = make_image(definition, lock, home, elsewhere, options, progress)
            remember(home, key, known)
        # A clean-up in another process may have come in between: then once more.
        with suppress(VanishedError):
            # 6
            joined = with_platforms_of(home, known, definition, lock)
            if joined is not known:
                remember(home, hex_of(joined.descriptor.digest), joined)
            if options.named:
                home.store.tag(joined.descriptor, [options.named])
                return replace(joined, tags=())
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
