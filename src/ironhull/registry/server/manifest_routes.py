"""Manifests, tags and referrers over HTTP (distribution-spec end-3, 7, 8, 9, 12)."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from ironhull.errors import MalformedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_INDEX
from ironhull.registry.server.blob_routes import unchanged
from ironhull.registry.server.contents import Condition
from ironhull.registry.server.looking import known_bytes, known_manifest
from ironhull.registry.server.names import digest as parse_digest
from ironhull.registry.server.names import is_tag
from ironhull.registry.server.publishing import put_manifest, put_together
from ironhull.registry.server.receiving import read_small, too_large
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.registry import Call, Registry, json_answer, next_page
from ironhull.registry.server.rules import Push
from ironhull.registry.together import MAX_BYTES, Part, unpacked

# distribution-spec, "Listing Referrers": an answer is no larger than a manifest may be.
_REFERRERS_BYTES = 3 * 1024 * 1024
_MOST_TAGS = 100


class ManifestRoutes:
    """The handlers; `app` guards and mounts them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._contents = registry.contents

    async def pull(self, request: Request, call: Call) -> ASGIApp:
        """GET and HEAD of a manifest (end-3)."""
        reference = request.path_params["reference"]
        through = self._registry.through(call.repository)
        if through is not None:
            reference = (await through.manifest(call.repository, reference)).digest
        contents, where = self._contents, (call.repository, reference)
        if request.method == "HEAD":
            found = await self._registry.looks.at(
                partial(known_manifest, contents, *where), partial(contents.find_manifest, *where)
            )
            raw = b""
        else:
            found, raw = await self._registry.looks.at(
                partial(known_bytes, contents, *where), partial(contents.read_manifest, *where)
            )
            self._registry.metrics.sent(len(raw))
        headers = {
            "content-type": found.media_type,
            "content-length": str(found.size),
            "docker-content-digest": found.digest,
            "etag": f'"{found.digest}"',
        }
        if unchanged(request, found.digest):
            del headers["content-length"]
            return Response(status_code=304, headers=headers)
        return Response(raw, headers=headers)

    async def push(self, request: Request, call: Call) -> ASGIApp:
        """PUT of a manifest (end-7)."""
        limits = self._registry.limits
        if int(request.headers.get("content-length", "0")) > limits.manifest:
            raise too_large(limits.manifest)
        raw = await read_small(request.receive, limits, limits.manifest)
        self._registry.metrics.received(len(raw))
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        reference = request.path_params["reference"]
        tags = [] if is_tag(reference) else _tags(request)
        put = partial(put_manifest, self._contents, call.repository, reference, raw, media_type)
        entry = await asyncio.to_thread(put, tags, _condition(request))
        headers = {
            "location": f"/v2/{call.repository}/manifests/{entry.digest}",
            "docker-content-digest": entry.digest,
        }
        if entry.subject is not None:
            headers["oci-subject"] = entry.subject
        answer = Response(status_code=201, headers=headers)
        if is_tag(reference):
            by = call.identity.name or ""
            self._registry.pushed(Push(call.repository, reference, entry.digest, by))
        self._tagged(call, entry.digest, tags)
        for tag in tags:
            answer.headers.append("oci-tag", tag)
        return answer

    async def together(self, request: Request, call: Call) -> ASGIApp:
        """POST of small blobs and manifests in one request (`registry.together`)."""
        registry = self._registry
        if int(request.headers.get("content-length", "0")) > MAX_BYTES:
            raise too_large(MAX_BYTES)
        body = await read_small(request.receive, registry.limits, MAX_BYTES)
        registry.metrics.received(len(body))
        given = await asyncio.to_thread(self._put_together, call.repository, body)
        answer = Response(status_code=201)
        for part in given:
            self._tagged(call, part.digest, part.tags)
        if given:
            # In one line: clients take a hundred at most.
            answer.headers["oci-tag"] = ",".join(tag for part in given for tag in part.tags)
        return answer

    def _tagged(self, call: Call, digest: Digest, tags: Sequence[str]) -> None:
        """Tell whom it concerns which tags a manifest was given."""
        for tag in tags:
            self._registry.pushed(Push(call.repository, tag, digest, call.identity.name or ""))

    def _put_together(self, repository: str, body: bytes) -> list[Part]:
        self._registry.uploads.check_room(len(body))
        try:
            parts = unpacked(body)
        except MalformedError as error:
            raise Refusal("REQUEST_INVALID", str(error)) from None
        for part in parts:
            limits = self._registry.limits
            limit = limits.manifest if part.media_type else limits.blob
            if len(part.data) > limit:
                raise too_large(limit)
            if part.tags and not part.media_type:
                raise Refusal("TAG_INVALID", f"blob {part.digest} cannot have a tag")
            if part.match is not None and len(part.tags) != 1:
                raise Refusal("TAG_INVALID", f"{part.digest}: `match` is of one tag")
        tags = [tag for part in parts for tag in part.tags]
        _check_tags(tags)
        if len(set(tags)) < len(tags):
            raise Refusal("TAG_INVALID", "a tag is given twice")
        return put_together(self._contents, repository, parts)

    async def delete(self, request: Request, call: Call) -> ASGIApp:
        """DELETE of a tag or of a manifest (end-9)."""
        reference = request.path_params["reference"]
        through = self._registry.through(call.repository)
        if is_tag(reference) and through is not None:
            await through.forget_tag(call.repository, reference)
        elif is_tag(reference):
            await asyncio.to_thread(self._contents.delete_tag, call.repository, reference)
        else:
            digest = parse_digest(reference)
            await asyncio.to_thread(self._contents.delete_manifest, call.repository, digest)
        return Response(status_code=202)

    async def tags(self, request: Request, call: Call) -> ASGIApp:
        """GET of the tags (end-8), in the order of their bytes."""
        through = self._registry.through(call.repository)
        if through is not None:
            names = await through.tags(call.repository)
        else:
            names = await asyncio.to_thread(self._contents.tag_names, call.repository)
        page, more = take_page(request, names, self._registry.limits.page)
        path = f"/v2/{call.repository}/tags/list"
        headers = next_page(path, n=len(page), last=page[-1]) if more else None
        return json_answer({"name": call.repository, "tags": page}, headers)

    async def referrers(self, request: Request, call: Call) -> ASGIApp:
        """GET of the referrers of a manifest (end-12), also of one that is not there."""
        subject = parse_digest(request.path_params["digest"])
        through = self._registry.through(call.repository)
        if through is not None:
            found = await through.referrers(call.repository, subject)
        else:
            found = await asyncio.to_thread(self._contents.referrers, call.repository, subject)
        wanted = request.query_params.get("artifactType")
        headers = {"content-type": OCI_INDEX}
        if wanted is not None:
            found = [item for item in found if item.artifact_type == wanted]
            headers["oci-filters-applied"] = "artifactType"
        last = request.query_params.get("last", "")
        page, more = _fitting([item for item in found if item.digest > last])
        if more:
            query = {"artifactType": wanted} if wanted is not None else {}
            path = f"/v2/{call.repository}/referrers/{subject}"
            headers |= next_page(path, **query, last=page[-1].digest)
        index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [item.json() for item in page],
        }
        return Response(canonical(index), headers=headers)


