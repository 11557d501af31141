"""The catalog's pages, asked through ASGI: what they show, to whom, and with which headers."""

from __future__ import annotations

import asyncio
import base64
import gzip
import re
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

import bcrypt
import pytest
import zstandard
from outside.made_catalog import (
    BASH,
    HOSTILE,
    LIBC,
    NGINX,
    NODE_20,
    OLD_PYTHON,
    PASSWORD,
    PYTHON,
    FakeCatalog,
    build,
    catalog_app,
    digest,
    fake_catalog,
    finding,
    package,
    private_requests,
    scan,
    users,
)
from tests.fakes.asgi import ask, request

from ironhull.catalog.export import export
from ironhull.catalog.facts import ProvenanceFacts, Verification
from ironhull.catalog.index import CatalogIndex
from ironhull.catalog.live import Nothing, Remembered
from ironhull.catalog.pages import Site
from ironhull.catalog.shelf import shelf_of
from ironhull.catalog.web import WORKERS
from ironhull.progress import Silent
from ironhull.registry.server.listing import Tags
from ironhull.store.layout import ImageLayout

ALICE = {"authorization": "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()}
EVERY = (
    "/",
    "/search?q=node",
    "/search?q=CVE-2026-0001",
    "/images/node",
    "/images/node/-/20",
    "/images/node/-/20/packages",
    "/images/node/-/20/vulnerabilities",
    "/images/node/-/20/layers",
    "/images/node/-/20/provenance",
    "/images/node/-/20/attestations",
    "/images/node/-/20/changes?since=20-dev",
    "/images/python/-/3.13/changes",
    "/vulnerabilities",
    "/vulnerabilities/CVE-2026-0001",
    "/status",
)


@pytest.fixture
def catalog(tmp_path: Path) -> FakeCatalog:
    return fake_catalog(tmp_path / "store")


@pytest.fixture
def app(catalog: FakeCatalog) -> Any:
    return catalog_app(catalog)


def text(app: Any, path: str, **headers: str) -> str:
    answer = ask(app, "GET", path, headers=headers)
    assert answer.status == 200, (path, answer.body)
    return answer.body.decode()


@pytest.mark.parametrize("path", EVERY)
def test_every_page_is_there_and_asks_no_other_host(app: Any, path: str) -> None:
    page = text(app, path)
    assert page.startswith("<!doctype html>")
    links = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert links
    assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in links)
    assert "<style" not in page
    assert not re.search(r"<script(?! src=)", page)


def test_every_link_of_every_page_leads_somewhere(app: Any) -> None:
    seen: set[str] = set()
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        if path in seen or path == "/login":
            continue
        seen.add(path)
        answer = ask(app, "GET", path)
        assert answer.status == 200, path
        if answer.headers["content-type"].startswith("text/html"):
            found = re.findall(r'href="(/[^"#]*)"', answer.body.decode())
            waiting += [each.replace("&amp;", "&") for each in found]
    assert len(seen) > 50


def test_an_image_says_how_to_use_it_with_the_host_it_was_reached_by(app: Any) -> None:
    page = text(app, "/images/node/-/20", host="registry.example:5000")
    assert "FROM registry.example:5000/node:20-dev AS build" in page
    assert f"registry.example:5000/node@{NODE_20.digest}" in page
    odd = ask(app, "GET", "/images/node/-/20", headers={"host": 'x"><script>'})
    assert odd.status == 400


def test_an_image_is_held_against_the_conventional_one(app: Any) -> None:
    page = text(app, "/images/node/-/20")
    assert "Beside the conventional image" in page
    assert "<b>2</b> / 4" in page


def test_packages_say_why_they_are_there_and_are_filtered_without_a_script(app: Any) -> None:
    page = text(app, "/images/node/-/20-dev/packages?q=bash")
    assert "needed by nodejs" in page
    assert "libc6" not in page


