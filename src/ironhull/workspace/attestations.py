"""What is attached to an image, listed and read; who says it is not checked here."""

from __future__ import annotations

from dataclasses import dataclass

from ironhull.attest.listing import (
    Attachment,
    ImagePlace,
    attached_to,
    read_attachment,
)
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Platform
from ironhull.statements.kinds import KINDS, kind_of
from ironhull.workspace.image_place import image_place
from ironhull.workspace.machine import Machine

MAX_READ = 256 << 20


@dataclass(frozen=True, slots=True)
class ListedAttestation:
    """Something that refers to an image, and which part of the image."""

    attachment: Attachment
    platform: str
    """Empty: it refers to the index."""

    @property
    def word(self) -> str:
        """`provenance`, `vex`, …; the type where there is no word for it."""
        return kind_of(self.attachment.type)


def attestations(
    machine: Machine, reference: str
) -> tuple[str, Digest, tuple[ListedAttestation, ...]]:
    """Where the image is, its digest, and what refers to it or to any of its platforms.

    Nothing is verified. Errors: NotFoundError, NetworkError, MalformedError.
    """
    with image_place(machine, reference) as place:
        found, digest = listed_at(place)
        return place.label, digest, found


def listed_at(place: ImagePlace) -> tuple[tuple[ListedAttestation, ...], Digest]:
    """What refers to the image of a place or to any of its platforms, and the image's digest."""
    root = place.root()
    parts: dict[Digest, str] = {root.digest: ""}
    for item in root.manifests if root.is_index else ():
        parts.setdefault(item.digest, str(item.platform or ""))
    found = attached_to(place, parts)
    order = {digest: number for number, digest in enumerate(parts)}
    listed = (
        ListedAttestation(each, parts[Digest(each.subject)])
        for each in sorted(found, key=lambda each: order[Digest(each.subject)])
    )
    return tuple(listed), root.digest


def read_attestation(
    machine: Machine,
    reference: str,
    wanted: str,
    platform: Platform | None = None,
    *,
    bundle: bool = False,
) -> bytes:
    """What one attestation says, or the `bundle` that holds it, as it is attached.

    `wanted` is a kind, a type or the referrer's digest. NotFoundError lists what there is,
    InputError says which platforms to choose from.
    """
    with image_place(machine, reference) as place:
        listed, _ = listed_at(place)
        found = [
            each
            for each in listed
            if wanted in (each.word, each.attachment.type, each.attachment.digest)
            and (platform is None or each.platform == str(platform))
        ]
        chosen = _one(reference, wanted, listed, found)
        if bundle:
            layers = place.document(chosen.attachment.manifest).layers
            if len(layers) != 1 or layers[0].size > MAX_READ:
                raise InputError(f"{chosen.attachment.digest} is not one document")
            return place.read(layers[0])
        opened = list(read_attachment(place, chosen.attachment, chosen.word, MAX_READ))
    if len(opened) != 1:
        raise InputError(f"{chosen.attachment.digest} holds {len(opened)} documents")
    return opened[0].document


def _one(
    reference: str,
    wanted: str,
    listed: tuple[ListedAttestation, ...],
    found: list[ListedAttestation],
) -> ListedAttestation:
    if not found:
        words = sorted({each.word for each in listed}) or ["nothing"]
        known = "" if wanted in KINDS or "://" in wanted else f" (kinds are: {', '.join(KINDS)})"
        raise NotFoundError(
            f"no {wanted!r:.200} is attached to {reference}; there is: {', '.join(words)}{known}"
        )
    by_platform = {each.platform for each in found}
    if len(by_platform) > 1:
        names = ", ".join(sorted(by_platform - {""})) or "index"
        raise InputError(f"{wanted} is attached to several: name one with --platform ({names})")
    if len(found) > 1:
        digests = ", ".join(each.attachment.digest for each in found)
        raise InputError(f"{wanted} is attached {len(found)} times: name one by digest ({digests})")
    return found[0]
