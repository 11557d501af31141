"""PHP packages: what Composer says it has installed, `vendor/composer/installed.json`."""

from __future__ import annotations

import json

from ironhull.inventory.cataloguers.interface import Findings, TextCataloguer
from ironhull.inventory.cataloguers.parse import MAX_JSON, text_of
from ironhull.inventory.model import Package


def read(path: str, data: bytes) -> Findings:
    """Composer 2 writes an object with `packages`, Composer 1 the list alone."""
    findings = Findings()
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        findings.unparsed(path, f"not JSON: {str(error)[:120]}")
        return findings
    items = value.get("packages") if isinstance(value, dict) else value
    if not isinstance(items, list):
        findings.unparsed(path, "no list of packages")
        return findings
    for number, item in enumerate(items, 1):
        said = item if isinstance(item, dict) else {}
        name, version = text_of(said.get("name")), text_of(said.get("version"))
        if not name or not version:
            findings.unparsed(path, f"package {number} ({name or '?'}) without name and version")
            continue
        licenses = said.get("license")
        texts = licenses if isinstance(licenses, list) else [licenses]
        findings.packages.append(
            Package(
                name=name,
                version=version,
                type="composer",
                location=path,
                licenses=tuple(filter(None, map(text_of, texts))),
            )
        )
    return findings


CATALOGUER = TextCataloguer(
    "composer",
    read,
    bases=frozenset({"installed.json"}),
    wants=lambda path: path.endswith("/composer/installed.json"),
    limit=MAX_JSON,
)
