"""`ironhull verify`: whether images are to be believed, and why."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import platforms_option, registry_options
from ironhull.cli.output import as_json, print_json, print_lines
from ironhull.errors import CheckFailedError
from ironhull.oci.platform import Platform
from ironhull.verify.reports.document import verdict_json
from ironhull.verify.reports.table import verdict_lines
from ironhull.workspace.verifying import VerifyChoices
from ironhull.workspace.verifying import verify as verify_image


@click.command(short_help="Say whether an image is to be believed, and why.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="PUB",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A public key to believe (PEM); several: any of them.  [default: the ring's]",
)
@platforms_option
@registry_options
@as_json
def verify(
    image: str,
    keys: tuple[Path, ...],
    platforms: tuple[str, ...],
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Say whether IMAGE is signed by a key that is believed, and what else is said about it.

    IMAGE is a registry's reference, a layout or an archive (then nothing else is needed), or a name
    of the store. It is resolved to a digest once, and the answer is about that digest alone. Exits
    with 1 where the answer is no.

    Example: ironhull verify localhost:5000/node:20 --key release.pub
    """
    chosen = VerifyChoices(keys, Platform.parse_all(platforms))
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        verdict = verify_image(machine, image, chosen)
    if as_json:
        print_json(verdict_json(verdict))
    else:
        print_lines(verdict_lines(verdict))
    if not verdict.passed:
        reasons = "; ".join(f"{each.rule}: {each.found}" for each in verdict.failed)
        raise CheckFailedError(f"{image}: {reasons}")
