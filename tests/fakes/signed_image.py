"""A good signed image, and ways to change one thing of it on the way from statement to referrer.

image = SignedImage(tmp_path)
image.attach(image.index, SIGNATURE, {})                       # good
image.attach(image.index, SIGNATURE, {}, envelope=strip)       # one thing changed

Signatures are real and made over what the change left: a changed payload is signed as changed, but
where `unsigned=True` says that the change comes after the signature.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from ironhull.attest.attaching import EMPTY_TYPE, PREDICATE_ANNOTATIONS
from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.attest.envelope import pae
from ironhull.attest.listing import LayoutPlace
from ironhull.attest.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import hex_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.oci.platform import Platform
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import list_documents
from ironhull.verify.evidence import Evidence, collect
from ironhull.verify.trust import NamedKey, Trust
from tests.fakes.image import make_image
from tests.fakes.signer import FakeSigner

SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
VEX = "https://openvex.dev/ns/v0.2.0"
Change = Callable[[dict[str, Any]], Any]


def same(value: Any) -> Any:
    return value


class SignedImage:
    """An index of two platforms in a layout; index and manifests are signed by `signer`."""

    def __init__(self, folder: Path, *, signed: bool = True, **image: Any) -> None:
        self.layout = ImageLayout(folder / "layout", create=True)
        image = {"platforms": ("linux/amd64", "linux/arm64")} | image
        self.root = make_image(self.layout, **image)
        self.signer = FakeSigner()
        self.waiting: list[Document] | None = []
        root = self.layout.document(self.root.digest)
        self.manifests = list(root.manifests) if root.is_index else [self.root]
        if signed:
            for each in dict.fromkeys((self.root.digest, *(m.digest for m in self.manifests))):
                self.attach(self.descriptor(each), SIGNATURE, {})
        self.list_waiting()

    def copied(self, folder: Path) -> SignedImage:
        """The same image in another layout, to be changed: made once, it need not be made again."""
        image = copy(self)
        shutil.copytree(self.layout.root, folder / "layout")
        image.layout = ImageLayout(folder / "layout")
        return image

    def descriptor(self, digest: Any) -> Descriptor:
        return self.layout.document(digest).descriptor()

    def trust(self, *signers: FakeSigner, revoked: tuple[FakeSigner, ...] = ()) -> Trust:
        """Believes these, else the image's own signer."""
        return Trust(
            tuple(
                NamedKey(f"key{n}", each.public) for n, each in enumerate(signers or (self.signer,))
            ),
            tuple(NamedKey("old", each.public) for each in revoked),
        )

    def place(self) -> LayoutPlace:
        return LayoutPlace(self.layout, self.root.digest)

    def collect(self, trust: Trust | None = None, *platforms: str) -> Evidence:
        place = self.place()
        wanted = [Platform.parse(each) for each in platforms]
        return collect(place, place.root(), trust or self.trust(), wanted)

    def attach(
        self,
        subject: Descriptor,
        kind: str,
        predicate: object,
        *,
        signers: tuple[FakeSigner, ...] = (),
        statement: Change = same,
        payload: Callable[[bytes], bytes] = same,
        signature: Callable[[bytes], bytes] = same,
        envelope: Change = same,
        bundle: Change = same,
        manifest: Change = same,
        listed: Callable[[Descriptor], Descriptor] = same,
        payload_type: str = PAYLOAD_TYPE,
        unsigned: bool = False,
    ) -> Document:
        """A statement, signed, attached. A change that gives bytes stands as it is."""
        said = _bytes(statement(said_about(subject, kind, predicate)))
        sent = payload(said)
        message = pae(payload_type, said if unsigned else sent)
        made = envelope(
            {
                "payloadType": payload_type,
                "payload": base64.b64encode(sent).decode(),
                "signatures": [
                    {"sig": base64.b64encode(signature(each.sign(message))).decode()}
                    for each in signers or (self.signer,)
                ],
            }
        )
        material = (signers or (self.signer,))[0].material(message, b"")
        packed = _bytes(
            bundle(
                {
                    "mediaType": BUNDLE_TYPE,
                    "verificationMaterial": dict(material),
                    "dsseEnvelope": made,
                }
            )
        )
        blobs = self.layout.blobs
        value = manifest(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": BUNDLE_TYPE,
                "config": Descriptor(EMPTY_TYPE, blobs.put(b"{}"), 2).json(),
                "layers": [Descriptor(BUNDLE_TYPE, blobs.put(packed), len(packed)).json()],
                "subject": Descriptor(subject.media_type, subject.digest, subject.size).json(),
                "annotations": dict.fromkeys(PREDICATE_ANNOTATIONS, kind),
            }
        )
        document = Document.of(value)
        blobs.put(document.raw)
        if self.waiting is None:
            list_documents(self.layout, [document])
        else:
            self.waiting.append(document)
        return document

    def list_waiting(self) -> None:
        """List what was attached while `waiting` was a list, at once: each time is a write."""
        list_documents(self.layout, self.waiting or [])
        self.waiting = None


def said_about(subject: Descriptor, kind: str, predicate: object) -> dict[str, Any]:
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "app", "digest": {"sha256": hex_of(subject.digest)}}],
        "predicateType": kind,
        "predicate": predicate,
    }


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def with_(**fields: Any) -> Change:
    """The object with these fields; None takes one away."""

    def changed(value: Mapping[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in {**value, **fields}.items() if v is not None}

    return changed
