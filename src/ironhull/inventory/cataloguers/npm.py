"""Node.js packages: each installed package's `package.json`, and lock files.

`package-lock.json` counts only where no node_modules stands beside it (a bundled application);
`assemble` decides that, as a file alone cannot.
"""

from __future__ import annotations

from typing import Any

from ironhull.inventory.cataloguers.interface import Findings, TextCataloguer
from ironhull.inventory.cataloguers.parse import MAX_JSON, json_object, text_of
from ironhull.inventory.model import Package

LOCK = "package-lock.json"


def read(path: str, data: bytes) -> Findings:
    """A package.json with a name is a package, if not always one with a version."""
    findings = Findings()
    value = json_object(path, data, findings)
    if value is None:
        return findings
    if path.endswith(f"/{LOCK}"):
        _locked(path, value, findings)
        return findings
    name, version = text_of(value.get("name")), text_of(value.get("version"))
    if name:
        findings.packages.append(
            Package(
                name=name,
                version=version,
                type="npm",
                location=path,
                licenses=_licenses(value),
            )
        )
    return findings


def _licenses(value: dict[str, Any]) -> tuple[str, ...]:
    said = value.get("license", value.get("licenses"))
    items = said if isinstance(said, list) else [said]
    texts = (text_of(item.get("type") if isinstance(item, dict) else item) for item in items)
    return tuple(text for text in texts if text)


def _locked(path: str, value: dict[str, Any], findings: Findings) -> None:
    """Lock files of version 2 and 3 (`packages` by place) and 1 (`dependencies`, nested)."""
    found: set[tuple[str, str]] = set()
    places = value.get("packages")
    if isinstance(places, dict):
        for place, item in places.items():
            if isinstance(item, dict) and "node_modules/" in place and not item.get("dev"):
                name = text_of(item.get("name")) or place.rpartition("node_modules/")[2]
                found.add((name, text_of(item.get("version"))))
    else:
        level = [value]
        while level:
            deeper = [item.get("dependencies") for item in level if not item.get("dev")]
            level = []
            for names in filter(lambda item: isinstance(item, dict), deeper):
                for name, item in names.items():  # type: ignore[union-attr]
                    if isinstance(item, dict):
                        level.append(item)
                        if not item.get("dev"):
                            found.add((name, text_of(item.get("version"))))
    findings.packages += [
        Package(name=name, version=version, type="npm", location=path)
        for name, version in sorted(found)
        if version and not version.startswith(("file:", "link:"))
    ]


CATALOGUER = TextCataloguer("npm", read, bases=frozenset({"package.json", LOCK}), limit=MAX_JSON)
