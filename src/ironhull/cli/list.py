"""`ironhull list`: the definitions of the catalog."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.settings import read_settings
from ironhull.definition.catalog import Catalog, CatalogEntry
from ironhull.definition.document import definition_document, ends_of_life
from ironhull.definition.model import ImageDefinition
from ironhull.definition.pins import Pins


@click.command("list")
@click.argument("images", metavar="[NAME]...", nargs=-1)
@click.option(
    "--catalog",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the definitions; without it the configured one.",
)
@as_json
def list_(images: tuple[str, ...], catalog: Path | None, as_json: bool) -> None:
    r"""List the image definitions of the catalog; all of them are checked.

    \b
    Examples:
      ironhull list
      ironhull list node python
    """
    settings = read_settings()
    pins = Pins(allowed=settings.unpinned)
    found = Catalog(_shown(catalog or settings.catalog), pins=lambda path: pins)
    rows = found.listed(images)
    if as_json:
        print_json(
            {"images": [definition_document(entry, definition) for entry, definition in rows]}
        )
        return
    headings = ("IMAGE", "VARIANT", "DISTRIBUTION", "USER", "PLATFORMS", "END OF LIFE", "NAME")
    click.echo(table(headings, [_row(*row) for row in rows]))


list = list_  # noqa: A001 - the verb's name


def _shown(path: Path) -> Path:
    """The path as short as it can be said from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _variant(definition: ImageDefinition) -> str:
    return " ".join(part for part in (definition.variant, definition.flavor) if part)


def _life(definition: ImageDefinition) -> str:
    """Both ends, the nearer first, where the makers and the distribution stop at other times."""
    return (
        ", ".join(
            f"{day} (upstream)" if of_makers else day for day, of_makers in ends_of_life(definition)
        )
        or "-"
    )


def _row(entry: CatalogEntry, definition: ImageDefinition) -> tuple[str, ...]:
    return (
        f"{entry.image}:{entry.stem}",
        _variant(definition),
        definition.distribution,
        definition.accounts.run_as,
        ", ".join(platform.architecture for platform in definition.platforms),
        _life(definition),
        definition.name,
    )
