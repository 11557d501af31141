"""The bill of materials of an image in any place, and the documents that say it."""

from __future__ import annotations

from dataclasses import replace

from ironhull.build.origins import read_origins
from ironhull.errors import InputError
from ironhull.inventory.assemble import assemble
from ironhull.inventory.model import Inventory
from ironhull.inventory.take import Taker
from ironhull.oci.platform import Platform
from ironhull.sbom.contents import ContentsCache
from ironhull.sbom.cyclonedx import cyclonedx
from ironhull.sbom.make import bill_of as bill_of_inventory
from ironhull.sbom.make import facts_of
from ironhull.sbom.model import Bill
from ironhull.sbom.reading import ContentsWatcher, read_contents
from ironhull.sbom.spdx import spdx
from ironhull.workspace.examining import opened_taker
from ironhull.workspace.machine import Machine

FORMATS = ("cyclonedx", "spdx", "cyclonedx-1.5")


def bill_of(machine: Machine, image: str, platform: Platform | None = None) -> Bill:
    """The bill of an image in any place that an inventory can be taken of.

    Of what was built here it says which package, step or entry of the definition every file is of;
    of others as much as they tell. Errors: those of `Taker.take`.
    """
    with opened_taker(machine) as taker:
        return read_bill(machine, taker, image, platform)


def read_bill(machine: Machine, taker: Taker, image: str, platform: Platform | None) -> Bill:
    """The same with a taker that is open: for who wants several things of an image."""
    return look_into(machine, taker, image, platform)[1]


def look_into(
    machine: Machine, taker: Taker, image: str, platform: Platform | None
) -> tuple[Inventory, Bill]:
    """Inventory and bill of an image that is opened once for both; errors as for `bill_of`."""
    cache = ContentsCache(machine.home.layer_contents)
    taker = replace(taker, watch=lambda: ContentsWatcher(cache))
    with taker.opened(image, platform) as (opened, view):
        known = taker.stored.get(opened.identity.key) if taker.stored else None
        inventory = replace(known or assemble(opened, view), image=opened.identity)
        if known is None and taker.stored is not None:
            taker.stored.put(inventory)
        contents = read_contents(taker, opened, view, cache)
        manifest = opened.identity.manifest
        origins = read_origins(machine.home, manifest) if manifest else None
        facts = facts_of(view, inventory, contents, opened.config, origins)
        return inventory, bill_of_inventory(inventory, facts)


def document_of(bill: Bill, form: str) -> bytes:
    """A bill as `cyclonedx` (1.6), `cyclonedx-1.5` or `spdx` (2.3): one line of JSON."""
    match form:
        case "cyclonedx":
            return cyclonedx(bill)
        case "cyclonedx-1.5":
            return cyclonedx(bill, "1.5")
        case "spdx":
            return spdx(bill)
        case _:
            raise InputError(f"unknown SBOM format {form!r} (there are: {', '.join(FORMATS)})")


def sbom(
    machine: Machine, image: str, form: str = "cyclonedx", platform: Platform | None = None
) -> bytes:
    """The bill of an image in any place, as `document_of` writes it."""
    return document_of(bill_of(machine, image, platform), form)
