"""The HTML report in a real browser: quiet, sortable, printable, accessible, deaf to images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.sides import document, hardened, standard, with_attachments

from ironhull.compare.reports import html
from ironhull.scan.model import ScanResult
from ironhull.scan.reports import html as scan_html
from ironhull.scan.summary import ScanReport

pytestmark = pytest.mark.real

WIDTHS = (390, 1440)
HOSTILE = "<script>document.title='caught'</script><img src=x onerror=\"document.title='caught'\">"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    given = document(standard(), with_attachments(hardened()), replace(hardened(), leaks=None))
    path.write_text(html.render(given))
    return path


class Opened:
    """A page with all that it said and asked for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page = browser.new_page(**options)
        self.page.set_default_timeout(10_000)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def unfold(self) -> None:
        """Open all sections, as a reader can one by one."""
        self.page.evaluate(
            "document.querySelectorAll('h2 > button[aria-expanded=false]').forEach(b => b.click())"
        )


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Opened]:
    found = Opened(browser, report, viewport={"width": 1440, "height": 900})
    found.unfold()
    yield found
    found.page.close()


def test_it_opens_from_a_file_without_an_error_and_without_a_request(
    opened: Opened, report: Path
) -> None:
    assert opened.said == []
    assert opened.asked == [report.as_uri()]
    assert "node:20 compared with" not in opened.page.title()
    assert opened.page.title().startswith("node:20-standard compared with node:20")


def column(opened: Opened, table: str, number: int) -> list[str]:
    found: list[str] = opened.page.eval_on_selector_all(
        f"#{table} tbody tr:not([hidden])",
        f"rows => rows.map(row => row.cells[{number}].innerText.trim())",
    )
    return found


def test_tables_sort_both_ways_and_figures_sort_as_numbers(opened: Opened) -> None:
    head = opened.page.locator("#t-figures-0 thead th").nth(2)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    values = opened.page.eval_on_selector_all(
        "#t-figures-0 tbody tr", "rows => rows.map(r => r.cells[2].querySelector('data')?.value)"
    )
    numbers = [float(value) for value in values if value is not None]
    assert len(numbers) > 20
    assert numbers == sorted(numbers)
    assert values[: len(numbers)].count(None) == 0
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    names = opened.page.locator("#t-packages-0 thead th").nth(1)
    names.get_by_role("button").click()
    assert column(opened, "t-packages-0", 1) == sorted(column(opened, "t-packages-0", 1))


def test_severities_sort_by_weight(opened: Opened) -> None:
    opened.page.locator("#t-findings-0 thead th").nth(2).get_by_role("button").click()
    assert column(opened, "t-findings-0", 2) == ["critical", "medium", "low", "unknown"]


def test_tables_filter_by_words_and_by_choice_and_say_how_many(opened: Opened) -> None:
    tools = opened.page.locator('[data-for="t-findings-0"]')
    assert tools.locator("output").inner_text() == "4 of 4 rows"
    tools.locator("input").fill("openssl gone")
    assert column(opened, "t-findings-0", 0) == ["CVE-2024-0001 known exploited"]
    assert tools.locator("output").inner_text() == "1 of 4 rows"
    tools.locator("input").fill("")
    tools.locator('select[data-key="data-cleared"]').select_option("cleared")
    assert column(opened, "t-findings-0", 1) == ["new", "gone"]


def test_filters_work_with_the_keyboard(opened: Opened) -> None:
    opened.page.locator('[data-for="t-packages-0"] input').focus()
    opened.page.keyboard.type("curl")
    assert column(opened, "t-packages-0", 1) == ["curl"]
    opened.page.locator("#t-packages-0 thead th button").first.focus()
    opened.page.keyboard.press("Enter")
    assert opened.page.locator("#t-packages-0 th[aria-sort]").count() == 1


