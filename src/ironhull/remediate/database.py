"""The package database of an image: dpkg's one status file, or a file for each package.

`status.d` is what images without dpkg have. Stanzas that are not touched keep every byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ironhull.build.layer import status_entry
from ironhull.debian.deb import Control
from ironhull.debian.stanza import parse_stanza
from ironhull.errors import InputError, MalformedError
from ironhull.remediate.model import Installed

STATUS = "/var/lib/dpkg/status"
STATUS_D = "/var/lib/dpkg/status.d"
INFO = "/var/lib/dpkg/info"
DIVERSIONS = "/var/lib/dpkg/diversions"
OVERRIDES = "/var/lib/dpkg/statoverride"
TRIGGERS = "/var/lib/dpkg/triggers/File"
_SOURCE = re.compile(r"(\S+)(?:\s+\(([^)]+)\))?")
# What dpkg keeps of a package beside its stanza, and what it does not: `control` is the stanza.
_NOT_KEPT = frozenset({"control", "md5sums", "conffiles"})


def read_status(text: str, place: str) -> list[Installed]:
    """The packages of one database file that are installed; MalformedError names what is wrong.

    A package that was removed and left its configuration behind has a stanza too: no package.
    """
    found = []
    for raw in re.split(r"\n[ \t]*\n+", text.strip("\n")):
        if raw.strip():
            installed = _installed(raw, place)
            if not installed.status or installed.status.endswith(" installed"):
                found.append(installed)
    return found


def _installed(raw: str, place: str) -> Installed:
    fields = parse_stanza(raw, place)
    name, version = fields.get("package", ""), fields.get("version", "")
    status = fields.get("status", "")
    if not name or (not version and status.endswith(" installed")):
        raise MalformedError(f"{place}: a stanza without Package and Version: {raw[:80]!r}")
    said = _SOURCE.fullmatch(fields.get("source", "").strip())
    return Installed(
        name,
        version,
        fields.get("architecture", ""),
        said[1] if said else name,
        (said[2] if said else None) or version,
        status,
        fields,
        raw,
        place,
    )


def without_clashes(packages: Iterable[Installed]) -> dict[str, Installed]:
    """By name. InputError where two architectures have one name: that is not done here."""
    found: dict[str, Installed] = {}
    for package in packages:
        if package.name in found:
            raise InputError(
                f"{package.name} is installed for two architectures; such images are not patched"
            )
        found[package.name] = package
    return found


def new_status(
    text: str, controls: Mapping[str, Control], conffiles: Mapping[str, Sequence[tuple[str, str]]]
) -> str:
    """A status file with the stanzas of these packages replaced; all others keep their bytes."""
    stanzas = re.split(r"(\n[ \t]*\n+)", text)
    for number in range(0, len(stanzas), 2):
        raw = stanzas[number]
        name = _name(raw)
        if name in controls and _is_installed(raw):
            begin = len(raw) - len(raw.lstrip("\n"))
            made = stanza(controls[name], conffiles.get(name, ()))
            end = "\n" if raw.endswith("\n") else ""
            stanzas[number] = raw[:begin] + made.rstrip("\n") + end
    return "".join(stanzas)


def _is_installed(raw: str) -> bool:
    found = re.search(r"^Status:(.*)$", raw, re.MULTILINE | re.IGNORECASE)
    return found is None or found[1].strip().endswith(" installed")


def _name(raw: str) -> str:
    found = re.search(r"^Package:[ \t]*(\S+)", raw, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def stanza(control: Control, conffiles: Sequence[tuple[str, str]]) -> str:
    """The stanza of an installed package, as dpkg writes it."""
    return status_entry(control.fields, conffiles)


def info_prefix(name: str, architecture: str, known: Iterable[str]) -> str:
    """How the database calls the files about a package: `libc6:amd64`, or `bash`."""
    full = f"{name}:{architecture}"
    return full if f"{full}.list" in known else name


def info_files(
    prefix: str, control: Control, listed: Sequence[str], md5sums: str
) -> dict[str, bytes]:
    """What dpkg keeps about a package: its control files, and the list of its paths."""
    files = {
        f"{prefix}.{name}": data
        for name, data in control.files.items()
        if name not in _NOT_KEPT and "/" not in name
    }
    paths = "".join(f"{path}\n" for path in listed)
    files[f"{prefix}.list"] = paths.encode("utf-8", "surrogateescape")
    files[f"{prefix}.md5sums"] = md5sums.encode("utf-8", "surrogateescape")
    if "conffiles" in control.files:
        files[f"{prefix}.conffiles"] = control.files["conffiles"]
    return files
