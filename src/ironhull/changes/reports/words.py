"""What all forms of a changelog for people say with the same words."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.changes.document import Json
from ironhull.reports.words import UNKNOWN, amount, tally

TITLES = {
    "packages.total": ("packages", "count"),
    "vulnerabilities.after_vex": ("vulnerabilities after VEX", "count"),
    "size.compressed": ("size to pull", "bytes"),
    "size.files": ("size of all files", "bytes"),
}


def figures(document: Json) -> Iterator[tuple[str, str, str]]:
    """Title, before, after of the chief figures."""
    for each in document["figures"]:
        title, unit = TITLES[each["figure"]]
        yield title, amount(each["before"], unit), amount(each["after"], unit)


def summary(document: Json) -> str:
    """One line: `2 packages changed, 3 vulnerabilities fixed, 1 new, 2.9 MB to pull`."""
    packages, found = document["packages"], document["vulnerabilities"]
    parts = []
    for name, word in (("changed", "changed"), ("added", "added"), ("removed", "removed")):
        if count := len(packages[name]):
            parts.append(f"{tally(count, 'package')} {word}")
    if not parts:
        parts = ["the same packages"]
    if moved := document["bases"]["moved"]:
        parts.append(f"{tally(len(moved), 'base image')} moved")
    if found["fixed"] is None:
        parts.append("vulnerabilities unknown")
    else:
        fixed, new = len(found["fixed"]), len(found["new"])
        parts.append(f"{tally(fixed, 'vulnerability', 'vulnerabilities')} fixed")
        if new:
            parts.append(f"{new} new")
    if named := cves_named(document):
        parts.append(f"{len(named)} CVEs named by maintainers")
    pull = document["layers"]["bytes_to_pull"]
    parts.append(f"{UNKNOWN if pull is None else amount(pull, 'bytes')} to pull")
    return ", ".join(parts)


def cves_named(document: Json) -> list[str]:
    """The CVEs that the maintainers' entries speak of, which advisories may not know yet."""
    entries = [each for source in document["sources"] for each in source["entries"] or ()]
    return list(dict.fromkeys(cve for entry in entries for cve in entry["cves"]))


def bases(document: Json) -> Iterator[tuple[str, str, str]]:
    """Name, digest before and after of each image that it was made from, and that moved."""
    for each in document["bases"]["moved"] or ():
        yield each["name"], (each["before"] or "none")[:19], (each["after"] or "none")[:19]


def name_of(side: Json) -> str:
    """`node:20 sha256:0123456789ab of 2026-11-28T…`."""
    parts = [side["name"], (side["digest"] or side["manifest"] or "")[:19]]
    if side["created"]:
        parts.append(f"of {side['created']}")
    return " ".join(part for part in parts if part)


def of_finding(finding: Json) -> str:
    """`CVE-2026-1 high openssl 3.5.1-1 (known to be exploited)`."""
    parts = [finding["id"], finding["severity"], finding["package"], finding["version"]]
    if finding["exploited_since"]:
        parts.append("(known to be exploited)")
    if finding["suppressed"]:
        parts.append("(VEX: does not concern this image)")
    return " ".join(parts)