def test_findings_are_shown_raw_and_after_vex_with_their_evidence(app: Any) -> None:
    page = text(app, "/images/node/-/20/vulnerabilities")
    assert "<b>0</b> after VEX, 1 raw" in page
    for said in (
        "CVE-2026-0001",
        "vulnerable code not present",
        "the module is not built",
        "ironhull:evidence",
    ):
        assert said in page


def test_what_nobody_scanned_is_unknown_and_not_zero(app: Any) -> None:
    assert "unknown, not zero" in text(app, "/images/nginx/-/1.26/vulnerabilities")
    assert "<dd>unknown</dd>" in text(app, "/")


def test_changes_are_those_since_the_tag_stood_for_another_image(app: Any) -> None:
    page = text(app, "/images/python/-/3.13/changes")
    assert "openssl" in page
    assert "upgraded" in page
    assert "CVE-2026-0002" in page


def test_any_two_builds_of_a_repository_can_be_compared(catalog: FakeCatalog) -> None:
    latest = build("python 3", [LIBC])
    catalog.add(latest, scan(latest), "python:3.13")
    catalog.saw("2026-11-30T00:00:00Z")
    app, path = catalog_app(catalog), "/images/python/-/3.13/changes"
    older, newer = (each.digest for each in (OLD_PYTHON, PYTHON))
    for asked in (f"since={older}&until={newer}", f"until={newer}"):
        page = text(app, f"{path}?{asked}")
        assert f"From <code>{older[:19]}</code>" in page
        assert f"to <code>{newer[:19]}</code>" in page
        assert "CVE-2026-0002" in page
        told = ask(app, "GET", f"/api/v1{path}?{asked}").json["changes"]
        assert (told["older"], told["newer"]) == (older, newer)
        assert [each["id"] for each in told["gone"]] == ["CVE-2026-0002"]
    back = ask(app, "GET", f"/api/v1{path}?since={newer}&until={older}").json["changes"]
    assert [each["direction"] for each in back["packages"]] == ["downgraded"]
    # Nothing was before the first one.
    assert ask(app, "GET", f"/api/v1{path}?until={older}").json == {"since": "", "changes": None}


@pytest.mark.parametrize("end", ["since", "until"])
def test_another_repositorys_build_cannot_be_compared_with(app: Any, end: str) -> None:
    page = text(app, f"/images/python/-/3.13/changes?{end}={digest('secret')}")
    assert "tellnobody" not in page
    assert "There is no image" in page
    asked = f"/api/v1/images/python/-/3.13/changes?{end}={digest('secret')}"
    assert ask(app, "GET", asked).json["changes"] is None


def test_facts_that_a_page_shows_are_in_the_api(app: Any) -> None:
    page, told = text(app, "/images/node/-/20"), ask(app, "GET", "/api/v1/images/node/-/20").json
    (platform,) = told["platforms"]
    started = " ".join([*platform["entrypoint"], *platform["command"]])
    assert f"<dt>Starts</dt><dd><code>{started}</code>" in page
    for name, value in (
        ("From", platform["distribution"]),
        ("Works in", f"<code>{platform['working_directory']}</code>"),
        ("Ports", ", ".join(platform["ports"]) or "none"),
    ):
        assert value
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page
    assert f"Build with <code>node:{told['build_with']}</code>" in page
    whole = ask(app, "GET", "/api/v1/images/node").json
    assert f'<p class="lead">{whole["description"]}</p>' in text(app, "/images/node")
    (tag,) = (each for each in whole["tags"] if each["tag"] == "20-standard")
    assert (tag["packages"], tag["end_of_life"], tag["problem"]) == (4, "2030-06-30", "")


def test_long_tables_come_in_pages(tmp_path: Path) -> None:
    catalog = fake_catalog(tmp_path / "store")
    many = build("many", [package(f"p{number:04}", "1") for number in range(2439)])
    catalog.add(many, scan(many), "many:1")
    app = catalog_app(catalog)
    page = text(app, "/images/many/-/1/packages")
    assert page.count("<tr>") == 101
    assert len(page) < 200_000
    assert 'href="/images/many/-/1/packages/2"' in page
    assert "p2438" in text(app, "/images/many/-/1/packages/25")


