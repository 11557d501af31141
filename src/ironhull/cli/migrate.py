"""`ironhull migrate`: a conventional Dockerfile made a hardened one, each change explained."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_lines, write_file
from ironhull.errors import CheckFailedError, InputError
from ironhull.migrate.model import Migration
from ironhull.migrate.reports.difference import difference
from ironhull.migrate.reports.formats import FORMATS
from ironhull.migrate.reports.table import lines, verdict
from ironhull.workspace.migrating import LOADED, MigrateChoices
from ironhull.workspace.migrating import migrate as migrate_file

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Move a Dockerfile to hardened images, and explain each change.")
@click.argument("dockerfile", type=_FILE, default=Path("Dockerfile"))
@click.option(
    "--context",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the build context.  [default: the Dockerfile's]",
)
@click.option("--target", metavar="STAGE", help="The stage that is the image.  [default: the last]")
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="Write the new Dockerfile here.")
@click.option("--diff", is_flag=True, help="Print the difference instead of the new Dockerfile.")
@click.option("--in-place", is_flag=True, help="Write the new Dockerfile over the old one.")
@click.option(
    "--registry",
    default=LOADED,
    show_default=True,
    help="Where the hardened images are.",
)
@click.option("--explain", is_flag=True, help="Print why, change by change, instead of the file.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="Print this report.")
@as_json
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if there is a change.")
def migrate(
    dockerfile: Path,
    context: Path | None,
    target: str | None,
    output: Path | None,
    diff: bool,
    in_place: bool,
    registry: str,
    explain: bool,
    form: str | None,
    as_json: bool,
    check: bool,
) -> None:
    """Turn DOCKERFILE into a hardened one: multi-stage, not root, no shell in what ships.

    Nothing is built, run or asked. What cannot be done safely is left as it was and said, with its
    line. The new Dockerfile goes to standard output, a summary to standard error. Exits with 0
    when it is complete, 1 when it needs a person, 2 when it is no Dockerfile (docs/migrate.md).

    Example: ironhull migrate --diff
    """
    if in_place and output is not None:
        raise InputError("--in-place and --output exclude each other: name one place")
    found = migrate_file(silent(), dockerfile, MigrateChoices(context, target, registry))
    name = "json" if as_json else form
    target_file = dockerfile if in_place else output
    if target_file is not None and not check and (found.changed or target_file != dockerfile):
        write_file(target_file, found.text)
    if name is not None:
        click.echo(FORMATS[name].render(found))
    elif explain:
        print_lines(lines(found))
    elif diff:
        click.echo(difference(found, dockerfile.name), nl=False)
    elif target_file is None and not check:
        click.echo(found.text, nl=False)
    _end(found, dockerfile, said=explain or name is not None, check=check)


def _end(found: Migration, dockerfile: Path, *, said: bool, check: bool) -> None:
    if check and found.changed:
        raise CheckFailedError(f"{dockerfile} is not what migrate would make of it")
    if found.complete:
        if not said:
            click.echo(f"{dockerfile}: {verdict(found)}", err=True)
        return
    if not said:
        click.echo("\n".join(lines(found)[1:]), err=True)
    raise CheckFailedError(f"{dockerfile}: {verdict(found)}")
