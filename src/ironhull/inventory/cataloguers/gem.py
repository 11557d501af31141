"""Ruby gems: specifications that RubyGems writes for installed gems. Read as text, never run."""

from __future__ import annotations

import re

from ironhull.inventory.cataloguers.interface import Findings, TextCataloguer
from ironhull.inventory.cataloguers.parse import text_of
from ironhull.inventory.model import Package

_STRING = r"""(?:%q<([^>]*)>|["']([^"']*)["'])"""
_NAME = re.compile(rf"^[ \t]*\w+\.name\s*=\s*{_STRING}", re.MULTILINE)
_VERSION = re.compile(
    rf"^[ \t]*\w+\.version\s*=\s*(?:Gem::Version\.new\s*(?:\(\s*)?)?{_STRING}", re.MULTILINE
)
_LICENSES = re.compile(r"^[ \t]*\w+\.licenses?\s*=\s*(.+)$", re.MULTILINE)
_QUOTED = re.compile(_STRING)
# A file's name is name, version and perhaps a platform: nokogiri-1.16.2-x86_64-linux.gemspec.
_FILE = re.compile(r"(.+?)-(\d[0-9A-Za-z.]*)(?:-[a-z].*)?\.gemspec")


def read(path: str, data: bytes) -> Findings:
    """The gem of one specification; the file's name helps where the text computes its fields."""
    findings = Findings()
    text = data.decode("utf-8", "replace")
    from_name = _FILE.fullmatch(path.rpartition("/")[2])
    name, version = _literal(_NAME, text), _literal(_VERSION, text)
    if from_name:
        name, version = name or from_name[1], version or from_name[2]
    if not name or not version:
        findings.unparsed(path, "a gem specification without a literal name and version")
        return findings
    licenses = _LICENSES.search(text)
    said = _QUOTED.findall(licenses[1]) if licenses else []
    findings.packages.append(
        Package(
            name=name,
            version=version,
            type="gem",
            location=path,
            licenses=tuple(filter(None, (text_of(a or b) for a, b in said))),
        )
    )
    return findings


def _literal(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return text_of(found[1] or found[2]) if found else ""


CATALOGUER = TextCataloguer(
    "gem",
    read,
    extensions=frozenset({"gemspec"}),
    wants=lambda path: "/specifications/" in path,
    limit=4 << 20,
)
