"""`ironhull remediate`: fixes put into a foreign Debian image."""

from __future__ import annotations

import click

from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.scan_options import Reach, reach_options, scan_options
from ironhull.errors import CheckFailedError
from ironhull.reports.words import tally
from ironhull.workspace.remediating import Remedied, RemedyChoices, remedied_json
from ironhull.workspace.remediating import remediate as remediate_image
from ironhull.workspace.scanning import ScanChoices


@click.command(short_help="Put the archive's fixes into a foreign Debian image.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "-n",
    "--name",
    "result",
    metavar="NAME:TAG",
    default="",
    help="What the patched image is called in the store (needed unless --plan).",
)
@click.option("--plan", "plan_only", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--all",
    "all_packages",
    is_flag=True,
    help="Every package that the archive has newer, not only those with vulnerabilities mended.",
)
@scan_options
@reach_options
@as_json
def remediate(
    image: str,
    result: str,
    plan_only: bool,
    all_packages: bool,
    chosen: ScanChoices,
    reach: Reach,
    as_json: bool,
) -> None:
    r"""Put the archive's fixes into a foreign Debian image, as new layers on top of its own.

    No script is run and no shell is needed: each package with a fix becomes a layer of its files,
    and the package database says the truth afterwards. A package whose update would need more than
    its files (a changed script, a cache to make anew, a file that somebody replaced) stays as it
    is, and it is said why: exit code 1. The result is compared with the image and is in the store;
    `ironhull push` brings it to a registry.

    \b
    Examples:
      ironhull remediate localhost:5000/shop:4 --plan
      ironhull remediate localhost:5000/shop:4 --name shop:4-patched
    """
    if not result and not plan_only:
        raise click.UsageError("say what the patched image is called (--name NAME:TAG), or --plan")
    choices = RemedyChoices(reach.platform, all_packages, plan_only, chosen)
    with reach.opened(quiet=as_json) as machine:
        done = remediate_image(machine, image, result, choices)
    if as_json:
        print_json(remedied_json(done))
    else:
        _print(done)
    if done.refused:
        names = ", ".join(each.source for each in done.refused)
        raise CheckFailedError(f"left as they are, see above: {names}")


def _print(done: Remedied) -> None:
    if done.upgrades:
        rows = [
            (each.installed.name, each.installed.version, each.deb.version, each.deb.suite)
            for each in done.upgrades
        ]
        click.echo(table(("PACKAGE", "IMAGE HAS", "NOW", "SUITE"), rows))
    else:
        click.echo(f"{done.image}: nothing to be done")
    for note in done.notes:
        click.echo(f"note: {note}")
    for refused in done.refused:
        click.echo(f"not done: {refused.source} ({', '.join(refused.packages)}): {refused.reason}")
    if done.made:
        said = remedied_json(done)
        click.echo(
            f"\n{done.result}@{done.made}\n  {tally(done.upgrades, 'package')}, {said['summary']}"
        )
