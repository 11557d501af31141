import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.fakes.image import make_image

from ironhull.cli.inventory import inventory
from ironhull.store.home import Home

FILES = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
    "var/lib/dpkg/status": (
        "Package: curl\nVersion: 7.88.1-10\n\nPackage: evil\nVersion: 1\x1b[31m\n"
    ),
    "app/package.json": '{"name":"app","version":"1.0.0"}',
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home")
    make_image(home.store, [FILES], config={"User": "1000"})
    return home


def run(*arguments: str) -> Result:
    return CliRunner().invoke(inventory, ["app:1", *arguments], catch_exceptions=False)


def test_json_has_the_names_that_reports_rely_on() -> None:
    value = json.loads(run("--json").stdout)
    [curl] = [item for item in value["packages"] if item["name"] == "curl"]
    names = ("name", "version", "source", "source_version", "type", "location")
    assert [curl[name] for name in names] == [
        "curl",
        "7.88.1-10",
        "curl",
        "7.88.1-10",
        "deb",
        "/var/lib/dpkg/status",
    ]


def test_the_table_shows_packages_and_no_control_characters() -> None:
    text = run().stdout
    assert "Debian 12" in text
    assert "evil" in text
    assert "\x1b[31m" not in text
    assert "1 npm" in text
    assert [line.split()[:3] for line in text.splitlines() if line.startswith("curl")] == [
        ["curl", "7.88.1-10", "deb"]
    ]


def test_both_sboms_are_printed() -> None:
    assert json.loads(run("--cyclonedx").stdout)["bomFormat"] == "CycloneDX"
    assert json.loads(run("--spdx").stdout)["spdxVersion"] == "SPDX-2.3"


def test_the_second_run_reads_what_the_first_stored(home: Home) -> None:
    first = run("--json").stdout
    layer = json.loads(first)["layers"][0]["digest"]
    home.store.blobs.remove(layer)
    assert run("--json").stdout == first


def test_unreadable_files_that_are_accepted_are_counted(home: Home) -> None:
    files = {f"app/node_modules/{name}/package.json": "{" for name in "abc"}
    make_image(home.store, [FILES | files])
    assert "not read:         3 (packages may be missing)" in run().stdout
    text = run("--accept-unreadable", "*/[ab]/*").stdout
    assert "accepted:         2 that cannot be read" in text
    assert "not read:         1 (packages may be missing)" in text
    value = json.loads(run("--json", "--accept-unreadable", "*").stdout)
    assert [item["kind"] for item in value["remarks"]] == ["accepted"] * 3
