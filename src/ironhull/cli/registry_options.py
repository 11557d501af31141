"""What the verbs that move images print of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ironhull.cli.machine import opened
from ironhull.registry.client.access import Registries
from ironhull.registry.client.transfer import Transferred
from ironhull.reports.words import shown_size, tally
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import Published
from ironhull.workspace.registries import registries as machine_registries


@contextmanager
def registries(
    plain_http: bool, ca: Path | None, quiet: bool
) -> Iterator[tuple[Machine, Registries]]:
    """The machine and its registries as the options say."""
    with (
        opened(quiet, plain_http=plain_http, ca=ca) as machine,
        machine_registries(machine) as found,
    ):
        yield machine, found


def report(done: Transferred) -> dict[str, Any]:
    """What --json prints of a transfer."""
    return {
        "digest": done.root.digest,
        "mediaType": done.root.media_type,
        "manifests": done.manifests,
        "referrers": done.referrers,
        "blobs": done.blobs,
        "blobsMoved": done.blobs_moved,
        "bytesMoved": done.bytes_moved,
    }


def summary(done: Transferred) -> str:
    """A transfer in half a line, for people."""
    parts = [f"{done.blobs_moved} of {tally(done.blobs, 'blob')}, {shown_size(done.bytes_moved)}"]
    if done.referrers:
        parts.append(tally(done.referrers, "referrer"))
    return f"{done.root.digest} ({', '.join(parts)})"


def recorded(done: Published) -> str:
    """What is said of a publication's record, if there is one."""
    return "" if done.record is None else f", record {done.record}"


def checked(done: Published) -> Iterator[str]:
    """What reading back said, a line each; nothing where nobody asked."""
    there = done.check
    if there is None:
        return
    what = f"{tally(there.manifests, 'manifest')}, {tally(there.blobs, 'blob')}"
    what += f", {tally(there.referrers, 'referrer')}"
    where = {True: " by the referrers API", False: " under the referrers tag", None: ""}
    yield f"read back: {what}{where[there.by_api]}; {len(there.losses) or 'nothing'} lost"
    for loss in there.losses:
        yield f"lost: {loss}"
