"""`ironhull watch`: rebuild and publish what the archive or the advisories have outdated."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import archive_options, registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.cli.watch_options import policy_option, publish_option, state_option
from ironhull.errors import CheckFailedError
from ironhull.watch.policy import WatchPolicy, duration, read_policy
from ironhull.workspace.scanning import allowed_age
from ironhull.workspace.watch_choices import Round, WatchChoices
from ironhull.workspace.watch_reading import round_json
from ironhull.workspace.watching import Watcher, opened_state


@click.command(short_help="Rebuild and publish what became outdated, on and on.")
@click.option("--once", is_flag=True, help="One round, then end: 1 if an image is held or fails.")
@click.option(
    "--interval", metavar="TIME", default="10m", show_default=True, help="From round to round."
)
@publish_option
@click.option(
    "--propose",
    is_flag=True,
    help="Instead of publishing: commit each new lock to a branch ironhull/IMAGE, for a review.",
)
@click.option(
    "--remote",
    default="",
    metavar="NAME",
    help="With --propose: push the branches there, and follow what is merged there.",
)
@policy_option
@state_option
@click.option(
    "--executor",
    default="local",
    show_default=True,
    metavar="local[:N]|dask:URL",
    help="Who works on images: so many processes (1: this one), or a Dask cluster.",
)
@click.option("--no-advisories", is_flag=True, help="Leave the feeds as they are.")
@click.option(
    "--max-age",
    type=click.IntRange(0),
    metavar="DAYS",
    help="How old advisories may be; 0: any age.  [default: the setting]",
)
@click.option("--image", "images", multiple=True, metavar="NAME", help="Only this; repeatable.")
@archive_options
@registry_options
@as_json
def watch(
    once: bool,
    interval: str,
    publish: str,
    propose: bool,
    remote: str,
    policy: Path | None,
    state: str | None,
    executor: str,
    no_advisories: bool,
    max_age: int | None,
    images: tuple[str, ...],
    mirror: str | None,
    keyring: Path | None,
    offline: bool,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    r"""Look at archive, advisories, definitions and registry; rebuild, test, attest and publish.

    Each image goes through lock, build, tests, scan, gate, attestations and push; what is worse
    than before is held for a human (ironhull status, approve). Ctrl-C and SIGTERM end it between
    two steps; whatever ends it, the next run finishes the work.

    \b
    Examples:
      ironhull watch --publish localhost:5000/base
      ironhull watch --once --publish localhost:5000/base --policy watch.toml
      ironhull watch --propose --remote origin
    """
    chosen = WatchChoices(
        publish,
        read_policy(policy) if policy else WatchPolicy(),
        state,
        executor,
        duration(interval),
        propose=propose,
        remote=remote,
        images=images,
    )
    options = {"mirror": mirror, "keyring": keyring, "offline": offline}
    with (
        opened(quiet, plain_http=plain_http, ca=ca, **options) as given,
        opened_state(given, state) as kept,
    ):
        if no_advisories:
            chosen = chosen.without_feeds()
        age = allowed_age(given, max_age)
        machine = replace(given, settings=replace(given.settings, max_advisory_age=age))
        watcher = Watcher(machine, chosen, kept)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: _stop(watcher))
        if not once:
            watcher.run(lambda one: _tell(one, as_json))
            return
        done = watcher.once()
    _tell(done, as_json)
    _judge(done)


def _judge(done: Round) -> None:
    bad = [name for name, one in done.done.items() if one.result in ("held", "failed")]
    if bad:
        raise CheckFailedError(f"held or failed: {', '.join(bad)} (ironhull status)")


def _stop(watcher: Watcher) -> None:
    """Between two steps; at once if it is asked for twice."""
    if watcher.stop.is_set():
        raise KeyboardInterrupt
    watcher.stop.set()


def _tell(one: Round, as_json: bool) -> None:
    if as_json:
        print_json(round_json(one))
        return
    for name, outcome in one.done.items():
        branch = outcome.proposal.branch if outcome.proposal else ""
        said = branch or outcome.tag or outcome.digest
        click.echo(f"{name}: {outcome.result} {said}".rstrip())
