"""VEX attached to an image: found among all that refers to it, and applied only when asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.fakes.advisories import osv, write_records
from tests.fakes.attached import attach
from tests.fakes.image import make_image

from ironhull.cli.advisories import advisories
from ironhull.cli.scan import scan
from ironhull.store.home import Home

FILES = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": "Package: bash\nVersion: 5.2-1\nArchitecture: amd64\n",
}
PURL = "pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home")
    image = make_image(home.store, [FILES], index=False)
    vex = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": "x",
        "timestamp": "2026-01-01T00:00:00Z",
        "statements": [
            {
                "vulnerability": {"name": "CVE-2024-0001"},
                "products": [{"@id": image.digest, "subcomponents": [{"@id": PURL}]}],
                "status": "not_affected",
                "justification": "vulnerable_code_not_present",
            }
        ],
    }
    sbom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}
    provenance = {"predicateType": "https://slsa.dev/provenance/v1", "predicate": {}}
    attach(home.store, image, vex, "application/vnd.openvex+json")
    attach(home.store, image, sbom, "application/vnd.cyclonedx+json")
    attach(home.store, image, provenance, "application/vnd.in-toto+json")
    attach(home.store, image, b"no json at all", "text/plain")
    place = write_records(tmp_path / "osv", [osv("CVE-2024-0001", "bash", {"Debian:12": None})])
    runner = CliRunner()
    runner.invoke(advisories, ["update", "--source", f"osv-debian={place}"], catch_exceptions=False)
    return home


def scanned(*options: str) -> Any:
    command = ["app:1", "--json", "--max-age", "0", *options]
    return json.loads(CliRunner().invoke(scan, command, catch_exceptions=False).stdout)


def test_attached_vex_is_applied_when_asked_for(home: Home) -> None:
    assert scanned()["summary"]["after_vex"] == 1
    value = scanned("--attached-vex")
    assert (value["summary"]["raw"], value["summary"]["after_vex"]) == (1, 0)
    assert "referrer sha256:" in value["findings"][0]["vex"]["document"]


def test_attached_documents_that_are_no_vex_are_passed_over(home: Home) -> None:
    assert [each for each in scanned("--attached-vex")["warnings"] if each["kind"] == "vex"] == []
