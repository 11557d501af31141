"""Who else has rebuilt the packages of an image to the same bytes, as a predicate.

A statement of its own and no part of provenance: that says how the image was made, the same bytes
for the same build, whenever it is asked; what others have rebuilt changes every day. The
rebuilders' own attestations are in it, so that nobody has to believe our count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ironhull.lock.model import LockedPackage
from ironhull.oci.digest import hex_of
from ironhull.oci.document import canonical


def rebuilds_of(
    packages: Sequence[LockedPackage],
    found: Mapping[str, frozenset[str]],
    names: Mapping[str, str],
    links: Sequence[Mapping[str, Any]],
) -> bytes:
    """The predicate: each package, and the rebuilders that got its bytes; none: not known.

    `found` is sha256 → fingerprints, `names` fingerprint → what the rebuilder is called, `links`
    the attestations that say so.
    """
    listed = [
        {
            "name": package.path.rpartition("/")[2],
            "digest": {"sha256": hex_of(package.sha256)},
            "rebuiltBy": sorted(found.get(hex_of(package.sha256), ())),
        }
        for package in sorted(packages, key=lambda each: each.path)
    ]
    known = sum(bool(each["rebuiltBy"]) for each in listed)
    return canonical(
        {
            "packages": listed,
            "rebuilt": known,
            "unknown": len(listed) - known,
            "rebuilders": [{"name": names[key], "key": key} for key in sorted(names)],
            "links": [dict(each) for each in links],
        }
    )
