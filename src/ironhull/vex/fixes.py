"""Our own fixes as an OSV feed: what an earlier set called affected, and an image of ours mends.

1. An earlier set said `affected` of a package's version in an image.
2. An image of the same name holds a later version, and its VEX calls it affected no more.
3. That makes a record for each vulnerability: the source package is fixed in the version that the
   image has. Records of earlier sets are carried on; of two fixes the lower version counts.

A package that is gone, or that is there in the same version, is no fix.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from ironhull.debian.version import compare
from ironhull.errors import MalformedError
from ironhull.json_fields import decode, objects, text
from ironhull.vex.purl import Purl, parse_purl

SCHEMA = "1.7.0"
FEED = "osv/all.zip"
PREFIX = "IRONHULL-"
MAX_FEED = 64 << 20
_OPEN = frozenset({"affected", "under_investigation"})
_REBUILT = re.compile(r"\+b\d+\Z")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(frozen=True, slots=True)
class Built:
    """A binary package in an image."""

    version: str
    source: str
    source_version: str


@dataclass(frozen=True, slots=True)
class MendedImage:
    """An image as it is published now."""

    product: str
    """Its purl by digest, as its VEX names it."""
    bare: str
    """The purl without version: what its VEX document is found by."""
    ecosystem: str
    """`Debian:13`, as OSV writes it."""
    statements: Sequence[Mapping[str, Any]]
    packages: Mapping[str, Built]
    """By the name of the binary package."""


def osv_feed(
    earlier: Mapping[str, Sequence[Mapping[str, Any]]],
    images: Iterable[MendedImage],
    carried: bytes | None,
    modified: str,
) -> bytes:
    """The feed as a zip of one JSON file a record, as OSV's own exports are; the same again.

    `earlier` is the statements of the set before, by the image's bare purl, `carried` its feed.
    New and changed records are `modified` then (RFC 3339). MalformedError for a damaged feed.
    """
    records = dict(_read(carried)) if carried else {}
    for image in images:
        for vulnerability, built, before in _fixes(earlier.get(image.bare, ()), image):
            identifier = f"{PREFIX}{vulnerability}"
            old = records.get(identifier)
            new = _with(old or _blank(vulnerability), image, built, before)
            if new != old:
                records[identifier] = new | {"modified": modified}
    return _packed(records)


def _fixes(
    earlier: Sequence[Mapping[str, Any]], image: MendedImage
) -> Iterator[tuple[str, Built, str]]:
    """Vulnerability, the package that mends it, and the version that was affected."""
    still = {
        (name, part.name)
        for statement in image.statements
        if statement.get("status") in _OPEN
        for name, part in _about(statement)
    }
    for statement in earlier:
        if statement.get("status") != "affected":
            continue
        for name, part in _about(statement):
            built = image.packages.get(part.name)
            if built is None or (name, part.name) in still or not _IDENTIFIER.fullmatch(name):
                continue
            if _later(built.version, part.version):
                yield name, built, part.version


def _about(statement: Mapping[str, Any]) -> Iterator[tuple[str, Purl]]:
    vulnerability = statement.get("vulnerability")
    name = vulnerability.get("name") if isinstance(vulnerability, Mapping) else None
    for product in statement.get("products") or ():
        for part in product.get("subcomponents") or ():
            try:
                purl = parse_purl(str(part.get("@id")))
            except MalformedError:
                continue
            if isinstance(name, str) and purl.type == "deb" and purl.version:
                yield name, purl


def _later(version: str, other: str) -> bool:
    try:
        return compare(version, other) > 0
    except MalformedError:
        return False


def _blank(vulnerability: str) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA,
        "id": f"{PREFIX}{vulnerability}",
        "upstream": [vulnerability],
        "summary": f"{vulnerability} is mended in images of this catalog",
        "affected": [],
    }


def _with(
    record: Mapping[str, Any], image: MendedImage, built: Built, before: str
) -> dict[str, Any]:
    """A record that also knows this fix; the record itself where it says so already."""
    package = {
        "ecosystem": image.ecosystem,
        "name": built.source,
        "purl": f"pkg:deb/debian/{built.source}?arch=source",
    }
    # Versions of the binary package are the source's where a rebuild alone sets them apart.
    same = _REBUILT.sub("", built.version) == built.source_version
    first = _REBUILT.sub("", before) if same else "0"
    affected = [dict(each) for each in record["affected"]]
    known = next((each for each in affected if each["package"] == package), None)
    if known is None:
        known = {"package": package, "database_specific": {"images": []}}
        affected.append(known)
        events = [{"introduced": first}, {"fixed": built.source_version}]
    else:
        said = {key: text for event in known["ranges"][0]["events"] for key, text in event.items()}
        low = [{"introduced": _lowest(said["introduced"], first)}]
        events = [*low, {"fixed": _lowest(said["fixed"], built.source_version)}]
    known["ranges"] = [{"type": "ECOSYSTEM", "events": events}]
    images = sorted({*known["database_specific"]["images"], image.product})
    known["database_specific"] = {"images": images}
    affected.sort(key=lambda each: (each["package"]["ecosystem"], each["package"]["name"]))
    return {**record, "affected": affected}


def _lowest(*versions: str) -> str:
    return "0" if "0" in versions else min(versions, key=cmp_to_key(compare))


def _packed(records: Mapping[str, dict[str, Any]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for identifier in sorted(records):
            # ZipInfo's own time is fixed: 1980.
            entry = zipfile.ZipInfo(f"{identifier}.json")
            data = json.dumps(records[identifier], indent=1, sort_keys=True)
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _read(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records of a feed that a set of ours has."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(each.file_size for each in archive.infolist()) > MAX_FEED:
                raise MalformedError(f"{FEED}: more than {MAX_FEED} bytes")
            for name in archive.namelist():
                record = decode(archive.read(name), name)
                objects(record, "affected", name)
                yield text(record, "id", name), record
    except (zipfile.BadZipFile, NotImplementedError, EOFError):
        raise MalformedError(f"{FEED} is no zip archive") from None
