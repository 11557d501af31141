"""Advisory databases and inventories for tests: real records where there are any."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from ironhull.advisories.database import Database
from ironhull.advisories.feeds.known import KNOWN
from ironhull.advisories.update import Outcome, Rules, Source, update
from ironhull.inventory.model import Distribution, ImageIdentity, Inventory, Package
from ironhull.progress import Silent
from ironhull.scan.matching import Options
from tests.data.find import osv_records

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

BOOKWORM = Distribution("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)")
BULLSEYE = Distribution("debian", "11", "bullseye", "Debian GNU/Linux 11 (bullseye)")
TRIXIE = Distribution("debian", "13", "trixie", "Debian GNU/Linux 13 (trixie)")


def osv(
    identifier: str,
    package: str,
    fixes: dict[str, str | None],
    *,
    urgency: str = "not yet assigned",
    modified: str = "2024-07-01T00:00:00Z",
    **more: object,
) -> dict[str, object]:
    """An OSV record: ecosystem → fixed version, None for unfixed."""
    affected = []
    for ecosystem, fixed in fixes.items():
        events: list[dict[str, str]] = [{"introduced": "0"}]
        if fixed is not None:
            events.append({"fixed": fixed})
        affected.append(
            {
                "package": {"ecosystem": ecosystem, "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
                "ecosystem_specific": {"urgency": urgency},
            }
        )
    return {"id": identifier, "modified": modified, "affected": affected, **more}


def write_records(folder: Path, records: Iterable[dict[str, object]]) -> Path:
    """A folder of OSV records."""
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        (folder / f"{record['id']}.json").write_text(json.dumps(record))
    return folder


def real_records(folder: Path, names: Iterable[str]) -> Path:
    """Records of the real export of February 2025, by identifier."""
    records = {record["id"]: record for record in osv_records("osv-debian-2025-02-12.jsonl")}
    return write_records(folder, [records[name] for name in names])


def bring(path: Path, now: datetime = NOW, **places: Path) -> list[Outcome]:
    """Update the database at `path`; `osv_debian=…` names the feed osv-debian."""
    sources = [Source(KNOWN[name.replace("_", "-")], (str(at),)) for name, at in places.items()]
    return update(path, sources, Rules(now), Silent())


def database(path: Path, **places: Path) -> Database:
    """A database of these feeds, all of which must be taken."""
    outcomes = bring(path, **places)
    assert [outcome.reason for outcome in outcomes if outcome.status != "updated"] == []
    return Database(path)


def deb(
    name: str,
    version: str,
    source: str = "",
    source_version: str = "",
    built_using: tuple[str, ...] = (),
) -> Package:
    """A Debian package; source and version default to the binary's."""
    return Package(
        name=name,
        version=version,
        type="deb",
        location="/var/lib/dpkg/status",
        architecture="amd64",
        source=source or name,
        source_version=source_version or version,
        purl=f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12",
        built_using=built_using,
    )


def inventory(*packages: Package, distribution: Distribution = BOOKWORM) -> Inventory:
    """An image with these packages."""
    return Inventory(ImageIdentity("image:test", "rootfs"), distribution, packages)


def options(**changes: object) -> Options:
    """Options of a scan at the tests' time."""
    return Options(**{"now": NOW, **changes})  # type: ignore[arg-type]
