"""JSON documents that are addressed by digest: manifests, indexes, configs."""

from __future__ import annotations

import json
import re
from dataclasses import field
from typing import Any

from ironhull.errors import MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, digest_of
from ironhull.oci.media_types import INDEXES, MANIFESTS
from ironhull.values import dataclass

# The distribution specification asks registries to take manifests of at least 4 MiB.
MAX_DOCUMENT = 4 * 1024 * 1024


# One for all: what JSON is written by takes as long to make as a small document to write.
_WRITE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
# Half of a sign as JSON spells it; the other half may follow.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def canonical(value: Any) -> bytes:
    """The one way in which Ironhull writes JSON that gets a digest: sorted, no spaces, UTF-8."""
    return _WRITE(value).encode("utf-8")


def _written(value: Any) -> None:
    """ValueError for a text that cannot be written: one that is not Unicode (RFC 8259, 8.2)."""
    try:
        canonical(value)
    except UnicodeEncodeError:
        raise ValueError("a text in it is not Unicode: half of a surrogate pair") from None


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index: the bytes as read, and what they say, which nobody changes."""

    raw: bytes
    media_type: str
    value: dict[str, Any]
    _known: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was worked out of it; a push asks a dozen times for each."""

    @classmethod
    def parse(cls, raw: bytes, media_type: str | None = None) -> Document:
        """Bytes as a JSON object; `media_type` (from outside) must agree with what they say."""
        if len(raw) > MAX_DOCUMENT:
            raise MalformedError(f"manifest of {len(raw)} bytes, the limit is {MAX_DOCUMENT}")
        try:
            text = raw.decode("utf-8-sig")
            value = json.loads(text)
            if _HALF.search(text):
                _written(value)
        except (ValueError, RecursionError) as error:
            raise MalformedError(f"manifest is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise MalformedError("manifest is not a JSON object")
        said = value.get("mediaType")
        if said is not None and not isinstance(said, str):
            raise MalformedError("manifest mediaType is not a string")
        if said and media_type and said != media_type:
            raise MalformedError(f"manifest says it is {said}, its descriptor says {media_type}")
        return cls(raw, media_type or said or "", value)

    @classmethod
    def of(cls, value: dict[str, Any]) -> Document:
        """A new document from its parts, in canonical JSON."""
        return cls(canonical(value), value["mediaType"], value)

    @property
    def digest(self) -> Digest:
        """Of the bytes as they were read."""
        if "digest" not in self._known:
            self._known["digest"] = digest_of(self.raw)
        found: Digest = self._known["digest"]
        return found

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests, by its media type."""
        return self.media_type in INDEXES or (
            self.media_type not in MANIFESTS and "manifests" in self.value
        )

    def descriptor(self, **more: Any) -> Descriptor:
        """The document's own descriptor; `more` are fields of Descriptor."""
        return Descriptor(self.media_type, self.digest, len(self.raw), **more)

    def _descriptors(self, key: str) -> tuple[Descriptor, ...]:
        if key not in self._known:
            items = self.value.get(key)
            if not isinstance(items, list):
                raise MalformedError(f"manifest without a list of {key}")
            self._known[key] = tuple(map(Descriptor.from_json, items))
        found: tuple[Descriptor, ...] = self._known[key]
        return found

    def _descriptor(self, key: str) -> Descriptor:
        if key not in self._known:
            self._known[key] = Descriptor.from_json(self.value.get(key))
        found: Descriptor = self._known[key]
        return found

    @property
    def manifests(self) -> tuple[Descriptor, ...]:
        """What an index lists."""
        return self._descriptors("manifests")

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """A manifest's layers, lowest first."""
        return self._descriptors("layers")

    @property
    def config(self) -> Descriptor:
        """The config's descriptor; MalformedError in an index."""
        return self._descriptor("config")

    @property
    def subject(self) -> Descriptor | None:
        """What a referrer refers to."""
        return None if self.value.get("subject") is None else self._descriptor("subject")
