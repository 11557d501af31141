"""The vulnerabilities of any image: its inventory, matched, then VEX and accepted risks applied.

Scanning an image again must cost little more than the matching. So what reads images, asks
registries or opens an archive is imported only where it is needed; that is why some imports stand
inside functions here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ironhull.advisories.database import Database
from ironhull.errors import InputError
from ironhull.inventory.accept import accept
from ironhull.inventory.document import loads
from ironhull.inventory.model import Inventory
from ironhull.oci.platform import Platform
from ironhull.patched.model import OWN_VERSION
from ironhull.scan.index import tracker_index
from ironhull.scan.interface import LiveIndex
from ironhull.scan.matching import Options
from ironhull.scan.matching import scan as match
from ironhull.scan.model import ScanResult
from ironhull.state.known import known_inventory
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine


@dataclass(frozen=True, slots=True)
class ScanChoices:
    """What a scan may be told besides the image."""

    vex: Sequence[Path] = ()
    """VEX documents to apply, or folders of them: OpenVEX, CSAF or CycloneDX."""
    vex_unchecked: bool = False
    """Apply statements too that the linter calls errors."""
    attached_vex: bool = False
    """Apply VEX attached to the image; nobody verifies it."""
    no_evidence: bool = False
    """Do not apply our own evidence (code not built, kernel headers) as VEX."""
    exceptions: Path | None = None
    """A file of accepted risks."""
    max_age: int | None = None
    """Days that the newest advisories may be old; 0: any; None: as the settings have it."""
    live: bool = False
    """Look fixes up in the archive's signed index."""
    accept_unreadable: Sequence[str] = ()
    """Patterns of files that cannot be read and that somebody has looked at."""


def scan(
    machine: Machine, image: str, chosen: ScanChoices, platform: Platform | None = None
) -> ScanResult:
    """The findings of an image in any place, or of a file of `ironhull inventory --json`.

    InputError where there is no advisory database or nothing knows the image; what cannot be
    relied on (stale data, unknown releases) is said in the result's verdict and warnings.
    """
    with advisories_for(machine, image, platform) as database:
        inventory = inventory_of(machine, image, platform)
        return scan_inventory(machine, image, inventory, database, chosen)


@contextmanager
def advisories_for(
    machine: Machine, image: str, platform: Platform | None = None
) -> Iterator[Database]:
    """The advisory database, for who scans an image; InputError where there is none.

    An image that is not there either is said first, where no registry and no engine is asked.
    """
    try:
        database = Database(machine.home.advisories)
    except InputError:
        _must_be_there(machine, image, platform)
        raise
    with database:
        yield database


def _must_be_there(machine: Machine, image: str, platform: Platform | None) -> None:
    if known_inventory(machine.home, image, platform) is not None:
        return
    from ironhull.inventory.sources.find import is_near, open_image
    from ironhull.workspace.examining import opened_taker

    if not (image.endswith(".json") and Path(image).is_file()) and is_near(image):
        with opened_taker(machine) as taker, open_image(image, taker.places, platform):
            pass


def inventory_of(machine: Machine, image: str, platform: Platform | None = None) -> Inventory:
    """The inventory of an image, or the one in a file of `ironhull inventory --json`."""
    path = Path(image)
    if image.endswith(".json") and path.is_file():
        try:
            return loads(path.read_bytes(), image)
        except OSError as error:
            raise InputError(f"cannot read {image}: {error.strerror}") from None
    known = known_inventory(machine.home, image, platform)
    if known is not None:
        return known
    from ironhull.workspace.examining import inventory

    return inventory(machine, image, platform)


def scan_inventory(
    machine: Machine, image: str, inventory: Inventory, database: Database, chosen: ScanChoices
) -> ScanResult:
    """Match, then apply VEX and accepted risks; `image` is where attached VEX is looked for."""
    now = datetime.now(UTC)
    options = Options(
        now=now,
        max_age=allowed_age(machine, chosen.max_age),
        index=_index(machine, inventory, database, live=chosen.live),
        evidence=not chosen.no_evidence,
    )
    inventory = accept(inventory, chosen.accept_unreadable)
    result = match(inventory, database, options)
    if chosen.vex or chosen.attached_vex:
        from ironhull.workspace.scan_vex import with_vex

        attached_to = image if chosen.attached_vex else None
        result = with_vex(
            machine,
            result,
            inventory,
            database,
            chosen.vex,
            attached_to,
            unchecked=chosen.vex_unchecked,
        )
    if any(OWN_VERSION.search(package.version) for package in inventory.packages):
        from ironhull.workspace.scan_vex import with_own_fixes

        result = with_own_fixes(machine, result, inventory, database)
    if chosen.exceptions is not None:
        from ironhull.scan.exceptions import apply_exceptions, read_exceptions

        result = apply_exceptions(result, read_exceptions(chosen.exceptions), now.date())
    return result


def allowed_age(machine: Machine, days: int | None) -> timedelta | None:
    """How old advisories may be: so many days, 0 for any age, or as the settings have it."""
    if days is None:
        return machine.settings.max_advisory_age
    return timedelta(days=days) if days else None


def _index(machine: Machine, inventory: Inventory, database: Database, *, live: bool) -> LiveIndex:
    distribution = inventory.distribution
    if live and distribution.id == "debian":
        from ironhull.workspace.scan_archive import archive_index

        return archive_index(machine, inventory)
    sources = {package.source for package in inventory.packages if package.type == "deb"}
    return tracker_index(database, sources, distribution.version_id.partition(".")[0])
