"""What every verb that talks to a registry takes: its options, credentials, mirrors and TLS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from ironhull.cli.output import megabytes, progress
from ironhull.cli.settings import settings
from ironhull.errors import InputError
from ironhull.oci.platform import Platform
from ironhull.registry.client.access import Registries
from ironhull.registry.client.credentials import Credentials, credential_files
from ironhull.registry.client.transfer import Transferred

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
def registries(plain_http: bool, ca: Path | None, quiet: bool) -> Iterator[Registries]:
    """The registries of this command, with the logins and mirrors of this machine."""
    configured = settings()
    with (
        progress(quiet) as shown,
        Registries(
            credentials=Credentials(credential_files(os.environ, os.getuid())),
            plain_http=plain_http,
            ca=ca,
            mirrors=parse_mirrors(configured.get("registry_mirrors") or ""),
            progress=shown,
        ) as opened,
    ):
        yield opened


def parse_mirrors(text: str) -> Mapping[str, Sequence[str]]:
    """`docker.io=mirror.example/hub, ghcr.io=…`: registry → locations in the order to ask them."""
    found: dict[str, list[str]] = {}
    for entry in text.replace(",", " ").split():
        registry, equals, location = entry.partition("=")
        if not equals or not registry or not location or "://" in location:
            raise InputError(
                f"registry_mirrors: {entry!r} is not registry=host[:port][/prefix] "
                "(IRONHULL_REGISTRY_MIRRORS or ironhull.toml)"
            )
        found.setdefault(registry, []).append(location)
    return found


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
