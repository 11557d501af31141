"""VEX documents attached to an image: referrers whose content is VEX, wrapped or plain.

They are read, not trusted: who signed them is to be checked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ironhull.errors import MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.registry.client.transfer import Source
from ironhull.vex import csaf, cyclonedx, openvex
from ironhull.vex.model import VexDocument
from ironhull.vex.reading import MAX_SIZE, decode, parse_vex, unwrapped

MAX_REFERRERS = 200
_PREDICATES = (
    "in-toto.io/predicate-type",
    "dev.sigstore.bundle.predicateType",
    "predicateType",
)
_GENERIC = ("in-toto", "sigstore.bundle", "dsse", "cyclonedx", "csaf")


def attached_vex(source: Source, digests: Iterable[Digest]) -> Iterator[VexDocument]:
    """The VEX documents that refer to any of these digests; MalformedError for a damaged one."""
    seen: set[Digest] = set()
    for digest in digests:
        for descriptor in list(source.referrers(digest))[:MAX_REFERRERS]:
            if descriptor.digest not in seen and _may_be_vex(descriptor):
                seen.add(descriptor.digest)
                yield from _documents(source, descriptor)


def _may_be_vex(descriptor: Descriptor) -> bool:
    kind = (descriptor.artifact_type or "").lower()
    predicates = [(descriptor.annotations or {}).get(key, "") for key in _PREDICATES]
    if any(predicates):
        return any("vex" in text or "cyclonedx" in text for text in map(str.lower, predicates))
    return "vex" in kind or any(word in kind for word in _GENERIC)


def _documents(source: Source, descriptor: Descriptor) -> Iterator[VexDocument]:
    for layer in source.document(descriptor).layers:
        name = f"{source.label}: referrer {descriptor.digest}"
        if layer.size > MAX_SIZE:
            raise MalformedError(f"{name}: a document of {layer.size} bytes")
        data = source.read(layer)
        value = unwrapped(decode(data, name), name)
        known = openvex.recognises(value) or csaf.recognises(value)
        if known or (cyclonedx.recognises(value) and value.get("vulnerabilities")):
            yield parse_vex(data, name)
