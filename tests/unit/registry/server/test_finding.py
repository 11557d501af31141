"""The quick way to an endpoint leads where the router leads, and nowhere else."""

from __future__ import annotations

from itertools import product

import pytest
from outside.made_catalog import FakeCatalog, catalog_app
from starlette.routing import Match, Route

from ironhull.catalog.index import CatalogIndex
from ironhull.registry.server.finding import pattern_of
from ironhull.store.layout import ImageLayout

NAMES = ["a", "a/b", "", "a/blobs", "blobs", "blobs/uploads", "a/manifests/b", "uploads", "a\nb"]
TAILS = [
    "blobs/sha256:0", "blobs/uploads", "blobs/uploads/", "blobs/uploads/x", "blobs/uploads/x/y",
    "blobs/", "blobs", "manifests/1", "manifests/", "manifests/uploads", "manifests/a:b\n",
    "tags/list", "tags/list/", "tags/other", "referrers/sha256:0", "referrers/uploads", "uploads/x",
    "uploads/", "blobs/manifests/1", "manifests/tags/list", "",
]  # fmt: skip
PATHS = [f"/v2/{name}/{tail}" for name, tail in product(NAMES, TAILS)]
OTHERS = ["/", "/v2", "/v2/", "/v2/_catalog", "/v2/blobs/x", "/v3/a/blobs/x", "/apt/v2/a/blobs/x"]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def routed(router, path, method):
    """Endpoint and parameters as the router finds them; None where it would answer by itself."""
    scope = {"type": "http", "path": path, "method": method, "root_path": ""}
    for route in router.routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            assert isinstance(route, Route)
            return found["endpoint"], found["path_params"]
    return None


@pytest.mark.parametrize("method", METHODS)
def test_what_is_found_at_once_is_what_the_router_finds(site, method):
    app, found = site.app, 0
    for path in [*PATHS, *OTHERS]:
        pattern, parameters = pattern_of(path) or ("", {})
        endpoint = app._endpoints.get((pattern, method))
        if endpoint is not None:
            assert (endpoint, parameters) == routed(app._router, path, method), path
            found += 1
    assert found > 0


def test_what_clients_ask_for_most_is_found_at_once():
    assert pattern_of("/v2/team/app/blobs/sha256:0")[1] == {
        "name": "team/app", "digest": "sha256:0",
    }  # fmt: skip
    assert pattern_of("/v2/app/manifests/1")[1] == {"name": "app", "reference": "1"}
    assert pattern_of("/v2/app/blobs/uploads/")[1] == {"name": "app"}
    assert pattern_of("/v2/app/blobs/uploads/x")[1] == {"name": "app", "upload": "x"}


@pytest.mark.parametrize("path", OTHERS)
def test_what_is_no_repositorys_is_left_to_the_router(path):
    assert pattern_of(path) is None


PAGES = [
    "/search", "/search/", "/images/a", "/images/a/-/1/packages", "/images/", "/vulnerabilities",
    "/vulnerabilities/-/2", "/vulnerabilities/-", "/vulnerabilities/a/2", "/vulnerabilities/a/2/3",
    "/status", "/feed.atom", "/feeds/a/b.atom", "/feeds/a", "/api/v1/images", "/api/v1/images/a",
    "/api/v1", "/api/v1/nothing", "/api", "/login", "/_site/a", "/_site/a/b", "/nothing", "//", "",
    "/healthz", "/healthz/x", "/metrics", "/token", "/apt/a", "/{rest:path}", "/search\n",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_what_is_found_by_the_first_part_is_what_the_router_finds(tmp_path, method):
    catalog = FakeCatalog(ImageLayout(tmp_path, create=True), CatalogIndex(":memory:"))
    app, found = catalog_app(catalog), 0
    for path in [*PAGES, *PATHS, *OTHERS]:
        scope = {"type": "http", "path": path, "method": method, "root_path": ""}
        endpoint, parameters = app._addresses.find(scope)
        expected = routed(app._router, path, method)
        if endpoint is None:
            assert expected is None or "\n" in path, path
        else:
            assert (endpoint, parameters) == expected, path
            found += 1
    assert found > 0
