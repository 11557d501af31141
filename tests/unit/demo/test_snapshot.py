"""The case study's own advisories: real, few, dated, and said to be what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.fakes.advisories import TRIXIE, deb, inventory, options, osv, write_records
from tests.fakes.advisories import database as make_database

from ironhull import Workspace
from ironhull.compare.document import document_of
from ironhull.compare.model import Comparison
from ironhull.compare.reports.formats import FORMATS
from ironhull.demo.cases import DEVELOPMENT, RUNTIME, STANDARD
from ironhull.demo.comparison import comparison_of
from ironhull.demo.demonstrate import Demonstration
from ironhull.demo.report import vulnerability_lines
from ironhull.demo.snapshot import snapshot_database
from ironhull.inventory.model import ImageIdentity, Inventory
from ironhull.scan.matching import scan

TAR = deb("tar", "1.35+dfsg-3.1")


def image(name: str, *versions: str) -> Inventory:
    packages = [deb("tar", version) for version in versions]
    given = inventory(*packages, deb("base-files", "13.8"), distribution=TRIXIE)
    return replace(given, image=ImageIdentity(name, "rootfs"))


def compared(folder: Path) -> Comparison:
    bases = {
        STANDARD: image(STANDARD, "1.35+dfsg-3.1"),
        DEVELOPMENT: image(DEVELOPMENT, "1.35+dfsg-3.1"),
        RUNTIME: image(RUNTIME),
    }
    workspace = Workspace.open(home=folder / "home", images=folder)
    found = Demonstration(bases, None, "there is no engine", False, 1.0)
    return comparison_of(workspace.machine, found)


def test_the_snapshot_is_a_database_of_debian_13_with_the_dates_of_its_feeds() -> None:
    with snapshot_database() as database:
        dates = {feed.name: feed.date[:10] for feed in database.feeds}
        assert (dates["osv-debian"], dates["kev"]) == ("2025-02-12", "2026-08-07")
        result = scan(inventory(TAR, distribution=TRIXIE), database, options())
        path = database.path
    assert "CVE-2005-2541" in [finding.id for finding in result.findings]
    assert (result.verdict, result.database.knows_exploited) == ("complete", True)
    assert not path.exists()


def test_without_a_database_the_case_study_counts_by_the_snapshot_and_says_so(
    tmp_path: Path,
) -> None:
    comparison = compared(tmp_path)
    figure = comparison.pairs[-1].figure("vulnerabilities.after_vex")
    assert isinstance(figure.baseline, int)
    assert (figure.baseline > 0, figure.image) == (True, 0)
    assert comparison.pairs[-1].figure("vulnerabilities.kev").verdict == "same"
    for name in ("table", "markdown", "html"):
        text = FORMATS[name].render(document_of(comparison))
        assert "a snapshot that comes with the case study" in text
        assert "--max-age" not in text
    assert "snapshot" in "\n".join(vulnerability_lines(comparison))


def test_a_database_that_is_there_goes_before_the_snapshot(tmp_path: Path) -> None:
    records = write_records(tmp_path / "osv", [osv("CVE-2026-1", "tar", {"Debian:13": None})])
    path = tmp_path / "home" / "advisories" / "advisories.sqlite"
    path.parent.mkdir(parents=True)
    make_database(path, osv_debian=records).close()
    comparison = compared(tmp_path)
    findings = comparison.baseline.findings
    assert isinstance(findings, tuple)
    assert [finding.id for finding in findings] == ["CVE-2026-1"]
    assert document_of(comparison)["database"]["note"] == ""