def _tags(request: Request) -> list[str]:
    """The tags that a manifest is to get at once, by its digest (end-7b)."""
    tags = request.query_params.getlist("tag")
    _check_tags(tags)
    return list(dict.fromkeys(tags))


def _check_tags(tags: Sequence[str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise Refusal("TAG_INVALID", f"{len(tags)} tags, at most {_MOST_TAGS} at once", status=414)
    for tag in tags:
        if not is_tag(tag):
            raise Refusal("TAG_INVALID", f"{tag!r:.200} is not a tag")


def _condition(request: Request) -> Condition | None:
    """What If-Match and If-None-Match (RFC 9110, 13.1) want of a tag before it is set."""
    match, none = (request.headers.get(each) for each in ("if-match", "if-none-match"))
    if match is None and none is None:
        return None

    def wanted(digest: Digest | None) -> bool:
        return (match is None or _names(match, digest)) and not (none and _names(none, digest))

    return wanted


def _names(header: str, digest: Digest | None) -> bool:
    return digest is not None and (header.strip() == "*" or f'"{digest}"' in header)


def take_page(request: Request, names: list[str], limit: int) -> tuple[list[str], bool]:
    """The names that `n` and `last` ask for, and whether there are more after them."""
    text = request.query_params.get("n")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refusal("PAGINATION_NUMBER_INVALID", f"n is {text!r:.50}, expected a number")
    count = limit if text is None else min(int(text), limit)
    start = (
        bisect_right(names, request.query_params["last"]) if "last" in request.query_params else 0
    )
    page = names[start : start + count]
    return page, bool(page) and start + count < len(names)


def _fitting(found: list[Descriptor]) -> tuple[list[Descriptor], bool]:
    size = 0
    page: list[Descriptor] = []
    for item in found:
        size += len(canonical(item.json()))
        if page and size > _REFERRERS_BYTES:
            return page, True
        page.append(item)
    return page, False