def test_without_scripts_everything_is_there(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("#t-packages-0 tbody tr").count() == 4
    assert page.locator(".tools").first.is_hidden()
    context.close()


def test_it_prints_without_controls_and_with_all_rows(opened: Opened, tmp_path: Path) -> None:
    opened.page.emulate_media(media="print")
    assert opened.page.locator(".tools").first.is_hidden()
    assert opened.page.locator("#t-findings-0 tbody tr").last.is_visible()
    data = opened.page.pdf(path=str(tmp_path / "report.pdf"), format="A4")
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page") > 2
    width = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    opened.page.set_viewport_size({"width": 720, "height": 1000})
    scroll, client = opened.page.evaluate(width)
    assert scroll <= client


def test_it_begins_with_five_figures_that_are_known_and_folds_the_rest(
    browser: Any, report: Path
) -> None:
    found = Opened(browser, report, viewport={"width": 1440, "height": 900})
    cards = found.page.locator("#summary-0 ~ .cards li")
    assert cards.count() == 5
    assert "unknown" not in found.page.locator("#summary-0 ~ .cards").inner_text().lower()
    assert cards.last.bounding_box()["y"] < 900
    assert found.page.locator("#t-packages-0").is_hidden()
    assert found.page.locator(".fold h2 > button[aria-expanded=true]").count() == 0
    found.page.close()


def test_a_figure_leads_to_its_rows_as_often_as_one_asks(browser: Any, report: Path) -> None:
    found = Opened(browser, report, viewport={"width": 390, "height": 900})
    link = found.page.locator("#summary-0 ~ .cards a", has_text="packages").first
    head = found.page.locator("#packages-0 > button")
    for _ in range(2):
        link.click()
        assert found.page.locator("#t-packages-0").is_visible()
        head.click()
        assert found.page.locator("#t-packages-0").is_hidden()
    found.page.close()


@pytest.mark.parametrize(
    ("figure", "table", "shown"),
    [
        ("findings before VEX", "t-findings-0", ["CVE-2024-0009"]),
        ("findings after VEX", "t-findings-0", []),
        ("packages of programming languages", "t-packages-0", ["added"]),
        ("shells", "t-surface-0", ["shells", "shells"]),
    ],
)
def test_a_figure_leads_to_a_table_that_shows_its_rows_and_no_others(
    browser: Any, report: Path, figure: str, table: str, shown: list[str]
) -> None:
    found = Opened(browser, report, viewport={"width": 1440, "height": 900})
    found.page.locator("#figures-0 > button").click()
    tools = found.page.locator(f'[data-for="{table}"]')
    tools.locator("input").evaluate("input => { input.value = 'nothing has this'; }")
    found.page.get_by_role("link", name=figure, exact=True).first.click()
    assert column(found, table, 0) == shown
    assert tools.locator("input").input_value() == ""
    assert found.said == []
    found.page.close()


def test_a_card_of_a_scan_shows_its_rows(browser: Any, tmp_path: Path) -> None:
    scan = standard().scan
    assert isinstance(scan, ScanResult)
    path = tmp_path / "scan.html"
    path.write_text(scan_html.render(ScanReport(scan, suppressed=True)))
    found = Opened(browser, path)
    for name, rows in (("known exploited", 1), ("after VEX", 2), ("raw", 3)):
        found.page.get_by_role("link", name=name, exact=True).click()
        assert found.page.locator("#t-findings tbody tr:visible").count() == rows
    found.page.close()


def test_a_long_table_comes_in_pages_and_goes_whole_on_paper(browser: Any, tmp_path: Path) -> None:
    base = standard()
    many = tuple(replace(base.inventory.packages[0], name=f"p{number:03}") for number in range(120))
    long = replace(base, inventory=replace(base.inventory, packages=many))
    path = tmp_path / "long.html"
    path.write_text(html.render(document(long, hardened())))
    found = Opened(browser, path, viewport={"width": 1440, "height": 900})
    found.unfold()
    rows, shown = found.page.locator("#t-packages-0 tbody tr"), "#t-packages-0 tbody tr:visible"
    assert rows.count() > 120
    assert found.page.locator(shown).count() == 50
    found.page.locator("#packages-0 ~ .more").click()
    assert found.page.locator(shown).count() == 100
    found.page.locator('[data-for="t-packages-0"] input').fill("p11")
    assert found.page.locator(shown).count() == 10
    found.page.locator('[data-for="t-packages-0"] input').fill("")
    found.page.emulate_media(media="print")
    assert found.page.locator(shown).count() == rows.count()
    found.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_a_scan_is_as_easy_to_read(
    browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    scan = standard().scan
    assert isinstance(scan, ScanResult)
    path = tmp_path / "scan.html"
    path.write_text(scan_html.render(ScanReport(scan, suppressed=True)))
    found = Opened(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert found.said == []
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    found.page.locator('[data-for="t-findings"] input').fill("CVE-2024-0001")
    assert found.page.locator("#t-findings tbody tr:visible").count() == 1
    results = axe.Axe().run(found.page)
    assert [each["id"] for each in results.response["violations"]] == []
    found.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nobody_has_to_scroll_sideways_and_axe_finds_nothing(
    browser: Any, report: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    found = Opened(browser, report, viewport={"width": width, "height": 900}, color_scheme=scheme)
    scroll, client = found.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert (scroll, client) == (width, width)
    found.unfold()
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    folder = Path(os.environ.get("IRONHULL_SCREENSHOTS") or tmp_path)
    found.page.screenshot(path=str(folder / f"report-{width}-{scheme}.png"), full_page=True)
    results = axe.Axe().run(found.page)
    assert [each["id"] for each in results.response["violations"]] == []
    assert len(results.response["passes"]) > 15
    found.page.close()


def test_dark_and_light_differ(browser: Any, report: Path) -> None:
    colours = []
    for scheme in ("light", "dark"):
        found = Opened(browser, report, color_scheme=scheme)
        colours.append(found.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        found.page.close()
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 23, 26)"]


def test_no_script_of_an_image_runs(browser: Any, tmp_path: Path) -> None:
    """Names of packages, labels, paths, layers: shown as they are, also where nothing escapes."""
    given = document()
    text = html.render(_poisoned(given))
    path = tmp_path / "hostile.html"
    path.write_text(text)
    found = Opened(browser, path)
    assert found.said == []
    assert found.asked == [path.as_uri()]
    assert "compared with" in found.page.title()
    assert found.page.locator("img").count() == 0
    found.unfold()
    assert HOSTILE in found.page.locator("body").inner_text()
    found.page.close()


def test_the_policy_stops_a_script_even_if_it_were_not_escaped(
    browser: Any, report: Path, tmp_path: Path
) -> None:
    path = tmp_path / "injected.html"
    path.write_text(report.read_text().replace("</header>", f"{HOSTILE}</header>"))
    found = Opened(browser, path)
    assert found.page.title() != "caught"
    assert any("Content Security Policy" in text for text in found.said)
    assert not [url for url in found.asked if url != path.as_uri() and not url.endswith("/x")]
    found.page.close()


def _poisoned(value: Any, key: str = "") -> Any:
    """The document with every text that an image or a feed can say made evil."""
    kept = ("unit", "id", "better", "group", "verdict", "severity", "schema", "kind", "direction")
    if isinstance(value, dict):
        return {name: _poisoned(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_poisoned(each, key) for each in value]
    return HOSTILE if isinstance(value, str) and key not in kept else value
