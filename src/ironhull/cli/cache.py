"""`ironhull cache`: what is on disk, and how to get rid of it."""

from __future__ import annotations

from dataclasses import asdict

import click

from ironhull.cli.machine import opened, silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.errors import CheckFailedError
from ironhull.reports.words import shown_size, tally
from ironhull.store import clean


@click.group()
def cache() -> None:
    """List, prune and verify Ironhull's store and cache.

    Example: ironhull cache prune --unused
    """


@cache.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List what is on disk, and where."""
    home = silent().home
    found = clean.usage(home)
    if as_json:
        print_json({"home": str(home.root), "usage": [asdict(item) for item in found]})
        return
    rows = [(item.name, str(item.files), shown_size(item.size)) for item in found]
    click.echo(f"{home.root}\n\n{table(('WHAT', 'FILES', 'SIZE'), rows, right=(1, 2))}")


@cache.command()
@click.option("--layers", is_flag=True, help="Layers that no image in the store needs.")
@click.option("--packages", is_flag=True, help="All .deb files; they are fetched again if needed.")
@click.option("--unused", is_flag=True, help="Layers, records and leftovers that nothing needs.")
@as_json
def prune(layers: bool, packages: bool, unused: bool, as_json: bool) -> None:
    """Remove what can be made or fetched again; images stay."""
    if not (layers or packages or unused):
        raise click.UsageError("say what to prune: --layers, --packages or --unused")
    removed = clean.prune(silent().home, layers=layers, packages=packages, unused=unused)
    if as_json:
        print_json(asdict(removed))
    else:
        click.echo(f"removed {tally(removed.files, 'file')}, {shown_size(removed.size)}")


@cache.command()
@as_json
def verify(as_json: bool) -> None:
    """Read everything again and compare it with its digest.

    Exits with 1 if something is wrong.
    """
    with opened(as_json) as machine:
        problems = clean.verify(machine.home, machine.progress)
    if as_json:
        print_json({"ok": not problems, "problems": problems})
    if problems:
        raise CheckFailedError("\n".join(problems))
    if not as_json:
        click.echo("everything is as its digest says")
