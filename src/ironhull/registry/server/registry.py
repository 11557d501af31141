"""What all routes share: the contents, the uploads, the rules, and how a caller is let in."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from ironhull.registry.server.access import Access
from ironhull.registry.server.connections import Connections
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.logins import Logins, network
from ironhull.registry.server.looking import Looks
from ironhull.registry.server.metrics import Metrics
from ironhull.registry.server.names import repository_name
from ironhull.registry.server.pull_through import PullThrough
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.request_log import RequestLog
from ironhull.registry.server.rules import Push
from ironhull.registry.server.uploads import Uploads
from ironhull.registry.server.users import Identity

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,260}")

Handler = Callable[[Request, "Call"], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True)
class Registry:
    """One running registry."""

    contents: Contents
    uploads: Uploads
    access: Access
    limits: Limits
    log: RequestLog
    read_only: bool = False
    pushed: Callable[[Push], None] = lambda push: None
    """Is told of each tag that was pushed; returns at once."""
    metrics: Metrics = field(default_factory=Metrics)
    looks: Looks = field(default_factory=Looks)
    # Hashing and writing; hashlib and write() let other threads run meanwhile.
    writers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "blob"))
    connections: Connections = field(default_factory=lambda: Connections(Limits()))
    mirrors: PullThrough | None = None
    """Brings what mirrored repositories are asked for; None: what is here is all there is."""
    logins: Logins = field(init=False)

    def through(self, repository: str) -> PullThrough | None:
        """What a repository is brought by, if it is a mirror."""
        mirrors = self.mirrors
        return mirrors if mirrors is not None and mirrors.mirror(repository) else None

    def __post_init__(self) -> None:
        object.__setattr__(self, "logins", Logins(self.access))


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, and which repository for ("" where there is none).

    `owner` is what stands for them where something is counted: the user, or the address.
    """

    identity: Identity
    repository: str
    owner: str


async def identify(registry: Registry, request: Request) -> Identity | None:
    """Who the Authorization header is from; None if it proves nothing."""
    for remark in registry.access.refresh():
        registry.log.note(remark)
    header = request.headers.get("authorization")
    if header is None:
        return registry.access.anonymous
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return registry.access.bearer(value.strip())
    pair = _basic(value) if scheme.lower() == "basic" else None
    if pair is None:
        return None
    return await registry.logins.identify(_address(request), *pair)


def challenge(registry: Registry, request: Request, scope: str = "") -> Refusal:
    """UNAUTHORIZED, with how to prove who one is (RFC 9110, 11.6.1).

    Basic where nobody gets in without a password. Where strangers may pull, a token: with Basic,
    docker could not pull without a login there, or not push with one.
    """
    value = 'Basic realm="ironhull", charset="UTF-8"'
    if registry.access.anonymous.role != "none":
        value = f'Bearer realm="{_own_address(request)}/token",service="ironhull"'
        if scope:
            value += f',scope="{scope}"'
    given = "authorization" in request.headers
    text = "wrong user name, password or token" if given else "log in first"
    return Refusal("UNAUTHORIZED", text, headers={"www-authenticate": value})


def guarded(
    registry: Registry, action: str, name: str, handler: Handler
) -> Callable[[Request], Any]:
    """An endpoint that runs the handler if the caller may do `action` in the repository.

    `name` is what the metrics call it.
    """

    async def endpoint(request: Request) -> ASGIApp:
        request.scope["ironhull.route"] = name
        identity = await identify(registry, request)
        repository = request.path_params.get("name", "")
        if identity is None:
            raise challenge(registry, request)
        request.scope["ironhull.user"] = identity.name or ""
        if "name" in request.path_params:
            repository = repository_name(repository)
        if not identity.may(action, repository or None):
            if identity.name is None:
                wanted = "pull" if action == "pull" else "pull,push"
                raise challenge(registry, request, f"repository:{repository}:{wanted}")
            where = f" in {repository}" if repository else ""
            raise Refusal("DENIED", f"{identity.name} may not {action}{where}")
        if registry.read_only and action != "pull":
            raise Refusal("UNSUPPORTED", "this registry is read-only")
        mirrored = registry.contents.rules.mirror(repository) if action == "push" else None
        if mirrored is not None:
            text = f"{repository} is a mirror of {mirrored.upstream}: push there"
            raise Refusal("DENIED", text)
        return await handler(request, Call(identity, repository, _owner(request, identity)))

    return endpoint


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _owner(request: Request, identity: Identity) -> str:
    if identity.name is not None:
        return f"user {identity.name}"
    return f"address {network(_address(request))}"


def json_answer(value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON document as a response, in few bytes."""
    return Response(
        json.dumps(value, separators=(",", ":")).encode(),
        headers=headers,
        media_type="application/json",
    )


def next_page(path: str, **query: str | int) -> dict[str, str]:
    """The Link header of a page that is not the last (RFC 8288)."""
    return {"link": f'<{path}?{urlencode(query)}>; rel="next"'}


def _own_address(request: Request) -> str:
    """Where the client reached us: also through a proxy that ends TLS."""
    # Both come from the client and go back to it inside quotes.
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = "localhost"
    scheme = request.headers.get("x-forwarded-proto", request.scope["scheme"])
    return f"{'https' if scheme == 'https' else 'http'}://{host}"


def _basic(value: str) -> tuple[str, str] | None:
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None
