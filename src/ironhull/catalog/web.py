"""The catalog on the registry's ASGI application: pages, API, feeds, and what they consist of.

Who may pull a repository sees it; for all others it is not there. So every answer is made from the
reader's shelf, and one that is kept is kept under what that reader may see.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from ironhull.catalog import api, feeds, pages
from ironhull.catalog.answers import Answer, answer, warm
from ironhull.catalog.asking import (
    ImageAsked,
    image_asked,
    is_identifier,
    looks_like_identifier,
    page_of,
    platform_of,
    query_of,
)
from ironhull.catalog.comparing import since
from ironhull.catalog.openapi import openapi
from ironhull.catalog.pages import Site, Wanted
from ironhull.catalog.rates import Rates
from ironhull.catalog.seen import Shown, shown
from ironhull.catalog.sending import HTML, SAFE, Kept, Made, send
from ironhull.catalog.shelf import Shelf, Shelves
from ironhull.catalog.watched import only
from ironhull.errors import InputError
from ironhull.registry.server.logins import network
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.registry import Registry, identify
from ironhull.registry.server.users import Identity

_JSON, _PROBLEM, _ATOM = "application/json", "application/problem+json", "application/atom+xml"
WORKERS = 8
_FIRST_AFTER = 0.7
_MACHINES = ("/v2", "/token", "/healthz", "/metrics")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?")
_BASIC = {"www-authenticate": 'Basic realm="ironhull", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, and what they see."""

    identity: Identity
    shelf: Shelf
    host: str
    base: str

    @property
    def key(self) -> tuple[object, ...]:
        """What makes the answer another one, besides what is asked for."""
        who = self.identity
        return (who.name, who.role, who.repositories, self.base, self.shelf.number)


