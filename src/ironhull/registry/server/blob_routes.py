"""Blobs over HTTP: pull, upload, mount, delete (distribution-spec end-2, 4, 5, 6, 10, 11, 13)."""

from __future__ import annotations

import asyncio
import re
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive

from ironhull.oci.digest import Digest
from ironhull.registry.server.bursts import Bursts
from ironhull.registry.server.contents import FoundBlob
from ironhull.registry.server.looking import known_blob
from ironhull.registry.server.names import digest as parse_digest
from ironhull.registry.server.names import repository_name
from ironhull.registry.server.pull_through import PullThrough
from ironhull.registry.server.ranges import parse_ranges
from ironhull.registry.server.receiving import (
    ClientGone,
    at_once,
    read_into,
    read_small,
    too_large,
)
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.registry import Call, Registry
from ironhull.registry.server.sending import FileResponse
from ironhull.registry.server.upload import Upload

_CONTENT_RANGE = re.compile(r"(?:bytes[ =])?(\d{1,18})-(\d{1,18})(?:/(?:\d{1,18}|\*))?")
_SMALL = 1 << 17
"""Bytes of a blob that is held in memory until it is whole: what a connection may hold anyway."""

_LARGE = 1 << 20
"""Bytes of an answer of which the kernel may hold much or little: `Connections.hold_little`."""


