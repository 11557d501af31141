"""An image that is open for reading: its identity, its config, and its layers as streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from typing import Any

from ironhull.inventory.cataloguers.interface import Content
from ironhull.inventory.model import ImageIdentity
from ironhull.inventory.stream import Readable
from ironhull.oci.tar import Member
from ironhull.values import dataclass

Entries = Iterator[tuple[Member, Content]]


@dataclass(frozen=True, slots=True)
class LayerSource:
    """One stored layer. `digest` is of the stored bytes, `diff_id` of the tar in them."""

    digest: str
    diff_id: str | None
    media_type: str
    size: int | None
    """Stored bytes; None if only reading tells."""
    open: Callable[[], AbstractContextManager[Readable]]
    foreign: bool = False
    """The bytes are elsewhere by design (non-distributable layers) and are not read."""
    is_believed: bool = False
    """`digest` is only what the config says: it holds once all stored bytes were read."""


@dataclass(frozen=True, slots=True)
class OpenImage:
    """What a source gives. `tree` is set instead of layers where there is only a folder."""

    identity: ImageIdentity
    config: Mapping[str, Any] = field(default_factory=dict)
    layers: tuple[LayerSource, ...] = ()
    tree: Callable[[], Entries] | None = None
