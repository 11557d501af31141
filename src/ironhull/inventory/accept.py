"""Files that could not be read and that a person has looked at: said, and no longer missing."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import replace

from ironhull.inventory.model import Inventory


def accept(inventory: Inventory, globs: Sequence[str]) -> Inventory:
    """The inventory in which unreadable files that match a pattern are `accepted` remarks.

    Patterns are those of a shell, but `*` matches slashes too: `/opt/app/test/*`.
    """
    if not globs:
        return inventory
    wanted = re.compile("|".join(fnmatch.translate(glob) for glob in globs))
    remarks = tuple(
        replace(remark, kind="accepted")
        if remark.kind == "unparsed" and wanted.match(remark.location)
        else remark
        for remark in inventory.remarks
    )
    return replace(inventory, remarks=remarks)
