"""VEX documents attached to an image, wrapped in attestations or plain.

They are read, not trusted: who signed them is to be checked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ironhull.attest.listing import Attachment, ImagePlace, attachments, read_attachment
from ironhull.json_fields import decode
from ironhull.oci.digest import Digest
from ironhull.vex.model import VexDocument
from ironhull.vex.reading import MAX_SIZE, may_hold_statements, parse_vex

_GENERIC = ("in-toto", "sigstore.bundle", "dsse", "cyclonedx", "csaf")


def attached_vex(place: ImagePlace, digests: Iterable[Digest], label: str) -> list[VexDocument]:
    """The VEX documents that refer to any of these digests; MalformedError for a damaged one.

    `label` is what messages call the place.
    """
    candidates: dict[tuple[str, str], Attachment] = {}
    for each in attachments(place, digests):
        if _may_be_vex(each):
            candidates.setdefault((each.digest, each.type), each)
    return [
        document
        for each in candidates.values()
        for document in _documents(place, each, f"{label}: referrer {each.digest}")
    ]


def _may_be_vex(attachment: Attachment) -> bool:
    """What says its predicate is what it says; in what does not, VEX may be."""
    kind = attachment.type.lower()
    if attachment.has_predicate:
        return "vex" in kind or "cyclonedx" in kind
    return "vex" in kind or any(word in kind for word in _GENERIC)


def _documents(place: ImagePlace, attachment: Attachment, name: str) -> Iterator[VexDocument]:
    for opened in read_attachment(place, attachment, name, MAX_SIZE):
        if may_hold_statements(decode(opened.document, name)):
            yield parse_vex(opened.document, name)
