"""Attaches a signed statement to an image of a layout: a referrer, as cosign 3 stores it.

The manifest has both annotations that readers look for, sigstore's and in-toto's, and no time of
its own: the same bundle about the same image gives the same referrer.
"""

from __future__ import annotations

from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.store.blobs import BlobStore

EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_EMPTY = b"{}"
PREDICATE_ANNOTATIONS = ("dev.sigstore.bundle.predicateType", "in-toto.io/predicate-type")


def referrer_of(
    blobs: BlobStore, subject: Descriptor, bundle: bytes, predicate_type: str, created: str
) -> Document:
    """The referrer's manifest, stored with its blobs; `list_documents` makes it known.

    `created` is RFC 3339: a function of the image, so that the bytes are.
    """
    layer = Descriptor(BUNDLE_TYPE, blobs.put(bundle), len(bundle))
    empty = digest_of(_EMPTY)
    # It is there from the second statement on.
    if not blobs.renew(empty, len(_EMPTY)):
        blobs.put(_EMPTY)
    config = Descriptor(EMPTY_TYPE, empty, len(_EMPTY))
    annotations = {
        "org.opencontainers.image.created": created,
        "dev.sigstore.bundle.content": "dsse-envelope",
    } | dict.fromkeys(PREDICATE_ANNOTATIONS, predicate_type)
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": BUNDLE_TYPE,
            "config": config.json(),
            "layers": [layer.json()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).json(),
            "annotations": annotations,
        }
    )
    blobs.put(document.raw)
    return document
