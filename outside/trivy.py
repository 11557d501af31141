"""trivy's database, made from the very records of OSV that ours is made from."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from outside.bolt import write_bolt

RELEASES = {"11": "bullseye", "12": "bookworm", "13": "trixie"}


def export_records(export: Path) -> Iterator[dict[str, Any]]:
    """The records of one of OSV's bulk exports."""
    with zipfile.ZipFile(export) as archive:
        for name in archive.namelist():
            yield json.loads(archive.read(name))


def entries_of(records: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    """Identifier, release, source and fixed version of every Debian entry of the records."""
    for record in records:
        for affected in record["affected"]:
            package = affected.get("package", {})
            family, _, release = package.get("ecosystem", "").partition(":")
            if family == "Debian" and release in RELEASES:
                events = affected["ranges"][0]["events"]
                fixed = next((event["fixed"] for event in events if "fixed" in event), "")
                yield record["id"], release, package["name"], fixed


def write_database(cache: Path, records: Iterable[dict[str, Any]]) -> Path:
    """Trivy's cache folder, with a database of these records."""
    folder = cache / "db"
    folder.mkdir(parents=True)
    releases: dict[str, dict[bytes, dict[bytes, bytes]]] = {name: {} for name in RELEASES}
    details: dict[bytes, bytes] = {}
    for identifier, release, package, fixed in entries_of(records):
        advisory = json.dumps({"FixedVersion": fixed} if fixed else {}).encode()
        releases[release].setdefault(package.encode(), {})[identifier.encode()] = advisory
        details[identifier.encode()] = json.dumps({"Title": identifier}).encode()
    source = json.dumps({"ID": "debian", "Name": "export", "URL": "file"}).encode()
    tree: dict[bytes, Any] = {
        b"data-source": {f"debian {name}".encode(): source for name in RELEASES},
        b"vulnerability": details,
    }
    tree |= {f"debian {name}".encode(): packages for name, packages in releases.items()}
    write_bolt(folder / "trivy.db", tree)
    later = "2100-01-01T00:00:00Z"
    metadata = {"Version": 2, "NextUpdate": later, "UpdatedAt": later, "DownloadedAt": later}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return cache
