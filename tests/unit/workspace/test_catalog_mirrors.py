"""Mirrored repositories on the catalog's pages: what was had so far, for whoever may pull it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.asgi import ask

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.media_types import OCI_INDEX
from ironhull.registry.server.access import Access
from ironhull.registry.server.app import application
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.mirrored import MirrorRecords
from ironhull.registry.server.mirrors import Mirror
from ironhull.registry.server.registry import Registry
from ironhull.registry.server.request_log import RequestLog
from ironhull.registry.server.rules import Rules
from ironhull.registry.server.uploads import Uploads
from ironhull.settings import Settings
from ironhull.workspace.catalog_serving import catalog_site
from ironhull.workspace.machine import Machine

DIGEST = digest_of(b"image")
RULES = Rules(mirrors=(Mirror("hub", "registry.example/up", ("library/*",)),))


def app(folder: Path, auth: Path | None = None, rules: Rules = RULES) -> Any:
    """hub/library/node has two tags; hub/library/lists only the names that are upstream."""
    machine = Machine(Settings(home=folder / "home", catalog=folder))
    contents = Contents(machine.home.store, Limits(), rules)
    kept = MirrorRecords(contents.records)
    for tag in ("20", "22"):
        kept.keep_tag("hub/library/node", tag, Descriptor(OCI_INDEX, DIGEST, 5))
    kept.keep_names("hub/library/lists", ["1", "2"])
    registry = Registry(
        contents, Uploads(contents, Limits()), Access(auth), Limits(), RequestLog(io.StringIO())
    )
    return application(registry, catalog_site(machine, registry))


def test_a_mirror_is_found_with_its_tags_so_far_and_where_it_comes_from(tmp_path: Path) -> None:
    served = app(tmp_path)
    for path in ("/", "/search?q=node", "/search?q=node&part=1"):
        page = ask(served, "GET", path).body.decode()
        assert '<a href="/images/hub/library/node">' in page
        assert "mirror of registry.example/up/library/node, 2 tags so far" in page
    assert "hub/library/lists" not in ask(served, "GET", "/search?q=node").body.decode()
    page = ask(served, "GET", "/images/hub/library/node", headers={"host": "here:1"}).body.decode()
    assert "here:1/hub/library/node:2" in page
    assert DIGEST[:19] in page
    assert "unknown, not zero" in page
    page = ask(served, "GET", "/images/hub/library/lists").body.decode()
    assert "Nobody asked for one yet" in page


def test_the_api_lists_mirrors(tmp_path: Path) -> None:
    served = app(tmp_path)
    value = ask(served, "GET", "/api/v1/mirrors").json
    assert value["total"] == 2
    lists, node = value["mirrors"]
    assert (lists["name"], lists["count"], lists["tags"]) == ("hub/library/lists", 0, [])
    assert (node["upstream"], node["count"]) == ("registry.example/up/library/node", 2)
    assert {(each["tag"], each["digest"]) for each in node["tags"]} == {
        ("20", DIGEST),
        ("22", DIGEST),
    }
    assert ask(served, "GET", "/api/v1/mirrors?q=node").json["total"] == 1
    assert ask(served, "GET", "/api/v1/images/hub/library/node").status == 404


def test_a_mirror_is_not_there_for_who_may_not_pull_it(tmp_path: Path) -> None:
    auth = tmp_path / "auth.toml"
    auth.write_text('[anonymous]\nrole = "pull"\nrepositories = ["public/*"]\n')
    served = app(tmp_path, auth)
    for path in ("/", "/search?q=node", "/search?q=hub&part=1"):
        assert "hub/library" not in ask(served, "GET", path).body.decode()
    assert ask(served, "GET", "/api/v1/mirrors").json["mirrors"] == []
    hidden = ask(served, "GET", "/images/hub/library/node")
    absent = ask(served, "GET", "/images/hub/library/nope")
    assert (hidden.status, hidden.body) == (absent.status, absent.body)
    assert hidden.status == 404


@pytest.mark.parametrize("rules", [Rules(), Rules(mirrors=(Mirror("hub", "x.example", ("a",)),))])
def test_what_no_rule_mirrors_any_more_is_not_shown(tmp_path: Path, rules: Rules) -> None:
    served = app(tmp_path, rules=rules)
    assert ask(served, "GET", "/api/v1/mirrors").json["total"] == 0
    assert ask(served, "GET", "/images/hub/library/node").status == 404


def test_of_very_many_tags_the_newest_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ironhull.workspace.catalog_present._MOST_TAGS", 1)
    served = app(tmp_path)
    assert "and 1 more" in ask(served, "GET", "/images/hub/library/node").body.decode()
