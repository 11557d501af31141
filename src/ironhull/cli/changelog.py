"""`ironhull changelog`: what changed from one build of an image to the next."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.changes.document import document_of
from ironhull.changes.reports.formats import FORMATS
from ironhull.cli.output import write_file
from ironhull.cli.scan_options import Reach, reach_options, scan_options
from ironhull.reports.interface import by_ending
from ironhull.workspace.changelog import changelog as changelog_of
from ironhull.workspace.measuring import MeasureChoices
from ironhull.workspace.scanning import ScanChoices


@click.command(short_help="Show what changed since the image before: packages, CVEs, and why.")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--since",
    default="",
    metavar="OLDER",
    help="The older image.  [default: what the tag stood for before, by the registry's record]",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="What to write; without it what the file's ending says, else text.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file, whole or not at all, instead of standard output.",
)
@scan_options
@reach_options
def changelog(
    image: str,
    since: str,
    form: str | None,
    output: Path | None,
    chosen: ScanChoices,
    reach: Reach,
) -> None:
    r"""Show what changed in IMAGE since OLDER: packages, vulnerabilities fixed and new, size.

    Beside each source package stand its maintainers' own words of all versions in between, from the
    package files. Both images are what `ironhull scan` takes. What is not known is said.

    \b
    Examples:
      ironhull changelog localhost:5000/node:20
      ironhull changelog node:20 --since oci:last-week -o changes.md
    """
    if form is None:
        found = by_ending(FORMATS.values(), output.name) if output is not None else None
        form = found.name if found is not None else "text"
    with reach.opened(quiet=form != "text" and output is None) as machine:
        changes = changelog_of(machine, image, since, MeasureChoices(chosen, reach.platform))
    text = FORMATS[form].render(document_of(changes))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text.encode("utf-8", "replace"))
