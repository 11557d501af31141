"""Release files: what a suite has, when it was made and how long it holds (deb822, "Release").

Parses what `archive.trust` took out of a signature; says nothing about whether to believe it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ironhull.debian.stanza import Stanza, parse_stanza
from ironhull.errors import MalformedError
from ironhull.oci.digest import Digest
from ironhull.values import dataclass

_DATE = re.compile(
    r"[A-Z][a-z]{2}, +(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{1,2}):(\d\d):(\d\d)"
    r" (?:(UTC|GMT|Z)|([+-])(\d\d)(\d\d))"
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_HEX = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file that the release file vouches for."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Release:
    """The fields of a release file that matter to a reader of packages."""

    origin: str
    label: str
    suite: str
    codename: str
    version: str
    date: datetime
    valid_until: datetime | None
    by_hash: bool
    """`Acquire-By-Hash`: files are also at `by-hash/SHA256/<hex>` beside their names."""
    components: tuple[str, ...]
    """Without the prefix that security suites write (`updates/main` is `main`)."""
    architectures: tuple[str, ...]
    all_is_separate: bool
    """Packages of architecture `all` are only in `binary-all`, not in each `binary-<arch>`."""
    files: Mapping[str, IndexFile]
    """By path relative to the release file: the SHA256 table."""


def parse_release(content: bytes, where: str) -> Release:
    """The release file; MalformedError says which field is wrong."""
    fields = parse_stanza(content, where)
    architectures = tuple(fields.get("architectures", "").split())
    unsupported = fields.get("no-support-for-architecture-all", "").split()
    if "date" not in fields:
        raise MalformedError(f"{where}: has no Date field, so a replay of it could not be seen")
    return Release(
        origin=fields.get("origin", ""),
        label=fields.get("label", ""),
        suite=fields.get("suite", ""),
        codename=fields.get("codename", ""),
        version=fields.get("version", ""),
        date=_date(fields, "date", where),
        valid_until=_date(fields, "valid-until", where) if "valid-until" in fields else None,
        by_hash=fields.get("acquire-by-hash", "").lower() == "yes",
        components=tuple(c.rpartition("/")[2] for c in fields.get("components", "").split()),
        architectures=architectures,
        all_is_separate="all" in architectures and "Packages" not in unsupported,
        files=_table(fields, where),
    )


def _date(fields: Stanza, name: str, where: str) -> datetime:
    # Not strptime: its names of days and months depend on the locale.
    found = _DATE.fullmatch(fields[name])
    try:
        if found is None or found[2] not in _MONTHS:
            raise ValueError
        month = _MONTHS.index(found[2]) + 1
        year, day = int(found[3]), int(found[1])
        hour, minute, second = int(found[4]), int(found[5]), int(found[6])
        date = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0))
        return date + offset if found[8] == "-" else date - offset
    except (ValueError, OverflowError):
        raise MalformedError(
            f"{where}: {name} is not a date: {fields[name]!r:.80}"
            " (expected for example: Sat, 21 Nov 2026 09:15:44 UTC)"
        ) from None


def _table(fields: Stanza, where: str) -> dict[str, IndexFile]:
    if "sha256" not in fields:
        raise MalformedError(f"{where}: has no SHA256 table (older digests are not trusted)")
    files: dict[str, IndexFile] = {}
    for line in fields["sha256"].split("\n"):
        match line.split():
            case [digest, size, path] if (
                _HEX.fullmatch(digest) and size.isascii() and size.isdigit() and len(size) < 16
            ):
                files[path] = IndexFile(Digest(f"sha256:{digest}"), int(size))
            case []:
                pass
            case _:
                raise MalformedError(f"{where}: not a line of a SHA256 table: {line!r:.120}")
    return files
