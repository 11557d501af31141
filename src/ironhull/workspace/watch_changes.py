"""The changelog of a rebuild as a signed statement about each platform of it."""

from __future__ import annotations

from collections.abc import Sequence

from ironhull.changes.document import document_of
from ironhull.compare.model import MeasuredImage
from ironhull.oci.document import canonical
from ironhull.statements.kinds import CHANGELOG
from ironhull.workspace.attesting import AttestChoices, attest
from ironhull.workspace.changelog import changes_between
from ironhull.workspace.machine import Machine


def attest_changes(
    machine: Machine, name: str, older: Sequence[MeasuredImage], newer: Sequence[MeasuredImage]
) -> None:
    """Say of each platform of an image in the store what changed since the older image's.

    A platform that the older image does not have has no changelog.
    """
    before = {side.inventory.image.platform: side for side in older}
    for side in newer:
        platform = side.inventory.image.platform
        if platform is None or platform not in before:
            continue
        document = document_of(changes_between(machine, before[platform], side))
        # When it was compared is no matter of the image: the statement would differ each time.
        del document["made"]
        # Nor what each is called on this machine.
        old, new = document["before"], document["after"]
        predicate = {
            **document,
            "image": name,
            "before": {**old, "name": old["digest"] or old["manifest"]},
            "after": {**new, "name": name, "digest": None},
        }
        said = AttestChoices((), {CHANGELOG: canonical(predicate)}, (platform,))
        attest(machine, name, said)
