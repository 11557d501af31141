"""What a binary package's control file says of the patches that it was built with.

`Ironhull-Patches: limit.patch sha256:… CVE-2017-9937, other.patch sha256:… CVE-2020-1 CVE-2020-2`.
It goes into the package database of every image, so that a bill of materials says it anywhere.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ironhull.oci.digest import Digest, digest_of
from ironhull.patched.model import PatchedSource

PATCHES_FIELD = "Ironhull-Patches"
_ENTRY = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._+-]{0,120}) (sha256:[0-9a-f]{64})"
    r"((?: [A-Za-z0-9][A-Za-z0-9.:_-]{0,100})*)"
)
_MAX_ENTRIES = 1000


class AppliedPatch(NamedTuple):
    """One patch that a package was built with."""

    name: str
    """Its file's."""
    digest: Digest
    fixes: tuple[str, ...]
    """Vulnerabilities."""


def patches_field(definition: PatchedSource) -> str:
    """The field's value."""
    return ", ".join(
        " ".join([patch.name, digest_of(patch.content), *patch.fixes])
        for patch in definition.patches
    )


def read_patches(value: str) -> tuple[AppliedPatch, ...]:
    """The entries of the field's value that can be read: anybody may have written it."""
    entries = (" ".join(text.split()) for text in value.split(",", _MAX_ENTRIES)[:_MAX_ENTRIES])
    found = (_ENTRY.fullmatch(text) for text in entries)
    return tuple(
        AppliedPatch(one[1], Digest(one[2]), tuple(one[3].split())) for one in found if one
    )
