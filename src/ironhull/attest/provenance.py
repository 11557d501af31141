"""SLSA provenance (v1, and v0.2's `materials`): who built, out of what. Read, not verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that went into a build: SLSA v1's resolved dependency, v0.2's material."""

    uri: str
    digests: tuple[str, ...]
    """`sha256:…`; empty where the provenance names none."""

    @property
    def is_image(self) -> bool:
        """Whether it is another image, by its address."""
        return self.uri.startswith(("pkg:docker/", "pkg:oci/", "docker-image://", "oci://"))

    @property
    def is_package(self) -> bool:
        """Whether it is a package, by its purl."""
        return self.uri.startswith("pkg:") and not self.is_image


@dataclass(frozen=True, slots=True)
class Provenance:
    """One provenance."""

    digest: str
    """Of the attachment that holds it."""
    builder: str
    """The builder's id, a URI; empty where it is not said."""
    dependencies: tuple[Dependency, ...]


def provenance_in(predicate: Mapping[str, Any], digest: str) -> Provenance:
    """The provenance of a predicate; parts of the wrong type count as absent."""
    definition, details = _object(predicate, "buildDefinition"), _object(predicate, "runDetails")
    listed = definition.get("resolvedDependencies", predicate.get("materials"))
    builder = _object(details or predicate, "builder").get("id")
    return Provenance(
        digest=digest,
        builder=builder if isinstance(builder, str) else "",
        dependencies=tuple(
            Dependency(
                item["uri"] if isinstance(item.get("uri"), str) else "",
                tuple(
                    f"{name}:{value}"
                    for name, value in sorted(_object(item, "digest").items())
                    if isinstance(value, str) and value
                ),
            )
            for item in (listed if isinstance(listed, list) else ())
            if isinstance(item, dict)
        ),
    )


def _object(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
