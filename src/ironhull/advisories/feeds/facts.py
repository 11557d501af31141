"""Feeds that say something about a vulnerability or a product, not about who is affected.

CISA's known exploited vulnerabilities, EPSS scores, end-of-life dates, Debian's release dates and
Debian's ended and limited security support.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, TypeVar

import msgspec

from ironhull.advisories.documents import DAMAGED
from ironhull.advisories.interface import Document, FeedDate, malformed
from ironhull.advisories.model import Cycle, Exploited, Score, Support

T = TypeVar("T")

MAX_ROWS = 2_000_000
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CVE = re.compile(r"CVE-\d{4}-\d{4,}")


class _KevEntry(msgspec.Struct, rename="camel"):
    cve_ID: str = msgspec.field(name="cveID")  # noqa: N815 - CISA's word
    date_added: str
    due_date: str = ""
    known_ransomware_campaign_use: str = ""


class _Kev(msgspec.Struct, rename="camel"):
    date_released: str
    count: int
    vulnerabilities: list[_KevEntry]


_KEV = msgspec.json.Decoder(_Kev)


@dataclass(frozen=True, slots=True)
class KevFeed:
    """CISA's list of vulnerabilities known to be exploited."""

    matches: bool = False

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.endswith(".json")

    def read(self, documents: Iterable[Document]) -> Iterator[Exploited | FeedDate]:
        """As `Feed.read`."""
        for document in documents:
            catalog = _decode(document, _KEV)
            if len(catalog.vulnerabilities) != catalog.count:
                got = len(catalog.vulnerabilities)
                raise malformed(document.name, f"says {catalog.count} entries, has {got}")
            yield FeedDate(catalog.date_released)
            for entry in catalog.vulnerabilities:
                if not _CVE.fullmatch(entry.cve_ID) or not _DAY.fullmatch(entry.date_added):
                    raise malformed(document.name, f"not an entry: {entry.cve_ID!r:.40}")
                ransomware = entry.known_ransomware_campaign_use == "Known"
                yield Exploited(entry.cve_ID, entry.date_added, entry.due_date, ransomware)


@dataclass(frozen=True, slots=True)
class EpssFeed:
    """`#model_version:…,score_date:…`, a header, then `cve,epss,percentile`; in no useful order."""

    matches: bool = False

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.endswith((".csv", ".csv.gz"))

    def read(self, documents: Iterable[Document]) -> Iterator[Score | FeedDate]:
        """As `Feed.read`."""
        for document in documents:
            with document.open() as file:
                rows = _rows(file, document.name)
                comment = ",".join(next(rows, []))
                dated = re.search(r"score_date:(\d{4}-\d\d-\d\dT[\d:]+(?:Z|[+-]\d{4}))", comment)
                if dated is None:
                    raise malformed(document.name, f"line 1 has no score_date: {comment!r:.80}")
                model = re.search(r"model_version:([\w.-]{1,40})", comment)
                yield FeedDate(dated[1], model[1] if model else "")
                if next(rows, None) != ["cve", "epss", "percentile"]:
                    raise malformed(document.name, "line 2 is not cve,epss,percentile")
                for number, row in enumerate(rows, 3):
                    yield _score(row, f"{document.name}:{number}")


def _score(row: list[str], place: str) -> Score:
    try:
        name, epss, percentile = row[0], float(row[1]), float(row[2])
    except (IndexError, ValueError):
        raise malformed(place, f"not a score: {row!r:.80}") from None
    if not _CVE.fullmatch(name) or not (0 <= epss <= 1 and 0 <= percentile <= 1):
        raise malformed(place, f"not a score: {row!r:.80}")
    return Score(name, epss, percentile)


class _EolCycle(msgspec.Struct, rename="camel"):
    name: str
    codename: str | None = ""
    release_date: str | None = ""
    eol: str | bool | None = ""
    eoes: str | bool | None = ""


class _EolProduct(msgspec.Struct):
    releases: dict[str, _EolCycle] = {}
    versions: dict[str, Any] = {}


_PRODUCT = msgspec.json.Decoder(_EolProduct)


