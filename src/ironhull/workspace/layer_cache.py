"""The cache of layers that the settings name, of which only what is signed is believed.

What reaches registries and checks signatures is loaded when a layer is missing: most builds have
all of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from ironhull.build.elsewhere import SharedLayers
from ironhull.build.record import MadeLayer
from ironhull.errors import InputError
from ironhull.oci.reference import Reference
from ironhull.workspace.machine import Machine


def signed_layers(machine: Machine) -> SharedLayers | None:
    """What the setting `layer_cache` names; None: nothing, or nothing may be fetched.

    Layers are given to it where this machine signs with the key that is believed. InputError for
    settings that do not go together.
    """
    settings = machine.settings
    if settings.layer_cache is None:
        return None
    if settings.shared is not None:
        raise InputError(
            "the settings `shared` and `layer_cache` both say where layers are: leave one out"
        )
    if settings.layer_cache_key is None:
        raise InputError(
            "layer_cache names a repository, and layer_cache_key no key whose layers are believed "
            "(to write one: ironhull key public)"
        )
    place = Reference.parse(settings.layer_cache)
    return None if settings.offline else _Late(machine, place, settings.layer_cache_key)


class _Late:
    """The cache, made when it is asked first."""

    def __init__(self, machine: Machine, place: Reference, key: Path) -> None:
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
        from ironhull.registry.client.repository import Repository
        from ironhull.signing.public_key import PublicKey
        from ironhull.workspace.registries import registries
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

        @contextmanager
        def opened() -> Iterator[Repository]:
            with registries(machine) as found:
                yield found.repository(self._place, write=signer is not None)

        return SignedLayers(machine.home, opened, key, signer, machine.progress.note)
