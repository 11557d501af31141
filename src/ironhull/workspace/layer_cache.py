"""The cache of layers that the settings name, of which only what is signed is believed.

What reaches registries and buckets and checks signatures is loaded when a layer is missing: most
builds have all of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path

from ironhull.build.elsewhere import LayerPlace, NotShared, SharedLayers
from ironhull.build.record import MadeLayer
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.oci.reference import Reference, names_registry
from ironhull.workspace.machine import Machine

BUCKET = "s3://"


def signed_layers(machine: Machine) -> SharedLayers:
    """What the setting `layer_cache` names; nothing where none is set or nothing may be fetched.

    Layers are given to it where this machine signs with the key that is believed. InputError for
    settings that do not go together.
    """
    settings = machine.settings
    place, key = settings.layer_cache, settings.layer_cache_key
    if not place:
        return NotShared()
    if key is None:
        raise InputError(
            "layer_cache names a place, and layer_cache_key no key whose layers are believed "
            "(to write one: ironhull key public)"
        )
    # A name without a registry would be one of docker.io, which nobody means here.
    if not names_registry(place):
        raise InputError(
            f"the setting `layer_cache` is {place!r:.200}, which names no repository of a registry "
            "and no bucket (expected as in registry.example/team/layers or s3://bucket/layers)"
        )
    return NotShared() if settings.offline else _Late(machine, place, key)


class _Late:
    """The cache, made when it is asked first."""

    def __init__(self, machine: Machine, place: str, key: Path) -> None:
        self._machine, self._place, self._key = machine, place, key

    def bring(self, key: str) -> bool:
        """As `SharedLayers.bring`."""
        return self._cache.bring(key)

    def keep(self, record: MadeLayer) -> None:
        """As `SharedLayers.keep`."""
        self._cache.keep(record)

    @cached_property
    def _cache(self) -> SharedLayers:
        from ironhull.build.layer_cache import SignedLayers
        from ironhull.signing.public_key import PublicKey
        from ironhull.workspace.signing_keys import KEYLESS, signer_of

        machine = self._machine
        try:
            pem = self._key.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {self._key}: {error.strerror}") from None
        key = PublicKey.from_pem(pem, str(self._key))
        signer = (
            signer_of(machine) if machine.signs and machine.settings.signer != KEYLESS else None
        )
        if signer is not None and signer.public != key:
            signer = None
        opened = _opened(machine, self._place, write=signer is not None)
        return SignedLayers(machine.home, opened, key, signer, machine.progress.note)


def _opened(
    machine: Machine, place: str, *, write: bool
) -> Callable[[], AbstractContextManager[LayerPlace]]:
    """What opens the place, again and again."""
    if place.startswith(BUCKET):
        bucket = _bucket(machine, place)
        return lambda: nullcontext(bucket)
    from ironhull.workspace.registries import registries

    reference = Reference.parse(place)

    @contextmanager
    def opened() -> Iterator[LayerPlace]:
        with registries(machine) as found:
            yield found.repository(reference, write=write)

    return opened


def _bucket(machine: Machine, place: str) -> LayerPlace:
    # Its library is an extra, and loads three libraries of its own.
    try:
        from ironhull.store.bucket import open_bucket
    except ModuleNotFoundError:
        raise EnvironmentProblem(
            f"obstore is not installed, which {place} needs (pip install 'ironhull[s3]')"
        ) from None
    settings = machine.settings
    try:
        ca = settings.ca.read_bytes() if settings.ca else None
    except OSError as error:
        raise InputError(f"cannot read {settings.ca}: {error.strerror}") from None
    return open_bucket(place, settings.environment, plain_http=settings.plain_http, ca=ca)
