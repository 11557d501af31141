"""Alpine packages: apk's `installed` database (apk-tools, "installed database v2").

Records are lines `X:value` with a blank line between packages; letters are case-sensitive. The
origin (`o:`) is what Alpine's advisories are about: the source package.
"""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.inventory.cataloguers.interface import Findings, TextCataloguer
from ironhull.inventory.model import Package

DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")


def read(path: str, data: bytes) -> Findings:
    """The packages of the database; broken records become remarks."""
    findings = Findings()
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    for number, record in enumerate(text.split("\n\n"), 1):
        if not record.strip():
            continue
        fields = _fields(record)
        name, version = fields.get("P", ""), fields.get("V", "")
        if not name or not version or " " in name or " " in version:
            lacks = "P (name)" if not name or " " in name else "V (version)"
            findings.unparsed(path, f"record {number} ({name or '?'}): no usable {lacks} line")
            continue
        findings.packages.append(
            Package(
                name=name,
                version=version,
                type="apk",
                location=path,
                architecture=fields.get("A", ""),
                source=fields.get("o") or name,
                source_version=version,
                licenses=tuple(filter(None, (fields.get("L", ""),))),
            )
        )
    return findings


def owned(text: str) -> Iterator[tuple[str, list[str]]]:
    """Package names and the absolute paths of their files (`F:` folders, `R:` files in them)."""
    for record in text.split("\n\n"):
        name, folder, paths = "", "", []
        for line in record.split("\n"):
            match line[:2]:
                case "P:":
                    name = line[2:]
                case "F:":
                    folder = f"/{line[2:]}" if line[2:] else ""
                case "R:":
                    paths.append(f"{folder}/{line[2:]}")
        if name:
            yield name, paths


def _fields(record: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in record.split("\n"):
        if line[:2] in ("F:", "R:"):
            break
        if line[1:2] == ":":
            fields.setdefault(line[0], line[2:].strip())
    return fields


CATALOGUER = TextCataloguer(
    "apk",
    read,
    bases=frozenset({"installed"}),
    wants=lambda path: path in DATABASES,
    limit=64 << 20,
)