def test_names_of_strangers_are_shown_and_do_not_act(tmp_path: Path) -> None:
    catalog = fake_catalog(tmp_path / "store")
    evil = build(
        "evil",
        [replace(LIBC, name=HOSTILE, version=HOSTILE, licenses=(HOSTILE,), why=HOSTILE)],
        title=HOSTILE,
        description=HOSTILE,
        version=HOSTILE,
        variant=HOSTILE,
        end_of_life=HOSTILE,
    )
    bad = finding("CVE-2026-0009", HOSTILE, statement=HOSTILE, why=HOSTILE, title=HOSTILE)
    catalog.add(evil, scan(evil, bad, warnings=(HOSTILE,)), "evil:1")
    catalog.saw("2026-11-29T00:00:00Z")
    app = catalog_app(catalog)
    paths = [
        "/",
        "/images/evil",
        "/images/evil/-/1",
        "/vulnerabilities/CVE-2026-0009",
        "/feed.atom",
    ]
    paths += [
        f"/images/evil/-/1/{each}"
        for each in ("packages", "vulnerabilities", "layers", "provenance")
    ]
    for path in paths:
        page = text(app, path)
        assert "<img src=x" not in page
        assert "<script>" not in page
    assert "&lt;script&gt;" in text(app, "/images/evil/-/1/packages")


# -- who sees what ---------------------------------------------------------------------------------


@pytest.fixture
def guarded(catalog: FakeCatalog, tmp_path: Path) -> Any:
    return catalog_app(catalog, users(tmp_path / "users.toml"))


PRIVATE = (
    "/images/team/secret",
    "/images/team/secret/-/1",
    "/images/team/secret/-/1/packages",
    "/images/team/secret/-/1/vulnerabilities",
    "/feeds/team/secret.atom",
    "/api/v1/images/team/secret",
    "/api/v1/images/team/secret/-/1",
    "/api/v1/images/team/secret/-/1/packages",
)


@pytest.mark.parametrize("path", PRIVATE)
def test_what_a_stranger_may_not_see_is_answered_like_what_is_not_there(
    guarded: Any, path: str
) -> None:
    private = ask(guarded, "GET", path)
    missing = ask(guarded, "GET", path.replace("secret", "absent"))
    assert private.status == missing.status == 404
    assert private.body == missing.body
    volatile = {"x-request-id"}
    assert {k: v for k, v in private.headers.items() if k not in volatile} == {
        k: v for k, v in missing.headers.items() if k not in volatile
    }
    assert ask(guarded, "GET", path, headers=ALICE).status == 200


def test_two_hundred_requests_for_private_things_are_answered_like_for_what_is_not_there(
    catalog: FakeCatalog, tmp_path: Path
) -> None:
    file = users(tmp_path / "users.toml")
    hashed = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
    bob = f'[users.bob]\npassword = "{hashed}"\nrole = "push"\nrepositories = ["node"]\n'
    file.write_text(file.read_text() + bob)
    guarded = catalog_app(catalog, file)
    other = {"authorization": "Basic " + base64.b64encode(b"bob:word").decode()}
    asked = [(*each, headers) for each in private_requests() for headers in ({}, other)]
    assert len(asked) >= 200
    for method, path, headers in asked:
        private = ask(guarded, method, path, headers=headers)
        absent = ask(guarded, method, path.replace("secret", "absent"), headers=headers)
        # A mount of what cannot be seen begins an upload, as of what is not there.
        assert private.status >= 400 or (private.status == 202 and "mount=" in path), (method, path)
        assert told(private) == told(absent), (method, path)


