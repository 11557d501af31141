"""Options that several verbs take. Nothing is loaded here that a verb may do without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ironhull.oci.platform import Platform

_Function = TypeVar("_Function", bound=Callable[..., Any])

platform_option = click.option(
    "--platform", "platform", metavar="OS/CPU", help="Which platform; without it this machine's."
)
platforms_option = click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="OS/CPU[,…]",
    help="Only this platform of the image, or these with commas between; may be repeated.",
)
_REGISTRY = (
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
_ARCHIVE = (
    click.option(
        "--mirror", help="Address or folder of the package archive, instead of the setting."
    ),
    click.option(
        "--keyring",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="OpenPGP keys that may sign the archive, instead of Debian's.",
    ),
    click.option("--offline", is_flag=True, help="Use nothing but what is on this machine."),
)


def registry_options(function: _Function) -> _Function:
    """Add --plain-http, --ca and --quiet to a verb."""
    return _with(function, _REGISTRY)


def archive_options(function: _Function) -> _Function:
    """Add --mirror, --keyring and --offline to a verb."""
    return _with(function, _ARCHIVE)


def _with(function: _Function, options: tuple[Callable[[_Function], _Function], ...]) -> _Function:
    for option in reversed(options):
        function = option(function)
    return function


def given_platform(text: str | None) -> Platform | None:
    """The value of --platform; None where it was not given."""
    return Platform.parse(text) if text else None


def _keys(
    context: click.Context, parameter: click.Parameter, paths: tuple[Path, ...]
) -> tuple[Path, ...]:
    if paths:
        # What reads keys: half of what a server without any takes.
        from ironhull.signing.public_key import MAX_PEM, PublicKey

        for path in paths:
            with path.open("rb") as file:
                PublicKey.from_pem(file.read(MAX_PEM + 1), str(path))
    return paths


trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="PUB",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True),
    callback=_keys,
    help="On pages, believe who signs with this public key (PEM).  [default: the ring's]",
)
"""Whose statements count on the catalog's pages, given to it as `trust`."""
