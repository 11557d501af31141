"""Digests of what a definition names by address alone: a key or a file of somebody's server.

Such a thing is refused unless a setting allows it; then the lock has its digest from the first time
on, and every reading says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ironhull.definition.model import Place
from ironhull.definition.tree import Problems
from ironhull.oci.digest import Digest
from ironhull.settings import Unpinned
from ironhull.values import dataclass

SETTING = "allow_unpinned"


_WITHOUT = {
    Unpinned.KEYS: "a key from the network is trusted only by its digest: write "
    "https://…#sha256=<64 hex digits>, save the key beside the definition",
    Unpinned.FILES: "a file from the network is taken only by its digest: write "
    "'checksum: sha256:<64 hex digits>'",
}


@dataclass(frozen=True, slots=True)
class Pins:
    """What reading a definition is told of the things that it names by address alone."""

    digests: Mapping[str, Digest] = field(default_factory=dict)
    """Of their bytes, by address, as the lock has them."""
    allowed: frozenset[Unpinned] = frozenset()

    def digest(
        self, kind: Unpinned, address: str, place: Place, problems: Problems
    ) -> Digest | None:
        """The lock's digest; None if it has none yet, or after an error if it is not allowed."""
        if kind not in self.allowed:
            problems.error(
                place,
                f"{_WITHOUT[kind]}, or let the lock keep the digest of what is there, with the "
                f"setting {SETTING} = '{kind}'",
            )
            return None
        known = self.digests.get(address)
        held = f"held to the lock's {known}" if known else "trusted as it is there when locking"
        problems.warn(
            place, f"no digest of {address:.200}: {held} (the setting {SETTING} allows it)"
        )
        return known


NOTHING = Pins()
