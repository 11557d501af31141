"""What is known about one vulnerability, and of the feeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import advisories as fake
from tests.fakes.advisories import osv, write_records

from ironhull.advisories.database import Database
from ironhull.advisories.dossier import (
    database_status,
    dossier,
    dossier_document,
    dossier_lines,
    status_document,
    status_lines,
)
from ironhull.errors import NotFoundError


@pytest.fixture
def database(tmp_path: Path) -> Database:
    record = osv("CVE-2024-0001", "openssl", {"Debian:12": "3.0.14-1~deb12u1"})
    record |= {"summary": "reads too far\x1b[2J", "aliases": ["GHSA-x\u202e"]}
    places = write_records(tmp_path / "records", [record])
    return fake.database(tmp_path / "advisories.sqlite", osv_debian=places)


def test_it_has_every_record_and_claim_with_feed_and_date(database: Database) -> None:
    found = dossier_document(dossier(database, "CVE-2024-0001"))
    [record], [claim] = found["records"], found["claims"]
    assert (record["feed"], record["id"]) == ("osv-debian", "CVE-2024-0001")
    assert "claims" not in record
    assert claim["ecosystem"] == "debian:12"
    assert (claim["package"], claim["fixed"]) == ("openssl", "3.0.14-1~deb12u1")
    assert len(claim["date"]) == len("2024-07-01")
    with pytest.raises(NotFoundError, match="CVE-1999-0001 is in no feed"):
        dossier(database, "CVE-1999-0001")


def test_what_feeds_write_is_harmless_on_a_terminal(database: Database) -> None:
    lines = list(dossier_lines(dossier(database, "CVE-2024-0001")))
    assert any("reads too far" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_the_status_names_each_feed_and_no_number_of_this_file(database: Database) -> None:
    status = database_status(database)
    value = status_document(status)
    assert [feed["name"] for feed in value["feeds"]] == ["osv-debian"]
    assert "key" not in value["feeds"][0]
    assert value["ecosystems"] == {"debian:12": 1}
    assert list(status_lines(status))[-1].endswith("1 claims")