def told(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """What an answer says; the name that was asked for is said back."""
    own = ("x-request-id", "content-length", "location", "docker-upload-uuid")
    kept = {
        key: value.replace("secret", "absent")
        for key, value in answer.headers.items()
        if key not in own
    }
    return answer.status, answer.body.replace(b"secret", b"absent"), kept


def test_no_page_search_feed_count_or_answer_of_a_stranger_tells_of_private_images(
    guarded: Any,
) -> None:
    paths = [*EVERY, "/search?q=secret", "/search?q=tellnobody", "/feed.atom", "/feeds/node.atom"]
    paths += ["/api/v1/images", "/api/v1/images?q=hush", "/api/v1/vulnerabilities/CVE-2026-0001"]
    paths += ["/api/v1/vulnerabilities", "/api/v1/status"]
    for path in paths:
        answer = ask(guarded, "GET", path)
        assert answer.status == 200, path
        shown = answer.body.decode().replace("“secret”", "").replace("“tellnobody”", "")
        shown = re.sub(r'value="[^"]*"', "", shown)
        for word in ("secret", "tellnobody", "hush"):
            assert word not in shown, (path, word)
    assert ask(guarded, "GET", "/api/v1/images").json["total"] == 3
    assert ask(guarded, "GET", "/api/v1/images", headers=ALICE).json["total"] == 4
    counts = ask(guarded, "GET", "/api/v1/vulnerabilities/CVE-2026-0001").json["counts"]
    assert counts["affected"] == 2
    told = ask(guarded, "GET", "/api/v1/vulnerabilities/CVE-2026-0001", headers=ALICE).json
    assert told["counts"]["affected"] == 3


def test_what_only_a_private_image_has_is_as_unknown_to_a_stranger_as_anything(
    catalog: FakeCatalog, tmp_path: Path
) -> None:
    only = build("only", [LIBC])
    catalog.add(
        only, scan(only, finding("CVE-2026-7777", "libc6", severity="critical")), "team/only:1"
    )
    app = catalog_app(catalog, users(tmp_path / "users.toml"))
    told = [
        ask(app, "GET", f"/api/v1/vulnerabilities/CVE-2026-{number}").body.decode()
        for number in ("7777", "8888")
    ]
    assert told[0].replace("7777", "8888") == told[1]
    assert ask(app, "GET", "/api/v1/vulnerabilities/CVE-2026-7777", headers=ALICE).json["known"]


def test_the_feed_of_a_stranger_is_not_shorter_for_what_happens_in_private(
    catalog: FakeCatalog, tmp_path: Path
) -> None:
    app = catalog_app(catalog, users(tmp_path / "users.toml"))
    before = ask(app, "GET", "/feed.atom").body
    for number in range(200):
        tags = {f"{at}": digest(f"{number} {at}") for at in range(3)}
        catalog.index.saw_tags("team/secret", tags, "2026-11-29T00:00:00Z")
    app = catalog_app(catalog, users(tmp_path / "users.toml"))
    assert ask(app, "GET", "/feed.atom").body == before


def test_one_readers_page_is_never_anothers(guarded: Any) -> None:
    """Answers are kept; what is kept for who sees more must not be given to who sees less."""
    for headers, told in ((ALICE, True), ({}, False), (ALICE, True)):
        page = ask(guarded, "GET", "/", headers=headers).body.decode()
        assert ("team/secret" in page) is told


ATOM = "{http://www.w3.org/2005/Atom}"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def _feed_links(body: bytes) -> list[str]:
    """The links of a feed that has what RFC 4287 asks for (4.1.1, 4.1.2)."""
    feed = ET.fromstring(body)
    assert feed.tag == f"{ATOM}feed"
    assert feed.findall(f"{ATOM}author/{ATOM}name")
    entries = feed.findall(f"{ATOM}entry")
    for each in (feed, *entries):
        for name in ("id", "title", "updated"):
            (one,) = each.findall(ATOM + name)
            assert one.text
        assert re.fullmatch(MOMENT, each.findtext(f"{ATOM}updated", ""))
        relations = [link.get("rel") for link in each.findall(f"{ATOM}link")]
        assert relations == (["self", "alternate"] if each is feed else ["alternate"])
    ids = [each.findtext(f"{ATOM}id") for each in (feed, *entries)]
    assert len(ids) > 3
    assert len(set(ids)) == len(ids)
    return [link.get("href", "") for link in feed.iter(f"{ATOM}link")]


@pytest.mark.parametrize("path", ["/feed.atom", "/feeds/node.atom"])
def test_a_feed_is_valid_and_its_links_lead_somewhere(
    app: Any, catalog: FakeCatalog, tmp_path: Path, path: str
) -> None:
    answer = ask(app, "GET", path, headers={"host": "registry.example"})
    assert answer.headers["content-type"].startswith("application/atom+xml")
    for link in _feed_links(answer.body):
        assert link.startswith("http://registry.example/")
        assert ask(app, "GET", link.removeprefix("http://registry.example")).status == 200
    listed = Tags(catalog.layout).listing().tags
    shelf = shelf_of(listed, catalog.index.summaries(), lambda name: True, 1)
    export(Site(catalog.index, static=True), shelf, tmp_path / "site", Silent())
    file = tmp_path / "site" / path[1:]
    for link in _feed_links(file.read_bytes()):
        assert not link.startswith("/")
        assert (file.parent / link).is_file(), link


def test_who_gets_in_nowhere_without_a_password_is_asked_for_one(
    catalog: FakeCatalog, tmp_path: Path
) -> None:
    path = users(tmp_path / "users.toml")
    path.write_text("\n".join(path.read_text().splitlines()[3:]))
    app = catalog_app(catalog, path)
    for page in ("/", "/images/node", "/api/v1/images", "/images/absent"):
        answer = ask(app, "GET", page)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert ask(app, "GET", "/", headers=ALICE).status == 200


def test_a_browser_logs_in_by_a_link(guarded: Any) -> None:
    assert 'href="/login"' in ask(guarded, "GET", "/").body.decode()
    asked = ask(guarded, "GET", "/login")
    assert asked.status == 401
    assert asked.headers["www-authenticate"].startswith("Basic ")
    # Who does not give a name sees a page with the link again.
    assert 'href="/login"' in asked.body.decode()
    led = ask(guarded, "GET", "/login", headers=ALICE)
    assert (led.status, led.headers["location"]) == (303, "/")


# -- how it is sent --------------------------------------------------------------------------------


def test_a_page_that_the_client_has_is_not_sent_again(app: Any) -> None:
    first = ask(app, "GET", "/images/node")
    again = ask(app, "GET", "/images/node", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = ask(app, "GET", "/images/python", headers={"if-none-match": first.headers["etag"]})
    assert other.status == 200


def test_a_tag_that_moved_is_shown_at_once(app: Any, catalog: FakeCatalog) -> None:
    first = ask(app, "GET", "/images/node/-/20")
    newer = build("node newer", [LIBC, BASH])
    catalog.add(newer, scan(newer), "node:20")
    second = ask(app, "GET", "/images/node/-/20", headers={"if-none-match": first.headers["etag"]})
    assert second.status == 200
    assert newer.digest in second.body.decode()


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_pages_are_compressed_as_the_client_takes_them(app: Any, coding: str) -> None:
    plain = ask(app, "GET", "/images/node/-/20")
    packed = ask(app, "GET", "/images/node/-/20", headers={"accept-encoding": f"br, {coding}"})
    assert packed.headers["content-encoding"] == coding
    opened = gzip.decompress if coding == "gzip" else zstandard.decompress
    assert opened(packed.body) == plain.body
    assert packed.headers["etag"] != plain.headers["etag"]
    refused = ask(app, "GET", "/images/node/-/20", headers={"accept-encoding": f"{coding};q=0"})
    assert "content-encoding" not in refused.headers


def test_no_page_lets_a_script_run_that_is_not_its_own_file(app: Any) -> None:
    policy = ask(app, "GET", "/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_style_and_script_may_be_kept_for_ever_and_change_their_name(app: Any) -> None:
    found = re.findall(r'"(/_site/[^"]+)"', text(app, "/"))
    assert {each.rpartition(".")[2] for each in found} == {"css", "js", "svg"}
    for path in found:
        answer = ask(app, "GET", path)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]
    assert ask(app, "GET", "/_site/style.0123456789ab.css").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/images/",
        "/images/UPPER",
        "/images/node/-/",
        "/images/node/-/absent",
        "/images/node/-/20/nothing",
        "/images/node/-/20/packages/0",
        "/images/node/-/20/packages/2/3",
        "/images/../../etc/passwd",
        "/vulnerabilities/%3Cscript%3E",
        "/feeds/absent.atom",
    ],
)
def test_what_there_is_not_is_not_found(app: Any, path: str) -> None:
    assert ask(app, "GET", path).status == 404


