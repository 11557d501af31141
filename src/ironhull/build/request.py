"""What is asked of a build, and the key that names its result before it is made."""

from __future__ import annotations

import hashlib
from typing import Any

from ironhull import __version__
from ironhull.build import versions
from ironhull.build.compression import Compression
from ironhull.definition.model import ImageDefinition
from ironhull.lock.file import render_lock
from ironhull.lock.model import Lock
from ironhull.oci.document import canonical
from ironhull.oci.platform import Platform
from ironhull.values import dataclass


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What a person chooses beside definition and lock."""

    compression: Compression
    platforms: tuple[Platform, ...]
    """In the definition's order."""
    jobs: int = 2
    """Layers made at once; changes nothing in the result."""
    twice: bool = False
    """Build stages a second time, and compare."""
    named: str = ""
    """The only name that the store gets for the image: the definition's tags stay where they are.
    Empty: its tags."""


def image_key(
    definition: ImageDefinition, lock: Lock, options: BuildOptions, *, platforms: bool = True
) -> str:
    """64 hexadecimal digits that stand for all that decides an image's bytes.

    Without `platforms`, images that can be platforms of one index have the same.
    """
    value: dict[str, Any] = {
        "ironhull": __version__,
        "transform": versions.TRANSFORM,
        "steps": versions.STEPS,
        "definition": definition.digest,
        # The definition's digest has what its tags say, not which variables they say it with.
        "version": definition.version,
        "lock": hashlib.sha256(render_lock(lock)).hexdigest(),
        "compression": options.compression.identity,
    }
    if platforms:
        value["platforms"] = [str(platform) for platform in options.platforms]
    return hashlib.sha256(canonical(value)).hexdigest()
