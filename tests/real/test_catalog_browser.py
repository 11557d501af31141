"""The catalog's pages in a real browser, on a real server: three people's ways, at two widths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from outside.made_catalog import HOSTILE, LIBC, build, fake_catalog, finding, scan
from tests.fakes.running_server import RunningServer, serving

from ironhull.catalog.export import export
from ironhull.catalog.facts import AttestationFacts
from ironhull.catalog.live import Nothing
from ironhull.catalog.pages import Site
from ironhull.catalog.shelf import shelf_of
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.media_types import OCI_INDEX
from ironhull.progress import Silent
from ironhull.registry.server.listing import Tags
from ironhull.registry.server.mirrored import MirrorRecords
from ironhull.registry.server.records import Records
from ironhull.state.connecting import sqlite_url
from ironhull.state.watching import WatchState
from ironhull.store.home import Home

pytestmark = pytest.mark.real

SIZES = [(390, "dark"), (1440, "light")]
PAGES = {
    "home": "/",
    "repository": "/images/node",
    "image": "/images/node/-/20",
    "packages": "/images/node/-/20-dev/packages",
    "vulnerabilities": "/images/node/-/20-standard/vulnerabilities",
    "layers": "/images/node/-/20/layers",
    "provenance": "/images/node/-/20/provenance",
    "attestations": "/images/node/-/20/attestations",
    "changes": "/images/python/-/3.13/changes",
    "compared": "/images/node/-/20/changes?since=20-standard&until=20-dev",
    "vulnerability": "/vulnerabilities/CVE-2026-0001",
    "found": "/vulnerabilities",
    "status": "/status",
    "hostile": "/images/evil/-/1/vulnerabilities",
    "mirror": "/images/hub/library/node",
    "platform": "/images/app/-/1?platform=linux%2Farm64",
}


# On a phone a table becomes a list, of which nothing stands beyond the edge.
CUT = """() => [...document.querySelectorAll('.scroll')].filter(
  (each) => each.querySelector('.stack') && each.scrollWidth > each.clientWidth
).map((each) => each.textContent)"""


class Signed(Nothing):
    """Two statements of one kind are attached: each is read by its digest."""

    def attestations(self, name: str) -> tuple[AttestationFacts, ...]:
        first = AttestationFacts("signature", "https://sigstore.dev", LIBC.layer, "", "")
        return first, replace(first, platform="linux/amd64")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose catalog was gathered, with a hostile image, and a watcher that is behind."""
    made = Home(tmp_path_factory.mktemp("catalog") / "home")
    catalog = fake_catalog(made.store_folder, made.catalog_index)
    evil = build(
        "evil", [replace(LIBC, name=HOSTILE, why=HOSTILE)], title=HOSTILE, description=HOSTILE
    )
    bad = finding("CVE-2026-0009", HOSTILE, statement=HOSTILE, why=HOSTILE, title=HOSTILE)
    cleared = finding(
        "CVE-2026-0008",
        "libc6",
        "not_affected",
        said_by=HOSTILE,
        evidence=HOSTILE,
        before="affected",
    )
    catalog.add(evil, scan(evil, bad, cleared), "evil:1")
    mirrored = MirrorRecords(Records(made.store_folder))
    for tag in ("20", "22-bookworm-slim"):
        mirrored.keep_tag("hub/library/node", tag, Descriptor(OCI_INDEX, Digest(evil.digest), 5))
    arm = replace(build("arm", [LIBC, LIBC]).platforms[0], platform="linux/arm64")
    app = build("app", [LIBC], title="App", description="An application")
    app = replace(app, platforms=(*app.platforms, arm))
    catalog.add(app, scan(app, verdict="partial"), "app:1")
    catalog.index.close()
    made.watch_state.parent.mkdir(parents=True)
    with WatchState(sqlite_url(made.watch_state), _clock) as state:
        state.change("node:20-debian13", lambda image: replace(image, state="current"))
        late = {
            "state": "held",
            "reason": "a setuid file is new",
            "behind_since": "2026-11-20T08:00:00Z",
        }
        state.change("python:3.13-debian13", lambda image: replace(image, **late))
    return made


def _clock() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[RunningServer]:
    rules = home.root / "rules.toml"
    rules.write_text('[[mirror]]\nprefix = "hub"\nupstream = "registry.example"\n')
    with serving(home.store_folder, "--rules", str(rules), home=home.root) as running:
        yield running


