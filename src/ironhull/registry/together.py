"""Small blobs and manifests of one repository in one request, as `ironhull serve` takes them.

A signed image is a dozen statements of a few kilobytes, each a blob and a manifest: to send them by
themselves costs both sides a request each, which is far more than their bytes are worth. The
distribution specification has nothing for it and leaves names with a leading `_` to extensions:

    POST /v2/<name>/_ironhull/together

The body is one line of JSON, `{"parts": [{"digest", "size", "mediaType", "tags", "match"}, …]}`,
then the bytes of all parts in this order. A part with a media type is a manifest, one without is a
blob. 201: all are there, each as if it had been pushed alone, manifests by their digests, and when
all are there by their tags, which the header `oci-tag` of the answer has (as of end-7b; a server
that knows none here says none). With `match` a tag is given only where it is at that digest, or
with "" where it is not there. A server says in the header `ironhull-together` of its answers that
it takes such requests; nothing else is changed by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from ironhull.errors import MalformedError
from ironhull.json_fields import decode, objects, text, texts
from ironhull.oci.digest import Digest, digest_of, parse_digest
from ironhull.oci.document import MAX_DOCUMENT, canonical
from ironhull.values import dataclass

PATH = "_ironhull/together"
MEDIA_TYPE = "application/vnd.ironhull.together.v1"
HEADER = "ironhull-together"
VERSION = "1"
MAX_BYTES = MAX_DOCUMENT
"""Of a whole body: what a server holds in memory for a manifest anyway."""
MAX_PARTS = 512


@dataclass(frozen=True, slots=True)
class Part:
    """A blob, or a manifest if it has a media type."""

    digest: Digest
    data: bytes = field(repr=False)
    media_type: str = ""
    tags: tuple[str, ...] = ()
    """Of a manifest: what it is to be found by when all parts are there."""
    match: str | None = None
    """The digest that its one tag is at, if that is to be so; empty: that there is no such tag."""


def packed(parts: Sequence[Part]) -> bytes:
    """The body of a request."""
    listed = [
        {"digest": part.digest, "size": len(part.data)}
        | ({"mediaType": part.media_type} if part.media_type else {})
        | ({"tags": list(part.tags)} if part.tags else {})
        | ({"match": part.match} if part.match is not None else {})
        for part in parts
    ]
    return b"".join((canonical({"parts": listed}), b"\n", *(part.data for part in parts)))


def unpacked(body: bytes) -> list[Part]:
    """The parts of a body, each of the digest that it says; MalformedError."""
    end = body.find(b"\n")
    end = len(body) if end < 0 else end
    rest = memoryview(body)[end + 1 :]
    listed = objects(decode(body[:end], "list of parts"), "parts", "list of parts")
    if len(listed) > MAX_PARTS:
        raise MalformedError(f"{len(listed)} parts, at most {MAX_PARTS} at once")
    parts, at = [], 0
    for each in listed:
        digest, size = parse_digest(text(each, "digest", "a part")), each.get("size")
        if type(size) is not int or not 0 <= size <= len(rest) - at:
            raise MalformedError(f"part {digest}: it does not have {size!r:.40} bytes here")
        data = bytes(rest[at : at + size])
        if digest_of(data) != digest:
            raise MalformedError(f"part {digest}: its bytes are {digest_of(data)}")
        tags = tuple(texts(each, "tags", "a part"))
        match = text(each, "match", "a part") if "match" in each else None
        parts.append(Part(digest, data, text(each, "mediaType", "a part"), tags, match))
        at += size
    if at != len(rest):
        raise MalformedError(f"{len(rest) - at} bytes more than the parts have")
    return parts
