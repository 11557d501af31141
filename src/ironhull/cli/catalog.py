"""`ironhull catalog`: the web pages about all images, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import whom_options
from ironhull.cli.output import as_json, print_json
from ironhull.reports.words import shown_size, tally


@click.group()
def catalog() -> None:
    """Write web pages about all images to files: what `ironhull serve` shows at /."""


@catalog.command(epilog="Example: ironhull catalog export site && python3 -m http.server -d site")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@whom_options
@click.option("-q", "--quiet", is_flag=True, help="No progress, only the result.")
@as_json
def export(folder: Path, whom: Any, quiet: bool, as_json: bool) -> None:
    """Write the pages of all images to FOLDER.

    Any web server serves them. They ask no other host and work without JavaScript; the same facts
    lie beside them as JSON (api/v1) and Atom feeds. A later export replaces them.
    """
    from ironhull.workspace.catalog_serving import export_catalog

    with opened(quiet) as machine:
        done = export_catalog(machine, folder, whom)
    if as_json:
        print_json(done.json())
    else:
        wrote = f"wrote {tally(done.pages, 'page')}, {tally(done.files, 'file')}"
        click.echo(f"{wrote} ({shown_size(done.bytes)}) to {folder}")