class Opened:
    """A page with all that it said and asked for."""

    def __init__(self, browser: Any, address: str, width: int, scheme: str = "light", **more: Any):
        self.said: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **more
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("response", self._answered)
        self.page.goto(address)

    def _answered(self, response: Any) -> None:
        # The console does not say which address it was.
        if response.status >= 400:
            self.said.append(f"{response.status} {response.url}")

    def close(self) -> None:
        self.context.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_every_page_is_quiet_fits_and_is_accessible(
    browser: Any, server: RunningServer, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    found = Opened(browser, server.url + PAGES[name], width, scheme)
    assert found.said == []
    assert all(each.startswith(server.url) for each in found.asked)
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    assert found.page.evaluate(CUT) == [] or width > 640
    folder = Path(os.environ.get("IRONHULL_SCREENSHOTS") or tmp_path)
    found.page.screenshot(path=str(folder / f"{name}-{width}.png"), full_page=True)
    results = axe.Axe().run(found.page)
    assert [each["id"] for each in results.response["violations"]] == []
    assert found.page.title() not in ("caught", "1")
    assert found.page.locator("img[src=x]").count() == 0
    found.close()


@pytest.mark.parametrize(("width", "drawn"), [(390, "upright"), (1440, "beside")])
def test_the_graph_of_a_provenance_is_seen_whole_at_every_width(
    browser: Any, server: RunningServer, width: int, drawn: str
) -> None:
    found = Opened(browser, server.url + PAGES["provenance"], width)
    graphs = found.page.locator("svg.graph:visible")
    assert graphs.count() == 1
    assert ("upright" in (graphs.get_attribute("class") or "")) == (drawn == "upright")
    across = found.page.locator(".scroll.pad").evaluate(
        "(one) => one.scrollWidth - one.clientWidth"
    )
    assert across == 0
    # Words of a cell stand beside each other.
    cell = found.page.locator("td.narrow").first.bounding_box()
    assert cell["width"] > cell["height"]
    found.close()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_a_newcomer_looks_for_node_and_copies_the_snippet(
    browser: Any, server: RunningServer, width: int, scheme: str
) -> None:
    found = Opened(
        browser, server.url, width, scheme, permissions=["clipboard-read", "clipboard-write"]
    )
    page = found.page
    assert page.locator(".card").count() == 6
    page.get_by_role("searchbox").type("nod")
    page.locator(".card").nth(1).wait_for(state="detached")
    page.locator(".card").get_by_role("link", name="node").click()
    page.get_by_role("link", name="What is in node:20").click()
    page.get_by_role("button", name="Copy the Dockerfile").click()
    page.get_by_text("Copied").first.wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"FROM {server.host}/node:20-dev AS build")
    assert f"FROM {server.host}/node:20\n" in copied
    assert found.said == []
    found.close()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_an_auditor_follows_a_vulnerability_to_its_evidence(
    browser: Any, server: RunningServer, width: int, scheme: str
) -> None:
    found = Opened(browser, server.url, width, scheme)
    page = found.page
    page.get_by_role("searchbox").fill("CVE-2026-0001")
    page.get_by_role("link", name="CVE-2026-0001").click()
    said = page.locator(".meaning").inner_text().split()
    assert said[:2] == ["3", "affected"]
    page.get_by_role("link", name="node:20", exact=True).click()
    row = page.locator("tbody tr", has_text="CVE-2026-0001")
    assert row.count() == 1
    assert "the module is not built" in row.inner_text()
    assert "ironhull:evidence" in row.inner_text()
    found.close()


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_an_operator_sees_what_is_behind_and_why(
    browser: Any, server: RunningServer, width: int, scheme: str
) -> None:
    found = Opened(browser, server.url, width, scheme)
    page = found.page
    page.get_by_role("link", name="Status").click()
    page.get_by_text("1 of 2 watched images is behind.").wait_for()
    first = page.locator("tbody tr").first.inner_text()
    assert "python:3.13-debian13" in first
    assert "a setuid file is new" in first
    assert page.locator(".note").count() >= 1
    found.close()


def test_all_of_it_works_without_javascript(browser: Any, server: RunningServer) -> None:
    found = Opened(browser, server.url, 390, java_script_enabled=False)
    page = found.page
    page.get_by_role("searchbox").fill("node")
    page.get_by_role("button", name="Search").click()
    assert page.locator(".card").count() == 1
    page.get_by_role("link", name="node", exact=True).click()
    page.get_by_role("link", name="20-dev", exact=True).click()
    page.get_by_role("link", name="Packages").click()
    page.get_by_role("searchbox").fill("bash")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("tbody tr").count() == 1
    assert page.locator(".copy").count() == 0
    found.close()


SMALL = """() => [...document.querySelectorAll('a, button, input, summary')].filter(
  (each) => !each.closest('.skip, .card h2') && !getComputedStyle(each).display.match(/^inline$/)
).map((each) => [each.textContent, each.getBoundingClientRect()]).filter(
  ([text, box]) => box.width && (box.height < 22 || box.width < 22)
).map(([text, box]) => `${text} ${box.width}x${box.height}`)"""


def test_what_stands_alone_is_large_enough_to_be_tapped(
    browser: Any, server: RunningServer
) -> None:
    for name in ("home", "repository", "image", "vulnerabilities", "provenance", "platform"):
        found = Opened(browser, server.url + PAGES[name], 390)
        assert found.page.evaluate(SMALL) == [], name
        found.close()


