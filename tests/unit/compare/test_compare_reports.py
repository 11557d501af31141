"""Reports of a comparison: held by a schema, traceable figure by figure, safe against images."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from tests.fakes.sides import NOW, document, hardened, layer, side, standard, with_attachments

from ironhull.compare.compare import compare
from ironhull.compare.document import document_of
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.compare.reports import badge, html, markdown, table, words
from ironhull.compare.reports import document as json_report
from ironhull.compare.reports.words import at
from ironhull.reports.words import amount, percent, signed

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/compare-report.schema.json").read_text())
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>|`x`\x1b[31m\u202e]]>&\"'@me"


def hostile(value: Any, name: str = "") -> Any:
    """The same value with every free text of an image made evil."""
    if isinstance(value, str):
        keeps = ("type", "severity", "kind", "verdict", "created", "fix_state", "status", "date")
        return value if name in keeps or value.startswith("sha256:") else HOSTILE
    if isinstance(value, tuple):
        return tuple(hostile(each, name) for each in value)
    if isinstance(value, dict):
        return {HOSTILE: HOSTILE} if value else {}
    if is_dataclass(value) and not isinstance(value, type):
        given = {each.name: hostile(getattr(value, each.name), each.name) for each in fields(value)}
        return replace(value, **given)
    return value


@pytest.fixture(scope="module")
def evil() -> Any:
    sides = [hostile(standard()), hostile(with_attachments(hardened()))]
    return document_of(compare(sides, NOW, [f"ironhull compare '{HOSTILE}' x"]))


class Page(HTMLParser):
    """Tags with attributes, the text of each element with data-path, and where digits are."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.figures: list[tuple[str, str]] = []
        self.loose: list[str] = []
        self._path: str | None = None
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag in ("section", "figure", "script", "style"):
            self._inside.append(given.get("aria-labelledby") or given.get("class") or tag)
        if "data-path" in given:
            self._path = given["data-path"]
            self.figures.append((self._path or "", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("section", "figure", "script", "style"):
            self._inside.pop()
        if tag in ("data", "span"):
            self._path = None

    def handle_data(self, data: str) -> None:
        if self._path is not None:
            path, text = self.figures[-1]
            self.figures[-1] = (path, text + data)
        elif self._inside and self._inside[-1].startswith(("summary", "chart")):
            self.loose.append(data)


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    return page


def test_the_json_report_is_what_its_schema_says(evil: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    unknown = document(standard(), side(scan=Unknown("none"), layers=[]))
    for given in (document(), evil, unknown, document(standard(), hardened(), standard())):
        found = json.loads(json_report.render(given))
        jsonschema.validate(found, SCHEMA, format_checker=jsonschema.FormatChecker())


def test_every_figure_of_the_scale_is_in_every_image_and_comparison() -> None:
    given = document()
    names = [entry["id"] for entry in given["scale"]]
    for image in given["images"]:
        assert list(image["figures"]) == names
        assert {name for name in names if image["figures"][name] is None} == set(image["unknown"])
    for pair in given["comparisons"]:
        assert list(pair["figures"]) == names


@pytest.mark.parametrize("sides", [(), (standard(), side(scan=Unknown("none"), layers=[]))])
def test_every_figure_of_the_page_is_at_its_json_pointer(sides: tuple[MeasuredImage, ...]) -> None:
    given = json.loads(json_report.render(document(*sides)))
    units = {entry["id"]: entry["unit"] for entry in given["scale"]}
    page = parsed(html.render(given))
    assert len(page.figures) > 150
    for pointer, text in page.figures:
        value = at(given, pointer)
        last = pointer.rpartition("/")[2]
        name = next((part for part in pointer.split("/") if part in units), "")
        unit = units.get(name) or ("bytes" if "size" in last or "pull" in last else "count")
        unit = "bytes" if last == "uncompressed" else unit
        shown = {"percent": percent(value), "difference": signed(value, unit)}.get(
            last, amount(value, unit)
        )
        assert text == ("" if value is None and last in ("percent", "difference") else shown)


def test_no_figure_of_summary_and_charts_stands_without_a_pointer() -> None:
    page = parsed(html.render(document()))
    names = "node:20-standard|node:20"
    loose = [text for text in page.loose if re.search(r"\d", re.sub(names, "", text))]
    assert loose == []


def test_everything_from_an_image_is_escaped_in_the_page(evil: Any) -> None:
    text = html.render(evil)
    page = parsed(text)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "link")]
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert not [name for name in attributes if name in ("src", "srcdoc", "action")]
        assert (attributes.get("href") or "#").startswith("#")
    assert "<script>alert" not in text


def test_the_page_allows_its_own_script_and_style_by_hash_and_nothing_else() -> None:
    page = parsed(html.render(document()))
    [policy] = [
        given["content"] for tag, given in page.tags if given.get("http-equiv") and tag == "meta"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_page_names_date_command_and_what_is_unknown() -> None:
    text = html.render(document(standard(), side(scan=Unknown("no advisories for it"))))
    assert "2026-11-20T00:00:00Z" in text
    assert "ironhull compare node:20-standard node:20" in text
    assert "no advisories for it" in text


def test_rows_that_a_page_leaves_out_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_FINDINGS", 2)
    assert "2 more rows are only in the JSON report" in html.render(document())


def test_markdown_cannot_be_broken_out_of(evil: Any) -> None:
    text = markdown.render(evil)
    outside = re.sub(r"```sh\n.*?\n```", "", text, flags=re.DOTALL)
    assert "<script" not in outside
    assert "<img" not in outside
    assert not re.search(r"(?<!\\)`", outside)
    assert "@me" not in outside
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line[:2] == "| "}
    assert widths <= {4, 6, 7}


@pytest.mark.parametrize("form", [badge, html, json_report, markdown, table])
def test_no_format_lets_through_what_a_terminal_or_viewer_obeys(evil: Any, form: Any) -> None:
    assert form.render(evil).replace("\n", "").isprintable()


def test_markdown_fits_a_comment_however_much_there_is() -> None:
    big = standard()
    many = tuple(
        replace(each, name=f"{each.name}{number}")
        for number in range(3000)
        for each in big.inventory.packages[:1]
    )
    text = markdown.render(
        document(replace(big, inventory=replace(big.inventory, packages=many)), hardened())
    )
    assert len(text) < markdown.LIMIT
    assert "more (`--format json` has all)" in text


def test_markdown_has_the_figures_and_says_of_what() -> None:
    text = markdown.render(document())
    assert "## node:20 compared with node:20-standard" in text
    assert "| packages | 4 | 3 | −1 | −25.0 % | ✅ |" in text
    assert "Advisories of 2026-11-20T00:00:00Z" in text


def test_what_is_to_pull_is_said_in_whole_sentences() -> None:
    tar = replace(layer(7), media_type="application/vnd.docker.image.rootfs.diff.tar")
    plain, no_size = side(layers=[tar]), "not known: "
    said = {
        "No layer is shared with the baseline. How much is to pull where the baseline": plain,
        "No layer is shared with the baseline; where it is there, ": side(layers=[layer(8)]),
        "Layers: a folder has no layers.": side(layers=[]),
        " layer is shared with the baseline; where it is there, ": hardened(),
    }
    for sentence, of in said.items():
        shown = re.sub(r"<[^>]*>", "", html.render(document(standard(), of)))
        assert sentence in shown
        assert (no_size in shown) == (of is plain)
        assert "unknown are to pull" not in shown
    assert "there: unknown (" in table.render(document(standard(), plain))


def test_the_table_has_the_figures_reasons_and_no_control_characters(evil: Any) -> None:
    text = table.render(document())
    line = next(line for line in text.splitlines() if line.startswith("packages  "))
    assert line.split() == ["packages", "4", "3", "−1", "−25.0", "%", "better"]
    assert "advisories of: 2026-11-20T00:00:00Z" in text
    assert "again: ironhull compare" in text
    assert "traces of the build: 1 in 12 files" in text
    unknown = table.render(document(standard(), side(scan=Unknown("nobody knows"))))
    assert "unknown: nobody knows" in unknown


def test_a_badge_is_well_formed_and_says_what_changed() -> None:
    root = ET.fromstring(badge.render(document()))
    assert root.attrib["aria-label"] == "hardened: −25.0 % packages, −100.0 % CVE findings"
    evil_root = ET.fromstring(badge.badge("<x>&", "<script>", "good"))
    assert evil_root.attrib["aria-label"] == "<x>&: <script>"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1234, "count", "1,234"),
        (None, "count", "unknown"),
        (36_200_000, "bytes", "36.2 MB"),
        (1, "days", "1 day"),
        (1, "flag", "yes"),
        (0, "flag", "no"),
    ],
)
def test_figures_are_written_for_people(value: int | None, unit: str, expected: str) -> None:
    assert amount(value, unit) == expected


def test_the_rows_that_a_figures_link_shows_are_as_many_as_it_says() -> None:
    given = document(hardened(), standard())
    text = html.render(given)
    tags = parsed(text).tags
    rows = [given for tag, given in tags if tag == "tr" and "data-where" in given]
    links = [given["data-preset"] for tag, given in tags if tag == "a" and given.get("data-preset")]
    figures = given["images"][1]["figures"]
    checked = 0
    for row in list(words.rows(given, 0)):
        place, preset = html.rows_of(row)
        if place != "findings" or "ids" in row.id:
            continue
        assert preset in links
        wanted = dict(parse_qsl(preset))
        fitting = [
            each
            for each in rows
            if all(value in (each[key] or "").split("|") for key, value in wanted.items())
        ]
        assert len(fitting) == figures[row.id], row.id
        checked += 1
    assert checked == 16
