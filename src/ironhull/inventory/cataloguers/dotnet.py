"""NuGet packages: the `libraries` of a .NET application's `*.deps.json` (runtime configuration)."""

from __future__ import annotations

from ironhull.inventory.cataloguers.interface import Findings, TextCataloguer
from ironhull.inventory.cataloguers.parse import MAX_JSON, json_object, text_of
from ironhull.inventory.model import Package

# `reference` entries are files of the framework, which have no NuGet package.
_KINDS = frozenset({"package", "project", "runtimepack"})


def read(path: str, data: bytes) -> Findings:
    """The libraries `name/version`; the application itself is one of them, a `project`."""
    findings = Findings()
    value = json_object(path, data, findings)
    libraries = value.get("libraries") if value is not None else None
    if value is None or libraries is None:
        return findings
    if not isinstance(libraries, dict):
        findings.unparsed(path, "libraries is not an object")
        return findings
    for key, item in libraries.items():
        kind = item.get("type") if isinstance(item, dict) else None
        name, _, version = text_of(key).partition("/")
        if kind not in _KINDS:
            continue
        if not name or not version:
            findings.unparsed(path, f"library {key!r:.100} is not `name/version`")
            continue
        name = name.removeprefix("runtimepack.")
        findings.packages.append(Package(name=name, version=version, type="nuget", location=path))
    return findings


CATALOGUER = TextCataloguer(
    "dotnet",
    read,
    extensions=frozenset({"json"}),
    wants=lambda path: path.endswith(".deps.json"),
    limit=MAX_JSON,
)
