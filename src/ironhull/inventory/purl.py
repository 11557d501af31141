"""Package URLs, in the form that scanners of images agree on (purl-spec; syft's qualifiers)."""

from __future__ import annotations

import re
from urllib.parse import quote

from ironhull.inventory.model import Distribution, Package

# Kept as they are in a segment: what syft and debsbom leave, so that purls compare equal.
_PLAIN = ":~"
# PEP 503: names that differ in these only are the same.
_SEPARATORS = re.compile(r"[-_.]+")


def purl_of(package: Package, distribution: Distribution) -> str:
    """The purl; distribution packages say architecture, distribution and source package."""
    match package.type:
        case "deb" | "apk":
            return _distribution(package, distribution)
        case "maven":
            group, _, artifact = package.name.rpartition(":")
            path = f"{_segments(group)}/{_quoted(artifact)}" if group else _quoted(artifact)
            return f"pkg:maven/{path}{_version(package.version)}"
        case "golang":
            return _golang(package)
        case "binary":
            return f"pkg:generic/{_quoted(package.name)}{_version(package.version)}"
        case "pypi":
            name = _SEPARATORS.sub("-", package.name.lower())
            return f"pkg:pypi/{_quoted(name)}{_version(package.version)}"
        case "composer":
            return f"pkg:composer/{_segments(package.name.lower())}{_version(package.version)}"
        case _:
            return f"pkg:{package.type}/{_segments(package.name)}{_version(package.version)}"


def _distribution(package: Package, distribution: Distribution) -> str:
    namespace = distribution.id or {"deb": "debian", "apk": "alpine"}[package.type]
    qualifiers = {
        "arch": package.architecture,
        "distro": distribution.label,
        "upstream": _upstream(package),
    }
    query = "&".join(f"{key}={_quoted(text)}" for key, text in qualifiers.items() if text)
    path = f"pkg:{package.type}/{_quoted(namespace)}/{_quoted(package.name)}"
    return f"{path}{_version(package.version)}" + (f"?{query}" if query else "")


def _upstream(package: Package) -> str:
    """The source package where it is not the binary's own name and version."""
    if package.source_version != package.version:
        return f"{package.source}@{package.source_version}"
    return package.source if package.source != package.name else ""


def _golang(package: Package) -> str:
    """Modules of more than three parts have the rest as subpath, as syft writes them."""
    parts = [_quoted(part) for part in package.name.split("/")]
    version = "" if package.version == "(devel)" else _version(package.version)
    path, rest = "/".join(parts[:3]), "/".join(parts[3:])
    return f"pkg:golang/{path}{version}" + (f"#{rest}" if rest else "")


def _segments(name: str) -> str:
    return "/".join(_quoted(part) for part in name.split("/"))


def _version(version: str) -> str:
    return f"@{_quoted(version)}" if version else ""


def _quoted(text: str) -> str:
    return quote(text, safe=_PLAIN)