def test_who_looks_at_one_platform_stays_on_it(browser: Any, server: RunningServer) -> None:
    found = Opened(browser, server.url + "/images/app/-/1", 390, java_script_enabled=False)
    page = found.page
    page.get_by_label("Platforms").first.get_by_role("link", name="linux/arm64").click()
    page.get_by_role("link", name="Packages").click()
    assert page.locator("tbody tr").count() == 2
    page.get_by_role("searchbox").fill("libc")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("tbody tr").count() == 2
    assert "platform=linux" in page.url
    found.close()


def test_a_printed_page_has_its_content_alone_and_dark_on_white(
    browser: Any, server: RunningServer
) -> None:
    found = Opened(browser, server.url + PAGES["image"], 700, "dark")
    page = found.page
    page.emulate_media(media="print", color_scheme="dark")
    for gone in (".top nav", ".tabs", ".copy", ".platforms, .find"):
        assert page.locator(gone).locator("visible=true").count() == 0
    colours = "(() => { const s = getComputedStyle(document.querySelector('.panel')); "
    colours += "return [s.color, s.backgroundColor] })()"
    assert page.evaluate(colours) == ["rgb(26, 32, 36)", "rgb(255, 255, 255)"]
    page.goto(server.url + PAGES["provenance"])
    graph = "document.querySelector('.graph').getBoundingClientRect().right"
    assert page.evaluate(f"{graph} <= document.documentElement.clientWidth")
    found.close()


def test_an_address_that_is_none_leads_a_person_back(browser: Any, server: RunningServer) -> None:
    found = Opened(browser, server.url + "/nodejs", 390)
    found.page.get_by_role("link", name="All images").click()
    assert found.page.locator(".card").count() == 6
    found.close()


def test_the_keyboard_reaches_the_content_first(browser: Any, server: RunningServer) -> None:
    found = Opened(browser, server.url, 1440)
    found.page.keyboard.press("Tab")
    assert found.page.evaluate("document.activeElement.textContent") == "To the content"
    found.page.keyboard.press("Enter")
    assert found.page.evaluate("document.activeElement.id") == "content"
    found.close()


def test_exported_pages_find_what_stands_on_another_of_them(browser: Any, tmp_path: Path) -> None:
    catalog = fake_catalog(tmp_path / "store")
    for number in range(60):
        one = build(f"image {number}", [LIBC])
        catalog.add(one, scan(one), f"many/image-{number:02}:1")
    shelf = shelf_of(
        Tags(catalog.layout).listing().tags, catalog.index.summaries(), lambda name: True, 1
    )
    export(Site(catalog.index, Signed(), static=True), shelf, tmp_path / "site", Silent())
    for start in ("index.html", "pages/2/index.html"):
        found = Opened(browser, (tmp_path / "site" / start).as_uri(), 390)
        page = found.page
        whole = page.locator(".card").count()
        page.get_by_role("searchbox").press_sequentially("image-5")
        page.get_by_text("10 repositories").wait_for()
        assert page.locator(".card").count() == 10
        page.get_by_role("searchbox").fill("")
        page.get_by_role("link", name="Next" if start == "index.html" else "Previous").wait_for()
        assert page.locator(".card").count() == whole
        page.get_by_role("searchbox").fill("python libc6")
        page.get_by_role("link", name="python").click()
        page.get_by_role("heading", name="Tags", exact=True).wait_for()
        assert found.said == []
        assert all(each.startswith("file://") for each in found.asked)
        found.close()


def test_the_exported_pages_are_the_same_from_a_folder(
    browser: Any, home: Home, server: RunningServer, tmp_path: Path
) -> None:
    """Opened as files: links lead to each other, styles are there, the search filters."""
    catalog = fake_catalog(tmp_path / "store")
    listed = Tags(catalog.layout).listing().tags
    shelf = shelf_of(listed, catalog.index.summaries(), lambda name: True, 1)
    done = export(Site(catalog.index, Signed(), static=True), shelf, tmp_path / "site", Silent())
    assert done.pages > 40
    found = Opened(browser, (tmp_path / "site/index.html").as_uri(), 1440)
    page = found.page
    page.get_by_role("searchbox").fill("nginx")
    assert page.locator(".card:visible").count() == 1
    page.get_by_role("searchbox").fill("")
    page.get_by_role("link", name="node", exact=True).click()
    page.get_by_role("link", name="20-dev", exact=True).click()
    page.get_by_role("link", name="Vulnerabilities").last.click()
    assert page.locator("tbody tr").count() == 2
    assert page.evaluate("getComputedStyle(document.body).display") == "flex"
    assert all(each.startswith("file://") for each in found.asked)
    page.set_viewport_size({"width": 390, "height": 900})
    page.get_by_role("link", name="Attestations").click()
    assert page.locator("tbody tr").count() == 2
    assert page.evaluate(CUT) == []
    found.close()
