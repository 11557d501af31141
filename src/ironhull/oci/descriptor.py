"""Content descriptors (image-spec descriptor.md)."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ironhull.errors import MalformedError, UntrustedError
from ironhull.oci.digest import Digest, digest_of, parse_digest
from ironhull.oci.platform import Platform
from ironhull.values import dataclass

_KNOWN = frozenset({"mediaType", "digest", "size", "annotations", "artifactType"})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What something is, its digest and its size in bytes.

    `extra` keeps the fields that this class has no name for, so that a round trip loses nothing.
    """

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    platform: Platform | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The descriptor as the specification writes it."""
        value: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.artifact_type is not None:
            value["artifactType"] = self.artifact_type
        if self.platform is not None:
            value["platform"] = self.platform.json()
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        # `extra` last and whole: a foreign platform object keeps its os.version and features.
        return value | dict(self.extra)

    def embedded(self) -> bytes | None:
        """The content itself, where the descriptor carries it (`data`); None where it does not.

        UntrustedError if it is not what digest and size say.
        """
        data = self.extra.get("data")
        if data is None:
            return None
        try:
            content = binascii.a2b_base64(data, strict_mode=True)
        except (ValueError, TypeError):
            raise MalformedError(f"descriptor of {self.digest}: data is not Base64") from None
        if len(content) != self.size or digest_of(content) != self.digest:
            raise UntrustedError(
                f"descriptor of {self.digest}: its data are {len(content)} bytes with the digest "
                f"{digest_of(content)}, not {self.size} bytes with its own"
            )
        return content

    @classmethod
    def from_json(cls, value: object) -> Descriptor:
        """A descriptor out of parsed JSON; MalformedError says which field is wrong."""
        if not isinstance(value, dict):
            raise MalformedError(f"a descriptor is a JSON object, got {type(value).__name__}")
        media_type, size = value.get("mediaType"), value.get("size")
        if not isinstance(media_type, str) or not media_type:
            raise MalformedError(f"descriptor without a mediaType: {value!r:.200}")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise MalformedError(f"descriptor with a wrong size: {size!r:.50}")
        annotations = value.get("annotations") or {}
        if not isinstance(annotations, dict):
            raise MalformedError("descriptor annotations are a map of strings")
        for key, text in annotations.items():
            if not isinstance(key, str) or not isinstance(text, str):
                raise MalformedError("descriptor annotations are a map of strings")
        artifact_type = value.get("artifactType")
        if artifact_type is not None and not isinstance(artifact_type, str):
            raise MalformedError("descriptor artifactType is a string")
        return cls(
            media_type=media_type,
            digest=parse_digest(value.get("digest")),
            size=size,
            annotations=annotations,
            artifact_type=artifact_type,
            platform=_platform(value.get("platform")),
            extra={key: item for key, item in value.items() if key not in _KNOWN},
        )


def _platform(value: object) -> Platform | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise MalformedError("descriptor platform is a JSON object")
    os, architecture, variant = (value.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(os, str) or not isinstance(architecture, str):
        raise MalformedError("descriptor platform needs os and architecture")
    return Platform(os, architecture, variant if isinstance(variant, str) else None)
