"""The ASGI application: routes, errors as the specification writes them, a line in the log each."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ironhull.errors import EnvironmentProblem
from ironhull.registry.server.apt_routes import AptRoutes
from ironhull.registry.server.blob_routes import BlobRoutes
from ironhull.registry.server.finding import (
    BLOB,
    MANIFEST,
    REFERRERS,
    TAGS,
    UPLOAD,
    UPLOADS,
    Addresses,
    pattern_of,
)
from ironhull.registry.server.manifest_routes import ManifestRoutes
from ironhull.registry.server.other_routes import OtherRoutes
from ironhull.registry.server.receiving import ClientGone
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.registry import Registry, guarded
from ironhull.registry.server.request_head import check_head
from ironhull.registry.server.request_log import Line
from ironhull.registry.server.retention import let_go
from ironhull.registry.server.site import Site
from ironhull.registry.server.sweep import sweep
from ironhull.registry.together import HEADER, PATH, VERSION

# Ids of requests are to tell lines of the log apart, and no secret; the system is asked once.
_ids = random.Random()  # noqa: S311
Endpoint = Callable[[Request], Awaitable[ASGIApp]]
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 16 * 1024 * 1024


def application(registry: Registry, site: Site | None = None) -> ASGIApp:
    """The registry as an ASGI application, with pages beside it if there is a site."""
    guarded_routes = _guarded_routes(registry)
    routes = [*guarded_routes, *_open_routes(registry), *(site.routes() if site else ())]
    router = Router(routes, redirect_slashes=False, lifespan=lambda _: _life(registry, site))
    endpoints = {(each.path, way): each.endpoint for each in guarded_routes for way in _ways(each)}
    return _Outermost(router, endpoints, Addresses(routes), registry)


def _ways(route: Route) -> set[str]:
    return route.methods or set()


def _guarded_routes(registry: Registry) -> list[Route]:
    blobs, manifests = BlobRoutes(registry), ManifestRoutes(registry)
    other, apt = OtherRoutes(registry), AptRoutes(registry)
    # (path, method, what the caller must be allowed, name in the metrics, handler); of two that
    # match the first wins.
    table = [
        ("/v2/_catalog", "GET", "pull", "catalog", other.catalog),
        ("/metrics", "GET", "pull", "metrics", other.metrics),
        ("/apt/{path:path}", "GET", "pull", "apt", apt.get),
        (UPLOADS, "POST", "push", "upload_start", blobs.start),
        ("/v2/{name:path}/blobs/uploads", "POST", "push", "upload_start", blobs.start),
        (UPLOAD, "GET", "push", "upload_status", blobs.status),
        (UPLOAD, "PATCH", "push", "upload_chunk", blobs.chunk),
        (UPLOAD, "PUT", "push", "upload_finish", blobs.finish),
        (UPLOAD, "DELETE", "push", "upload_cancel", blobs.cancel),
        (BLOB, "GET", "pull", "blob_pull", blobs.pull),
        (BLOB, "DELETE", "admin", "blob_delete", blobs.delete),
        (MANIFEST, "GET", "pull", "manifest_pull", manifests.pull),
        (MANIFEST, "PUT", "push", "manifest_push", manifests.push),
        (MANIFEST, "DELETE", "admin", "manifest_delete", manifests.delete),
        (f"/v2/{{name:path}}/{PATH}", "POST", "push", "together", manifests.together),
        (TAGS, "GET", "pull", "tags", manifests.tags),
        (REFERRERS, "GET", "pull", "referrers", manifests.referrers),
    ]
    return [
        Route(path, guarded(registry, action, name, handler), methods=[method])
        for path, method, action, name, handler in table
    ]


def _open_routes(registry: Registry) -> list[Route]:
    other = OtherRoutes(registry)
    open_to_all = [
        ("/v2", other.version),
        ("/v2/", other.version),
        ("/token", other.token),
        ("/healthz", other.healthz),
    ]
    return [Route(path, handler, methods=["GET"]) for path, handler in open_to_all]


def _not_routed(router: Router, scope: Scope, status: int) -> Refusal:
    text = f"{scope['method'][:20]} {scope['path'][:200]!r} is not of this API"
    if status != 405:
        return Refusal("NOT_FOUND", text, status=status)
    allowed: set[str] = set()
    for route in router.routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            allowed |= route.methods or set()
    return Refusal("UNSUPPORTED", text, headers={"allow": ", ".join(sorted(allowed))})


@asynccontextmanager
async def _life(registry: Registry, site: Site | None = None) -> AsyncIterator[None]:
    """While the server runs: sweep from time to time. Afterwards close what is open."""

    async def keep_sweeping() -> None:
        swept_at = time.monotonic()
        while True:
            await asyncio.sleep(registry.limits.expire_every)
            try:
                await asyncio.to_thread(registry.uploads.expire)
                if time.monotonic() - swept_at < registry.limits.sweep_every:
                    continue
                swept_at = time.monotonic()
                for gone in await asyncio.to_thread(let_go, registry.contents):
                    registry.log.note("retention", **gone.counts())
                swept = await asyncio.to_thread(sweep, registry.contents, registry.uploads)
            except Exception as error:
                registry.log.note("sweep failed", error=str(error))
            else:
                registry.log.note("swept", **swept.json())

    registry.connections.start(registry.log.note)
    for remark in registry.access.remarks:
        registry.log.note(remark)
    # Small work on disk, of which some waits for a sync: enough threads that pulls need not wait.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(16, "disk"))
    task = None if registry.read_only else asyncio.create_task(keep_sweeping())
    if site is not None:
        site.start(registry.log.note)
    try:
        yield
    finally:
        if site is not None:
            site.stop()
        if task is not None:
            task.cancel()
        registry.connections.stop()
        if registry.mirrors is not None:
            await asyncio.to_thread(registry.mirrors.close)
        registry.writers.shutdown(wait=True)
        registry.logins.close()
        registry.uploads.close()


class _Outermost:
    """Around everything: request ids, the log, metrics, and no error that is not an answer."""

    def __init__(
        self,
        router: Router,
        endpoints: Mapping[tuple[str, str], Endpoint],
        addresses: Addresses,
        registry: Registry,
    ) -> None:
        self._router = router
        # By pattern and method: what the router would find, found at once.
        self._endpoints = endpoints
        self._addresses = addresses
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        # With an "app" in its scope the router raises HTTPException instead of answering in text.
        scope["app"] = self
        observed = _Observed(scope, receive, send)
        metrics = self._registry.metrics
        metrics.in_flight += 1
        begun = time.monotonic()
        try:
            await self._answer(scope, observed)
        finally:
            metrics.in_flight -= 1
            seconds = time.monotonic() - begun
            route = scope.get("ironhull.route", "other")
            metrics.request(_known(scope["method"]), route, observed.status, seconds)
            self._registry.log.request(_line(scope, observed, seconds))

    async def _routed(self, scope: Scope, observed: _Observed) -> None:
        pattern, parameters = pattern_of(scope["path"]) or ("", {})
        endpoint = self._endpoints.get((pattern, scope["method"]))
        if endpoint is None:
            endpoint, parameters = self._addresses.find(scope)
        if endpoint is None:
            await self._router(scope, observed.receive, observed.send)
            return
        scope["path_params"] = parameters
        answer = await endpoint(Request(scope, observed.receive))
        await answer(scope, observed.receive, observed.send)

    async def _answer(self, scope: Scope, observed: _Observed) -> None:
        try:
            with self._registry.connections.request(scope.get("client")):
                check_head(scope)
                await self._routed(scope, observed)
        except HTTPException as error:
            await observed.refuse(scope, _not_routed(self._router, scope, error.status_code))
        except Refusal as refusal:
            observed.error = f"{refusal.code}: {refusal}"
            await observed.refuse(scope, refusal)
        except ClientGone:
            # Who went away does not read the answer; whose chunks are malformed does.
            text = "the body is malformed or ended before it was whole"
            observed.error = f"client went away, or {text}"
            close = {"connection": "close"}
            await observed.refuse(scope, Refusal("REQUEST_INVALID", text, headers=close))
        except EnvironmentProblem as problem:
            observed.error = str(problem)
            await observed.refuse(scope, Refusal("STORAGE_FULL", "the registry cannot write"))
        except Exception as error:
            observed.error = repr(error)
            self._registry.log.note(
                "fault", id=observed.id, trace="".join(traceback.format_exception(error))
            )
            text = f"internal error, see the log for request {observed.id}"
            await observed.refuse(scope, Refusal("UNKNOWN", text))


class _Observed:
    """A request's receive and send, with what the log wants to know."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.id = f"{_ids.getrandbits(64):016x}"
        self.status = 0
        self.received = self.sent = 0
        self.error = ""
        self._body_ended = False
        self._receive = receive
        self._send: Callable[[Message], Awaitable[None]] = send
        self._head = scope["method"] == "HEAD"

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        self._body_ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self._head:
                self.sent = int(dict(message["headers"]).get(b"content-length", 0))
            message["headers"] = [
                *message["headers"],
                (b"x-request-id", self.id.encode()),
                (b"docker-distribution-api-version", b"registry/2.0"),
                (HEADER.encode(), VERSION.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
        await self._send(message)

    async def refuse(self, scope: Scope, refusal: Refusal) -> None:
        """Answer with the refusal, unless an answer has begun."""
        if self.status:
            return
        headers = {**refusal.headers, "content-type": "application/json"}
        response = Response(refusal.body(), refusal.status, headers)
        if scope["method"] in ("GET", "HEAD", "DELETE") or self._body_ended:
            await response(scope, self.receive, self.send)
            return
        start = {"type": "http.response.start", "status": response.status_code}
        await self.send({**start, "headers": response.raw_headers})
        await self.send(
            {"type": "http.response.body", "body": bytes(response.body), "more_body": True}
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drain(), _LINGER_SECONDS)
        await self.send({"type": "http.response.body", "body": b""})

    async def _drain(self) -> None:
        """Take some of what the client still sends.

        With bytes unread the connection is reset, and many a client that sends first and reads
        afterwards never sees why it was refused.
        """
        limit = self.received + _LINGER_BYTES
        while not self._body_ended and self.received < limit:
            await self.receive()


def _known(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") else "OTHER"


def _line(scope: Scope, observed: _Observed, seconds: float) -> Line:
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    raw = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string") or b""
    path = (raw + (b"?" + query if query else b"")).decode("ascii", "backslashreplace")
    client = scope.get("client")
    return Line(
        id=observed.id,
        client=client[0] if client else "-",
        user=scope.get("ironhull.user", ""),
        method=scope["method"][:20],
        path=path[:1000],
        status=observed.status,
        received=observed.received,
        sent=observed.sent,
        seconds=round(seconds, 6),
        agent=agent.decode("ascii", "backslashreplace")[:200],
        error=" ".join(observed.error[:300].split()),
    )