@dataclass(slots=True)
class CatalogSite:
    """The pages beside one registry; `registry.server.site.Site`."""

    registry: Registry
    site: Site
    work: Callable[[threading.Event, Callable[..., None]], None] | None = None
    """Keeps the index up to date until the event is set; `note` writes to the log.

    It begins when what pages share is worked out (`warm`).
    """
    settle: Callable[[], bool] = lambda: False
    """Called before each answer: True where whom to believe is another question than before."""
    rates: Rates = field(default_factory=Rates)
    _kept: Kept = field(default_factory=Kept)
    _workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(WORKERS, "pages")
    )
    """Apart from those of the registry, which is to answer however many pages are asked for."""
    _stopped: threading.Event = field(default_factory=threading.Event)
    _shelves: Shelves = field(init=False)

    def __post_init__(self) -> None:
        tags = self.registry.contents.tags
        self._shelves = Shelves(self.site.index, lambda: tags.listing().tags)

    def start(self, note: Callable[..., None]) -> None:
        """As `Site.start`."""
        if self.work is not None:
            given = (self.work, note)
            threading.Thread(target=self._behind, args=given, name="catalog", daemon=True).start()

    def stop(self) -> None:
        """As `Site.stop`."""
        self._stopped.set()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def warm(self) -> None:
        """Work out before somebody waits for it what the first pages need of all images."""
        pages.prepare()
        stranger = self.registry.access.anonymous
        warm(self._shelf_of(stranger), self.site.index)
        if self.registry.access.has_users:
            self.site.index.found_names()

    def _behind(
        self,
        work: Callable[[threading.Event, Callable[..., None]], None],
        note: Callable[..., None],
    ) -> None:
        # Who started the server wants to see its first page, and that needs the same core.
        self._stopped.wait(_FIRST_AFTER)
        try:
            self.warm()
        except Exception as error:
            # Whoever asks for a page is told more of what is wrong.
            note("the catalog could not be read ahead", error=repr(error))
        # What was read stays; looking through all of it for what may go stops everything else.
        gc.collect()
        gc.freeze()
        work(self._stopped, note)

    def routes(self) -> Sequence[Route]:
        """As `Site.routes`."""
        page, api_ = partial(self._guarded, "page"), partial(self._guarded, "api")
        table = [
            ("/", page(_home)),
            ("/search", page(_search)),
            ("/images/{rest:path}", page(_image)),
            ("/vulnerabilities", page(_found)),
            ("/vulnerabilities/-/{page}", page(_found)),
            ("/vulnerabilities/{id}", page(_vulnerability)),
            ("/vulnerabilities/{id}/{page}", page(_vulnerability)),
            ("/status", page(_status)),
            ("/feed.atom", page(_feed)),
            ("/feeds/{name:path}.atom", page(_feed)),
            ("/api/v1/openapi.json", self._openapi),
            ("/api/v1/images", api_(_api_images)),
            ("/api/v1/images/{rest:path}", api_(_api_image)),
            ("/api/v1/mirrors", api_(_api_mirrors)),
            ("/api/v1/vulnerabilities", api_(_api_found)),
            ("/api/v1/vulnerabilities/{id:path}", api_(_api_vulnerability)),
            ("/api/v1/status", api_(_api_status)),
            ("/login", self._login),
            ("/readyz", self._ready),
            ("/_site/{name}", self._asset),
        ]
        routes = [Route(path, endpoint, methods=["GET"]) for path, endpoint in table]
        return [*routes, _Elsewhere("/{rest:path}", page(_nothing), methods=["GET"])]

    def _guarded(self, route: str, make: Make) -> Callable[[Request], Any]:
        """An endpoint that answers whoever may see anything at all with what they may see."""

        async def endpoint(request: Request) -> Response:
            request.scope["ironhull.route"] = route
            try:
                identity = await self._identity(request)
            except Refusal as refusal:
                if route != "page" or refusal.status not in (401, 429):
                    raise
                return _refused(refusal.status, refusal.headers)
            loop = asyncio.get_running_loop()
            work = partial(self._made, route, make, request, identity)
            try:
                made = await loop.run_in_executor(self._workers, work)
            except Exception as error:
                if route != "page":
                    raise
                trace = "".join(traceback.format_exception(error))
                self.registry.log.note("fault", page=request.scope["path"], trace=trace)
                return _refused(500, {})
            return send(made, request.headers, private=self.registry.access.has_users)

        return endpoint

    def _made(self, route: str, make: Make, request: Request, identity: Identity) -> Made:
        if self.settle():
            self._shelves.forget()
        reader = self._reader(request, identity)
        key = (request.scope["path"], request.scope["query_string"], reader.key)
        made = self._kept.get(key)
        if made is None:
            made = self._make(route, make, request, reader)
            self._kept.put(key, made)
        return made

    def _make(self, route: str, make: Make, request: Request, reader: Reader) -> Made:
        try:
            made = make(self.site, reader, request)
        except InputError as error:
            made = _problem(400, str(error)) if route == "api" else _missing(self, reader, 400)
        if made is not None:
            return made
        if route == "api":
            return _problem(404, "it is not there, or you may not see it")
        return _missing(self, reader, 404)

    async def _identity(self, request: Request) -> Identity:
        identity = await identify(self.registry, request)
        address = request.client.host if request.client else ""
        who = identity.name if identity is not None else None
        wait = self.rates.take(f"user {who}" if who else network(address))
        if wait:
            headers = {"retry-after": str(wait)}
            raise Refusal("TOOMANYREQUESTS", "too many requests, try again later", headers=headers)
        if identity is None or identity.role == "none":
            given = "authorization" in request.headers
            text = "wrong user name, password or token" if given else "log in first"
            raise Refusal("UNAUTHORIZED", text, headers=_BASIC)
        request.scope["ironhull.user"] = identity.name or ""
        return identity

    def _reader(self, request: Request, identity: Identity) -> Reader:
        shelf = self._shelf_of(identity)
        host = request.headers.get("host", "")
        host = host if _HOST.fullmatch(host) else "localhost"
        scheme = request.headers.get("x-forwarded-proto", request.scope["scheme"])
        return Reader(identity, shelf, host, f"{'https' if scheme == 'https' else 'http'}://{host}")

    def _shelf_of(self, identity: Identity) -> Shelf:
        may = partial(identity.may, "pull")
        return self._shelves.shelf((identity.role, identity.repositories), may)

    async def _openapi(self, request: Request) -> Response:
        request.scope["ironhull.route"] = "api"
        await self._identity(request)
        made = Made(json.dumps(openapi()).encode(), _JSON)
        return send(made, request.headers, private=False)

    async def _login(self, request: Request) -> Response:
        """GET /login: asks a browser for a password, then leads back."""
        request.scope["ironhull.route"] = "login"
        identity = await identify(self.registry, request)
        if identity is None or identity.name is None:
            # Who closes the browser's question sees this.
            return _refused(401, _BASIC)
        return RedirectResponse("/", 303, {"cache-control": "no-store"})

    async def _ready(self, request: Request) -> Response:
        """GET /readyz: 200 when pages can be made."""
        request.scope["ironhull.route"] = "readyz"
        try:
            await asyncio.to_thread(self.registry.contents.tags.listing)
            await asyncio.to_thread(lambda: self.site.index.generation)
        except Exception as error:
            # For everybody without a password: paths and what is wrong with them are the log's.
            self.registry.log.note("not ready", error=repr(error))
            return PlainTextResponse("not ready, see the log\n", 503)
        return PlainTextResponse("ready\n")

    async def _asset(self, request: Request) -> Response:
        """GET /_site/…: named by its content, so that it may be kept for ever."""
        request.scope["ironhull.route"] = "asset"
        path = f"/_site/{request.path_params['name']}"
        name = next((name for name in pages.ASSETS if pages.asset_path(name) == path), None)
        if name is None:
            raise Refusal("NOT_FOUND", "no such file", status=404)
        kept = {**SAFE, "cache-control": "public, max-age=31536000, immutable"}
        return Response(pages.asset(name), 200, kept, pages.ASSETS[name])


