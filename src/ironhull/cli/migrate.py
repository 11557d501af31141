"""`ironhull migrate`: a conventional Dockerfile made a hardened one, each change explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from ironhull.cli.lock_option import lock_option, locked_stages
from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_lines, write_file
from ironhull.cli.outside_files import also_option, image_name_option, with_surroundings
from ironhull.cli.proof_options import proof_options
from ironhull.errors import CheckFailedError, InputError
from ironhull.migrate.model import Migration
from ironhull.migrate.reports.difference import difference
from ironhull.migrate.reports.formats import FORMATS
from ironhull.migrate.reports.table import lines, verdict
from ironhull.workspace.migrating import LOADED, MigrateChoices
from ironhull.workspace.migrating import migrate as migrate_file

_FILE = click.Path(path_type=Path, dir_okay=False)


def _print_rules(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from ironhull.migrate.rules.manual import manual

        click.echo(manual(), nl=False)
        context.exit()


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
    help="Where the hardened images are; dhi.io, or a description (.json) of another catalog.",
)
@click.option("--explain", is_flag=True, help="Print why, change by change, instead of the file.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="Print this report.")
@as_json
@click.option(
    "--rules",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_rules,
    help="Print all rules with examples, and end.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if there is a change.")
@also_option
@image_name_option
@lock_option
@proof_options
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
    also: Sequence[Path],
    names: Sequence[str],
    served: str | None,
    proving: Callable[[Migration, Path, str | None, bool], None] | None,
) -> None:
    """Turn DOCKERFILE (./Dockerfile) into a hardened one: multi-stage, not root, without a shell.

    Without --prove nothing is built, run or asked. What cannot be done safely is left as it was and
    said, with its line. The new Dockerfile goes to standard output, a summary to standard error.
    With --prove both versions are built and run by an engine, and what differs is printed instead.
    Exits with 0 when it is complete (and proved), 1 when it needs a person, 2 when it is no
    Dockerfile (docs/migrate.md).

    Example: ironhull migrate --diff
    """
    if in_place and output is not None:
        raise InputError("--in-place and --output exclude each other: name one place")
    found = migrate_file(silent(), dockerfile, MigrateChoices(context, target, registry))
    if served is not None:
        found = locked_stages(found, served, as_json)
    folder = context or dockerfile.parent
    found = with_surroundings(found, folder, also, names, write=not check)
    name = "json" if as_json else form
    target_file = dockerfile if in_place else output
    if target_file is not None and not check and (found.changed or target_file != dockerfile):
        write_file(target_file, found.text)
    if proving is not None:
        proving(found, folder, target, as_json)
    elif name is not None:
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
