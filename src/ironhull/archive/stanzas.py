"""Stanzas of a Packages index as `BinaryPackage` values."""

from __future__ import annotations

import re

from ironhull.archive.fetch import pool_path
from ironhull.debian.names import BinaryName, DebianVersion, SourceName
from ironhull.debian.package import BinaryPackage
from ironhull.debian.version import parse_version
from ironhull.errors import MalformedError
from ironhull.oci.digest import Digest

_FIELD = re.compile(
    rb"^(Package|Version|Architecture|Source|SHA256|Size|Installed-Size|Filename|Multi-Arch"
    rb"|Depends|Pre-Depends|Recommends|Provides|Conflicts|Breaks|Replaces|Essential|Priority"
    rb"|Section):[ \t]*(.*(?:\n[ \t].*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_SOURCE = re.compile(r"(\S+)(?:\s+\(([^()\s]+)\))?")
_PROVIDED = re.compile(r"([^\s(,]+)\s*(?:\(\s*=\s*([^\s()]+)\s*\))?")
_HEX = re.compile(r"[0-9a-f]{64}")


def binary_package(raw: bytes, repository: str, suite: str, component: str) -> BinaryPackage:
    """The package that a stanza describes; MalformedError says which field is wrong."""
    fields = {
        key.decode().lower(): value.decode("utf-8", "replace").strip()
        for key, value in _FIELD.findall(raw)
    }
    name = fields.get("package", "")
    where = f"{repository} {suite}: package {name!r:.80}"
    if not _NAME.fullmatch(name):
        raise MalformedError(f"{where}: the name is not one that Debian Policy 5.6.7 allows")
    version = _needed(fields, "version", where)
    parse_version(version)
    source, source_version = _source(fields, version, where)
    sha256 = _needed(fields, "sha256", where)
    if not _HEX.fullmatch(sha256):
        raise MalformedError(f"{where}: SHA256 is not one: {sha256!r:.80}")
    return BinaryPackage(
        name=BinaryName(name),
        version=DebianVersion(version),
        architecture=_needed(fields, "architecture", where),
        source=source,
        source_version=source_version,
        sha256=Digest(f"sha256:{sha256}"),
        size=_number(_needed(fields, "size", where), "Size", where),
        installed_size=_number(fields.get("installed-size") or "0", "Installed-Size", where),
        path=pool_path(_needed(fields, "filename", where)),
        repository=repository,
        suite=suite,
        component=component,
        depends=_folded(fields, "depends"),
        pre_depends=_folded(fields, "pre-depends"),
        recommends=_folded(fields, "recommends"),
        provides=_folded(fields, "provides"),
        conflicts=_folded(fields, "conflicts"),
        breaks=_folded(fields, "breaks"),
        replaces=_folded(fields, "replaces"),
        multi_arch=fields.get("multi-arch", "no"),
        essential=fields.get("essential", "no") == "yes",
        priority=fields.get("priority", "optional"),
        section=fields.get("section", ""),
    )


def provided_versions(package: BinaryPackage, name: str) -> list[DebianVersion | None]:
    """The versions in which a package provides this name, None for one without a version.

    There may be several: debhelper provides debhelper-compat in each level that it knows.
    """
    found = [
        DebianVersion(version) if version else None
        for provided, version in _PROVIDED.findall(package.provides)
        if provided == name
    ]
    return found or [None]


def _source(fields: dict[str, str], version: str, where: str) -> tuple[SourceName, DebianVersion]:
    """`Source: name (version)`; absent parts are the binary package's own (Policy 5.6.1)."""
    text = fields.get("source", "")
    if not text:
        return SourceName(fields["package"]), DebianVersion(version)
    found = _SOURCE.fullmatch(text)
    if found is None or not _NAME.fullmatch(found[1]):
        raise MalformedError(f"{where}: Source is not `name (version)`: {text!r:.120}")
    if found[2]:
        parse_version(found[2])
    return SourceName(found[1]), DebianVersion(found[2] or version)


def _needed(fields: dict[str, str], name: str, where: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise MalformedError(f"{where}: the stanza has no {name.title()} field")
    return value


def _number(text: str, name: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise MalformedError(f"{where}: {name} is not a number: {text!r:.80}")
    return int(text)


def _folded(fields: dict[str, str], name: str) -> str:
    value = fields.get(name, "")
    return " ".join(value.split()) if "\n" in value else value
