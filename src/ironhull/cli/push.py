"""`ironhull push`: an image of the own store to one or more repositories."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import platforms_option, registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.cli.registry_options import checked, recorded, report, summary
from ironhull.errors import CheckFailedError
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
@click.option("--check", is_flag=True, help="Read everything back; say what the registry lost.")
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
    check: bool,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Push an image of the store: blobs, manifests, referrers, and the tag last.

    A target without a tag gets the image's own. What the registry has is not sent again. Where a
    key signs (ironhull key list), the publication is recorded in the repository.
    With --check it ends with 1 if the registry lost any of it.

    Example: ironhull push node:20 localhost:5000/base/node:20-slim
    """

    def told(one: Published) -> None:
        if not as_json:
            click.echo(f"{one.target}: {summary(one.done)}{recorded(one)}")
            for line in checked(one):
                click.echo(f"  {line}")

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
            check=check,
            published=told,
        )
    if as_json:
        print_json(
            [
                {"name": one.name, "target": one.target, "record": one.record, **report(one.done)}
                | ({"check": one.check.json()} if one.check else {})
                for one in results
            ]
        )
    lost = [one for one in results if one.check and one.check.losses]
    if lost:
        raise CheckFailedError(
            f"{', '.join(one.target for one in lost)}: not all of what was pushed is there; push "
            "again, or use a registry that keeps it"
        )