def test_an_answer_for_a_vulnerability_does_not_sound_as_if_no_image_had_it(app: Any) -> None:
    page = text(app, "/search?q=CVE-2026-0001")
    assert re.search(r"\d images? affected", page)
    assert "repositories have" not in page
    assert re.search(r"Answered for \d+ images in \d+ repositories", page)
    other = text(app, "/search?q=CVE-2099-0001")
    assert "repositories have “CVE-2099-0001” in name, tags, title or packages" in other


def test_questions_are_bounded(app: Any) -> None:
    assert ask(app, "GET", "/search?q=" + "a" * 201).status == 400
    assert ask(app, "GET", "/?page=nothing").status == 400
    assert ask(app, "GET", "/api/v1/images?page=0").json["status"] == 400


def test_pages_of_many_questions_are_refused_for_a_while() -> None:
    from ironhull.catalog.rates import Rates

    now = [0.0]
    rates = Rates(rate=1, burst=3, clock=lambda: now[0])
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert rates.take("b") == 0
    now[0] = 1.5
    assert rates.take("a") == 0


def test_the_registry_is_as_it_was_and_says_when_it_is_ready(app: Any) -> None:
    assert ask(app, "GET", "/v2/").status == 200
    assert ask(app, "GET", "/readyz").body == b"ready\n"
    assert ask(app, "POST", "/").status == 405
    metrics = ask(app, "GET", "/metrics").body.decode()
    assert "ironhull_registry_requests_total" in metrics


