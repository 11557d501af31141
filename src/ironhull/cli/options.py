"""Options that several verbs take. Nothing is loaded here that a verb may do without."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
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
    click.option("--mirror", metavar="URL|DIR", help="The package archive, if not the setting's."),
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


_PUBLIC = click.Path(path_type=Path, exists=True, dir_okay=False)
_WHOM = (
    click.option(
        "--trust",
        multiple=True,
        metavar="PUB",
        type=_PUBLIC,
        help="On pages, believe who signs with this public key (PEM).  [default: the ring's]",
    ),
    click.option(
        "--trust-identity",
        metavar="SAN",
        help="On pages, believe certificates of this mail or URI.",
    ),
    click.option("--trust-issuer", metavar="URL", help="Who vouches for the identity."),
    click.option("--trust-root", type=_PUBLIC, help="Sigstore's trusted_root.json to hold it to."),
)


def whom_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Whose statements count on the catalog's pages: VerifyChoices as `whom`, None for the ring's.

    What is no key, or no trusted root, is said before anything is served.
    """

    @wraps(command)
    def with_whom(
        trust: tuple[Path, ...],
        trust_identity: str | None,
        trust_issuer: str | None,
        trust_root: Path | None,
        **others: Any,
    ) -> Any:
        named = (trust_identity, trust_issuer, trust_root)
        whom = _whom(trust, *named) if trust or any(named) else None
        return command(whom=whom, **others)

    return _with(with_whom, _WHOM)


def _whom(keys: tuple[Path, ...], name: str | None, issuer: str | None, root: Path | None) -> Any:
    # What verifies: a third of what a server takes that has none of these options.
    from ironhull.workspace.verifying import ChosenIdentity, VerifyChoices, check_choices

    identity = None
    if name and issuer and root:
        identity = ChosenIdentity(name, issuer, root)
    elif name or issuer or root:
        text = "--trust-identity, --trust-issuer and --trust-root go together"
        raise click.UsageError(text)
    whom = VerifyChoices(keys, identity=identity)
    check_choices(whom)
    return whom
