"""What is attached to images, in the ways of different tools: nothing of it is signed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import list_documents

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"
OPENVEX = "https://openvex.dev/ns/v0.2.0"
SLSA = "https://slsa.dev/provenance/v1"
SIGSTORE_KEY = "dev.sigstore.bundle.predicateType"
IN_TOTO_KEY = "in-toto.io/predicate-type"


def statement(kind: str, predicate: object, digest: str = "sha256:" + "ab" * 32) -> dict[str, Any]:
    subject = {"name": "app", "digest": {"sha256": digest.removeprefix("sha256:")}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": kind,
        "predicate": predicate,
    }


def envelope(said: object) -> dict[str, Any]:
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    return {
        "payloadType": IN_TOTO,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": base64.b64encode(b"none").decode()}],
    }


def bundle(said: object) -> dict[str, Any]:
    material = {"publicKey": {"hint": "a key"}}
    return {"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope(said)}


def blob(layout: ImageLayout, content: object, kind: str, **annotations: str) -> Descriptor:
    """A blob of bytes, or of a value as JSON."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Descriptor(kind, layout.blobs.put(data), len(data), annotations)


def attach(
    layout: ImageLayout,
    subject: Descriptor,
    content: object,
    kind: str,
    annotations: Mapping[str, str] | None = None,
    layer: Mapping[str, str] | None = None,
) -> Document:
    """A referrer with one blob, listed in the layout; annotations of manifest and of the blob."""
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": kind,
            "config": blob(layout, b"{}", OCI_EMPTY).json(),
            "layers": [blob(layout, content, kind, **(layer or {})).json()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).json(),
            "annotations": dict(annotations or {}),
        }
    )
    layout.blobs.put(document.raw)
    list_documents(layout, [document])
    return document


def buildkit_index(
    layout: ImageLayout, image: Descriptor, predicates: Mapping[str, object]
) -> Descriptor:
    """An index of the image and, in one manifest beside it, a statement for each predicate."""
    layers = [
        blob(layout, statement(kind, value, image.digest), IN_TOTO, **{IN_TOTO_KEY: kind})
        for kind, value in predicates.items()
    ]
    listed = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": blob(layout, b"{}", OCI_CONFIG).json(),
            "layers": [layer.json() for layer in layers],
        }
    )
    layout.blobs.put(listed.raw)
    marks = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image.digest,
    }
    index = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [image.json(), listed.descriptor(annotations=marks).json()],
        }
    )
    layout.blobs.put(index.raw)
    return index.descriptor()