def test_the_history_of_a_tag_comes_in_pages_and_outlives_the_tag(
    catalog: FakeCatalog, guarded: Any
) -> None:
    for number in range(150):
        catalog.index.saw_tags("node", {"moving": digest(f"{number}")}, f"2026-11-{number:03}")
    catalog.index.saw_tags("node", {}, "2026-12-01")
    path = "/api/v1/images/node/-/moving/history"
    first = ask(guarded, "GET", path).json
    assert (first["total"], first["page"], len(first["moves"])) == (151, 1, 100)
    assert first["moves"][0] == {"tag": "moving", "digest": "", "at": "2026-12-01"}
    second = ask(guarded, "GET", f"{path}?page=2").json["moves"]
    assert (len(second), second[-1]["digest"]) == (51, digest("0"))
    assert ask(guarded, "GET", f"{path}?page=3").json["moves"] == []
    assert ask(guarded, "GET", f"{path}?page=0").status == 400
    assert ask(guarded, "GET", "/api/v1/images/node/-/never/history").status == 404
    catalog.index.saw_tags("team/secret", {"1": digest("secret")}, "2026-11-01")
    secret = "/api/v1/images/team/secret/-/1/history"
    assert ask(guarded, "GET", secret).status == 404
    assert ask(guarded, "GET", secret, headers=ALICE).json["total"] == 1


def test_tags_that_moved_together_are_one_line(catalog: FakeCatalog, app: Any) -> None:
    tags = {f"v{number}": digest("new") for number in range(14)}
    catalog.index.saw_tags("node", tags, "2026-12-03T00:00:00Z")
    catalog.index.saw_tags("node", {}, "2026-12-04T00:00:00Z")
    page = re.sub(r"<[^>]*>", "", text(app, "/images/node"))
    names = ", ".join([f"v{number}" for number in range(12)])
    assert f"2026-12-03 {names} and 2 more to {digest('new')[:19]}" in page
    assert re.search(r"2026-12-04 [^\n]* and \d+ more were removed", page)


