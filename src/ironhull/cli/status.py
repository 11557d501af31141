"""`ironhull status`: which images are behind, since when and why."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.watch_options import policy_option, state_option
from ironhull.errors import CheckFailedError
from ironhull.reports.text import one_line
from ironhull.watch.policy import WatchPolicy, read_policy
from ironhull.watch.standing import CatalogStatus
from ironhull.workspace.watch_reading import status_now
from ironhull.workspace.watching import opened_state


@click.command(short_help="Show which images are behind, since when and why.")
@click.argument("image", metavar="[IMAGE]", default="")
@policy_option
@state_option
@as_json
def status(image: str, policy: Path | None, state: str | None, as_json: bool) -> None:
    """Show where the watched images stand: what is behind, since when, and why it still is.

    Ends with 1 if something is behind, or cannot be seen, for longer than the policy's bound (24
    hours without one).
    """
    machine = silent()
    with opened_state(machine, state) as kept:
        rules = read_policy(policy) if policy else WatchPolicy()
        found = status_now(machine, kept, rules, image)
    if as_json:
        print_json(
            {
                "images": [each.json() for each in found.images],
                "complaints": [asdict(each) for each in found.complaints],
                "alarms": list(found.alarms),
            }
        )
    else:
        _print(found)
    if found.alarms:
        raise CheckFailedError("; ".join(found.alarms))


def _print(found: CatalogStatus) -> None:
    rows = [
        (
            each.name,
            each.state,
            each.tag or each.published[:19],
            each.behind_since[:16].replace("T", " "),
            one_line(each.why or each.cause or each.waiting, 90),
        )
        for each in found.images
    ]
    if rows:
        click.echo(table(("IMAGE", "STATE", "PUBLISHED", "BEHIND SINCE", "WHY"), rows))
    else:
        click.echo("nothing is watched yet (ironhull watch)")
    for each in found.complaints:
        click.echo(f"{each.subject} since {each.first[:16]}: {one_line(each.text, 300)}")
