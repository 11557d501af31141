"""`ironhull reproduce`: an image built again from its provenance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import archive_options, platforms_option, registry_options
from ironhull.cli.output import as_json, print_json, print_lines
from ironhull.errors import CheckFailedError
from ironhull.oci.platform import Platform
from ironhull.reports.text import one_line
from ironhull.workspace.reproducing import ReproduceChoices, Reproduced, reproduced_json
from ironhull.workspace.reproducing import reproduce as reproduce_image

_SHOWN = 20


@click.command(short_help="Build an image again from its provenance, and compare.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="PUB",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A public key that may have signed the provenance (PEM).  [default: the ring's]",
)
@platforms_option
@archive_options
@registry_options
@as_json
def reproduce(
    image: str,
    keys: tuple[Path, ...],
    platforms: tuple[str, ...],
    mirror: str | None,
    keyring: Path | None,
    offline: bool,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Build IMAGE again from the definition and the lock in its signed provenance, and compare.

    Nothing else of the image is used: packages come from the archive, by their digests. Where the
    digests differ, it says which layers and files do, and what is known to be another version
    here. Exits with 1 then. IMAGE is any place that `ironhull copy` reads.

    Example: ironhull reproduce localhost:5000/node:20 --key release.pub
    """
    chosen = ReproduceChoices(keys, Platform.parse_all(platforms))
    options = {"mirror": mirror, "keyring": keyring, "offline": offline}
    with opened(quiet or as_json, plain_http=plain_http, ca=ca, **options) as machine:
        done = reproduce_image(machine, image, chosen)
    if as_json:
        print_json(reproduced_json(done))
    else:
        print_lines(_lines(done))
    if not done.equal:
        raise CheckFailedError(f"{image}: what was built is not what is there")


def _lines(done: Reproduced) -> Iterator[str]:
    for each in done.platforms:
        yield f"{each.platform}: {'reproduced' if each.equal else 'DIFFERENT'}"
        yield f"  original  {each.original}"
        yield f"  built     {each.made}"
        yield f"  provenance signed by {', '.join(each.signers)}"
        for cause in each.causes:
            yield one_line(f"  not the same here: {cause}")
        for found in each.differences[:_SHOWN]:
            yield one_line(f"  {found.part}: {found.found}")
        if len(each.differences) > _SHOWN:
            yield f"  and {len(each.differences) - _SHOWN} more (--json)"
