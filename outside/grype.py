"""grype's database (schema 6), made from the very records of OSV that ours is made from.

An SQLite file: handles with what is searched for, blobs with the rest as JSON. Columns and their
meaning are those that grype 0.121 asks for; what decorates a vulnerability (scores, exploits) stays
empty, since the records have none of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from outside.trivy import RELEASES, entries_of

SCHEMA = (6, 1, 10)
_PROVIDER = "debian"
_DATE = "2026-01-01 00:00:00+00:00"
_HANDLE = "id INTEGER PRIMARY KEY, vulnerability_id INTEGER, blob_id INTEGER"
_TABLES = {
    "blobs": "id INTEGER PRIMARY KEY, value TEXT NOT NULL",
    "db_metadata": "build_timestamp DATETIME, model INTEGER, revision INTEGER, addition INTEGER",
    "providers": "id TEXT PRIMARY KEY, version TEXT, processor TEXT, date_captured DATETIME, "
    "input_digest TEXT",
    "vulnerability_handles": "id INTEGER PRIMARY KEY, name TEXT, status TEXT, "
    "published_date DATETIME, modified_date DATETIME, withdrawn_date DATETIME, provider_id TEXT, "
    "blob_id INTEGER",
    "vulnerability_aliases": "name TEXT, alias TEXT",
    "affected_package_handles": f"{_HANDLE}, operating_system_id INTEGER, package_id INTEGER",
    "unaffected_package_handles": f"{_HANDLE}, operating_system_id INTEGER, package_id INTEGER",
    "operating_systems": "id INTEGER PRIMARY KEY, name TEXT, release_id TEXT, major_version TEXT, "
    "minor_version TEXT, label_version TEXT, codename TEXT, channel TEXT, eol_date DATETIME, "
    "eoas_date DATETIME",
    "operating_system_specifier_overrides": "alias TEXT, version TEXT, version_pattern TEXT, "
    "codename TEXT, channel TEXT, replacement TEXT, replacement_major_version TEXT, "
    "replacement_minor_version TEXT, replacement_label_version TEXT, replacement_channel TEXT, "
    "rolling NUMERIC, applicable_client_db_schemas TEXT",
    "packages": "id INTEGER PRIMARY KEY, ecosystem TEXT, name TEXT",
    "package_specifier_overrides": "ecosystem TEXT, replacement_ecosystem TEXT",
    "architecture_aliases": "alias TEXT, canonical TEXT",
    "affected_cpe_handles": f"{_HANDLE}, cpe_id INTEGER",
    "unaffected_cpe_handles": f"{_HANDLE}, cpe_id INTEGER",
    "cpes": "id INTEGER PRIMARY KEY, part TEXT, vendor TEXT, product TEXT, edition TEXT, "
    "language TEXT, software_edition TEXT, target_hardware TEXT, target_software TEXT, other TEXT",
    "package_cpes": "package_id INTEGER, cpe_id INTEGER",
    "known_exploited_vulnerability_handles": "id INTEGER PRIMARY KEY, cve TEXT, blob_id INTEGER",
    "epss_handles": "id INTEGER PRIMARY KEY, cve TEXT, epss REAL, percentile REAL",
    "epss_metadata": "date DATETIME",
    "cwe_handles": "id INTEGER PRIMARY KEY, cve TEXT, cwe TEXT, source TEXT, type TEXT",
    "ssvc_handles": "id INTEGER PRIMARY KEY, cve TEXT, source TEXT, role TEXT, version TEXT, "
    "timestamp DATETIME, exploitation TEXT, automatable TEXT, technical_impact TEXT",
}  # fmt: skip
_INDEXES = (
    "affected_package_handles(package_id)",
    "packages(name COLLATE NOCASE, ecosystem COLLATE NOCASE)",
    "vulnerability_handles(name COLLATE NOCASE)",
)


def write_database(cache: Path, records: Iterable[dict[str, Any]]) -> Path:
    """GRYPE_DB_CACHE_DIR, with a database of these records."""
    folder = cache / str(SCHEMA[0])
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "vulnerability.db")) as database, database:
        for name, columns in _TABLES.items():
            database.execute(f"CREATE TABLE {name} ({columns})")
        for number, index in enumerate(_INDEXES):
            database.execute(f"CREATE INDEX i{number} ON {index}")
        database.execute("INSERT INTO db_metadata VALUES (?, ?, ?, ?)", (_DATE, *SCHEMA))
        database.execute(
            "INSERT INTO providers VALUES (?, '1', 'export', ?, 'sha256:0')", (_PROVIDER, _DATE)
        )
        _Writer(database).write(records)
    described = {"digest": "xxh64:0", "source": "export", "client_version": "v6.1.10"}
    (folder / "import.json").write_text(json.dumps(described))
    return cache


def environment(cache: Path) -> dict[str, str]:
    """Settings that let grype use such a database as it is, and ask nobody for another."""
    return {
        "GRYPE_DB_CACHE_DIR": str(cache),
        "GRYPE_DB_AUTO_UPDATE": "false",
        "GRYPE_DB_VALIDATE_AGE": "false",
        "GRYPE_DB_VALIDATE_BY_HASH_ON_START": "false",
        "GRYPE_CHECK_FOR_APP_UPDATE": "false",
    }


class _Writer:
    """Rows with the numbers that they refer to each other by."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._blobs: dict[str, int] = {}
        self._packages: dict[str, int] = {}
        self._vulnerabilities: dict[str, int] = {}

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        systems = {}
        for number, (release, codename) in enumerate(RELEASES.items(), 1):
            systems[release] = number
            self._database.execute(
                "INSERT INTO operating_systems VALUES (?, ?, ?, ?, '', '', ?, '', NULL, NULL)",
                (number, "debian", "debian", release, codename),
            )
        for identifier, release, package, fixed in entries_of(records):
            about = {
                "version": {"type": "dpkg", "constraint": f"< {fixed}" if fixed else ""},
                "fix": {"version": fixed, "state": "fixed" if fixed else "not-fixed"},
            }
            self._database.execute(
                "INSERT INTO affected_package_handles VALUES (NULL, ?, ?, ?, ?)",
                (
                    self._vulnerability(identifier),
                    self._blob({"cves": [identifier], "ranges": [about]}),
                    systems[release],
                    self._package(package),
                ),
            )

    def _vulnerability(self, name: str) -> int:
        if name not in self._vulnerabilities:
            number = len(self._vulnerabilities) + 1
            self._vulnerabilities[name] = number
            self._database.execute(
                "INSERT INTO vulnerability_handles VALUES (?, ?, 'active', NULL, NULL, NULL, ?, ?)",
                (number, name, _PROVIDER, self._blob({"id": name})),
            )
        return self._vulnerabilities[name]

    def _package(self, name: str) -> int:
        if name not in self._packages:
            self._packages[name] = len(self._packages) + 1
            self._database.execute(
                "INSERT INTO packages VALUES (?, 'deb', ?)", (self._packages[name], name)
            )
        return self._packages[name]

    def _blob(self, value: dict[str, Any]) -> int:
        text = json.dumps(value)
        if text not in self._blobs:
            self._blobs[text] = len(self._blobs) + 1
            self._database.execute("INSERT INTO blobs VALUES (?, ?)", (self._blobs[text], text))
        return self._blobs[text]
