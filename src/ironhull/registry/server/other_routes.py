"""The version check (end-1), the catalog, tokens, /healthz and /metrics."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from ironhull.registry.server.manifest_routes import take_page
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.registry import (
    Call,
    Registry,
    challenge,
    identify,
    json_answer,
    next_page,
)

_TOKEN_SECONDS = 300


class OtherRoutes:
    """The handlers; `app` guards and mounts them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def version(self, request: Request) -> Response:
        """GET /v2/ (end-1): 200 for whoever has a role.

        A stranger is asked to log in even where strangers may pull, if there are users: clients
        learn here how to.
        """
        access = self._registry.access
        identity = await identify(self._registry, request)
        known = identity is not None and (
            identity.name is not None or "authorization" in request.headers
        )
        stranger = identity is not None and identity.role != "none" and not access.has_users
        if not known and not stranger:
            raise challenge(self._registry, request)
        return json_answer({})

    async def token(self, request: Request) -> Response:
        """GET /token: a token for the Basic credentials, or for a stranger."""
        identity = await identify(self._registry, request)
        if identity is None or (identity.name is None and identity.role == "none"):
            raise challenge(self._registry, request)
        request.scope["ironhull.user"] = identity.name or ""
        text = self._registry.access.issue(identity, _TOKEN_SECONDS)
        issued = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return json_answer(
            {
                "token": text,
                "access_token": text,
                "expires_in": _TOKEN_SECONDS,
                "issued_at": issued,
            },
            {"cache-control": "no-store"},
        )

    async def catalog(self, request: Request, call: Call) -> ASGIApp:
        """GET /v2/_catalog: the repositories that the caller may pull."""
        names = await asyncio.to_thread(self._registry.contents.repositories)
        names = [name for name in names if call.identity.may("pull", name)]
        page, more = take_page(request, names, self._registry.limits.page)
        headers = next_page("/v2/_catalog", n=len(page), last=page[-1]) if more else None
        return json_answer({"repositories": page}, headers)

    async def healthz(self, request: Request) -> Response:
        """GET /healthz: 200 while the store can be read."""
        try:
            await asyncio.to_thread(self._registry.contents.tags.listing)
        except Exception as error:
            # For everybody without a password: paths and what is wrong with them are the log's.
            self._registry.log.note("the store cannot be read", error=repr(error))
            return PlainTextResponse("the store cannot be read, see the log\n", 503)
        return PlainTextResponse("ok\n")

    async def metrics(self, request: Request, call: Call) -> ASGIApp:
        """GET /metrics: for whoever may pull everything; for no stranger where there are users.

        The counts are of all repositories, also of those whose names the caller may not know.
        """
        registry = self._registry
        if registry.access.has_users and call.identity.name is None:
            raise challenge(registry, request)
        if not call.identity.everywhere:
            text = f"{call.identity.name} may not pull all repositories, which /metrics counts"
            raise Refusal("DENIED", text)
        unfinished = await asyncio.to_thread(len, registry.uploads)
        listing = await asyncio.to_thread(registry.contents.tags.listing)
        gauges = {
            "uploads_unfinished": ("Uploads begun and not finished.", unfinished),
            "connections": ("Connections, as last looked at.", registry.connections.count),
            "connections_shut_down": (
                "Connections shut down for being idle, slow or too many.",
                registry.connections.shut,
            ),
            "tags": ("Tags of all repositories.", sum(map(len, listing.tags.values()))),
        }
        return PlainTextResponse(
            registry.metrics.text(gauges), media_type="text/plain; version=0.0.4"
        )
