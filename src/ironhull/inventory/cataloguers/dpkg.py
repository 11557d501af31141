"""Debian packages: dpkg's `status`, and `status.d` of images made without dpkg.

Status words are those of dpkg(1): a package is installed in every state but `not-installed` and
`config-files`; without a Status field (status.d) it is installed.
"""

from __future__ import annotations

import re

from ironhull.inventory.cataloguers.interface import Findings, TextCataloguer
from ironhull.inventory.model import Package

DATABASE = "/var/lib/dpkg/status"
PARTS = "/var/lib/dpkg/status.d"

_FIELD = re.compile(
    r"^(Package|Status|Version|Architecture|Source|Built-Using|Static-Built-Using"
    r"|Origin|Maintainer|Original-Maintainer)"
    r":[ \t]*(.*(?:\n[ \t].*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_SOURCE = re.compile(r"([^\s(]+)(?:\s*\(\s*([^\s)]+)\s*\))?\s*")
_STANZAS = re.compile(r"\n(?:[ \t]*\n)+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
_VENDOR = re.compile(
    r"@(?:docker\.com|nodesource\.com|nginx\.com|raspberrypi\.(?:com|org)|raspbian\.org)>?$"
    r"|nginx-packaging@|ubuntu-devel-discuss@lists\.ubuntu\.com",
    re.IGNORECASE,
)
_MAX_ORIGIN = 80
_ABSENT = frozenset({"not-installed", "config-files"})


def read(path: str, data: bytes) -> Findings:
    """The packages of one database file; broken stanzas become remarks."""
    findings = Findings()
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").strip("\n")
    for number, stanza in enumerate(_STANZAS.split(text) if text else [], 1):
        if not stanza.strip():
            continue
        fields = {key.lower(): value.strip() for key, value in _FIELD.findall(stanza)}
        package = _package(path, fields)
        if isinstance(package, str):
            findings.unparsed(path, f"stanza {number} ({fields.get('package', '?')}): {package}")
        elif package is not None:
            findings.packages.append(package)
    return findings


def _package(path: str, fields: dict[str, str]) -> Package | str | None:
    """The package, None where it is not installed, or what is wrong with the stanza."""
    name, version = fields.get("package", ""), fields.get("version", "")
    if not _NAME.fullmatch(name):
        return f"no usable Package field ({name!r:.60})"
    state = "installed"
    if "status" in fields:
        words = fields["status"].split()
        if len(words) != 3:
            return f"Status has three words, got {fields['status']!r:.60}"
        state = words[2]
        if state in _ABSENT:
            return None
    if not version or len(version.split()) != 1:
        return f"no usable Version field ({version!r:.60})"
    source, source_version = name, version
    if fields.get("source"):
        said = _SOURCE.fullmatch(fields["source"])
        if said is None:
            return f"Source is `name (version)`, got {fields['source']!r:.60}"
        source, source_version = said[1], said[2] or version
    return Package(
        name=name,
        version=version,
        type="deb",
        location=path,
        architecture=fields.get("architecture", ""),
        source=source,
        source_version=source_version,
        built_using=_built_using(fields),
        origin=_origin(fields),
        status="" if state == "installed" else state,
    )


def _origin(fields: dict[str, str]) -> str:
    """Who made the package, where the stanza names another than Debian.

    Many maintainers of Debian have addresses of companies, so a `Maintainer` counts only where it
    is a vendor's team, or where the stanza keeps Debian's as `Original-Maintainer`.
    """
    origin = " ".join(fields.get("origin", "").split())
    if origin and origin.lower() != "debian":
        return origin[:_MAX_ORIGIN]
    maintainer = " ".join(fields.get("maintainer", "").split())
    found = _VENDOR.search(maintainer)
    if found or fields.get("original-maintainer"):
        return (maintainer.partition("<")[0].strip() or maintainer or "others")[:_MAX_ORIGIN]
    return ""


def _built_using(fields: dict[str, str]) -> tuple[str, ...]:
    texts = [fields.get("built-using", ""), fields.get("static-built-using", "")]
    items = {" ".join(item.split()) for text in texts for item in text.split(",")}
    return tuple(sorted(items - {""}))


def _wanted(path: str) -> bool:
    return path == DATABASE or (path.startswith(f"{PARTS}/") and not path.endswith(".md5sums"))


CATALOGUER = TextCataloguer(
    "dpkg",
    read,
    bases=frozenset({"status"}),
    directories=frozenset({PARTS}),
    wants=_wanted,
    limit=64 << 20,
)
