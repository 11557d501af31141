"""A scan with three findings of two sources, for what is said about findings."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import advisories as fake
from tests.fakes.advisories import deb, inventory, options, osv

from ironhull.scan.matching import scan
from ironhull.scan.model import ScanResult


@pytest.fixture
def result(tmp_path: Path) -> ScanResult:
    records = [
        osv("CVE-2024-0001", "openssl", {"Debian:12": "3.0.14-1~deb12u1"}, aliases=["GHSA-x"]),
        osv("CVE-2024-0002", "openssl", {"Debian:12": None}),
        osv("CVE-2024-0003", "vim", {"Debian:12": None}),
    ]
    database = fake.database(
        tmp_path / "a.sqlite", osv_debian=fake.write_records(tmp_path / "osv", records)
    )
    packages = (
        deb("libssl3", "3.0.11-1~deb12u1", "openssl"),
        deb("vim", "2:9.0.1378-2"),
    )
    return scan(inventory(*packages), database, options())
