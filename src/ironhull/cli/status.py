"""`ironhull status`: which images are behind, since when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.watch_options import policy_option, state_option
from ironhull.errors import CheckFailedError
from ironhull.reports.text import one_line
from ironhull.store.files import replace_file
from ironhull.watch.policy import WatchPolicy, read_policy
from ironhull.watch.reports.html import status_page
from ironhull.watch.reports.metrics import metrics
from ironhull.watch.standing import CatalogStatus
from ironhull.workspace.watch_reading import measured, status_json, status_now
from ironhull.workspace.watching import opened_state


@click.command(short_help="Show which images are behind, since when and why.")
@click.argument("image", metavar="[IMAGE]", default="")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page with charts: where images stand, how long fixes took.",
)
@click.option("--prometheus", is_flag=True, help="As metrics, in the text format of Prometheus.")
@policy_option
@state_option
@as_json
def status(
    image: str,
    html: Path | None,
    prometheus: bool,
    policy: Path | None,
    state: str | None,
    as_json: bool,
) -> None:
    """Show where the watched images stand: what is behind, since when, and why it still is.

    Ends with 1 if something is behind, or cannot be seen, for longer than the policy's bound (24
    hours without one).
    """
    machine = silent()
    with opened_state(machine, state) as kept:
        rules = read_policy(policy) if policy else WatchPolicy()
        found = status_now(machine, kept, rules, image)
        taken = measured(kept, rules, found.images[0].name if image else "")
    if html is not None:
        made = f"{datetime.now(UTC):%F %H:%M} UTC"
        text = status_page(found, taken, made)
        replace_file(html, text.encode())
    if prometheus:
        click.echo(metrics(found, taken), nl=False)
    elif as_json:
        print_json(status_json(found, taken))
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
            one_line(each.why or each.cause or each.waiting or each.ending, 90),
        )
        for each in found.images
    ]
    if rows:
        click.echo(table(("IMAGE", "STATE", "PUBLISHED", "BEHIND SINCE", "WHY"), rows))
    else:
        click.echo("nothing is watched yet (ironhull watch)")
    foreign = [
        (each.reference, each.digest[:19], len(each.findings), len(each.fixed), each.base)
        for each in found.foreign
    ]
    if foreign:
        heads = ("NOT OURS", "DIGEST", "OPEN", "FIXED IN BASE", "BASE")
        click.echo(table(heads, [tuple(map(str, row)) for row in foreign]))
    for each in found.complaints:
        click.echo(f"{each.subject} since {each.first[:16]}: {one_line(each.text, 300)}")
