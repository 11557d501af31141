"""Images verified: what is attached to them, whose signatures hold, and what a policy says.

Verifying one image from a disk must cost little more than its signatures: what asks registries is
imported only where it is needed, as in `scanning`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ironhull.attest.listing import ImagePlace, LayoutPlace
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.oci.platform import Platform
from ironhull.registry.client.naming import Kind, Location, find_in, find_location, find_stored
from ironhull.reports.words import moment
from ironhull.signing.keyring import Keyring, KnownKey
from ironhull.signing.public_key import MAX_PEM, PublicKey
from ironhull.store.layout import ImageLayout
from ironhull.verify.evidence import collect
from ironhull.verify.rules.signing import signed
from ironhull.verify.trust import NamedKey, Trust
from ironhull.verify.verdict import Verdict
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class VerifyChoices:
    """What verifying may be told besides the images."""

    keys: Sequence[Path] = ()
    """Public keys to believe; none: those of the home's ring."""
    platforms: Collection[Platform] = ()
    """Of an index, those alone; none: all."""


def verify(machine: Machine, reference: str, chosen: VerifyChoices | None = None) -> Verdict:
    """Whether an image is to be believed, and why.

    `reference` is any place that `copy` reads, a path of a layout or archive, or a name of the
    store. What fails is in the verdict; InputError for an image that is not there, keys that are
    none, and no key at all; NetworkError.
    """
    chosen = chosen or VerifyChoices()
    trust = trust_of(machine, chosen.keys)
    with _opened(machine, reference) as place:
        evidence = collect(place, place.root(), trust, chosen.platforms)
    now = moment(datetime.now(UTC))
    return Verdict(reference, evidence, (signed(evidence),), None, now)


def trust_of(machine: Machine, keys: Sequence[Path]) -> Trust:
    """The keys to believe: those files, else all of the ring; what the ring revoked never."""
    ring = Keyring(machine.home.keys).known()
    trust = Trust.of([_named(path, ring) for path in keys], ring, whole=not keys)
    if trust.believed:
        return trust
    if trust.revoked:
        names = ", ".join(key.name for key in trust.revoked)
        raise InputError(f"no key to verify with: {names} is revoked")
    raise InputError("no key to verify with: give public ones with --key, or keep them in the ring")


def _named(path: Path, ring: Sequence[KnownKey]) -> NamedKey:
    """A key of a file, by the ring's name for it if it has one."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PEM + 1)
    except OSError as error:
        raise EnvironmentProblem(f"cannot read the key {path}: {error.strerror}") from None
    public = PublicKey.from_pem(data, str(path))
    return NamedKey(next((key.name for key in ring if key.public == public), path.name), public)


@contextmanager
def _opened(machine: Machine, reference: str) -> Iterator[ImagePlace]:
    location = find_location(reference)
    match location.kind:
        case Kind.STORE:
            store = machine.home.existing_store
            yield LayoutPlace(store, find_stored(store, location.name or "").digest)
        case Kind.LAYOUT:
            layout = ImageLayout(location.path)
            yield LayoutPlace(layout, find_in(layout, location).digest)
        case Kind.ARCHIVE:
            # What decompresses archives takes its time to load.
            from ironhull.store.archive_file import ArchiveFile

            with ArchiveFile(location.path) as archive:
                yield LayoutPlace(archive, find_in(archive, location).digest)
        case Kind.REGISTRY:
            with _asked(machine, location) as place:
                yield place


@contextmanager
def _asked(machine: Machine, location: Location) -> Iterator[ImagePlace]:
    # The network: half a second that nobody waits for who needs none.
    from ironhull.registry.client.locations import open_source
    from ironhull.workspace.registries import registries

    with (
        registries(machine) as opened,
        open_source(location, opened, machine.home.store) as source,
    ):
        yield source
