"""Python: `*.dist-info/METADATA`, `*.egg-info/PKG-INFO` and flat `*.egg-info` files."""

from __future__ import annotations

from ironhull.inventory.cataloguers.interface import Findings, TextCataloguer
from ironhull.inventory.cataloguers.parse import headers, text_of
from ironhull.inventory.model import Package

_CLASSIFIER = "License :: "


def read(path: str, data: bytes) -> Findings:
    """The distribution that the metadata file is of (PyPA, "Core metadata specifications")."""
    findings = Findings()
    fields = headers(data.decode("utf-8-sig", "replace"))
    name = text_of(fields.get("name", [""])[0])
    version = text_of(fields.get("version", [""])[0])
    if not name or not version:
        lacks = "Name" if not name else "Version"
        findings.unparsed(path, f"Python metadata without a usable {lacks} field")
        return findings
    findings.packages.append(
        Package(
            name=name,
            version=version,
            type="pypi",
            location=path,
            licenses=_licenses(fields),
        )
    )
    return findings


def _licenses(fields: dict[str, list[str]]) -> tuple[str, ...]:
    for key in ("license-expression", "license"):
        text = text_of(fields.get(key, [""])[0])
        # Older packages put the whole text of the licence, or a word for "none", in the field.
        if text and len(text) < 100 and text != "UNKNOWN":
            return (text,)
    classes = [text for text in fields.get("classifier", []) if text.startswith(_CLASSIFIER)]
    return tuple(text.rpartition(" :: ")[2] for text in classes if " :: " in text)


def _wanted(path: str) -> bool:
    folder, _, base = path.rpartition("/")
    if base == "METADATA":
        return folder.lower().endswith(".dist-info")
    if base == "PKG-INFO":
        return folder.endswith((".egg-info", "/EGG-INFO"))
    return base.endswith(".egg-info")


CATALOGUER = TextCataloguer(
    "python",
    read,
    bases=frozenset({"METADATA", "PKG-INFO"}),
    extensions=frozenset({"egg-info"}),
    wants=_wanted,
    limit=4 << 20,
)
