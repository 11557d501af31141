"""Package databases that are missing or not read: said, so that nothing counts as zero."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ironhull.inventory.model import Distribution, Package, Remark
from ironhull.inventory.view import View

# Path → what keeps its packages there.
_FOREIGN = {
    "/var/lib/rpm/Packages": "rpm",
    "/var/lib/rpm/Packages.db": "rpm",
    "/var/lib/rpm/rpmdb.sqlite": "rpm",
    "/usr/lib/sysimage/rpm/Packages.db": "rpm",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite": "rpm",
    "/usr/share/rpm/rpmdb.sqlite": "rpm",
    "/var/lib/rpmmanifest/container-manifest-2": "rpm",
    "/var/lib/pacman/local": "pacman",
    "/var/lib/opkg/status": "opkg",
    "/usr/lib/opkg/status": "opkg",
    "/var/lib/chisel/manifest.wall": "chisel",
    "/nix/var/nix/db/db.sqlite": "nix",
    "/var/db/pkg": "portage",
}
# Distributions, or what they are like → the type of package that they must have.
_EXPECTED = {
    "debian": "deb",
    "ubuntu": "deb",
    "alpine": "apk",
    "wolfi": "apk",
    "chainguard": "apk",
}


def unread_databases(
    view: View, distribution: Distribution, packages: Collection[Package]
) -> Iterator[Remark]:
    """A remark for each database that is not read, and for one that should be there and is not."""
    foreign = {kind: path for path, kind in _FOREIGN.items() if view.real(path) in view}
    for kind, path in sorted(foreign.items()):
        yield Remark("unparsed", path, f"packages of {kind}, which Ironhull does not read")
    types = {package.type for package in packages}
    wanted = {
        _EXPECTED[name] for name in (distribution.id, *distribution.id_like) if name in _EXPECTED
    }
    if wanted and not wanted & types and not foreign:
        yield Remark(
            "unparsed",
            "/",
            f"{distribution.id} without a package database that lists anything: its packages "
            "are there or not, but nothing says which",
        )
