"""Options that say whom `ironhull verify` believes, and of what."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ironhull.cli.options import platforms_option
from ironhull.oci.platform import Platform
from ironhull.verify.policy.model import Policy
from ironhull.workspace.verifying import ChosenIdentity, VerifyChoices

_FILE = click.Path(path_type=Path, dir_okay=False)
_TRUST = (
    click.option(
        "--key",
        "keys",
        multiple=True,
        metavar="PUB",
        type=_FILE,
        help="A public key to believe (PEM); several: any of them.  [default: the ring's]",
    ),
    click.option("--policy", type=_FILE, help="What has to hold (docs/verify.md)."),
    click.option(
        "--rebuilders",
        "rebuilds",
        multiple=True,
        metavar="PATH",
        type=click.Path(path_type=Path, exists=True),
        help="Attestations of who else rebuilt packages (rebuilderd's), or a folder of them.",
    ),
    click.option(
        "--timestamp-authority",
        "authorities",
        multiple=True,
        metavar="PEM",
        type=_FILE,
        help="The chain of a timestamp authority to trust, its root in it; repeatable.",
    ),
    click.option("--identity", metavar="SAN", help="Believe certificates of this mail or URI."),
    click.option("--issuer", metavar="URL", help="Who vouches for the identity."),
    click.option("--trust-root", type=_FILE, help="Sigstore's trusted_root.json to hold them to."),
    platforms_option,
)


def trust_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Keys, policy, rebuilders, authorities, identity, platforms: given to it as `chosen`."""

    @wraps(command)
    def with_choices(
        keys: tuple[Path, ...],
        policy: Path | None,
        rebuilds: tuple[Path, ...],
        authorities: tuple[Path, ...],
        identity: str | None,
        issuer: str | None,
        trust_root: Path | None,
        platforms: tuple[str, ...],
        **others: Any,
    ) -> Any:
        chosen = VerifyChoices(
            keys,
            _policy(policy),
            Platform.parse_all(platforms),
            rebuilds=rebuilds,
            authorities=authorities,
            identity=_identity(identity, issuer, trust_root),
        )
        return command(chosen=chosen, **others)

    for option in reversed(_TRUST):
        with_choices = option(with_choices)
    return with_choices


def _identity(
    identity: str | None, issuer: str | None, trust_root: Path | None
) -> ChosenIdentity | None:
    if identity is not None and issuer is not None and trust_root is not None:
        return ChosenIdentity(identity, issuer, trust_root)
    if identity is not None or issuer is not None or trust_root is not None:
        raise click.UsageError("--identity, --issuer and --trust-root go together")
    return None


def _policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    # What reads YAML: not for who only has a key.
    from ironhull.verify.policy.reader import read_policy

    return read_policy(path)
