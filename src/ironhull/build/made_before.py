"""A layer that was made before, here or on another machine; and what is kept of one made now."""

from __future__ import annotations

from ironhull.build.elsewhere import SharedLayers
from ironhull.build.record import MadeLayer, read_record, write_record
from ironhull.store.home import Home


def made_before(home: Home, key: str, shared: SharedLayers) -> MadeLayer | None:
    """The record of a layer that is in the home's store, if need be by who shares it."""
    record = _here(home, key)
    if record is None and shared.bring(key):
        return _here(home, key)
    return record


def remember(home: Home, record: MadeLayer, shared: SharedLayers) -> None:
    """Note what was made, and let those have it who share layers."""
    write_record(home.layers, record)
    shared.keep(record)


def _here(home: Home, key: str) -> MadeLayer | None:
    record = read_record(home.layers, key)
    # Renewed, so that a clean-up that runs beside this build takes it for new.
    if record is not None and home.store.blobs.renew(
        record.descriptor.digest, record.descriptor.size
    ):
        return record
    return None
