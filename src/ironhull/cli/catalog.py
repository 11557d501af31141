"""`ironhull catalog`: the web pages about all images, as files."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import trust_option
from ironhull.cli.output import as_json, print_json
from ironhull.reports.words import shown_size


@click.group()
def catalog() -> None:
    """Web pages about all images: what `ironhull serve` shows at /, as files."""


@catalog.command(epilog="Example: ironhull catalog export site && python3 -m http.server -d site")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@trust_option
@click.option("-q", "--quiet", is_flag=True, help="No progress, only the result.")
@as_json
def export(folder: Path, trust: tuple[Path, ...], quiet: bool, as_json: bool) -> None:
    """Write the pages of all images to FOLDER.

    Any web server serves them. They ask no other host and work without JavaScript; the same facts
    lie beside them as JSON (api/v1) and Atom feeds. A later export replaces them.
    """
    from ironhull.workspace.catalog_serving import export_catalog
    from ironhull.workspace.verifying import VerifyChoices

    with opened(quiet) as machine:
        done = export_catalog(machine, folder, VerifyChoices(trust))
    if as_json:
        print_json(done.json())
    else:
        click.echo(
            f"wrote {done.pages} pages, {done.files} files ({shown_size(done.bytes)}) to {folder}"
        )
