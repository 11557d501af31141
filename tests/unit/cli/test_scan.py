"""`ironhull scan`, `explain`, `rescan`, `vex` and `advisories` as people run them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.fakes.advisories import osv, write_records
from tests.fakes.image import make_image

from ironhull.cli.advisories import advisories
from ironhull.cli.explain import explain
from ironhull.cli.rescan import rescan
from ironhull.cli.scan import scan
from ironhull.cli.vex import vex
from ironhull.errors import CheckFailedError, InputError, NotFoundError, UntrustedError
from ironhull.scan.reports.formats import FORMATS
from ironhull.store.home import Home

FILES = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
    "var/lib/dpkg/status": (
        "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\n"
        "Source: openssl\nVersion: 3.0.11-1~deb12u1\n\n"
        # Trap 21: removed, its configuration left; and one that is half installed.
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1.0-1\n\n"
        "Package: half\nStatus: install ok half-configured\nArchitecture: amd64\nVersion: 1.0-1\n"
    ),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IRONHULL_MAX_ADVISORY_AGE", raising=False)
    home = Home(tmp_path / "home")
    make_image(home.store, [FILES], config={"User": "1000"})
    return home


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return write_records(
        tmp_path / "osv",
        [
            osv("CVE-2024-0001", "openssl", {"Debian:12": "3.0.14-1~deb12u1"}, urgency="high"),
            osv("CVE-2024-0002", "gone", {"Debian:12": None}),
            osv("CVE-2024-0003", "half", {"Debian:12": None}),
        ],
    )


@pytest.fixture
def database(feed: Path) -> Path:
    update(feed)
    return feed


def update(place: Path, *more: str) -> Result:
    return CliRunner().invoke(
        advisories, ["update", "--source", f"osv-debian={place}", *more], catch_exceptions=False
    )


def run(*arguments: str) -> Result:
    return CliRunner().invoke(scan, ["app:1", "--max-age", "0", *arguments], catch_exceptions=False)


def test_scan_prints_a_table_and_both_counts(database: Path) -> None:
    text = run().stdout
    assert "CVE-2024-0001" in text
    assert "2 findings, 2 after VEX" in text


def test_trap_21_removed_packages_are_not_installed_and_half_configured_ones_are(
    database: Path,
) -> None:
    value = json.loads(run("--json").stdout)
    assert sorted(each["id"] for each in value["findings"]) == ["CVE-2024-0001", "CVE-2024-0003"]


def test_trap_20_packages_in_status_d_are_matched(database: Path, home: Home) -> None:
    make_image(
        home.store,
        [
            {
                "etc/os-release": FILES["etc/os-release"],
                "var/lib/dpkg/status.d/libssl3": "Package: libssl3\nSource: openssl\n"
                "Version: 3.0.11-1~deb12u1\nArchitecture: amd64\n",
            }
        ],
        names=["distroless:1"],
    )
    runner = CliRunner()
    found = runner.invoke(
        scan, ["distroless:1", "--json", "--max-age", "0"], catch_exceptions=False
    )
    assert [each["source"] for each in json.loads(found.stdout)["findings"]] == ["openssl"]


def test_trap_22_the_uppermost_package_database_counts(database: Path, home: Home) -> None:
    upper = {"var/lib/dpkg/status": "Package: half\nVersion: 1.0-1\nArchitecture: amd64\n"}
    make_image(home.store, [FILES, upper], names=["layers:1"])
    runner = CliRunner()
    found = runner.invoke(scan, ["layers:1", "--json", "--max-age", "0"], catch_exceptions=False)
    assert [each["package"] for each in json.loads(found.stdout)["findings"]] == ["half"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_printed(database: Path, form: str) -> None:
    assert "CVE-2024-0001" in run("--format", form).stdout


def test_fail_on_ends_with_a_finding_after_the_report(database: Path) -> None:
    with pytest.raises(CheckFailedError, match="1 of severity high or worse"):
        run("--fail-on", "high")
    assert run("--fail-on", "critical").exit_code == 0


def test_a_gate_whose_data_are_missing_fails_and_can_be_told_to_pass(database: Path) -> None:
    with pytest.raises(CheckFailedError, match=r"no feed kev .*--source kev=FILE"):
        run("--fail-on", "kev")
    with pytest.raises(CheckFailedError, match="end of life is not known"):
        run("--fail-on", "eol")
    assert run("--fail-on", "kev,eol", "--accept-unknown", "kev,eol").exit_code == 0
    with pytest.raises(InputError, match="there are: kev, eol, unmatched"):
        run("--fail-on", "kev", "--accept-unknown", "high")
    assert json.loads(run("--json").stdout)["summary"]["kev"] is None
    assert 'known exploited</a> <span class="large">?</span>' in run("--format", "html").stdout


def test_stale_advisories_fail_by_themselves(database: Path) -> None:
    with pytest.raises(CheckFailedError, match="older than 7 days"):
        CliRunner().invoke(scan, ["app:1"], catch_exceptions=False)


def test_any_age_is_accepted_by_name_and_the_age_is_still_said(database: Path) -> None:
    value = json.loads(run("--json").stdout)
    assert (value["database"]["stale"], value["verdict"]) == (True, "complete")
    [told] = [each["message"] for each in value["warnings"] if each["kind"] == "stale"]
    assert "older than 7 days, which was accepted" in told


def test_explain_and_vex_create_stop_at_stale_advisories_as_scan_does(database: Path) -> None:
    with pytest.raises(CheckFailedError) as said:
        CliRunner().invoke(scan, ["app:1"], catch_exceptions=False)
    runner = CliRunner()
    for verb, arguments in ((explain, ["CVE-2024-0001", "app:1"]), (vex, ["create", "app:1"])):
        result = runner.invoke(verb, arguments)
        assert isinstance(result.exception, CheckFailedError)
        assert str(result.exception) == str(said.value)
        assert runner.invoke(verb, [*arguments, "--max-age", "0"]).exception is None
    assert runner.invoke(vex, ["create", "app:1"]).stdout == ""


def test_a_stale_feed_of_its_own_is_not_known_to_its_gate(database: Path, tmp_path: Path) -> None:
    kev = tmp_path / "kev.json"
    entry = {"cveID": "CVE-2024-9999", "dateAdded": "2024-01-01"}
    kev.write_text(
        json.dumps({"dateReleased": "2020-01-01T00:00:00Z", "count": 1, "vulnerabilities": [entry]})
    )
    CliRunner().invoke(advisories, ["update", "--source", f"kev={kev}"], catch_exceptions=False)
    # The feed that packages are matched with is younger than allowed, the other one is not.
    age = str((datetime.now(UTC) - datetime(2024, 1, 1, tzinfo=UTC)).days)
    command = ["app:1", "--max-age", age, "--fail-on", "kev"]
    with pytest.raises(CheckFailedError, match=r"feed kev is of 2020-01-01, too old .*update"):
        CliRunner().invoke(scan, command, catch_exceptions=False)
    assert CliRunner().invoke(scan, [*command, "--accept-unknown", "kev"]).exit_code == 0
    assert run("--fail-on", "kev").exit_code == 0


def test_what_could_not_be_matched_makes_a_result_partial_and_is_accepted_by_name(
    database: Path, home: Home
) -> None:
    path = "app/node_modules/left-pad/package.json"
    files = {path: '{"name": "left-pad", "version": "1.3.0"}'}
    found = scan_of(home, files, "--json")
    assert isinstance(found.exception, CheckFailedError)
    assert json.loads(found.stdout)["verdict"] == "partial"
    assert "left-pad 1.3.0" in str(found.exception)
    accepted = scan_of(home, files, "--fail-on", "critical", "--accept-unknown", "unmatched")
    assert accepted.exception is None


def test_how_old_advisories_may_be_is_a_setting(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONHULL_MAX_ADVISORY_AGE", "36500")
    assert CliRunner().invoke(scan, ["app:1"], catch_exceptions=False).exit_code == 0
    monkeypatch.setenv("IRONHULL_MAX_ADVISORY_AGE", "long")
    with pytest.raises(InputError, match="a number of days"):
        CliRunner().invoke(scan, ["app:1"], catch_exceptions=False)


def test_without_a_database_scan_says_what_to_do() -> None:
    with pytest.raises(InputError, match="ironhull advisories update"):
        run()


def test_a_stored_inventory_file_is_an_image_too(database: Path, tmp_path: Path) -> None:
    from ironhull.cli.inventory import inventory

    path = tmp_path / "inventory.json"
    path.write_text(CliRunner().invoke(inventory, ["app:1", "--json"]).stdout)
    found = CliRunner().invoke(scan, [str(path), "--max-age", "0"], catch_exceptions=False)
    assert "2 findings" in found.stdout


def test_vex_that_we_create_is_honest_and_applies(database: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    made = CliRunner().invoke(vex, ["create", "app:1", "--max-age", "0"], catch_exceptions=False)
    path.write_text(made.stdout)
    assert CliRunner().invoke(vex, ["lint", str(path)], catch_exceptions=False).exit_code == 0
    value = json.loads(run("--json", "--vex", str(path)).stdout)
    assert {each["vex"]["status"] for each in value["findings"]} == {
        "affected",
    }


def test_lint_fails_on_dishonest_documents(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    statement = {
        "vulnerability": {"name": "CVE-2024-0001"},
        "products": [{"@id": "pkg:oci/app"}],
        "status": "not_affected",
        "justification": "vulnerable_code_cannot_be_controlled_by_adversary",
        "impact_statement": "Marked no-dsa by Debian Security Team",
    }
    path.write_text(
        json.dumps(
            {
                "@context": "https://openvex.dev/ns/v0.2.0",
                "author": "x",
                "timestamp": "2026-01-01T00:00:00Z",
                "statements": [statement],
            }
        )
    )
    with pytest.raises(CheckFailedError, match=r"statements or documents .* usable: 1$"):
        CliRunner().invoke(vex, ["lint", str(path)], catch_exceptions=False)


def test_lint_holds_documents_against_the_feeds(database: Path, tmp_path: Path) -> None:
    path = tmp_path / "fixed.json"
    made = CliRunner().invoke(vex, ["create", "app:1", "--max-age", "0"], catch_exceptions=False)
    value = json.loads(made.stdout)
    value["statements"] = [
        {key: said[key] for key in ("vulnerability", "products")} | {"status": "fixed"}
        for said in value["statements"]
    ]
    path.write_text(json.dumps(value))
    result = CliRunner().invoke(vex, ["lint", str(path)])
    assert isinstance(result.exception, CheckFailedError)
    assert "contradicts-feed: 2 errors" in result.stdout
    assert "2 packages held against the feeds, 0 could not be" in result.stdout


def test_explain_shows_versions_line_and_date(database: Path) -> None:
    arguments = ["CVE-2024-0001", "app:1", "--max-age", "0"]
    text = CliRunner().invoke(explain, arguments, catch_exceptions=False).stdout
    for part in (
        "earlier than 3.0.14-1~deb12u1",
        "osv-debian 2024-07-01",
        "update openssl",
        "layer",
    ):
        assert part in text


def test_rescan_needs_no_image(database: Path, home: Home, feed: Path) -> None:
    run()
    first = CliRunner().invoke(rescan, ["--all", "--max-age", "0"], catch_exceptions=False)
    assert "0 new findings" in first.stdout
    write_records(
        feed,
        [
            osv(
                "CVE-2024-0009",
                "openssl",
                {"Debian:12": None},
                modified="2024-08-01T00:00:00Z",
            )
        ],
    )
    update(feed)
    for blob in (home.root / "store" / "blobs" / "sha256").iterdir():
        blob.unlink()
    with pytest.raises(CheckFailedError, match=r"1 new finding$"):
        CliRunner().invoke(
            rescan, ["--all", "--max-age", "0", "--fail-on-new"], catch_exceptions=False
        )
    again = CliRunner().invoke(
        rescan, ["--all", "--max-age", "0", "--json"], catch_exceptions=False
    )
    [image] = json.loads(again.stdout)["images"]
    assert (image["raw"], image["new"]) == (3, [])


def test_a_comparison_with_an_older_result(database: Path, tmp_path: Path) -> None:
    older = tmp_path / "old.json"
    value = json.loads(run("--json").stdout)
    value["findings"] = [each for each in value["findings"] if each["id"] != "CVE-2024-0003"]
    older.write_text(json.dumps(value))
    text = run("--diff", str(older)).stdout
    assert "1 new, 0 fixable now, 0 gone, 1 the same" in text
    assert [
        each["id"] for each in json.loads(run("--diff", str(older), "--json").stdout)["new"]
    ] == ["CVE-2024-0003"]


def test_status_show_export_and_import(database: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    status = json.loads(runner.invoke(advisories, ["status", "--json"]).stdout)
    assert status["feeds"][0]["name"] == "osv-debian"
    assert "openssl" in runner.invoke(advisories, ["show", "CVE-2024-0001"]).stdout
    shown = json.loads(runner.invoke(advisories, ["show", "CVE-2024-0001", "--json"]).stdout)
    assert shown["claims"][0]["fixed"] == "3.0.14-1~deb12u1"
    out = tmp_path / "out.zst"
    assert runner.invoke(advisories, ["export", str(out)]).exit_code == 0
    assert "1 feed," in runner.invoke(advisories, ["import", str(out)]).stdout
    with pytest.raises(NotFoundError, match="in no feed"):
        runner.invoke(advisories, ["show", "CVE-1999-0001"], catch_exceptions=False)


def test_an_update_that_is_refused_says_why(database: Path, tmp_path: Path) -> None:
    small = write_records(tmp_path / "small", [osv("CVE-2024-0001", "x", {"Debian:12": "1"})])
    with pytest.raises(UntrustedError, match="shrank from 3 to 1"):
        update(small)


@pytest.mark.parametrize(
    "source", ["osv-debian", "nothing=x", "osv-debian="], ids=["no place", "no feed", "empty"]
)
def test_a_source_that_is_none_names_what_is_expected(source: str) -> None:
    with pytest.raises(InputError, match=r"expected NAME=|there is no feed"):
        CliRunner().invoke(advisories, ["update", "--source", source], catch_exceptions=False)


def test_accepted_risks_do_not_fail(database: Path, tmp_path: Path) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text(
        "exceptions:\n"
        "  - {id: CVE-2024-0001, owner: jane, reason: build only, expires: 2100-01-01}\n"
    )
    result = run("--fail-on", "high", "--exceptions", str(path))
    assert "1 of them accepted" in result.stdout


def test_trap_22_a_package_whose_files_were_removed_is_cleared_with_proof(
    database: Path, home: Home
) -> None:
    listed = "/.\n/usr\n/usr/lib\n/usr/lib/libssl.so.3\n/usr/share/doc/libssl3/copyright\n"
    base = FILES | {
        "var/lib/dpkg/info/libssl3:amd64.list": listed,
        "usr/lib/libssl.so.3": "code",
        "usr/share/doc/libssl3/copyright": "papers",
    }
    make_image(home.store, [base], names=["whole:1"])
    make_image(home.store, [base, {"usr/lib/.wh.libssl.so.3": ""}], names=["removed:1"])

    def findings(image: str) -> dict[str, dict[str, object]]:
        command = [image, "--json", "--max-age", "0"]
        value = json.loads(CliRunner().invoke(scan, command, catch_exceptions=False).stdout)
        return {each["package"]: each for each in value["findings"]}

    assert findings("whole:1")["libssl3"]["suppressed"] is False
    found = findings("removed:1")
    assert found["libssl3"]["vex"]["justification"] == "component_not_present"  # type: ignore[index]
    assert "lacks the one file that libssl3's" in found["libssl3"]["vex"]["statement"]  # type: ignore[index]
    two = base | {"var/lib/dpkg/info/libssl3:amd64.list": f"{listed}/usr/lib/libcrypto.so.3\n"}
    make_image(home.store, [two, {"usr/lib/.wh.libssl.so.3": ""}], names=["both:1"])
    assert "none of the 2 files" in findings("both:1")["libssl3"]["vex"]["statement"]  # type: ignore[index]
    # A package without a list is not said to be gone.
    assert found["half"]["suppressed"] is False


def test_feeds_that_cannot_be_reached_are_named_once_with_what_to_do() -> None:
    nowhere = "http://nowhere.invalid/all.zip"
    sources = [f"--source={name}={nowhere}" for name in ("osv-debian", "osv-npm")]
    ended = CliRunner().invoke(advisories, ["update", *sources])
    assert "nowhere.invalid/all.zip: there is no such host" in ended.stdout
    assert "HTTPConnection" not in ended.stdout
    assert re.fullmatch(
        "not reached: osv-debian, osv-npm; without internet, .*: ironhull advisories import FILE",
        str(ended.exception),
    )


def scan_of(home: Home, files: dict[str, str], *arguments: str) -> Result:
    release = {"etc/os-release": FILES["etc/os-release"]}
    status = {"var/lib/dpkg/status": FILES["var/lib/dpkg/status"]}
    make_image(home.store, [release | status | files], names=["other:1"])
    return CliRunner().invoke(scan, ["other:1", "--max-age", "0", *arguments])


def test_a_file_that_cannot_be_read_fails_unless_somebody_accepts_it(
    database: Path, home: Home
) -> None:
    files = {f"app/node_modules/{name}/package.json": "{" for name in "abcde"}
    refused = scan_of(home, files)
    assert isinstance(refused.exception, CheckFailedError)
    assert "5 files could not be read" in str(refused.exception)
    some = scan_of(home, files, "--accept-unreadable", "*/[abcd]/*")
    assert "1 file could not be read" in str(some.exception)
    accepted = scan_of(home, files, "--accept-unreadable", "/app/*", "--json")
    assert accepted.exception is None
    [caveat] = [
        item for item in json.loads(accepted.stdout)["warnings"] if item["kind"] == "accepted"
    ]
    assert caveat["subject"] == "5 files"
    assert "/app/node_modules/a/package.json" in caveat["message"]
    assert "accepted" in scan_of(home, files, "--accept-unreadable", "/app/*").stdout


def test_a_version_that_cannot_be_compared_fails_in_every_ecosystem(
    database: Path, home: Home, tmp_path: Path
) -> None:
    npm = write_records(tmp_path / "npm", [osv("GHSA-1", "left-pad", {"npm": "1.3.0"})])
    CliRunner().invoke(advisories, ["update", "--source", f"osv-npm={npm}"], catch_exceptions=False)
    path = "app/node_modules/left-pad/package.json"
    odd = scan_of(home, {path: '{"name": "left-pad", "version": "not.a.version"}'})
    assert isinstance(odd.exception, CheckFailedError)
    assert "left-pad not.a.version" in str(odd.exception)
    fine = scan_of(home, {path: '{"name": "left-pad", "version": "1.3.1"}'})
    assert fine.exception is None
    unknown = scan_of(home, {path: '{"name": "nobody-knows", "version": "not.a.version"}'})
    assert unknown.exception is None
