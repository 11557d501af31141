"""`ironhull attest`: signed statements about an image."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import platforms_option, registry_options
from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.scan_options import scan_options
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.oci.platform import Platform
from ironhull.reports.words import shown_size, tally
from ironhull.statements.kinds import KINDS, type_of
from ironhull.workspace.attesting import (
    AttestChoices,
    Attested,
    attested_json,
    checked_predicate,
)
from ironhull.workspace.attesting import (
    attest as attest_image,
)
from ironhull.workspace.scanning import ScanChoices


@click.command(short_help="Sign statements about an image, and attach them.")
@click.argument("image", metavar="NAME:TAG|REF")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="KIND",
    help=f"Only this kind of statement: {', '.join(KINDS)}; may be repeated.",
)
@click.option(
    "--predicate",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Attach what this file says (JSON), of the one --type that is given: a kind or a URI.",
)
@click.option(
    "--key",
    "signer",
    metavar="FILE|sigstore",
    help="The private key that signs, cosign's too; default: the active one of `key list`.",
)
@click.option(
    "--trust-config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --key sigstore: whose services (ClientTrustConfig).",
)
@click.option(
    "--identity-token",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --key sigstore: the identity's token, in a file; else IRONHULL_IDENTITY_TOKEN.",
)
@click.option(
    "--rebuilders",
    multiple=True,
    metavar="FILE|URL",
    help="Attestations of who else rebuilt its packages (rebuilderd's); also a folder of them.",
)
@click.option(
    "--rebuilder-key",
    "rebuilder_keys",
    multiple=True,
    metavar="PUB",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The public key of a rebuilder whose word counts; repeatable.",
)
@platforms_option
@scan_options
@registry_options
@as_json
def attest(
    image: str,
    types: tuple[str, ...],
    predicate: Path | None,
    signer: str | None,
    trust_config: Path | None,
    identity_token: Path | None,
    rebuilders: tuple[str, ...],
    rebuilder_keys: tuple[Path, ...],
    platforms: tuple[str, ...],
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
    chosen: ScanChoices,
) -> None:
    r"""Make statements about an image, sign them, attach them to it.

    It is one of the store, else the one at the registry that REF names, where it stays: its layers
    are read only for statements about what is in them.
    Each is a referrer of its own that `ironhull push` and `copy` take along, and that cosign
    verifies: SBOM, SLSA provenance, VEX, vulnerabilities, tests, checks, secrets, score, and a
    plain signature. `ironhull build` does the same if there is a key.

    \b
    Examples:
      ironhull attest node:20
      ironhull attest node:20 --type vulnerabilities --type vex
      ironhull attest localhost:5000/node:20 --type signature
      ironhull attest node:20 --rebuilders https://rebuilder.example/all.jsonl --rebuilder-key r.pub
      ironhull attest node:20 --type https://example.com/review/v1 --predicate review.json
    """
    named = tuple(map(type_of, types))
    brought = {}
    if predicate is not None:
        if len(named) != 1:
            raise click.UsageError("--predicate is of one --type")
        brought[named[0]] = checked_predicate(_read(predicate), str(predicate))
        named = ()
    made = named if types or predicate is not None else AttestChoices().types
    wanted = Platform.parse_all(platforms)
    choices = AttestChoices(made, brought, wanted, chosen, rebuilders, rebuilder_keys)
    token = None if identity_token is None else _read(identity_token).decode().strip()
    given = {"signer": signer, "trust_config": trust_config, "identity_token": token}
    with opened(quiet or as_json, plain_http=plain_http, ca=ca, **given) as machine:
        done = attest_image(machine, image, choices)
    if as_json:
        print_json(attested_json(done))
    else:
        click.echo(_text(done))
    if not done.said:
        raise InputError(f"{image}: nothing could be said of it")


def _text(done: Attested) -> str:
    rows = [
        (each.kind, each.platform or "index", shown_size(each.size), each.referrer[:19])
        for each in done.said
    ]
    lines = [table(("STATEMENT", "ABOUT", "SIZE", "REFERRER"), rows, right=(2,)), ""]
    for left in done.left_out:
        about = f" of {left.platform}" if left.platform else ""
        lines.append(f"no {left.kind}{about}: {left.reason}")
    lines.append(f"{done.name}@{done.digest}")
    lines.append(f"{tally(done.said, 'statement')} signed by {done.key[:16]}")
    return "\n".join(lines)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"cannot read {path}: {error.strerror}") from None