class _Elsewhere(Route):
    """Every other address that a person may have mistyped; not those of machines."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As `Route.matches`."""
        path = str(scope.get("path", ""))
        if path.startswith(("/v2/", "/api/")) or path in _MACHINES:
            return Match.NONE, {}
        return super().matches(scope)


Make = Callable[[Site, Reader, Request], Made | None]
"""Makes an answer; None: there is nothing that may be seen. InputError: asked wrongly."""


# -- pages -----------------------------------------------------------------------------------------


def _wanted(reader: Reader, request: Request, page: int = 0) -> Wanted:
    return Wanted(
        reader.shelf,
        request.scope["path"],
        reader.host,
        query_of(request.query_params),
        page or page_of(request.query_params),
        reader.identity.name or "",
        reader.identity.name is not None
        or not reader.identity.everywhere
        or reader.identity.role != "admin",
    )


def _html(text: str, status: int = 200) -> Made:
    return Made(text.encode(), HTML, status)


def _missing(site: CatalogSite, reader: Reader, status: int) -> Made:
    # Of the address nothing is said: it may hold what somebody wants to be shown here.
    wanted = Wanted(
        reader.shelf,
        "/",
        reader.host,
        user=reader.identity.name or "",
        can_log_in=site.registry.access.has_users,
    )
    return _html(pages.missing(site.site, wanted, wrong=status == 400), status)


def _refused(status: int, headers: Mapping[str, str]) -> Response:
    given = {**SAFE, **headers, "cache-control": "no-store"}
    return Response(pages.refused(status), status, given, HTML)


def _home(site: Site, reader: Reader, request: Request) -> Made:
    return _html(pages.home(site, _wanted(reader, request)))


def _nothing(site: Site, reader: Reader, request: Request) -> None:
    return None


def _search(site: Site, reader: Reader, request: Request) -> Made:
    wanted = _wanted(reader, request)
    identifier = wanted.query.upper() if wanted.query[:5].lower() != "ghsa-" else wanted.query
    asked = looks_like_identifier(identifier)
    found = _answer(site, reader, identifier, listed=False) if asked else None
    if request.query_params.get("part"):
        return _html(pages.results(site, wanted, found))
    return _html(pages.search(site, wanted, found))


def _image(site: Site, reader: Reader, request: Request) -> Made | None:
    asked = image_asked(request.path_params["rest"])
    if asked is None:
        return None
    wanted = _wanted(reader, request, asked.page)
    if not asked.tag:
        entry = reader.shelf.by_name.get(asked.name)
        if entry is not None:
            return _html(pages.image(site, wanted, entry))
        mirror = pages.mirror(site, wanted, asked.name)
        return None if mirror is None else _html(mirror)
    seen = shown(site.index, reader.shelf, asked.name, asked.tag, platform_of(request.query_params))
    if seen is None:
        return None
    text = section_page(site, wanted, seen, asked.section, _ends(request))
    return None if text is None else _html(text)


_SECTIONS: dict[str, Callable[[Site, Wanted, Shown], str]] = {
    "": pages.overview,
    "packages": pages.packages,
    "vulnerabilities": pages.vulnerabilities,
    "layers": pages.layers,
    "provenance": pages.provenance,
    "attestations": pages.attestations,
}


def section_page(
    site: Site, wanted: Wanted, seen: Shown, section: str, ends: tuple[str, str] = ("", "")
) -> str | None:
    """A page about one image; None for a section that there is not. `ends`: since, until."""
    if section == "changes":
        name, found = since(site, seen, *ends)
        return pages.changes(site, wanted, seen, (name, ends[1]), found)
    make = _SECTIONS.get(section)
    return None if make is None else make(site, wanted, seen)


def _found(site: Site, reader: Reader, request: Request) -> Made:
    page = _path_page(request)
    return _html(pages.found_vulnerabilities(site, _wanted(reader, request, page)))