@dataclass(frozen=True, slots=True)
class EndOfLifeFeed:
    """endoflife.date's release data, one file a product; the file's name is the product's."""

    matches: bool = False

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.endswith(".json")

    def read(self, documents: Iterable[Document]) -> Iterator[Cycle | FeedDate]:
        """As `Feed.read`."""
        for document in documents:
            product = _decode(document, _PRODUCT)
            name = document.name.removesuffix(".json")
            for cycle in product.releases.values():
                yield Cycle(
                    product=name,
                    cycle=cycle.name,
                    codename=cycle.codename or "",
                    released=cycle.release_date or "",
                    eol=_day(cycle.eol, document.name),
                    lts=_day(cycle.eoes, document.name),
                )
            for version in product.versions.values():
                date = version.get("date") if isinstance(version, dict) else None
                if isinstance(date, str) and _DAY.fullmatch(date):
                    yield FeedDate(date)


def _day(value: str | bool | None, name: str) -> str:
    if isinstance(value, str) and value and not _DAY.fullmatch(value):
        raise malformed(name, f"not a date: {value!r:.40}")
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class DistroInfoFeed:
    """distro-info-data's debian.csv."""

    matches: bool = False

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name == "debian.csv"

    def read(self, documents: Iterable[Document]) -> Iterator[Cycle]:
        """As `Feed.read`."""
        for document in documents:
            with document.open() as file:
                rows = _rows(file, document.name)
                header = next(rows, [])
                if header[:3] != ["version", "codename", "series"] or "eol" not in header:
                    raise malformed(document.name, "line 1 is not distro-info-data's header")
                for number, row in enumerate(rows, 2):
                    cells = dict(zip(header, row, strict=False))
                    dates = [cells.get(name, "") for name in ("release", "eol", "eol-lts")]
                    if any(date and not _DAY.fullmatch(date) for date in dates):
                        raise malformed(f"{document.name}:{number}", f"not dates: {dates}")
                    version = cells["version"] or cells.get("series", "")
                    yield Cycle("debian", version, cells.get("series", ""), *dates)


@dataclass(frozen=True, slots=True)
class SupportFeed:
    """debian-security-support: `security-support-ended.debN` and `security-support-limited`."""

    matches: bool = False

    def wants(self, name: str) -> bool:
        """As `Feed.wants`."""
        return name.startswith("security-support-")

    def read(self, documents: Iterable[Document]) -> Iterator[Support]:
        """As `Feed.read`."""
        for document in documents:
            kind, release = _support_kind(document.name)
            with document.open() as file:
                for number, line in enumerate(_lines(file, document.name), 1):
                    text = line.partition("#")[0] if line.startswith("#") else line
                    if text.strip():
                        yield _support(text, kind, release, f"{document.name}:{number}")


def _support_kind(name: str) -> tuple[str, str]:
    found = re.fullmatch(r"security-support-(ended|limited)(?:\.deb(\d+))?", name)
    if found is None or (found[1] == "ended" and not found[2]):
        raise malformed(name, "expected security-support-limited or security-support-ended.debN")
    return found[1], found[2] or ""


def _support(line: str, kind: str, release: str, place: str) -> Support:
    if kind == "limited":
        pattern, *rest = line.split(None, 1)
        return Support(release, pattern, kind, text=rest[0].strip() if rest else "")
    cells = line.split(None, 3)
    if len(cells) < 3 or not _DAY.fullmatch(cells[2]):
        raise malformed(place, f"not a package, version and date: {line!r:.80}")
    text = cells[3].strip() if len(cells) > 3 else ""
    return Support(release, cells[0], kind, cells[1], cells[2], text)


def _decode(document: Document, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(document.read())
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise malformed(document.name, error) from None


def _lines(file: IO[bytes], name: str) -> Iterator[str]:
    for number in range(MAX_ROWS):
        try:
            line = file.readline(1 << 16)
        except DAMAGED as error:
            raise malformed(name, f"damaged: {error}") from None
        if not line:
            return
        if not number:
            line = line.removeprefix(BOM_UTF8)
        yield line.decode("utf-8", "replace").rstrip("\n")
    raise malformed(name, f"more than {MAX_ROWS} lines")


def _rows(file: IO[bytes], name: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(_lines(file, name))
    except csv.Error as error:
        raise malformed(name, f"damaged: {error}") from None
