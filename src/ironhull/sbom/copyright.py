"""usr/share/doc/PACKAGE/copyright: which licences it names (copyright-format 1.0).

A file of the machine-readable format gives its licences and their texts. Of any other only which
of the system's common licences it points at is said, as a remark: a text is not a declaration.
Written by anyone and hostile; what does not fit is left out.
"""

from __future__ import annotations

import re

from ironhull.sbom.licences import MAX_NAME, MAX_TERMS, debian_licence
from ironhull.sbom.model import Licence

MAX_FILE = 4 << 20
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_FIELD = re.compile(r"^(License|Files):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE)
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9][A-Za-z0-9.+-]*[A-Za-z0-9+])")
_FORMAT = re.compile(r"\s*Format(?:-Specification)?:", re.IGNORECASE)


def licence_of(data: bytes, path: str) -> Licence:
    """What the copyright file at `path` says; the comment tells where, or why it is not known."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    if not _FORMAT.match(text):
        return Licence(comment=_remark(text, f"{path} is not in the machine-readable format"))
    said, texts = _said(text)
    if not said:
        return Licence(comment=_remark(text, f"{path} names no licence"))
    if len(said) > MAX_TERMS:
        return Licence(comment=f"{path} names more than {MAX_TERMS} licences")
    return debian_licence(
        said, texts, f"all licences that {path} names for the files of the source"
    )


def _remark(text: str, why: str) -> str:
    common = sorted(set(_COMMON.findall(text)))[:20]
    return f"{why}; it points at the texts of: {', '.join(common)}" if common else why


def _said(text: str) -> tuple[list[str], dict[str, str]]:
    """The licences of Files paragraphs and the header as written, and the texts by name."""
    said: dict[str, None] = {}
    texts: dict[str, str] = {}
    for number, block in enumerate(_BLANK.split(text)):
        fields = {name.lower(): value for name, value in _FIELD.findall(block)}
        if "license" not in fields:
            continue
        first, _, rest = fields["license"].partition("\n")
        name, body = " ".join(first.split())[: MAX_NAME * 5], _body(rest)
        if not name:
            continue
        if "files" in fields or number == 0:
            said.setdefault(name)
        if body:
            texts.setdefault(name, body)
    return list(said), texts


def _body(rest: str) -> str:
    lines = (line[1:] if line[:1] in (" ", "\t") else line for line in rest.split("\n"))
    return "\n".join("" if line.strip() == "." else line.rstrip() for line in lines).strip("\n")
