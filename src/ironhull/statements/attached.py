"""Whether an image has been attested: all that a build in which nothing changed asks."""

from __future__ import annotations

from ironhull.attest.listing import LayoutPlace, type_of
from ironhull.oci.descriptor import Descriptor
from ironhull.statements.kinds import SIGNATURE
from ironhull.store.layout import ImageLayout


def is_attested(layout: ImageLayout, root: Descriptor) -> bool:
    """Whether a signature is attached to each manifest of an image; none is verified."""
    place = LayoutPlace(layout, root.digest)
    document = layout.document(root.digest, root.media_type)
    manifests = document.manifests if document.is_index else (root,)
    return all(
        any(type_of(each) == SIGNATURE for each in place.referrers(manifest.digest))
        for manifest in manifests
    )