def _vulnerability(site: Site, reader: Reader, request: Request) -> Made | None:
    identifier = request.path_params["id"]
    if not is_identifier(identifier):
        return None
    found = _answer(site, reader, identifier)
    return _html(pages.vulnerability(site, _wanted(reader, request, _path_page(request)), found))


def _path_page(request: Request) -> int:
    text = request.path_params.get("page")
    return page_of({"page": text} if text else {})


def _answer(site: Site, reader: Reader, identifier: str, *, listed: bool = True) -> Answer:
    return answer(reader.shelf, site.index, site.advisories, identifier, listed=listed)


def _status(site: Site, reader: Reader, request: Request) -> Made:
    return _html(pages.status(seen_watch(site, reader), _wanted(reader, request)))


def _feed(site: Site, reader: Reader, request: Request) -> Made | None:
    name = request.path_params.get("name", "")
    if not name:
        return Made(feeds.catalog_feed(site, reader.shelf, reader.base).encode(), _ATOM)
    entry = reader.shelf.by_name.get(name)
    if entry is None:
        return None
    return Made(feeds.image_feed(site, reader.shelf, entry, reader.base).encode(), _ATOM)


# -- API -------------------------------------------------------------------------------------------


def _json(value: object) -> Made:
    return Made(msgspec.json.encode(value), _JSON)


def _problem(status: int, detail: str) -> Made:
    titles = {400: "Bad request", 404: "Not found"}
    body = msgspec.json.encode(api.Problem(titles[status], status, detail))
    return Made(body, _PROBLEM, status)


def _api_images(site: Site, reader: Reader, request: Request) -> Made:
    query, page = query_of(request.query_params), page_of(request.query_params)
    return _json(api.image_list(reader.shelf, query, page))


def _api_mirrors(site: Site, reader: Reader, request: Request) -> Made:
    query, page = query_of(request.query_params), page_of(request.query_params)
    return _json(api.mirrors(site, reader.shelf, query, page))


def _ends(request: Request) -> tuple[str, str]:
    given = request.query_params
    return query_of(given, "since"), query_of(given, "until")


def _api_image(site: Site, reader: Reader, request: Request) -> Made | None:
    asked = image_asked(request.path_params["rest"])
    if asked is None:
        return None
    if not asked.tag:
        entry = reader.shelf.by_name.get(asked.name)
        return None if entry is None else _json(api.repository(site, reader.shelf, entry))
    query, page = query_of(request.query_params), page_of(request.query_params)
    entry = reader.shelf.by_name.get(asked.name)
    if asked.section == "history" and entry is not None and asked.page == 1:
        found = api.tag_history(site, entry, asked.tag, page)
        return None if found is None else _json(found)
    seen = shown(site.index, reader.shelf, asked.name, asked.tag, platform_of(request.query_params))
    if seen is None or asked.page != 1:
        return None
    value = section_value(site, reader.shelf, seen, asked, (query, page, *_ends(request)))
    return None if value is None else _json(value)


def section_value(
    site: Site, shelf: Shelf, seen: Shown, asked: ImageAsked, given: tuple[str, int, str, str]
) -> object | None:
    """What the API says of one image, or of a section of it; `given`: query, page, since, until."""
    query, page, *ends = given
    match asked.section:
        case "":
            return api.image(site, shelf, seen)
        case "packages":
            return api.packages(seen, query, page)
        case "vulnerabilities":
            return api.findings(seen, query, page)
        case "layers":
            return api.layers(seen)
        case "provenance":
            return api.provenance(site, seen)
        case "attestations":
            return api.attestations(site, seen)
        case "changes":
            return api.Changes(*since(site, seen, *ends))
    return None


def _api_found(site: Site, reader: Reader, request: Request) -> Made:
    query, page = query_of(request.query_params), page_of(request.query_params)
    return _json(api.vulnerabilities(site, reader.shelf, query, page))


def _api_vulnerability(site: Site, reader: Reader, request: Request) -> Made | None:
    identifier, page = request.path_params["id"], page_of(request.query_params)
    if not is_identifier(identifier):
        return None
    return _json(api.answered(_answer(site, reader, identifier), page))


def _api_status(site: Site, reader: Reader, request: Request) -> Made:
    return _json(seen_watch(site, reader).live.watch())


def seen_watch(site: Site, reader: Reader) -> Site:
    """The site with what the watcher says of images that the reader may see, and of no other."""
    return only(site, reader.shelf, everywhere=reader.identity.everywhere)
