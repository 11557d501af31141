"""Every format of the report: held by a schema or a reader, safe against what is in an image."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.data.find import excerpt
from tests.fakes import advisories as fake
from tests.fakes.advisories import BULLSEYE, NOW, deb, inventory, options, osv

from ironhull.errors import DefinitionError, InputError, MalformedError
from ironhull.scan.diff import compare_results
from ironhull.scan.document import report_json
from ironhull.scan.exceptions import apply_exceptions, read_exceptions
from ironhull.scan.matching import scan
from ironhull.scan.model import Accepted, Assessment, Finding, FixState, ScanResult
from ironhull.scan.old_report import read_report
from ironhull.scan.policy import failures, parse_terms
from ironhull.scan.reports.formats import FORMATS
from ironhull.scan.summary import ScanReport, headline, summary

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/scan-report.schema.json").read_text())
HOSTILE = "<script>alert(1)</script>|`x`\x00\x1b[31m\u202e\u2028\x9b]]>&\"' @me [y](z)"


@pytest.fixture
def result(tmp_path: Path) -> ScanResult:
    records = [
        osv(
            "CVE-2024-0001",
            "openssl",
            {"Debian:12": "3.0.14-1"},
            severity=[
                {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
            ],
            published="2024-05-01T00:00:00Z",
            details=HOSTILE,
        ),
        osv("CVE-2024-0002", "openssl", {"Debian:12": None}, urgency="unimportant"),
        osv("CVE-2024-0003", "linux", {"Debian:12": None}, modified="2024-08-01T00:00:00Z"),
        osv("CVE-2024-0004", "bash", {"Debian:12": None}, urgency="low"),
    ]
    kev = tmp_path / "kev.json"
    kev.write_text(
        json.dumps(
            {
                "dateReleased": "2026-08-07T16:45:47Z",
                "count": 1,
                "vulnerabilities": [{"cveID": "CVE-2024-0004", "dateAdded": "2024-02-03"}],
            }
        )
    )
    epss = tmp_path / "epss.csv"
    epss.write_text(
        "#model_version:v1,score_date:2026-09-29T12:00:22Z\ncve,epss,percentile\n"
        "CVE-2024-0001,0.5,0.9\n"
    )
    database = fake.database(
        tmp_path / "a.sqlite",
        osv_debian=fake.write_records(tmp_path / "osv", records),
        kev=kev,
        epss=epss,
        debian_releases=excerpt("debian/debian.csv"),
    )
    packages = (
        deb("libssl3", "3.0.11-1", "openssl"),
        deb("linux-libc-dev", "6.1.90-1", "linux"),
        deb("bash", "5.2-1"),
        deb("odd", "what?"),
    )
    found = scan(inventory(*packages), database, options())
    marked = replace(found.findings[0], accepted=Accepted("jane", "build only", "2027-01-01"))
    return replace(found, findings=(marked, *found.findings[1:]), digest="sha256:" + "ab" * 32)


def render(form: str, result: ScanResult, **chosen: Any) -> str:
    return FORMATS[form].render(ScanReport(result, **chosen))


def hostile(result: ScanResult) -> ScanResult:
    """The same, with everything that an image or a feed can say made evil."""
    finding = replace(
        result.findings[1],
        id="CVE-2024-0002",
        package=HOSTILE,
        version=HOSTILE,
        location=f"/{HOSTILE}",
        title=HOSTILE,
        reason=HOSTILE,
        vex=Assessment("affected", "", HOSTILE, HOSTILE, HOSTILE),
    )
    return replace(result, image=HOSTILE, findings=(finding,), distribution_name=HOSTILE)


def test_the_worst_stands_first(result: ScanResult) -> None:
    # Exploited before probable, probable before merely severe.
    assert [f.id for f in result.findings][:2] == ["CVE-2024-0004", "CVE-2024-0001"]


def test_json_is_what_its_schema_says(result: ScanResult) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    for each in (result, hostile(result), replace(result, verdict="unknown", findings=())):
        value = json.loads(render("json", each))
        assert [error.message for error in validator.iter_errors(value)] == []


def test_json_has_the_names_that_others_rely_on(result: ScanResult) -> None:
    value = json.loads(render("json", result))
    assert {"image", "distribution", "database", "findings", "unmatched", "summary"} <= set(value)
    assert {"date", "sources"} <= set(value["database"])
    assert value["summary"]["raw"] == 4
    assert value["summary"]["after_vex"] == 3
    names = "id package version source source_version type location severity fix_state"
    assert set(f"{names} fixed_version kev epss vex suppressed".split()) <= set(
        value["findings"][0]
    )


def test_the_schema_rejects_a_report_that_lost_something(result: ScanResult) -> None:
    value = report_json(ScanReport(result))
    del value["summary"]["raw"]
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(json.loads(json.dumps(value)))


def test_unknown_is_null_and_never_zero(result: ScanResult) -> None:
    unknown = replace(result, verdict="unknown", findings=())
    assert (summary(unknown).raw, summary(unknown).after_vex) == (None, None)
    assert "unknown" in headline(unknown)
    assert failures(unknown, ("critical",)) != []


def test_cyclonedx_is_valid_by_its_schema(result: ScanResult) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for each in (result, hostile(result)):
        assert validator.validate_str(render("cyclonedx", each)) is None
    value = json.loads(render("cyclonedx", result))
    states = {
        each["id"]: each.get("analysis", {}).get("state") for each in value["vulnerabilities"]
    }
    assert states["CVE-2024-0003"] == "not_affected"


def test_sarif_has_what_code_scanning_needs(result: ScanResult) -> None:
    run = json.loads(render("sarif", result))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for entry in run["results"]:
        assert rules[entry["ruleIndex"]]["id"] == entry["ruleId"]
        place = entry["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert place
        assert not place.startswith("/")
    scores = {rule["id"]: rule["properties"]["security-severity"] for rule in rules}
    assert scores["CVE-2024-0001"] == "9.8"
    prints = [entry["partialFingerprints"]["ironhull/v1"] for entry in run["results"]]
    assert len(set(prints)) == len(prints)
    suppressed = {entry["ruleId"] for entry in run["results"] if entry.get("suppressions")}
    assert suppressed == {"CVE-2024-0003", "CVE-2024-0004"}


def test_fingerprints_survive_another_tag_of_the_image(result: ScanResult) -> None:
    def prints(value: ScanResult) -> list[str]:
        run: dict[str, Any] = json.loads(render("sarif", value))["runs"][0]
        return [entry["partialFingerprints"]["ironhull/v1"] for entry in run["results"]]

    assert prints(replace(result, image="app:1")) == prints(replace(result, image="app:2"))


def test_junit_fails_what_is_open_and_skips_what_is_cleared(result: ScanResult) -> None:
    suite = ET.fromstring(render("junit", result))[0]
    assert suite.attrib["tests"] == "5"
    assert suite.attrib["errors"] == str(len(suite.findall("testcase/error"))) == "1"
    assert suite.attrib["failures"] == str(len(suite.findall("testcase/failure"))) == "2"
    assert suite.attrib["skipped"] == str(len(suite.findall("testcase/skipped"))) == "2"
    unknown = ET.fromstring(render("junit", replace(result, verdict="unknown", findings=())))[0]
    assert unknown.findall("testcase/error")


def test_junit_is_xml_whatever_an_image_says(result: ScanResult) -> None:
    assert ET.fromstring(render("junit", hostile(result)))[0].attrib["tests"] == "2"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_html_needs_nothing_else_and_runs_nothing(result: ScanResult) -> None:
    for each in (result, hostile(result)):
        parser = Tags()
        parser.feed(render("html", each))
        tags = [tag for tag, _ in parser.seen]
        assert not {*tags} & {"img", "link", "iframe", "object"}
        # The one script is the page's own, which its policy allows by a hash.
        assert tags.count("script") == 1
        assert "<script>alert" not in render("html", each)
        for _, attributes in parser.seen:
            assert "src" not in attributes
            assert (attributes.get("href") or "#").startswith("#")
    assert "CVE-2024-0001" in render("html", result)


def test_markdown_keeps_its_table_whatever_an_image_says(result: ScanResult) -> None:
    text = render("markdown", hostile(result))
    assert "<script>" not in text
    row = next(line for line in text.splitlines() if line.startswith("| CVE-2024-0002"))
    assert row.replace("\\|", "").count("|") == 9
    assert "@me" not in text
    assert "[y](z)" not in text


def test_the_table_hides_what_vex_clears_and_counts_it(result: ScanResult) -> None:
    text = render("table", result)
    assert "CVE-2024-0003" not in text
    assert "4 findings, 3 after VEX" in text
    assert "not matched: odd what?" in text
    assert "CVE-2024-0003" in render("table", result, suppressed=True)


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_lets_anything_through_that_is_obeyed(result: ScanResult, form: str) -> None:
    text = render(form, hostile(result))
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_result_gives_the_same_bytes(result: ScanResult, form: str) -> None:
    assert render(form, result) == render(form, result)


def test_filters_narrow_what_is_shown_and_not_the_counts(result: ScanResult) -> None:
    fixable = ScanReport(result, only_fixable=True).findings
    assert [finding.id for finding in fixable] == ["CVE-2024-0001"]
    since = ScanReport(result, since=date(2024, 7, 15)).findings
    assert [finding.id for finding in since] == ["CVE-2024-0003"]
    assert json.loads(render("json", result, only_fixable=True))["summary"]["raw"] == 4


@pytest.mark.parametrize(
    ("terms", "fails"),
    [
        ("critical", True),
        ("low", True),
        ("kev", False),
        ("fixable", True),
        ("any", True),
        ("eol", False),
        ("unknown", False),
    ],
)
def test_fail_on(result: ScanResult, terms: str, fails: bool) -> None:
    # The only exploited one is an accepted risk.
    assert bool(failures(result, parse_terms([terms]))) is fails


def test_fail_on_eol(tmp_path: Path) -> None:
    database = fake.database(
        tmp_path / "a.sqlite",
        osv_debian=fake.write_records(
            tmp_path / "osv", [osv("CVE-2024-0001", "x", {"Debian:11": "1-1"})]
        ),
        debian_releases=excerpt("debian/debian.csv"),
    )
    result = scan(inventory(deb("x", "1-1"), distribution=BULLSEYE), database, options())
    assert failures(result, ("eol",)) != []


def test_an_unknown_term_names_those_that_there_are() -> None:
    with pytest.raises(InputError, match="there are: critical, high"):
        parse_terms(["high,severe"])


def exceptions(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "exceptions.yaml"
    path.write_text(text)
    return path


def test_an_accepted_risk_stays_a_finding(result: ScanResult, tmp_path: Path) -> None:
    path = exceptions(
        tmp_path,
        "exceptions:\n"
        "  - {id: CVE-2024-0001, package: openssl, owner: jane, reason: r, expires: 2026-12-31}\n"
        "  - {id: [CVE-2024-0002], owner: joe, reason: r, expires: 2026-11-22}\n"
        "  - {id: CVE-2024-0004, image: 'other:*', owner: joe, reason: r, expires: 2027-01-01}\n",
    )
    bare = replace(result, findings=tuple(replace(f, accepted=None) for f in result.findings))
    after = apply_exceptions(bare, read_exceptions(path), NOW.date())
    taken = {finding.id for finding in after.findings if finding.accepted is not None}
    assert taken == {"CVE-2024-0001"}
    assert len(after.open) == len(bare.open)
    assert [each.subject for each in after.warnings if each.kind == "exception"] == [
        "CVE-2024-0002"
    ]


def test_all_that_is_wrong_with_an_exceptions_file_comes_together(tmp_path: Path) -> None:
    path = exceptions(
        tmp_path,
        "exceptions:\n  - {id: CVE-2024-0001}\n  - {id: 5, owner: a, reason: b, expires: soon}\n"
        "  - nothing\n  - {id: x, owner: a, reason: b, expires: 2027-01-01, forever: yes}\n",
    )
    with pytest.raises(DefinitionError) as caught:
        read_exceptions(path)
    text = str(caught.value)
    for part in (
        "owner is missing",
        "expires is missing",
        "id is missing",
        "unknown key 'forever'",
    ):
        assert part in text


@pytest.mark.parametrize("text", ["", "[]", "exceptions: 5", "a: [", "exceptions: &a [*a]"])
def test_what_is_no_exceptions_file_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        read_exceptions(exceptions(tmp_path, text))


def test_a_comparison_says_what_is_new_gone_and_fixable(result: ScanResult) -> None:
    older = read_report(render("json", result).encode(), "old.json")
    fresh = replace(result.findings[0], id="CVE-2025-0009")
    fixed = replace(
        next(f for f in result.findings if f.id == "CVE-2024-0002"), fix_state=FixState.FIXED
    )
    kept = [f for f in result.findings if f.id == "CVE-2024-0001"]
    diff = compare_results(older, replace(result, findings=(fresh, fixed, *kept)))
    assert [each.id for each in diff.new] == ["CVE-2025-0009"]
    assert [each.id for each in diff.fixable_now] == ["CVE-2024-0002"]
    assert {each.id for each in diff.gone} == {"CVE-2024-0003", "CVE-2024-0004"}
    assert diff.same == 1


def test_a_temporary_name_that_became_a_cve_is_the_same_finding(result: ScanResult) -> None:
    def with_name(name: str) -> ScanResult:
        first: Finding = replace(result.findings[0], id=name, bug=1012345)
        return replace(result, findings=(first,))

    older = read_report(render("json", with_name("TEMP-1012345-ABCDEF")).encode(), "old.json")
    diff = compare_results(older, with_name("CVE-2024-7777"))
    assert (diff.new, diff.gone, diff.same) == ((), (), 1)


def test_an_old_report_with_a_byte_order_mark_is_read(result: ScanResult) -> None:
    data = b"\xef\xbb\xbf" + render("json", result).encode()
    assert compare_results(read_report(data, "old.json"), result).new == ()


@pytest.mark.parametrize("data", [b"", b"{}", b'{"schema": "x", "image": "a", "findings": []}'])
def test_what_is_no_report_cannot_be_compared(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_report(data, "old.json")
