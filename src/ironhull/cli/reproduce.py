"""`ironhull reproduce`: an image built again from its provenance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import archive_options, platforms_option, registry_options
from ironhull.cli.output import as_json, print_json, print_lines, write_file
from ironhull.errors import CheckFailedError
from ironhull.oci.platform import Platform
from ironhull.reports.text import one_line
from ironhull.workspace.reproducing import (
    ReproduceChoices,
    Reproduced,
    attach_summaries,
    ready_to_say,
    reproduced_json,
    summary_of,
)
from ironhull.workspace.reproducing import reproduce as reproduce_image

_SHOWN = 20
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Build an image again from its provenance, and compare.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="PUB",
    type=_FILE,
    help="A public key that may have signed the provenance (PEM).  [default: the ring's]",
)
@platforms_option
@click.option("--vsa", type=_FILE, help="Write what came of it as a verification summary (SLSA).")
@click.option("--sign", is_flag=True, help="Sign that summary with this machine's key.")
@click.option("--attach", is_flag=True, help="Sign it, and attach it to IMAGE (store, registry).")
@archive_options
@registry_options
@as_json
def reproduce(
    image: str,
    keys: tuple[Path, ...],
    platforms: tuple[str, ...],
    vsa: Path | None,
    sign: bool,
    attach: bool,
    mirror: str | None,
    keyring: Path | None,
    offline: bool,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    r"""Build IMAGE again from the definition and the lock in its signed provenance, and compare.

    Nothing else of the image is used: packages come from the archive, by their digests. Where the
    digests differ, it says which layers and files do, and what is known to be another version
    here. Exits with 1 then. IMAGE is any place that `ironhull copy` reads. What came of it, equal
    or not, can be signed for others to rely on: a policy asks for it with `reproduced`.

    \b
    Examples:
      ironhull reproduce localhost:5000/node:20 --key release.pub
      ironhull reproduce localhost:5000/node:20 --key release.pub --attach
    """
    if sign and vsa is None:
        raise click.UsageError("--sign is for --vsa FILE; --attach signs by itself")
    chosen = ReproduceChoices(keys, Platform.parse_all(platforms))
    options = {"mirror": mirror, "keyring": keyring, "offline": offline}
    with opened(quiet or as_json, plain_http=plain_http, ca=ca, **options) as machine:
        if sign or attach:
            ready_to_say(machine, image, attach=attach)
        done = reproduce_image(machine, image, chosen)
        if vsa is not None:
            write_file(vsa, summary_of(machine, done, sign=sign))
        if attach:
            attach_summaries(machine, done)
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