class BlobRoutes:
    """The handlers; `app` guards and mounts them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._contents = registry.contents
        self._uploads = registry.uploads
        self._bursts = Bursts(registry.limits.bursts)

    async def pull(self, request: Request, call: Call) -> ASGIApp:
        """GET and HEAD of a blob (end-2), whole or in parts."""
        digest = parse_digest(request.path_params["digest"])
        headers = {
            "content-type": "application/octet-stream",
            "docker-content-digest": digest,
            "etag": f'"{digest}"',
            "accept-ranges": "bytes",
            "cache-control": "private, max-age=31536000, immutable",
        }
        through = self._registry.through(call.repository)
        if through is not None:
            answer = await self._brought(through, request, call.repository, digest, headers)
            if answer is not None:
                return answer
        found = await self._find(call.repository, digest)
        if unchanged(request, digest):
            return Response(status_code=304, headers=headers)
        condition = request.headers.get("if-range")
        wanted = request.headers.get("range") if condition in (None, f'"{digest}"') else None
        parts = parse_ranges(wanted, found.size) if request.method == "GET" else ()
        answer = FileResponse(found.path, found.size, headers, parts)
        if request.method == "GET":
            size = int(answer.headers["content-length"])
            self._registry.metrics.sent(size)
            client = request.client
            if size >= _LARGE and client is not None:
                near = self._registry.connections.hold_little
                if await asyncio.to_thread(near, (client.host, client.port)):
                    answer.bursts = self._bursts
        return answer

    async def _brought(
        self,
        through: PullThrough,
        request: Request,
        repository: str,
        digest: Digest,
        headers: dict[str, str],
    ) -> ASGIApp | None:
        """The answer for a mirrored blob that is not here yet; None when it is here now."""
        if request.method == "HEAD" or unchanged(request, digest):
            size = await through.blob_size(repository, digest)
            if unchanged(request, digest):
                return Response(status_code=304, headers=headers)
            return Response(headers={**headers, "content-length": str(size)})
        arriving = await through.blob(repository, digest, whole="range" in request.headers)
        following = arriving.follow(headers) if arriving is not None else None
        if arriving is not None and following is not None:
            self._registry.metrics.sent(arriving.size)
        return following

    async def delete(self, request: Request, call: Call) -> ASGIApp:
        """DELETE of a blob (end-10)."""
        digest = parse_digest(request.path_params["digest"])
        await asyncio.to_thread(self._contents.delete_blob, call.repository, digest)
        return Response(status_code=202)

    async def start(self, request: Request, call: Call) -> ASGIApp:
        """POST: mount (end-11), the whole blob at once (end-4b), or the start of an upload (4a)."""
        query = request.query_params
        if "mount" in query:
            digest = parse_digest(query["mount"])
            if await self._mount(call, digest, query.get("from")):
                return _created(call.repository, digest)
        whole = parse_digest(query["digest"]) if "digest" in query else None
        plain = "content-range" not in request.headers
        if whole is not None and plain and 0 < self._announced(request) <= _SMALL:
            await self._put(request, call, whole)
            return _created(call.repository, whole)
        size, where = self._announced(request), (call.repository, call.owner)
        if whole is None:
            return _accepted(await asyncio.to_thread(self._uploads.begin, *where, size))
        await asyncio.to_thread(self._uploads.check_room, size)
        upload = await asyncio.to_thread(self._uploads.start, *where, once=True)
        try:
            await self._receive(request, request.receive, upload)
            await self._make_blob(upload, whole)
        except BaseException:
            await asyncio.to_thread(self._uploads.discard, upload)
            raise
        finally:
            self._uploads.release(upload)
        return _created(call.repository, whole)

    async def _put(self, request: Request, call: Call, digest: Digest) -> None:
        """A small blob that comes whole: one turn of a thread, in the place of five."""
        registry = self._registry
        data = await read_small(request.receive, registry.limits, _SMALL)
        registry.metrics.received(len(data))
        await asyncio.to_thread(self._uploads.put, call.repository, call.owner, data, digest)

    async def status(self, request: Request, call: Call) -> ASGIApp:
        """GET of an upload (end-13): how much is there."""
        identifier = request.path_params["upload"]
        size = await asyncio.to_thread(self._uploads.size, call.repository, identifier)
        return Response(status_code=204, headers=_progress(call.repository, identifier, size))

    async def chunk(self, request: Request, call: Call) -> ASGIApp:
        """PATCH (end-5): append a chunk, or stream the whole."""
        data, receive = await self._small(request)
        if data is not None:
            return _accepted(await asyncio.to_thread(self._append, request, call, data))
        upload = await self._take(request, call)
        try:
            await self._receive(request, receive, upload)
        finally:
            self._uploads.release(upload)
        return _accepted(upload)

    async def finish(self, request: Request, call: Call) -> ASGIApp:
        """PUT (end-6): the last chunk, or the whole, or nothing more; then the digest."""
        digest = parse_digest(request.query_params.get("digest", ""))
        data, receive = await self._small(request)
        if data is not None:
            await asyncio.to_thread(self._append, request, call, data, digest)
            return _created(call.repository, digest)
        upload = await self._take(request, call)
        try:
            await self._receive(request, receive, upload)
            await self._make_blob(upload, digest)
        finally:
            self._uploads.release(upload)
        return _created(call.repository, digest)

    async def cancel(self, request: Request, call: Call) -> ASGIApp:
        """DELETE of an upload."""
        upload = await self._take(request, call)
        await asyncio.to_thread(self._uploads.discard, upload)
        self._uploads.release(upload)
        return Response(status_code=204)

    async def _find(self, repository: str, digest: Digest) -> FoundBlob:
        return await self._registry.looks.at(
            partial(known_blob, self._contents, repository, digest),
            partial(self._contents.find_blob, repository, digest),
        )

    async def _take(self, request: Request, call: Call) -> Upload:
        identifier = request.path_params["upload"]
        return await asyncio.to_thread(self._uploads.take, call.repository, identifier)

    async def _small(self, request: Request) -> tuple[bytes | None, Receive]:
        """A small body that is here at once, or none at all; else None, and how to receive it."""
        if "content-length" not in request.headers:
            return None, request.receive
        size = self._announced(request)
        if not 0 < size <= _SMALL:
            return None if size else b"", request.receive
        data, receive = await at_once(request.receive, self._registry.limits, size)
        self._registry.metrics.received(len(data or b""))
        return data, receive

    def _append(
        self, request: Request, call: Call, data: bytes, digest: Digest | None = None
    ) -> Upload:
        """One turn of a thread for a small body, in the place of two to four."""
        upload = self._uploads.take(call.repository, request.path_params["upload"])
        try:
            _chunk_length(request, upload)
            if data:
                self._uploads.check_room(len(data))
                if upload.size + len(data) > self._registry.limits.blob:
                    raise too_large(self._registry.limits.blob)
                upload.append([data])
            if digest is not None:
                self._uploads.finish(upload, digest)
        finally:
            self._uploads.release(upload)
        return upload

    async def _make_blob(self, upload: Upload, digest: Digest) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._registry.writers, self._uploads.finish, upload, digest)

    async def _mount(self, call: Call, digest: Digest, source: str | None) -> bool:
        """Whether the blob is now in the repository, out of one that the caller may pull."""
        if source is None or not call.identity.may("pull", repository_name(source)):
            return False
        try:
            await self._find(source, digest)
        except Refusal:
            return False
        await asyncio.to_thread(self._contents.records.add_blob, call.repository, digest)
        return True

    def _announced(self, request: Request) -> int:
        """Content-Length; SIZE_INVALID if it is more than a blob may have."""
        size = int(request.headers.get("content-length", "0"))
        if size > self._registry.limits.blob:
            raise too_large(self._registry.limits.blob)
        return size

    async def _receive(self, request: Request, receive: Receive, upload: Upload) -> None:
        start = upload.size
        expected = _chunk_length(request, upload)
        registry = self._registry
        size = self._announced(request)
        if size:
            await asyncio.to_thread(self._uploads.check_room, size)
        arguments = (upload, receive, registry.limits, registry.writers, registry.metrics)
        try:
            await read_into(*arguments, expected)
        except Refusal as refusal:
            if refusal.code == "SIZE_INVALID":
                upload.cut(start)
            raise
        except ClientGone:
            if expected is not None and upload.size > start + expected:
                upload.cut(start)
            raise


def unchanged(request: Request, digest: Digest) -> bool:
    """Whether If-None-Match names what we would send."""
    header = request.headers.get("if-none-match", "")
    return f'"{digest}"' in header or header.strip() == "*"


def _chunk_length(request: Request, upload: Upload) -> int | None:
    """Bytes that Content-Range announces; RANGE_INVALID if it does not begin where we are."""
    header = request.headers.get("content-range")
    if header is None:
        return None
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise Refusal("BLOB_UPLOAD_INVALID", f"Content-Range {header!r:.100} is not <start>-<end>")
    first, last = int(match[1]), int(match[2])
    if first != upload.size or last < first:
        raise Refusal(
            "RANGE_INVALID",
            f"chunk {first}-{last} does not begin at {upload.size}, where this upload is",
            headers=_progress(upload.repository, upload.id, upload.size),
        )
    length = request.headers.get("content-length")
    if length is not None and int(length) != last - first + 1:
        raise Refusal("SIZE_INVALID", f"Content-Length is {length}, Content-Range {header!r:.100}")
    return last - first + 1


def _progress(repository: str, identifier: str, size: int) -> dict[str, str]:
    return {
        "location": f"/v2/{repository}/blobs/uploads/{identifier}",
        # Of an empty upload too this says 0-0: the form that docker's registry gave it.
        "range": f"0-{max(0, size - 1)}",
        "docker-upload-uuid": identifier,
    }


def _accepted(upload: Upload) -> Response:
    return Response(status_code=202, headers=_progress(upload.repository, upload.id, upload.size))


def _created(repository: str, digest: Digest) -> Response:
    return Response(
        status_code=201,
        headers={
            "location": f"/v2/{repository}/blobs/{digest}",
            "docker-content-digest": digest,
        },
    )
