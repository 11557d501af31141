"""Pushing one blob (distribution-spec, "Pushing blobs"): mounted, or streamed and resumed.

0. a small blob in one request, where the registry takes it so (`at_once`);
1. else ask for a session, with a mount if a repository may have the blob;
2. without OCI-Chunk-Min-Length: everything in one PUT; with it: PATCH by PATCH, then PUT;
3. after a break ask the session how much it has, and go on from there with PATCH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

from ironhull.errors import NetworkError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.registry.client.answers import Refused
from ironhull.registry.client.auth import Scope
from ironhull.registry.client.session import Session
from ironhull.transport.message import Answer, Body, Request, bytes_body
from ironhull.transport.patience import Broken, GaveUp, Tries
from ironhull.values import dataclass

_READ = 1 << 20
# What we send at once where the registry wants chunks and does not ask for larger ones.
_CHUNK = 16 << 20
_SMALL_CHUNK = 8 << 20
_AT_ONCE = 8 << 20
_MAX_CHUNK = 1 << 30
_OCTETS = {"content-type": "application/octet-stream"}
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")


@dataclass(slots=True)
class _Place:
    """Where the session is, what it has, and the size of its chunks; 0: all at once."""

    url: str
    offset: int = 0
    chunk: int = 0
    done: bool = False
    """Whether the registry has the blob already."""


class BlobUpload:
    """One blob on its way to one repository.

    `source` opens the blob anew for each attempt; `advance` is told of bytes the first time that
    they are sent.
    """

    def __init__(
        self,
        session: Session,
        scope: Scope,
        descriptor: Descriptor,
        source: Callable[[], BinaryIO],
        advance: Callable[[int], None],
    ) -> None:
        self._session = session
        self._scope = scope
        self._descriptor = descriptor
        self._source = source
        self._advance = advance
        self._sent = 0
        self._path = f"/v2/{scope.repository}/blobs"
        self._what = f"push of blob {descriptor.digest}"

    def run(self, mount_from: str | None = None, there: Callable[[], bool] | None = None) -> bool:
        """Bring the blob there; True if its bytes were sent, False if it was mounted.

        Where it cannot be mounted, `there` is asked whether the registry has it all the same.
        """
        if mount_from:
            begun = self._mount(mount_from)
            if begun is not None and begun.done:
                return False
            if there is not None and there():
                self._cancel(begun)
                return False
        else:
            begun = self._at_once()
            if begun is not None and begun.done:
                return True
        try:
            # A blob that has to be fetched first is fetched now, not while the registry waits.
            self._source().close()
        except BaseException:
            self._cancel(begun)
            raise
        place = begun or self._begin()
        exchange, best = self._session.exchange, 0
        tries = exchange.tries(
            Request("PUT", place.url), note=lambda error, _: exchange.progress.note(error.reason)
        )
        while True:
            try:
                self._transfer(place)
                return True
            except (GaveUp, Refused) as error:
                if not _may_go_on(error, place):
                    raise
                if place.offset > best:
                    best = place.offset
                    tries.gained()
                self._wait(tries, error)
                found = self._recover(place, error)
                if found is None:
                    return True
                place = found

    def _wait(self, tries: Tries, error: GaveUp | Refused) -> None:
        wait = error.wait if isinstance(error, Refused) else None
        try:
            tries.again(Broken("", f"{error}; going on", wait=wait))
        except GaveUp:
            raise error from None

    def _cancel(self, place: _Place | None) -> None:
        """End a session that is not needed, so that it does not stay open at the registry.

        Not every registry can: then it ends by itself, some day.
        """
        if place is not None:
            with suppress(NetworkError):
                request = Request("DELETE", place.url, retry=False)
                self._session.call(request, self._scope, 204, 202, 200, what=self._what)

    def _mount(self, mount_from: str) -> _Place | None:
        """Where to send it instead, `done` where it is mounted; None where that is to be asked."""
        scope = Scope(self._scope.repository, self._scope.actions, (mount_from,))
        query = urlencode({"mount": self._descriptor.digest, "from": mount_from})
        url = self._session.url(f"{self._path}/uploads/?{query}")
        request = Request("POST", url, body=bytes_body(b""))
        try:
            answer = self._session.call(request, scope, 201, 202, what=self._what)
        except Refused as error:
            if error.status >= 500 or error.status == 429:
                raise
            return None
        return _Place("", done=True) if answer.status == 201 else self._place(answer)

    def _at_once(self) -> _Place | None:
        """The blob in one request; else where to send it, None where that is still to be asked."""
        known, digest = self._session.at_once, self._descriptor.digest
        # A registry of Ironhull's takes it so, and then writes down no upload; what breaks off is
        # begun again, so not much may.
        sure = self._session.together and self._descriptor.size <= _AT_ONCE
        if not sure and not known.may(self._descriptor.size):
            return None
        url = self._session.url(f"{self._path}/uploads/?{urlencode({'digest': digest})}")
        body = self._body(0, self._descriptor.size)
        request = Request("POST", url, _OCTETS, body, retry=False)
        takes = False
        try:
            answer = self._session.call(request, self._scope, 201, 202, what=self._what)
            takes = answer.status == 201
            return _Place("", done=True) if takes else self._place(answer)
        except (GaveUp, Refused):
            # What is wrong with the blob or the caller is said of the usual way too.
            return None
        finally:
            if not sure:
                known.learned(takes)

    def _begin(self) -> _Place:
        url = self._session.url(f"{self._path}/uploads/")
        request = Request("POST", url, body=bytes_body(b""))
        return self._place(self._session.call(request, self._scope, 202, what=self._what))

    def _place(self, answer: Answer) -> _Place:
        minimum = answer.headers.get("oci-chunk-min-length", "")
        chunk = 0
        if minimum:
            if not minimum.isdigit() or int(minimum) > _MAX_CHUNK:
                raise NetworkError(f"{self._where()}: wants chunks of {minimum:.40} bytes")
            chunk = max(int(minimum), _CHUNK)
        return _Place(self._location(answer), 0, chunk)

    def _location(self, answer: Answer) -> str:
        location = answer.headers.get("location")
        if not location:
            raise NetworkError(f"{self._where()}: the registry names no Location to upload to")
        return self._session.url(location, answer.url)

    def _transfer(self, place: _Place) -> None:
        size = self._descriptor.size
        if place.chunk == 0 and place.offset == 0:
            self._finish(place, self._body(0, size))
            return
        while place.offset < size:
            self._patch(place)
        self._finish(place, bytes_body(b""))

    def _patch(self, place: _Place) -> None:
        start = place.offset
        end = min(start + (place.chunk or _CHUNK), self._descriptor.size)
        headers = {**_OCTETS, "content-range": f"{start}-{end - 1}"}
        request = Request("PATCH", place.url, headers, self._body(start, end), retry=False)
        # 204 and 201 are not the spec's, but some registries answer them.
        answer = self._session.call(request, self._scope, 202, 204, 201, what=self._what)
        place.url = self._location(answer)
        has = _has(answer)
        if has is not None and not start < has <= end:
            raise NetworkError(
                f"{self._where()}: sent bytes up to {end}, the registry says it has {has}"
            )
        place.offset = end if has is None else has

    def _finish(self, place: _Place, body: Body) -> None:
        mark = "&" if urlsplit(place.url).query else "?"
        url = f"{place.url}{mark}{urlencode({'digest': self._descriptor.digest})}"
        request = Request("PUT", url, _OCTETS, body, retry=False)
        self._session.call(request, self._scope, 201, 204, what=self._what)

    def _recover(self, place: _Place, error: Exception) -> _Place | None:
        """Where to go on; None if the registry has the blob after all."""
        check = Request("HEAD", self._session.url(f"{self._path}/{self._descriptor.digest}"))
        there = self._session.call(check, self._scope, 200, 404, what=self._what)
        if there.status == 200:
            return None
        status = error.status if isinstance(error, Refused) else 0
        chunk = _SMALL_CHUNK if status == 413 else place.chunk
        asked = Request("GET", place.url)
        try:
            answer = self._session.call(asked, self._scope, 204, 202, 200, what=self._what)
        except Refused:
            answer = None
        has = _has(answer) if answer else None
        # 416: we and the registry disagree about what it has, so nothing of it is kept.
        if answer is None or has is None or has > self._descriptor.size or status == 416:
            fresh = self._begin()
            fresh.chunk = fresh.chunk or chunk
            return fresh
        # `0-0` is one byte, or none in registries older than the spec; none is safe to assume.
        return _Place(self._location(answer), 0 if has == 1 else has, chunk)

    def _body(self, start: int, end: int) -> Body:
        def chunks() -> Iterator[bytes]:
            with self._source() as file:
                file.seek(start)
                at = start
                while at < end:
                    data = file.read(min(_READ, end - at))
                    if not data:
                        raise UntrustedError(
                            f"blob {self._descriptor.digest} ends after {at} bytes and not "
                            f"{self._descriptor.size} (run: ironhull cache verify)"
                        )
                    yield data
                    at += len(data)
                    if at > self._sent:
                        self._advance(at - self._sent)
                        self._sent = at

        return Body(chunks, end - start)

    def _where(self) -> str:
        return f"{self._session.where(self._scope)}: {self._what}"


def _has(answer: Answer) -> int | None:
    """How many bytes the session has, by its Range header (inclusive, from 0)."""
    match = _RANGE.fullmatch(answer.headers.get("range", "").strip())
    return int(match[1]) + 1 if match else None


def _may_go_on(error: GaveUp | Refused, place: _Place) -> bool:
    if isinstance(error, GaveUp):
        return True
    if error.status == 413:
        return place.chunk == 0 and place.offset == 0
    return error.status >= 500 or error.status in (404, 408, 416, 429)
