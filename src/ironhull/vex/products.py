"""How an image and its packages are named in VEX that we write.

What scanners find by that: docs/compatibility.md, *scan with OpenVEX*,
*scan platform with OpenVEX*, *scan renamed image with OpenVEX*.
"""

from __future__ import annotations

from collections.abc import Iterable

from ironhull.vex.model import Product
from ironhull.vex.purl import image_purl, part_purls


def image_product(image: str, digest: str, manifest: str, purls: Iterable[str]) -> Product:
    """Packages as parts of an image; `manifest` is of the platform that they are in, or empty.

    Scanners know an image by the digest that they were asked for: that of its index by tag, that
    of the platform's manifest where somebody named it; and by the digest alone where it has another
    name there. So it is named in all three ways.
    """
    whole, platform = image_purl(image, digest), image_purl(image, manifest)
    also = [each for each in (platform, digest) if each and each != whole]
    parts = {form for purl in purls for form in part_purls(purl)}
    return Product(whole, tuple(sorted(parts)), tuple(also))
