"""`ironhull copy`: images between registries, layouts, archives and the own store."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import platforms_option, registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.cli.registry_options import recorded, report, summary
from ironhull.oci.platform import Platform
from ironhull.workspace.publishing import copy as copy_image


@click.command(short_help="Copy images between registries, folders and files.")
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@platforms_option
@click.option("--no-referrers", is_flag=True, help="Leave out SBOMs, signatures, attestations.")
@click.option("--no-record", is_flag=True, help="Do not record it in the registry's repository.")
@registry_options
@as_json
def copy(
    source: str,
    target: str,
    platforms: tuple[str, ...],
    no_referrers: bool,
    no_record: bool,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Copy an image with all its platforms and everything that refers to it; between registries
    also what cosign's older form keeps under tags (sha256-….sig, .att, .sbom).

    \b
    SRC and DST are each one of
      localhost:5000/node:20    in a registry (also docker://node:20)
      oci:DIR[:NAME]            in an OCI image layout
      bundle.tar                in an archive (also oci-archive:FILE[:NAME]);
                                what docker save wrote can be read, not written
      node:20                   in Ironhull's own store (also store:NAME)

    Across an air gap: ironhull copy localhost:5000/node:20 bundle.tar, and on the other side
    ironhull copy bundle.tar localhost:5000/node:20

    Some tools read an archive only if it holds one thing, or no index of several platforms: for
    those, --no-referrers and one --platform.
    """  # noqa: D301 - \b is click's sign for lines to keep, not an escape gone wrong
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        copied = copy_image(
            machine,
            source,
            target,
            platforms=Platform.parse_all(platforms),
            with_referrers=not no_referrers,
            record=not no_record,
        )
    if as_json:
        found = {"source": copied.name, "target": copied.target, "record": copied.record}
        print_json({**found, **report(copied.done)})
    else:
        click.echo(f"{copied.target}: {summary(copied.done)}{recorded(copied)}")
