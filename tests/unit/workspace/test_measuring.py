"""Scanning, comparing and scoring as calls, on images that were made of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import advisories as fake
from tests.fakes.advisories import osv
from tests.fakes.image import make_image

from ironhull import Workspace
from ironhull.compare.model import Unknown
from ironhull.errors import InputError
from ironhull.registry.client.naming import find_stored
from ironhull.store.archive_file import ArchiveFile
from ironhull.store.choice import choose_manifest
from ironhull.store.export import write_docker_archive
from ironhull.workspace.scanning import ScanChoices

RELEASE = 'ID=debian\nVERSION_ID="12"\n'
OPENSSL = "Package: openssl\nStatus: install ok installed\nVersion: 3.0.11-1\n"
BASH = "\nPackage: bash\nStatus: install ok installed\nVersion: 5.2-1\n"
ANY_AGE = ScanChoices(max_age=0)


def shop(folder: Path, *, database: bool = True) -> Workspace:
    """A workspace with a standard and a hardened image, and advisories of two packages."""
    found = Workspace.open(home=folder / "home", images=folder)
    for name, status in (("standard:1", OPENSSL + BASH), ("hardened:1", OPENSSL)):
        files = {"etc/os-release": RELEASE, "var/lib/dpkg/status": status}
        make_image(found.home.store, [files], names=[name])
    if database:
        records = [
            osv("CVE-2024-0001", "openssl", {"Debian:12": "3.0.14-1"}),
            osv("CVE-2024-0002", "bash", {"Debian:12": None}),
        ]
        file = found.home.advisories
        file.parent.mkdir(parents=True, exist_ok=True)
        fake.database(file, osv_debian=fake.write_records(folder / "osv", records)).close()
    return found


def test_a_scan_gives_findings(tmp_path: Path) -> None:
    result = shop(tmp_path).scan("standard:1", chosen=ANY_AGE)
    assert [finding.id for finding in result.findings] == ["CVE-2024-0001", "CVE-2024-0002"]


def test_vex_attached_to_an_archive_is_looked_for_without_reading_its_layers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shop(tmp_path)
    path, store = tmp_path / "standard.tar", found.home.store
    with path.open("wb") as file:
        image = choose_manifest(store, find_stored(store, "standard:1"), None)
        write_docker_archive(store, image, ["standard:1"], file)
    monkeypatch.setattr(ArchiveFile, "_digest", lambda archive, member: 1 / 0)
    chosen = ScanChoices(max_age=0, attached_vex=True)
    result = found.scan(str(path), chosen=chosen)
    assert [finding.id for finding in result.findings] == ["CVE-2024-0001", "CVE-2024-0002"]


def test_a_comparison_has_figures_by_name_and_by_short_name(tmp_path: Path) -> None:
    figures = shop(tmp_path).compare("standard:1", "hardened:1", scan=ANY_AGE).figures
    assert (figures["packages"].baseline, figures["packages"].image) == (2, 1)
    assert figures["packages"] is figures["packages.total"]
    assert str(figures["vulnerabilities"]) == "vulnerabilities.after_vex: 2 → 1"


def test_without_advisories_a_figure_is_unknown_and_says_why(tmp_path: Path) -> None:
    found = shop(tmp_path, database=False)
    figures = found.compare("standard:1", "hardened:1").figures
    assert isinstance(figures["vulnerabilities"].image, Unknown)
    assert str(figures["vulnerabilities"]) == "vulnerabilities.after_vex: unknown → unknown"
    with pytest.raises(InputError, match="advisories update"):
        found.scan("standard:1")


def test_a_score_has_its_points_and_the_image_that_they_are_of(tmp_path: Path) -> None:
    score = shop(tmp_path).score("hardened:1", scan=ANY_AGE)
    assert score.total == sum(point.result == "pass" for point in score.points)
    assert score.image.name == "hardened:1"


def test_an_explanation_says_what_was_compared(tmp_path: Path) -> None:
    answer = shop(tmp_path).explain("CVE-2024-0001", "standard:1", chosen=ANY_AGE)
    assert [each.package.name for each in answer.packages] == ["openssl"]


def test_two_workspaces_know_nothing_of_each_others_advisories(tmp_path: Path) -> None:
    with_data, without = shop(tmp_path / "a"), shop(tmp_path / "b", database=False)
    assert with_data.scan("hardened:1", chosen=ANY_AGE).findings
    with pytest.raises(InputError):
        without.scan("hardened:1", chosen=ANY_AGE)
