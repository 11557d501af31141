"""Images from their definitions into the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from ironhull.build.built import BuiltImage
from ironhull.build.compression import Compression
from ironhull.build.image import build_image
from ironhull.build.request import BuildOptions
from ironhull.definition.model import ImageDefinition
from ironhull.errors import InputError
from ironhull.lock.file import lock_path
from ironhull.lock.model import Lock
from ironhull.oci.platform import Platform
from ironhull.reports.words import tally
from ironhull.store.copy import copy_image
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout
from ironhull.values import dataclass
from ironhull.workspace.definitions import Definitions
from ironhull.workspace.elsewhere import elsewhere
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class BuildChoices:
    """What a build may be told besides the image's name."""

    platforms: Sequence[Platform] = ()
    """Which of the definition's; none: all."""
    compression: str | None = None
    """`zstd[:1-19]`, `zstd:chunked[:1-19]` or `gzip[:1-9]`; None: the definition's."""
    update: bool = False
    """Lock to what the archive has now first."""
    locked: bool = False
    """LockError where there is no lock yet."""
    jobs: int | None = None
    """Layers made at once; None: the processors."""
    attest: bool = True
    """Attach signed statements, if there is a key."""
    check_reproducible: bool = False
    """Build the stages of `contents.builds` twice, and compare."""


def build_images(
    machine: Machine,
    names: Iterable[str],
    chosen: BuildChoices,
    built: Callable[[BuiltImage], object] = lambda image: None,
) -> list[BuiltImage]:
    """Build images of the catalog or of files; all see the same moment of the archive.

    `built` is called with each as it is done. Errors: DefinitionError, LockError, ResolveError,
    UntrustedError, NetworkError; CheckFailedError where a check fails, and then nothing of that
    image is published.
    """
    definitions, moved = Definitions(machine), _mover(machine)
    done = []
    for name in names:
        file = lock_path(definitions.catalog.find(name))
        if chosen.locked or (file.is_file() and not chosen.update):
            definition, lock = definitions.locked(name)
        else:
            definition, lock = moved(name)
        options = BuildOptions(
            Compression.parse(chosen.compression or definition.compression),
            platforms_of(definition, chosen.platforms),
            chosen.jobs or os.cpu_count() or 1,
            chosen.check_reproducible,
        )
        image = build_image(
            definition,
            lock,
            machine.home,
            elsewhere(machine, definition, lock),
            options,
            machine.progress,
        )
        if chosen.attest and machine.signs:
            _attest(machine, image)
        done.append(image)
        built(image)
    return done


def _mover(machine: Machine) -> Callable[[str], tuple[ImageDefinition, Lock]]:
    """What makes or moves the lock of a NAME:TAG or file; one for all images of a call."""

    @cache
    def locking() -> Callable[[Path], tuple[ImageDefinition, Lock | None, Lock]]:
        # Here, and not above: archive and resolver take long to load, and most builds need neither.
        from ironhull.workspace.locking import Locking

        return Locking(machine).update_lock

    def moved(name: str) -> tuple[ImageDefinition, Lock]:
        definition, _, lock = locking()(Definitions(machine).catalog.find(name))
        return definition, lock

    return moved


def _attest(machine: Machine, image: BuiltImage) -> None:
    """Attach what is said of an image, unless it is signed here already."""
    # What signs and what looks into images takes long to load; a build without a key does without.
    from ironhull.workspace.signed_here import is_signed_here

    if is_signed_here(machine, image.descriptor):
        return
    from ironhull.workspace.attesting import AttestChoices, attest

    done = attest(machine, f"{image.name}:{image.tags[-1]}", AttestChoices())
    machine.progress.note(f"{tally(done.said, 'statement')} signed by {done.key[:16]} and attached")
    for left in done.left_out:
        about = f" of {left.platform}" if left.platform else ""
        machine.progress.note(f"note: no {left.kind}{about}: {left.reason}")


def platforms_of(definition: ImageDefinition, wanted: Sequence[Platform]) -> tuple[Platform, ...]:
    """Those of the definition's platforms that are wanted; all if none is named."""
    for platform in wanted:
        if platform not in definition.platforms:
            known = ", ".join(str(platform) for platform in definition.platforms)
            raise InputError(f"{definition.file} is not for {platform} (it is for: {known})")
    return tuple(dict.fromkeys(wanted)) or definition.platforms


def write_layout(home: Home, image: BuiltImage, output: Path) -> None:
    """Copy a built image with its tags into an OCI image layout, made if it is not there."""
    if output.exists() and any(output.iterdir()) and not (output / "oci-layout").is_file():
        raise InputError(f"{output} is not empty and not an OCI image layout")
    copy_image(home.store, image.descriptor, ImageLayout(output, create=True), list(image.tags))
