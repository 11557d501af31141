"""`ironhull push`: an image of the own store to one or more repositories."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import platforms_option, registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.cli.registry_options import recorded, report, summary
from ironhull.oci.platform import Platform
from ironhull.workspace.publishing import Published
from ironhull.workspace.publishing import push as push_images


@click.command(short_help="Push an image of the store to registries.")
@click.argument("name", metavar="NAME:TAG")
@click.argument("targets", metavar="REGISTRY/REPOSITORY[:TAG]...", nargs=-1, required=True)
@click.option("--all-tags", is_flag=True, help="Every tag of NAME that the store has.")
@platforms_option
@click.option("--no-referrers", is_flag=True, help="Leave out SBOMs, signatures, attestations.")
@click.option("--no-record", is_flag=True, help="Do not record the publication (see: history).")
@click.option(
    "--vex-set",
    metavar="DIR|REF",
    help="The set that `vex publish` wrote and that the record is to name.",
)
@click.option("--mount-from", metavar="REPOSITORY", help="A repository there that has the layers.")
@registry_options
@as_json
def push(
    name: str,
    targets: tuple[str, ...],
    all_tags: bool,
    platforms: tuple[str, ...],
    no_referrers: bool,
    no_record: bool,
    vex_set: str | None,
    mount_from: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Push an image of the store: blobs, manifests, referrers, and the tag last.

    A target without a tag gets the image's own. What the registry has is not sent again. Where a
    key signs (ironhull key list), the publication is recorded in the repository.

    Example: ironhull push node:20 localhost:5000/node localhost:5000/base/node:20-slim
    """

    def told(one: Published) -> None:
        if not as_json:
            click.echo(f"{one.target}: {summary(one.done)}{recorded(one)}")

    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        results = push_images(
            machine,
            name,
            targets,
            all_tags=all_tags,
            with_referrers=not no_referrers,
            mount_from=mount_from,
            platforms=Platform.parse_all(platforms),
            record=not no_record,
            vex_set=vex_set,
            published=told,
        )
    if as_json:
        print_json(
            [
                {"name": one.name, "target": one.target, "record": one.record, **report(one.done)}
                for one in results
            ]
        )
