"""`ironhull images`: what is in the store."""

from __future__ import annotations

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.reports.words import shown_size
from ironhull.workspace.images import StoredImage, stored_images


@click.command()
@as_json
def images(as_json: bool) -> None:
    r"""List the images in the store: built, pulled, copied or pushed here.

    \b
    Examples:
      ironhull images
      ironhull images --json
    """
    found = stored_images(silent())
    if as_json:
        print_json({"images": [image.json() for image in found]})
        return
    rows = [_row(image) for image in found]
    click.echo(table(("NAME", "DIGEST", "PLATFORMS", "SIZE"), rows, right=(3,)))
    for image in found:
        if image.problem:
            click.echo(f"{image.name or image.digest}: {image.problem}", err=True)


def _row(image: StoredImage) -> tuple[str, str, str, str]:
    platforms = ", ".join(str(platform) for platform in image.platforms)
    size = "?" if image.problem else shown_size(image.size)
    return (image.name or "-", image.digest, "?" if image.problem else platforms or "-", size)
