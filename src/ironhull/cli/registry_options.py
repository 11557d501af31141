"""What every verb that talks to a registry takes: its options, credentials, mirrors and TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from ironhull.cli.machine import opened
from ironhull.cli.output import megabytes
from ironhull.oci.platform import Platform
from ironhull.registry.client.access import Registries
from ironhull.registry.client.transfer import Transferred
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import registries as machine_registries

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--plain-http",
        is_flag=True,
        help="Allow registries without TLS (loopback always may be). Logins are not sent to them.",
    ),
    click.option(
        "--ca",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Certificate authorities to trust beside the system's (PEM).",
    ),
    click.option("-q", "--quiet", is_flag=True, help="No progress, only the result."),
)


def registry_options(function: _Function) -> _Function:
    """Add --plain-http, --ca and --quiet to a verb."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


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


def parse_platform(text: str | None) -> Platform | None:
    """The value of --platform; None stands for all of them."""
    return Platform.parse(text) if text else None


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
    parts = [f"{done.blobs_moved} of {done.blobs} blobs, {megabytes(done.bytes_moved)}"]
    if done.referrers:
        parts.append(f"{done.referrers} referrers")
    return f"{done.root.digest} ({', '.join(parts)})"
