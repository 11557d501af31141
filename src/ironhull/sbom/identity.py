"""Identities that follow from the content, and from nothing else."""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

from ironhull.inventory.model import Inventory, Package
from ironhull.sbom.model import UNKNOWN_TIME, Bill

_NAMESPACE = uuid.UUID("6f0e5d4c-6a1b-5c0e-9d55-0d1f6a1c7b3e")
_SECONDS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
NAME_LABEL = "io.ironhull.name"
"""The label that Ironhull's images have their name in."""


def short_id(*parts: str) -> str:
    """Sixteen hexadecimal digits, the same in every run."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def package_id(package: Package) -> str:
    """The id of a package at its place."""
    return short_id(package.purl, package.location)


def document_id(content: bytes) -> uuid.UUID:
    """The UUID of a document that says this."""
    return uuid.uuid5(_NAMESPACE, hashlib.sha256(content).hexdigest())


def created(inventory: Inventory) -> str:
    """When the image says that it was made, in whole seconds UTC; the epoch if it does not."""
    found = _SECONDS.fullmatch(inventory.config.created)
    if found is None:
        return UNKNOWN_TIME
    try:
        moment = datetime.fromisoformat(found[1] + found[2].replace("Z", "+00:00"))
        return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        return UNKNOWN_TIME


def image_name(inventory: Inventory) -> str:
    """What the image is called wherever it lies, so that its bill is the same everywhere.

    Its own label; else what it was asked for by, without place, tag and digest.
    """
    image = inventory.image
    said = inventory.config.labels.get(NAME_LABEL, "")
    if said or not image.key:
        return said or image.name
    last = image.name.partition("@")[0].rstrip("/").rpartition("/")[2]
    return last.partition(":")[0] or image.name


def image_purl(bill: Bill) -> str:
    """`pkg:oci/node@sha256%3A…` where the image has a manifest, else nothing."""
    if bill.manifest is None:
        return ""
    last = bill.name.rstrip("/").rpartition("/")[2].partition("@")[0].partition(":")[0]
    purl = f"pkg:oci/{quote(last.lower() or 'image', safe='')}@{quote(bill.manifest, safe='')}"
    platform = bill.platform
    return f"{purl}?arch={quote(platform.architecture, safe='')}" if platform else purl
