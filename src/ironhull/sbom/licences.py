"""What packages call their licences → SPDX expressions (SPDX 2.3 annex D).

Debian's short names are those of its machine-readable copyright format 1.0, "Short name". A name
that the SPDX License List does not have becomes a LicenseRef with the package's own text; nothing
is guessed from a text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from ironhull.sbom.license_list import exceptions, licences
from ironhull.sbom.model import Licence, LicenceText

MAX_NAME = 200
MAX_TERMS = 600
_MAX_TEXT = 1 << 15

# Debian's words that the list has under others.
_NAMES = {
    "expat": "MIT",
    "artistic": "Artistic-1.0",
    "perl": "Artistic-1.0-Perl OR GPL-1.0-or-later",
    "cc0": "CC0-1.0",
    "eflu": "EFL-2.0",
    "boost-1.0": "BSL-1.0",
    "python-2": "PSF-2.0",
    "psf-2": "PSF-2.0",
    "unlicense": "Unlicense",
    "w3c-software": "W3C",
    "apache-2": "Apache-2.0",
    "mpl-2": "MPL-2.0",
    "openssl": "OpenSSL",
    "ofl-1.1": "OFL-1.1",
    "sil-1.1": "OFL-1.1",
    "wtfpl-2": "WTFPL",
}
_GNU = re.compile(r"(a|l)?gpl(?:-|v|-v)?(\d)(?:\.(\d))?(\+|-or-later|-only)?")
_GFDL = re.compile(r"gfdl(-niv)?-?(\d)\.(\d)(\+)?")
_GNU_VERSIONS = {
    "": {"1.0", "2.0", "3.0"},
    "l": {"2.0", "2.1", "3.0"},
    "a": {"1.0", "3.0"},
}
# The exception's words and the licence → the list's name; only where one version fits.
_EXCEPTIONS = {
    ("autoconf", "GPL-2.0"): "Autoconf-exception-2.0",
    ("autoconf", "GPL-3.0"): "Autoconf-exception-3.0",
    ("bison", "GPL-2.0"): "Bison-exception-2.2",
    ("bison", "GPL-3.0"): "Bison-exception-2.2",
    ("libtool", "GPL-2.0"): "Libtool-exception",
    ("libtool", "GPL-3.0"): "Libtool-exception",
    ("font", "GPL-2.0"): "Font-exception-2.0",
    ("font", "GPL-3.0"): "Font-exception-2.0",
    ("gcc", "GPL-3.0"): "GCC-exception-3.1",
    ("classpath", "GPL-2.0"): "Classpath-exception-2.0",
}
_WITH = re.compile(r"(\S+) with (?:the )?(\S+)(?: exception)?", re.IGNORECASE)
_SPDX_TOKEN = re.compile(r"[()]|[^\s()]+")
_SLUG = re.compile(r"[^A-Za-z0-9.]+")


def spdx_name(name: str) -> str | None:
    """The expression that a package's one name of a licence means; None if the list has none."""
    lower = name.lower()
    if lower in _NAMES:
        return _NAMES[lower]
    found = _GNU.fullmatch(lower)
    if found is not None:
        kind, version = found[1] or "", f"{found[2]}.{found[3] or 0}"
        later = "or-later" if found[4] in ("+", "-or-later") else "only"
        return f"{kind.upper()}GPL-{version}-{later}" if version in _GNU_VERSIONS[kind] else None
    found = _GFDL.fullmatch(lower)
    if found is not None:
        invariant = "-no-invariants" if found[1] else ""
        known = f"gfdl-{found[2]}.{found[3]}{invariant}-{'or-later' if found[4] else 'only'}"
        return licences().get(known)
    found = _WITH.fullmatch(name)
    if found is not None:
        return _excepted(found[1], found[2])
    return licences().get(lower)


def _excepted(name: str, words: str) -> str | None:
    licence = spdx_name(name)
    if licence is None or " " in licence:
        return None
    family = re.sub(r"-(?:only|or-later)$", "", licence)
    words = re.sub(r"[-_]exception$", "", words.lower())
    exception = _EXCEPTIONS.get((words, family)) or exceptions().get(f"{words}-exception")
    return f"{licence} WITH {exception}" if exception else None


def debian_licence(said: Sequence[str], texts: Mapping[str, str], comment: str) -> Licence:
    """All of a copyright file's licences together, `said` as written; `texts` are by their names.

    They hold for different files of the source, so that all of them hold for the whole.
    """
    own: dict[str, LicenceText] = {}
    ordered = sorted({_combined(written, texts, own) for written in said})
    if len(ordered) > 1:
        ordered = [f"({term})" if " OR " in term else term for term in ordered]
    return Licence(" AND ".join(ordered), tuple(sorted(own.values())), comment)


def _combined(written: str, texts: Mapping[str, str], own: dict[str, LicenceText]) -> str:
    """`A or B, and C`: a comma binds looser than `or`, and `or` looser than `and`."""
    name = written.strip(" ,")
    known = spdx_name(name)
    if known is not None:
        return known
    for separator, operator in ((r",\s+and\s+", "AND"), (r",\s+or\s+", "OR"), (r"\s+or\s+", "OR"),
                                (r"\s+and/or\s+", "OR"), (r"\s+and\s+|,\s+", "AND")):  # fmt: skip
        parts = [part for part in re.split(separator, name) if part]
        if len(parts) > 1:
            inner = list(dict.fromkeys(_combined(part, texts, own) for part in parts))
            other = "OR" if operator == "AND" else "AND"
            whole = [f"({part})" if f" {other} " in part else part for part in inner]
            return f" {operator} ".join(whole)
    return _reference(name or "unnamed", texts.get(name, ""), own)


def _reference(name: str, text: str, own: dict[str, LicenceText]) -> str:
    name, text = name[:MAX_NAME], text[:_MAX_TEXT]
    digest = hashlib.sha256(f"{name}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
    slug = _SLUG.sub("-", name).strip("-.")[:40].rstrip("-.") or "licence"
    identifier = f"LicenseRef-{slug}-{digest[:12]}"
    own[identifier] = LicenceText(identifier, name, text)
    return identifier


def spdx_expression(text: str) -> str:
    """The text as a valid SPDX expression of the list's names; empty if it is none.

    For ecosystems whose packages write expressions themselves (npm, PyPI, crates, …).
    """
    tokens = _SPDX_TOKEN.findall(text) if len(text) <= 2000 else []
    out: list[str] = []
    depth, wants = 0, "licence"
    for token in tokens:
        upper = token.upper()
        if wants == "licence":
            if token == "(":  # noqa: S105 - a bracket
                depth += 1
                out.append(token)
                continue
            name = _listed(token)
            if name is None:
                return ""
            out.append(name)
            wants = "operator"
        elif wants == "exception":
            exception = exceptions().get(token.lower())
            if exception is None:
                return ""
            out.append(exception)
            wants = "operator"
        elif token == ")" and depth:  # noqa: S105
            depth -= 1
            out.append(token)
        elif upper in ("AND", "OR"):
            out.append(upper)
            wants = "licence"
        elif upper == "WITH" and out and out[-1] != ")" and out[-2:-1] != ["WITH"]:
            out.append(upper)
            wants = "exception"
        else:
            return ""
    if depth or wants != "operator":
        return ""
    return " ".join(out).replace("( ", "(").replace(" )", ")")


def _listed(token: str) -> str | None:
    name = licences().get(token.lower())
    if name is None and token.endswith("+") and (plain := licences().get(token[:-1].lower())):
        return f"{plain}+"
    return name
