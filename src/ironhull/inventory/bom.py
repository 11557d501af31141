"""What both SBOM formats share: identities that follow from the content, and nothing else."""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

from ironhull.inventory.model import Inventory, Package
from ironhull.oci.document import canonical

_NAMESPACE = uuid.UUID("6f0e5d4c-6a1b-5c0e-9d55-0d1f6a1c7b3e")
_SECONDS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
UNKNOWN_TIME = "1970-01-01T00:00:00Z"


def package_id(package: Package) -> str:
    """Sixteen hexadecimal digits for a package at its place, the same in every run."""
    return hashlib.sha256(f"{package.purl}\0{package.location}".encode()).hexdigest()[:16]


def document_id(content: object) -> uuid.UUID:
    """The UUID of a document that says this, as JSON."""
    return uuid.uuid5(_NAMESPACE, hashlib.sha256(canonical(content)).hexdigest())


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


def image_purl(inventory: Inventory) -> str:
    """`pkg:oci/node@sha256%3A…` where the image has a manifest, else nothing."""
    digest = inventory.image.digest or inventory.image.manifest
    if not digest:
        return ""
    last = inventory.image.name.rstrip("/").rpartition("/")[2].partition("@")[0].partition(":")[0]
    purl = f"pkg:oci/{quote(last.lower() or 'image', safe='')}@{quote(digest, safe='')}"
    platform = inventory.image.platform
    return f"{purl}?arch={quote(platform.architecture, safe='')}" if platform else purl
