"""What this machine knows of how an image was made: its own record of the build, and the lock.

The image does not say it, so whoever shows a score says where it comes from. Both are found by the
image's digest, so they are about this image and no other of its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ironhull.build.built import BuiltPlatform, built_image
from ironhull.errors import InputError
from ironhull.inventory.model import ImageIdentity
from ironhull.lock.file import lock_path, read_lock
from ironhull.oci.digest import hex_of
from ironhull.store.home import Home


@dataclass(frozen=True, slots=True)
class MadeHere:
    """A build that is on record here."""

    packages: int
    """Binary packages, each in one exact version."""
    lock: str = ""
    """The lock that pins each of them by digest; empty where there is none any more."""

    @property
    def where(self) -> str:
        """The words for where this is known from."""
        return f"the lock {self.lock}" if self.lock else "this store's record of its build"


def made_here(home: Home, image: ImageIdentity) -> MadeHere | None:
    """What is on record of the build of an image; None where it was not built here."""
    if image.digest is None or image.manifest is None:
        return None
    found = built_image(home, hex_of(image.digest))
    if found is None:
        return None
    for built in found.platforms:
        if built.digest == image.manifest:
            return MadeHere(len(built.packages), _lock(Path(found.definition), built))
    return None


def _lock(definition: Path, built: BuiltPlatform) -> str:
    """The lock beside the definition if it has the very packages of the build; it may move on."""
    path = lock_path(definition)
    try:
        platform = read_lock(path).platforms.get(built.platform)
    except InputError:
        return ""
    if platform is None:
        return ""
    locked = {(each.name, each.version, each.architecture) for each in platform.packages}
    made = {(each.name, each.version, each.architecture) for each in built.packages}
    return path.name if made and made == locked else ""
