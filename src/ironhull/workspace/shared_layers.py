"""Layers that several hosts share through a registry, so that each is made once for all of them.

Each layer is a manifest under the tag `layer-KEY`, where the key stands for all that went into it:
the layer itself, and as its config the record of what is in it. Whoever may write there decides
what is in images, as whoever may write into a home does: it wants a repository of its own, and
logins for builders alone.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO

from ironhull.build.elsewhere import NotShared, SharedLayers
from ironhull.build.record import MadeLayer, parse_record, record_bytes, write_record
from ironhull.errors import InputError, IronhullError, MalformedError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.oci.reference import Reference
from ironhull.workspace.machine import Machine

RECORD = "application/vnd.ironhull.layer-record.v1+json"
MAX_RECORD = 256 << 20
_PREFIX = "layer-"


def shared_layers(machine: Machine) -> SharedLayers:
    """What the setting `shared` names; InputError for what is no repository of a registry."""
    place = machine.settings.shared
    if not place:
        return NotShared()
    host, slash, _ = place.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        raise InputError(
            f"the setting `shared` is {place!r:.200}, which names no repository of a registry "
            "(expected as in registry.example/ironhull/layers)"
        )
    return _InRegistry(machine, Reference.parse(place))


class _InRegistry:
    """What goes wrong there is noted: the layer is then made here, which gives the same one."""

    def __init__(self, machine: Machine, place: Reference) -> None:
        self._machine, self._place = machine, place

    def bring(self, key: str) -> bool:
        """As `SharedLayers.bring`."""
        try:
            return self._brought(key)
        except NotFoundError:
            return False
        except IronhullError as error:
            self._machine.progress.note(f"note: a shared layer is made here: {error}")
            return False

    def keep(self, record: MadeLayer) -> None:
        """As `SharedLayers.keep`."""
        try:
            self._kept(record)
        except IronhullError as error:
            self._machine.progress.note(f"note: other hosts do not get a layer: {error}")

    def _brought(self, key: str) -> bool:
        # Most builds have all layers, and load no network.
        from ironhull.workspace.registries import registries

        home = self._machine.home
        with registries(self._machine) as opened:
            repository = opened.repository(self._place)
            document = repository.fetch_manifest(f"{_PREFIX}{key}")
            config, layers = document.config, document.layers
            if config is None or config.media_type != RECORD or len(layers) != 1:
                raise MalformedError(f"{self._place}:{_PREFIX}{key} is no shared layer")
            raw = repository.read_blob(config, MAX_RECORD)
            record = parse_record(key, raw)
            if record is None or record.descriptor != layers[0]:
                raise MalformedError(
                    f"{self._place}:{_PREFIX}{key}: its record is of another layer"
                )
            repository.fetch_blob(layers[0], home.store.blobs)
        write_record(home.layers, record)
        return True

    def _kept(self, record: MadeLayer) -> None:
        from ironhull.workspace.registries import registries

        raw, layer = record_bytes(record), record.descriptor
        config = Descriptor(RECORD, digest_of(raw), len(raw))
        manifest = Document.of(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": config.json(),
                "layers": [layer.json()],
            }
        )
        with registries(self._machine) as opened:
            repository = opened.repository(self._place, write=True)
            repository.push_blob(layer, partial(self._machine.home.store.blobs.open, layer.digest))
            repository.push_blob(config, partial(BytesIO, raw))
            repository.push_manifest(manifest, f"{_PREFIX}{record.key}")
