"""`ironhull key`: the keys that sign, and those that are believed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.settings import KEY_VARIABLE
from ironhull.errors import InputError
from ironhull.signing.keyring import Keyring, KnownKey

_passphrase = click.option(
    "--no-passphrase", is_flag=True, help="Guard the key by its file's mode (0600) alone."
)


@click.group(short_help="Make, rotate, list and revoke the keys that sign.")
def key() -> None:
    """Make the keys that sign images, and say whose signatures are believed.

    Example: ironhull key generate
    """


@key.command(short_help="Make a key pair.")
@click.argument("name", default="ironhull")
@_passphrase
@click.option("--if-missing", is_flag=True, help="Do nothing if there is an active key.")
def generate(name: str, no_passphrase: bool, if_missing: bool) -> None:
    """Make a key pair (ECDSA on P-256) in IRONHULL_HOME; it signs from now on.

    The private key is a file in cosign's format, encrypted with a passphrase: asked for, or from
    the environment (IRONHULL_KEY_PASSPHRASE). Give the public one away: ironhull key public.

    Example: ironhull key generate release
    """
    ring = _ring()
    active = ring.active()
    if if_missing and active is not None:
        click.echo(f"the key {active.name} signs ({active.public.fingerprint[:16]})")
        return
    _say(ring, ring.generate(name, _asked(no_passphrase), datetime.now(UTC)))


@key.command(short_help="Make a new key; what the old one signed stays valid.")
@_passphrase
def rotate(no_passphrase: bool) -> None:
    """Retire the active key and make the next one, with a number in its name.

    Example: ironhull key rotate
    """
    ring = _ring()
    before, after = ring.rotate(_asked(no_passphrase), datetime.now(UTC))
    click.echo(f"{before.name} is retired: it signs no more, its signatures stay valid")
    _say(ring, after)


@key.command(short_help="Sign with a key of a token, a cloud's service or Vault.")
@click.argument("uri", metavar="URI")
@click.argument("name", default="held")
def use(uri: str, name: str) -> None:
    """Sign with the key at URI from now on; it stays where it is.

    URI is hsm:ID?label=TOKEN (PKCS #11; PYKCS11LIB names the library), awskms:…, gcpkms:…,
    azurekms:… or hv:… (Vault), as securesystemslib has them; each is an extra to install, for
    example ironhull[hsm]. A token's PIN is taken from IRONHULL_KEY_PASSPHRASE.

    Example: ironhull key use "hsm:2?label=release" release
    """
    from ironhull.signing.held_elsewhere import public_key_of

    machine = silent()
    public = public_key_of(uri, machine.settings.passphrase)
    made = Keyring(machine.home.keys).use(name, uri, public, datetime.now(UTC))
    click.echo(f"{made.name} signs from now on: {made.public.algorithm}, held at {uri}")
    click.echo(f"  fingerprint  {made.public.fingerprint}")


@key.command("list", short_help="List the keys and what became of them.")
@as_json
def list_keys(as_json: bool) -> None:
    """List the keys of IRONHULL_HOME: those that sign, retired, revoked, and other people's."""
    keys = _ring().known()
    if as_json:
        print_json([_json(each) for each in keys])
        return
    rows = [
        (
            each.name,
            each.state,
            "here" if each.private else each.uri or "elsewhere",
            each.public.algorithm,
            each.public.fingerprint[:16],
            each.created[:10],
            each.reason,
        )
        for each in keys
    ]
    click.echo(table(("KEY", "STATE", "PRIVATE", "KIND", "FINGERPRINT", "MADE", "WHY"), rows))


@key.command(short_help="Print a public key.")
@click.argument("name", required=False)
def public(name: str | None) -> None:
    """Print the public key NAME (PEM), or that of the active one, for whoever verifies.

    Example: ironhull key public > ironhull.pub
    """
    ring = _ring()
    found = ring.find(name) if name else ring.active()
    if found is None:
        raise InputError("no key signs here (make one with: ironhull key generate)")
    click.echo(found.public.pem.decode(), nl=False)


@key.command(short_help="Believe somebody else's public key.")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def trust(name: str, file: Path) -> None:
    """Believe what the public key in FILE has signed, under NAME.

    Example: ironhull key trust vendor vendor.pub
    """
    added = _ring().trust(name, file.read_bytes(), datetime.now(UTC))
    click.echo(f"{added.name} ({added.public.fingerprint[:16]}) is believed from now on")


@key.command(short_help="Believe no signature of a key any more.")
@click.argument("name")
@click.option("--reason", required=True, help="Why; the list shows it.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="From when on it was in wrong hands (UTC): what a trusted timestamp shows to be older "
    "stays believed.",
)
def revoke(name: str, reason: str, since: datetime | None) -> None:
    """Refuse every signature of the key NAME, also those made before.

    A date in a signature is what its signer says; only a timestamp of an authority that who
    verifies trusts shows that it is older than --since.

    Example: ironhull key revoke release --reason "laptop stolen"
    """
    from_then = None if since is None else since.replace(tzinfo=UTC)
    revoked = _ring().revoke(name, reason, datetime.now(UTC), from_then)
    but = f" but what was timestamped before {revoked.since}" if revoked.since else ""
    click.echo(f"{revoked.name} is revoked: nothing that it signed is believed{but}")


def _ring() -> Keyring:
    return Keyring(silent().home.keys)


def _asked(none: bool) -> bytes | None:
    """The passphrase: of the environment, else asked for twice; None if none is wanted."""
    if none:
        return None
    given = silent().settings.passphrase
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise InputError(
            f"no passphrase: set {KEY_VARIABLE}, or say --no-passphrase, and the file's mode is "
            "all that guards the key"
        )
    text: str = click.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True)
    return text.encode()


def _say(ring: Keyring, made: KnownKey) -> None:
    click.echo(f"made the key {made.name} ({made.public.algorithm})")
    click.echo(f"  fingerprint  {made.public.fingerprint}")
    click.echo(f"  private      {ring.private_path(made.name)}")
    click.echo(f"  public       {ring.folder / (made.name + '.pub')}")


def _json(key: KnownKey) -> dict[str, object]:
    return {
        "name": key.name,
        "state": key.state,
        "believed": key.believed,
        "private": key.private,
        "uri": key.uri,
        "algorithm": key.public.algorithm,
        "fingerprint": key.public.fingerprint,
        "created": key.created,
        "changed": key.changed,
        "reason": key.reason,
    }
