"""`ironhull plan`: what would be rebuilt, and why."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import archive_options, registry_options
from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.watch_options import policy_option, publish_option, state_option
from ironhull.errors import EnvironmentProblem
from ironhull.reports.text import one_line
from ironhull.watch.policy import WatchPolicy, read_policy
from ironhull.workspace.watch_choices import WatchChoices
from ironhull.workspace.watch_reading import entry_json, planned
from ironhull.workspace.watching import opened_state


@click.command(short_help="Show what would be rebuilt, and why.")
@publish_option
@policy_option
@state_option
@archive_options
@registry_options
@as_json
def plan(
    publish: str,
    policy: Path | None,
    state: str | None,
    mirror: str | None,
    keyring: Path | None,
    offline: bool,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show which images a watcher would rebuild now and why, the most urgent first.

    Known exploited vulnerabilities come first, then by severity, then by age. Nothing is changed.
    Ends with 3 if archive, registry, advisories or a definition could not be seen.
    """
    options = {"mirror": mirror, "keyring": keyring, "offline": offline}
    with (
        opened(quiet or as_json, plain_http=plain_http, ca=ca, **options) as machine,
        opened_state(machine, state) as kept,
    ):
        rules = read_policy(policy) if policy else WatchPolicy()
        entries, unseen = planned(machine, kept, WatchChoices(publish, rules, state))
    rows = [
        (entry.name, entry.urgency, entry.since[:16].replace("T", " "), one_line(entry.cause, 100))
        for entry in entries
    ]
    if as_json:
        print_json([entry_json(entry) for entry in entries])
    elif rows:
        click.echo(table(("IMAGE", "URGENCY", "BEHIND SINCE", "CAUSE"), rows))
    elif not unseen:
        click.echo("nothing: every image is as it should be")
    if unseen:
        said = "; ".join(map(": ".join, unseen.items()))
        raise EnvironmentProblem(f"not all could be seen: {said}")
