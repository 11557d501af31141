"""What an image's maker says about it outside of its files: annotations and provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ironhull.attest.listing import Attachment, ImagePlace, read_attachment
from ironhull.attest.provenance import Provenance, provenance_in
from ironhull.errors import InputError
from ironhull.inventory.model import ImageIdentity
from ironhull.json_fields import decode

MAX_SIZE = 64 << 20
_MAX_READ = 20


@dataclass(frozen=True, slots=True)
class Declared:
    """What the maker says."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    """Labels of the config and annotations of manifest and index; annotations win."""
    provenance: tuple[Provenance, ...] = ()
    problems: tuple[str, ...] = ()
    """Provenance that could not be read."""


def declared_in(
    place: ImagePlace,
    image: ImageIdentity,
    labels: Mapping[str, str],
    attached: Sequence[Attachment],
) -> Declared:
    """Annotations and provenance of an image in a place; problems are told, not raised."""
    annotations = dict(labels)
    root = place.root()
    annotations |= _annotations(root.value)
    if image.manifest is not None and image.manifest != image.digest:
        for item in root.manifests if root.is_index else ():
            if item.digest == image.manifest:
                annotations |= _annotations(place.document(item).value)
    found: list[Provenance] = []
    problems: list[str] = []
    wanted = {(each.digest, each.type): each for each in attached if each.kind == "provenance"}
    for attachment in list(wanted.values())[:_MAX_READ]:
        try:
            found += _provenance(place, attachment)
        except InputError as error:
            problems.append(str(error))
    return Declared(annotations, tuple(found), tuple(problems))


def _annotations(value: Mapping[str, Any]) -> dict[str, str]:
    given = value.get("annotations")
    if not isinstance(given, dict):
        return {}
    return {key: text for key, text in given.items() if isinstance(text, str)}


def _provenance(place: ImagePlace, attachment: Attachment) -> Iterator[Provenance]:
    name = f"referrer {attachment.digest}"
    for opened in read_attachment(place, attachment, name, MAX_SIZE):
        yield provenance_in(decode(opened.document, name), attachment.digest)
