"""`ironhull list`: the definitions of the catalog."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import given_settings
from ironhull.cli.output import as_json, print_json, table
from ironhull.definition.catalog import Catalog, CatalogEntry
from ironhull.definition.document import definition_document, ends_of_life
from ironhull.definition.model import ImageDefinition
from ironhull.definition.pins import Pins


@click.command("list")
@click.argument("images", metavar="[NAME]...", nargs=-1)
@click.option(
    "--catalog",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the definitions, instead of the configured ones; may be repeated.",
)
@as_json
def list_(images: tuple[str, ...], catalog: tuple[Path, ...], as_json: bool) -> None:
    r"""List the image definitions of the catalog; all of them are checked.

    Of several folders, a definition hides those of the same path in later ones: that is said.

    \b
    Examples:
      ironhull list
      ironhull list node python
    """
    settings = given_settings().with_catalogs(catalog)
    pins = Pins(allowed=settings.unpinned)
    first, *more = map(_shown, settings.catalogs)
    found = Catalog(first, pins=lambda path: pins, more=tuple(more))
    rows = found.listed(images)
    for hidden, shown in found.hidden():
        click.echo(f"note: {hidden} is hidden by {shown}", err=True)
    if as_json:
        print_json(
            {"images": [definition_document(entry, definition) for entry, definition in rows]}
        )
        return
    headings = ("IMAGE", "VARIANT", "DISTRIBUTION", "USER", "PLATFORMS", "END OF LIFE", "NAME")
    lines = [_row(*row) for row in rows]
    if more:
        # Whose each is, where there are several.
        whose = [str(found.root_of(entry.path)) for entry, _ in rows]
        lines = [(*line, folder) for line, folder in zip(lines, whose, strict=True)]
    click.echo(table((*headings, "CATALOG") if more else headings, lines))


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
