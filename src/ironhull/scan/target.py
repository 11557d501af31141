"""Which ecosystem of the database an image's distribution is. Unknown is an error, never zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from ironhull.advisories.ecosystems import SID, order
from ironhull.debian.codenames import NUMBERS
from ironhull.errors import InputError
from ironhull.inventory.model import Distribution, Inventory
from ironhull.scan.model import Caveat
from ironhull.scan.rebuilt import DHI
from ironhull.values import dataclass

Family = Literal["debian", "dhi", "alpine", ""]


@dataclass(frozen=True, slots=True)
class Target:
    """What distribution packages are matched as. An empty family: there are none."""

    family: Family
    ecosystem: str = ""
    covered: bool = True
    """Whether any feed says anything about this release."""
    warnings: tuple[Caveat, ...] = ()

    @property
    def release(self) -> str:
        """The release part of the ecosystem; empty where it has none."""
        return self.ecosystem.rpartition(":")[2]


def target_of(inventory: Inventory, ecosystems: Mapping[str, int]) -> Target:
    """The target; InputError for a distribution that is unknown or that no feed is made for."""
    distribution = inventory.distribution
    types = {package.type for package in inventory.packages if package.is_distribution}
    if not types:
        return _without_packages(inventory)
    if distribution.id == "debian" and types == {"deb"}:
        return _debian(distribution, ecosystems)
    if distribution.id == DHI and types == {"deb"}:
        return _dhi(distribution, ecosystems)
    if distribution.id == "alpine" and types == {"apk"}:
        return _alpine(distribution, ecosystems)
    kinds = " and ".join(sorted(types))
    if not distribution.known:
        raise InputError(
            f"{inventory.image.name}: {kinds} packages of an unknown distribution"
            f" ({distribution.reason or 'no os-release'}); they cannot be matched with advisories"
        )
    raise InputError(
        f"{inventory.image.name}: no advisories for {kinds} packages of {distribution.label}"
        " (there are: debian, alpine); another distribution's advisories would be wrong for them"
    )


def _without_packages(inventory: Inventory) -> Target:
    """Nothing of a distribution: fine for a static binary, wrong for an empty or unread image."""
    if not inventory.packages:
        known = inventory.distribution.label if inventory.distribution.known else "unknown"
        raise InputError(
            f"{inventory.image.name}: no package of any kind was found (distribution: {known});"
            " nothing can be said about its vulnerabilities"
        )
    message = "no distribution packages were found; only language packages were matched"
    if inventory.distribution.known:
        message = f"{inventory.distribution.label}, but {message}"
    return Target("", warnings=(Caveat("no-data", "distribution", message),))


def _debian(distribution: Distribution, ecosystems: Mapping[str, int]) -> Target:
    number = distribution.version_id.partition(".")[0]
    if number:
        return _covered("debian", f"debian:{number}", ecosystems)
    # Testing and unstable have no VERSION_ID; unstable says `…/sid` in etc/debian_version.
    codename = distribution.codename.lower()
    if codename in NUMBERS and "sid" not in distribution.pretty_name.lower():
        return _covered("debian", f"debian:{NUMBERS[codename]}", ecosystems)
    words = f"{codename} {distribution.debian_version} {distribution.pretty_name}".lower()
    if "sid" in words or codename in NUMBERS:
        return _rolling(ecosystems, codename or "sid")
    raise InputError(
        "this Debian has neither VERSION_ID nor a known codename"
        f" (etc/debian_version: {distribution.debian_version or 'absent'}); its packages cannot be"
        " matched with advisories"
    )


def _dhi(distribution: Distribution, ecosystems: Mapping[str, int]) -> Target:
    """Docker Hardened Images by their own feed; Debian's is about other packages."""
    number = (distribution.version_id or distribution.debian_version).partition(".")[0]
    number = NUMBERS.get(number, number)
    ecosystem = f"{DHI}:debian:{number}"
    if ecosystem in ecosystems:
        return Target(DHI, ecosystem)
    message = (
        "no feed in the database says anything about Docker Hardened Images of Debian"
        f" {number or 'of no number'} (--source osv-dhi=FILE), and Debian's own is about other"
        " packages: their vulnerabilities are unknown, not zero"
    )
    return Target(DHI, ecosystem, False, (Caveat("no-data", f"dhi {number}".strip(), message),))


def _rolling(ecosystems: Mapping[str, int], name: str) -> Target:
    nearest = _newest(each for each in ecosystems if each.startswith("debian:") and each != SID)
    if SID in ecosystems:
        return Target("debian", SID)
    message = "no feed has unstable's own state (debian-tracker, debian-annotations have)"
    if nearest:
        message += f"; matched as in {nearest.replace(':', ' ')}"
    return Target("debian", SID, bool(nearest), (Caveat("fallback", f"debian {name}", message),))


def _alpine(distribution: Distribution, ecosystems: Mapping[str, int]) -> Target:
    parts = distribution.version_id.split(".")
    edge = "edge" in distribution.pretty_name.lower() or "_alpha" in distribution.version_id
    if len(parts) < 2 and not edge:
        raise InputError(
            f"this Alpine has no VERSION_ID of the form 3.20.1, got {distribution.version_id!r}"
        )
    ecosystem = f"alpine:{parts[0]}.{parts[1]}" if not edge else "alpine:edge"
    if edge and ecosystem not in ecosystems:
        nearest = _newest(each for each in ecosystems if each.startswith("alpine:"))
        if nearest:
            message = f"no feed has edge; matched as in {nearest.replace(':', ' ')}"
            return Target("alpine", nearest, True, (Caveat("fallback", "alpine", message),))
    return _covered("alpine", ecosystem, ecosystems)


def _covered(family: Family, ecosystem: str, ecosystems: Mapping[str, int]) -> Target:
    if ecosystem in ecosystems:
        return Target(family, ecosystem)
    older = [
        each
        for each in ecosystems
        if each.startswith("debian:") and order(each) < order(ecosystem) and each != SID
    ]
    name = ecosystem.replace(":", " ")
    if family == "debian" and SID in ecosystems:
        message = f"no feed has {name} itself; what the tracker says without a release was used"
        return Target(family, ecosystem, True, (Caveat("fallback", name, message),))
    if family == "debian" and older and _is_next(ecosystem, older):
        message = f"no feed has {name} yet; matched as in {_newest(older).replace(':', ' ')}"
        return Target(family, ecosystem, True, (Caveat("fallback", name, message),))
    message = (
        f"no feed in the database says anything about {name}:"
        " its vulnerabilities are unknown, not zero"
    )
    return Target(family, ecosystem, False, (Caveat("no-data", name, message),))


def _is_next(ecosystem: str, older: Iterable[str]) -> bool:
    return order(ecosystem) - order(_newest(older)) <= 1


def _newest(names: Iterable[str]) -> str:
    return max(names, key=_release_key, default="")


def _release_key(name: str) -> tuple[int, ...]:
    parts = name.partition(":")[2].split(".")
    return tuple(int(part) for part in parts if part.isdigit())
