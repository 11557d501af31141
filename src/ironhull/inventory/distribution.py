"""Which distribution an image is made from: os-release(5), and etc/debian_version without it."""

from __future__ import annotations

import re

from ironhull.inventory.files import DEBIAN_VERSION, OS_RELEASE
from ironhull.inventory.model import Distribution
from ironhull.inventory.view import View

_QUOTED = re.compile(r"""^(["'])(.*)\1$""")
_ESCAPED = re.compile(r"""\\(["'$`\\])""")
_ID = re.compile(r"[a-z0-9._-]+")
_CODENAME = re.compile(r"\(([A-Za-z][^)]*)\)")
_SUITES = {"sid": "sid", "unstable": "sid"}


def distribution_of(view: View) -> Distribution:
    """The distribution, or an unknown one that says why."""
    debian_version = (view.text(DEBIAN_VERSION) or "").strip()[:64]
    text = next((text for path in OS_RELEASE if (text := view.text(path)) is not None), None)
    if text is None:
        if debian_version:
            return _by_debian_version(debian_version)
        return Distribution(reason="the image has neither etc/os-release nor usr/lib/os-release")
    fields = os_release(text)
    identifier = fields.get("ID", "")
    if not _ID.fullmatch(identifier):
        return Distribution(
            pretty_name=fields.get("PRETTY_NAME", ""),
            debian_version=debian_version,
            reason=f"os-release has no usable ID ({identifier!r:.60})",
        )
    return Distribution(
        id=identifier,
        version_id=fields.get("VERSION_ID", ""),
        codename=fields.get("VERSION_CODENAME") or _codename(fields, debian_version),
        pretty_name=fields.get("PRETTY_NAME", ""),
        id_like=tuple(fields.get("ID_LIKE", "").split()),
        debian_version=debian_version,
    )


def os_release(text: str) -> dict[str, str]:
    """Assignments of os-release: a subset of shell, comments and broken lines left out."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and key.replace("_", "").isalnum():
            quoted = _QUOTED.match(value)
            value = _ESCAPED.sub(r"\1", quoted[2]) if quoted else value
            fields[key] = value if value.isprintable() else ""
    return fields


def _codename(fields: dict[str, str], debian_version: str) -> str:
    """`VERSION="9 (stretch)"`, `PRETTY_NAME="… bullseye/sid"`, or what debian_version says."""
    found = _CODENAME.search(fields.get("VERSION", ""))
    if found:
        return found[1].split()[0].lower()
    if fields.get("VERSION_ID") or fields.get("ID") != "debian":
        return ""
    return _rolling(debian_version)


def _rolling(debian_version: str) -> str:
    """`trixie/sid` is what testing and unstable both say; the first word is the next release."""
    head, _, tail = debian_version.partition("/")
    return _SUITES.get(tail, "") and head if head.isalpha() else ""


def _by_debian_version(text: str) -> Distribution:
    major = text.split(".")[0]
    if major.isdigit():
        return Distribution(
            id="debian",
            version_id=major,
            pretty_name=f"Debian {text} (by etc/debian_version)",
            debian_version=text,
        )
    codename = _rolling(text)
    if codename:
        return Distribution(id="debian", codename=codename, debian_version=text)
    return Distribution(
        debian_version=text, reason=f"no os-release, and etc/debian_version says {text!r:.60}"
    )
