"""Who else has rebuilt an image's packages, as a statement that is attached says it."""

from __future__ import annotations

from collections import Counter

from ironhull.attest.listing import LayoutPlace, attached_to, read_attachment
from ironhull.errors import MalformedError
from ironhull.json_fields import decode, objects
from ironhull.oci.digest import Digest
from ironhull.statements.kinds import REBUILDS
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine

MAX_SIZE = 64 << 20


@dataclass(frozen=True, slots=True)
class RebuiltPackages:
    """How many rebuilders got the same bytes, as it is attached to an image; not verified."""

    counts: tuple[tuple[int, int], ...]
    """Number of rebuilders → number of packages, most first; 0 rebuilders: not known."""

    @property
    def words(self) -> str:
        """`3 by 2 others, 1 by 1, 4 unknown`."""
        said = [f"{count} by {by}" for by, count in self.counts if by]
        unknown = sum(count for by, count in self.counts if not by)
        return ", ".join([*said, f"{unknown} unknown"])


def rebuilt_packages(machine: Machine, manifest: Digest) -> RebuiltPackages | None:
    """What is attached to a manifest of the store; None where nothing is, MalformedError."""
    place = LayoutPlace(machine.home.store, manifest)
    found = [each for each in attached_to(place, [manifest]) if each.type == REBUILDS]
    if not found:
        return None
    (said, *_) = read_attachment(place, found[-1], "rebuilds", MAX_SIZE)
    packages = objects(decode(said.document, "rebuilds"), "packages", "rebuilds")
    if not all(isinstance(each.get("rebuiltBy"), list) for each in packages):
        raise MalformedError("rebuilds: packages without a list of who rebuilt them")
    counted = Counter(len(each["rebuiltBy"]) for each in packages)
    return RebuiltPackages(tuple(sorted(counted.items(), reverse=True)))
