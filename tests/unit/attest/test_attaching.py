"""What attaching stores: a referrer of the image that cosign's readers find."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.signer import FakeSigner
from tests.unit.signing.test_dsse import SAID

from ironhull.attest.attaching import referrer_of
from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.attest.listing import LayoutPlace, attached_to, read_attachment
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.signing.dsse import signed_bundle
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import list_documents

VEX = "https://openvex.dev/ns/v0.2.0"
CREATED = "2026-11-28T12:00:00Z"


def image(layout: ImageLayout) -> Document:
    value = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "config": {}}
    document = Document.of(value)
    layout.blobs.put(document.raw)
    return document


def test_an_attached_statement_is_listed_and_read(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path, create=True)
    subject = image(layout)
    bundle = signed_bundle(SAID, FakeSigner())
    made = referrer_of(layout.blobs, subject.descriptor(), bundle, VEX, CREATED)
    list_documents(layout, [made, made])
    place = LayoutPlace(layout, subject.digest)
    (attached,) = attached_to(place, [subject.digest])
    assert (attached.kind, attached.type, attached.digest) == ("vex", VEX, made.digest)
    assert attached.manifest.artifact_type == BUNDLE_TYPE
    (opened,) = read_attachment(place, attached, "vex", 1 << 20)
    assert (opened.predicate_type, opened.document) == (VEX, b'{"b":1,"a":2}')


def test_the_same_bundle_gives_the_same_referrer(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path, create=True)
    subject = image(layout).descriptor()
    bundle = signed_bundle(SAID, FakeSigner())
    first = referrer_of(layout.blobs, subject, bundle, VEX, CREATED)
    assert referrer_of(layout.blobs, subject, bundle, VEX, CREATED).raw == first.raw