def test_of_one_thing_a_page_speaks_as_of_one(tmp_path: Path) -> None:
    alone = FakeCatalog(ImageLayout(tmp_path / "store", create=True), CatalogIndex(":memory:"))
    image = build("one:1", [package("app", "1")])
    alone.add(image, scan(image, finding("CVE-2026-0001", "app")), "one:1")
    app = catalog_app(alone)
    assert "1 repository, 1 image<" in text(app, "/")
    assert "1 image affected" in text(app, "/search?q=CVE-2026-0001")
    assert "1 package<" in text(app, "/images/one/-/1/packages")


def test_who_is_not_ready_says_why_in_the_log_alone(
    catalog: FakeCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = catalog_app(catalog)

    def broken(tags: Tags) -> Any:
        raise OSError("/private/path is gone")

    monkeypatch.setattr(Tags, "listing", broken)
    for path in ("/readyz", "/healthz"):
        answer = ask(app, "GET", path)
        assert answer.status == 503
        assert b"private" not in answer.body
        assert b"see the log" in answer.body


def test_the_registry_answers_while_more_pages_are_asked_for_than_can_be_made(
    catalog: FakeCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, answered, in_time = catalog_app(catalog), threading.Event(), []
    real = catalog.index.summaries

    def slow() -> Any:
        in_time.append(answered.wait(20))
        return real()

    monkeypatch.setattr(catalog.index, "summaries", slow)

    async def asked() -> list[int]:
        pages = [asyncio.create_task(request(app, "GET", "/")) for _ in range(2 * WORKERS)]
        await asyncio.sleep(0)
        tags = await request(app, "GET", "/v2/node/tags/list")
        answered.set()
        return [tags.status, *(page.status for page in await asyncio.gather(*pages))]

    assert set(asyncio.run(asked())) == {200}
    assert in_time
    assert all(in_time)


@pytest.mark.parametrize(("answer", "said"), [("verified", 0), ("refused", 1), ("unknown", 1)])
def test_provenance_that_was_not_verified_is_shown_as_what_somebody_attached(
    catalog: FakeCatalog, answer: Literal["verified", "refused", "unknown"], said: int
) -> None:
    class Verifying(Nothing):
        def verification(self, name: str) -> Verification:
            return Verification(answer, "the <reason>", "")

    made = ProvenanceFacts("https://builder.example", "a way", None, None, (), (), (), ())
    catalog.index.put(replace(NODE_20, provenance=made))
    page = text(catalog_app(catalog, live=Verifying()), "/images/node/-/20/provenance")
    assert "https://builder.example" in page
    assert page.count("was not verified here: the &lt;reason&gt;.") == said


@pytest.mark.parametrize(
    "path", ["/images/node/-/20", "/images/node/-/20/attestations", "/images/node/-/20/provenance"]
)
def test_what_verifying_said_is_not_said_of_another_image_that_has_the_tag_now(
    catalog: FakeCatalog, path: str
) -> None:
    class Verifying(Nothing):
        def verification(self, name: str) -> Verification:
            good = name == f"node@{NODE_20.digest}"
            return Verification("verified" if good else "refused", "as of now", "")

    app = catalog_app(catalog, live=Remembered(Verifying()))
    api = "/api/v1/images/node/-/20/attestations"
    before = text(app, path)
    assert ask(app, "GET", api).json["verification"]["answer"] == "verified"
    catalog.add(NGINX, None, "node:20")
    # Within the minute for which answers are remembered.
    assert ask(app, "GET", api).json["verification"]["answer"] == "refused"
    assert text(app, path) != before


def test_how_to_debug_names_only_images_that_are_there(app: Any) -> None:
    assert "/node:20-dev sh" in text(app, "/images/node/-/20")
    page = text(app, "/images/python/-/3.13")
    assert "/python:3.13-dev" not in page
    assert "this repository has no <code>3.13-dev</code>" in page
    assert "IMAGE-WITH-A-SHELL sh" in page


def test_changes_can_be_asked_for_since_any_other_tag(app: Any) -> None:
    page = text(app, "/images/node/-/20/changes")
    for tag in ("20-dev", "20-standard"):
        assert f'href="/images/node/-/20/changes?since={tag}"' in page
