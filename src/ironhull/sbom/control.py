"""What package databases say beyond name and version: who maintains it, what it needs.

Only for the bill of materials; which packages there are is the inventory's to say.
"""

from __future__ import annotations

import re

from ironhull.inventory.cataloguers import dpkg
from ironhull.patched.field import PATCHES_FIELD, AppliedPatch, read_patches
from ironhull.sbom.model import Party
from ironhull.values import dataclass

MAX_FILE = 64 << 20
_FIELDS = (
    "Package|Version|Architecture|Depends|Pre-Depends|Provides|Multi-Arch|Maintainer|Homepage"
    f"|Description|Conffiles|{PATCHES_FIELD}"
)
_FIELD = re.compile(rf"^({_FIELDS}):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE)
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_MAINTAINER = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<email>[^<>\s]+@[^<>\s]+)>")
_TEAM = re.compile(
    r"\b(?:team|teams|maintainers|group|developers|project|packagers|foundation|inc|gmbh|ltd"
    r"|corp|corporation|qa|security|kernel)\b",
    re.IGNORECASE,
)
_HOMEPAGE = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")
_MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Control:
    """Fields of one stanza of dpkg's database; one that is absent is empty."""

    name: str
    version: str
    architecture: str
    depends: str = ""
    """Pre-Depends and Depends together."""
    provides: str = ""
    multi_arch: str = ""
    maintainer: str = ""
    homepage: str = ""
    summary: str = ""
    conffiles: tuple[str, ...] = ()
    """Absolute paths of configuration files, which md5sums leaves out."""
    patches: tuple[AppliedPatch, ...] = ()
    """Of a package that Ironhull patched."""


def is_database(path: str) -> bool:
    """Whether a path is one that `stanzas` reads."""
    return dpkg.CATALOGUER.wants(path)


def stanzas(data: bytes) -> list[Control]:
    """The stanzas of a database file that name a package."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").strip("\n")
    found = []
    for block in _BLANK.split(text):
        fields = {key.lower(): value.strip() for key, value in _FIELD.findall(block)}
        if fields.get("package"):
            found.append(_control(fields))
    return found


def _control(fields: dict[str, str]) -> Control:
    needs = [fields.get("pre-depends", ""), fields.get("depends", "")]
    conffiles = (line.split() for line in fields.get("conffiles", "").split("\n"))
    homepage = fields.get("homepage", "")
    return Control(
        name=fields["package"],
        version=fields.get("version", ""),
        architecture=fields.get("architecture", ""),
        depends=", ".join(text for text in needs if text),
        provides=fields.get("provides", ""),
        multi_arch=fields.get("multi-arch", ""),
        maintainer=fields.get("maintainer", "")[:_MAX_TEXT],
        homepage=homepage if _HOMEPAGE.fullmatch(homepage) else "",
        summary=fields.get("description", "").partition("\n")[0][:_MAX_TEXT],
        conffiles=tuple(words[0] for words in conffiles if words and words[0][:1] == "/"),
        patches=read_patches(fields.get(PATCHES_FIELD.lower(), "")),
    )


def party(maintainer: str) -> Party | None:
    """`Name <address>` as a person or, where the name is a group's, an organization."""
    found = _MAINTAINER.fullmatch(" ".join(maintainer.split()))
    name = found["name"].strip('" ') if found else " ".join(maintainer.split())
    # SPDX writes the address in brackets after the name.
    name = name.replace("(", "[").replace(")", "]")
    if not name:
        return None
    return Party(
        "Organization" if _TEAM.search(name) else "Person", name, found["email"] if found else ""
    )
