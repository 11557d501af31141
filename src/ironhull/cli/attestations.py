"""`ironhull attestations`: what is attached to an image."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import given_platform, registry_options
from ironhull.cli.output import as_json, print_json, table, write_file
from ironhull.reports.text import one_line
from ironhull.reports.words import shown_size
from ironhull.workspace.attestations import ListedAttestation, read_attestation
from ironhull.workspace.attestations import attestations as listed_attestations


@click.command(short_help="List and read what is attached to an image.")
@click.argument("reference", metavar="REF")
@click.option(
    "--read",
    "wanted",
    metavar="KIND",
    help="Print what this one says: a kind (provenance, vex, …), a type, or a referrer's digest.",
)
@click.option("--bundle", is_flag=True, help="With --read: the signed bundle, as it is attached.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --read: write it to this file.",
)
@click.option("--platform", metavar="OS/CPU", help="Of this platform alone; without it of all.")
@registry_options
@as_json
def attestations(
    reference: str,
    wanted: str | None,
    bundle: bool,
    output: Path | None,
    platform: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    r"""List the signatures, SBOMs, provenance, VEX and other statements attached to an image.

    Nothing is verified here. REF is any place that `ironhull copy` reads.

    \b
    Examples:
      ironhull attestations node:20
      ironhull attestations localhost:5000/node:20 --read provenance --platform linux/amd64
    """
    if wanted is None and (bundle or output):
        raise click.UsageError("--bundle and --output go with --read")
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        if wanted is not None:
            data = read_attestation(
                machine, reference, wanted, given_platform(platform), bundle=bundle
            )
        else:
            label, digest, found = listed_attestations(machine, reference)
    if wanted is not None:
        if output is None:
            click.echo(data.decode("utf-8", "replace"))
        else:
            write_file(output, data)
        return
    only = given_platform(platform)
    shown = [each for each in found if only is None or each.platform == str(only)]
    if as_json:
        print_json({"name": label, "digest": digest, "attestations": list(map(_json, shown))})
        return
    rows = [
        (
            one_line(each.word),
            each.platform or "index",
            shown_size(each.attachment.manifest.size),
            each.attachment.digest[:19],
        )
        for each in shown
    ]
    click.echo(table(("STATEMENT", "ABOUT", "MANIFEST", "REFERRER"), rows, right=(2,)))
    click.echo(f"{label}: {len(shown)} attached, none verified")


def _json(each: ListedAttestation) -> dict[str, str | None]:
    return {
        "kind": each.word,
        "type": each.attachment.type,
        "platform": each.platform or None,
        "subject": each.attachment.subject,
        "referrer": each.attachment.digest,
    }
