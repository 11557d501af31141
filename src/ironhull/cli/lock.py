"""`ironhull lock`: fix an image to exact packages, move the lock, or see whether it is stale."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import archive_options
from ironhull.cli.output import as_json, print_json
from ironhull.errors import CheckFailedError
from ironhull.lock.document import lock_document
from ironhull.lock.result import LockResult
from ironhull.reports.words import tally
from ironhull.workspace.locking import Locking


@click.command
@click.argument("names", metavar="NAME:TAG...", nargs=-1, required=True)
@click.option("--update", is_flag=True, help="Move the lock to what the archive has now.")
@click.option("--check", is_flag=True, help="Exit with 1 if the archive has something newer.")
@archive_options
@as_json
def lock(
    names: tuple[str, ...],
    update: bool,
    check: bool,
    mirror: str | None,
    keyring: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    r"""Fix images to exact packages of the archive: version, sha256, and why each is in.

    The lock is a JSON file beside the definition, for all platforms; builds obey it.

    \b
    Examples:
      ironhull lock node:20              make the lock, or say how old it is
      ironhull lock --update node:20     move it, and say what changed
      ironhull lock --check node:20 python:3.13
    """
    if update and check:
        raise click.UsageError("--update and --check exclude each other")
    with opened(as_json, mirror=mirror, keyring=keyring, offline=offline) as machine:
        locking = Locking(machine)
        for name in names:
            locking.definitions.catalog.find(name)
        results = [locking.lock(name, update=update, check=check) for name in names]
    if as_json:
        print_json({"locks": [lock_document(result) for result in results]})
    else:
        for result in results:
            click.echo("\n".join(_words(result)))
    stale = [result.name for result in results if result.status == "stale"]
    if stale:
        raise CheckFailedError(
            f"the archive has something newer for {', '.join(stale)}; "
            f"take it with: ironhull lock --update {' '.join(stale)}"
        )


def _words(result: LockResult) -> list[str]:
    size = ", ".join(
        f"{tally(platform.packages, 'package')} for {name.removeprefix('linux/')}"
        for name, platform in result.lock.platforms.items()
    )
    state = f"archive of {result.lock.created} ({_age(result.lock.created)})"
    match result.status:
        case "made":
            head = f"locked to the {state}: {size}"
        case "present":
            head = f"is locked to the {state}: {size}; --update moves it, --check compares"
        case "unchanged" | "current":
            head = f"nothing newer than the lock, {state}: {size}"
        case "stale":
            head = f"the archive has newer than the lock, {state}:"
        case _:
            head = f"now locked to the {state}: {size}"
    lines = [click.style(result.name, bold=True) + f" {head}"]
    if result.status in ("updated", "stale"):
        lines += [f"  {line}" for line in result.changes.lines()]
    if result.status in ("made", "updated"):
        lines.append(f"  {result.path}")
    return lines


def _age(date: str) -> str:
    days = (datetime.now(UTC) - datetime.fromisoformat(date)).days
    return "new" if days < 0 else f"{tally(days, 'day')} old" if days else "today's"
