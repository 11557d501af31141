"""An image that a container engine holds: its `save`, in a nameless file while it is read."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ironhull.errors import EngineError, NotFoundError
from ironhull.inventory.model import ImageIdentity
from ironhull.inventory.sources.interface import OpenImage
from ironhull.inventory.sources.oci import open_oci
from ironhull.oci.platform import Platform
from ironhull.registry.client.places import StoredSource
from ironhull.store.archive_file import ArchiveFile

_SECONDS = 3600
_NO_DOCKER_FORM = "is not supported for docker images"
_MISSING = ("no such image", "image not known", "reference does not exist")


@contextmanager
def open_engine_image(
    command: Sequence[str], image: str, name: str, platform: Platform | None
) -> Iterator[OpenImage]:
    """The image that `command save` writes, for example of ("podman",).

    NotFoundError if the engine does not have it, EngineError for all else that fails.
    """
    with tempfile.TemporaryDirectory(prefix="ironhull-") as folder:
        path = Path(folder) / "image.tar"
        _save(command, image, path)
        with ArchiveFile(path, believing=True) as archive:
            found = archive.descriptors()
            if len(found) < 1:
                raise EngineError(f"{command[0]} saved no image for {image}")
            source = StoredSource(archive, found[0], image)
            opened = open_oci(source, name, "engine", platform, archive.believed)
            # The archive's manifest is made up while saving; the config is the engine's image id.
            identity = opened.identity
            identity = ImageIdentity(name, "engine", None, None, identity.config, identity.platform)
            yield OpenImage(identity, opened.config, opened.layers)


def _save(command: Sequence[str], image: str, path: Path) -> None:
    if image.startswith("-"):
        raise NotFoundError(f"{image!r} is not an image's name")
    said = _saved(command, [image], path)
    if said and _NO_DOCKER_FORM in said:
        # podman saves in docker's form, which has no zstd layers, unless told otherwise.
        said = _saved(command, ["--format", "oci-archive", image], path)
    if said:
        if any(words in said.lower() for words in _MISSING):
            raise NotFoundError(f"{command[0]} has no image {image!r}: {said}")
        raise EngineError(f"{command[0]} save {image} failed: {said}")


def _saved(command: Sequence[str], words: Sequence[str], path: Path) -> str:
    """What the program said if it failed; empty if it wrote the image."""
    try:
        with path.open("wb") as file:
            done = subprocess.run(
                [*command, "save", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.PIPE,
                timeout=_SECONDS,
                check=False,
            )
    except FileNotFoundError:
        raise EngineError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise EngineError(f"{command[0]} save {words[-1]}: not done after {_SECONDS} s") from None
    if not done.returncode:
        return ""
    said = done.stderr.decode("utf-8", "replace").strip()[-500:]
    return said or f"it ended with {done.returncode}"
