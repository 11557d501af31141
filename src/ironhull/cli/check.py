"""`ironhull check`: whether any finished image can do its job."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.engines import runner_option
from ironhull.cli.machine import opened
from ironhull.cli.options import given_platform, platform_option, registry_options
from ironhull.cli.output import as_json, print_json, print_lines
from ironhull.cli.signals import ended_by_signals
from ironhull.errors import CheckFailedError
from ironhull.workspace.checking import CheckChoices
from ironhull.workspace.checking import check as check_anywhere
from ironhull.workspace.checking_report import check_document, check_lines


@click.command(short_help="Check that any image can do its job.")
@click.argument("image", metavar="IMAGE")
@click.option("--shell", is_flag=True, help="It may have a shell and a package manager.")
@click.option("--no-start", is_flag=True, help="Only look into it; start nothing.")
@runner_option
@platform_option
@registry_options
@as_json
def check(
    image: str,
    shell: bool,
    no_start: bool,
    engine_name: str | None,
    platform: str | None,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    r"""Check the closure of IMAGE and start it once, as hard as a hardened image can be run.

    Libraries, interpreters, links, what it starts, its user, shells, setuid files, what its user
    can read; of the application, not of the distribution's own packages. Started, it has no
    capabilities, no network and a root that cannot be written, and has to listen on its ports or
    to end with 0. IMAGE is what `ironhull inventory` takes. Ends with 1 if something does not hold.

    \b
    Examples:
      ironhull check node:20
      ironhull check podman:localhost/web:1 --shell
    """
    chosen = CheckChoices(given_platform(platform), not no_start, engine_name, shell)
    with (
        opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine,
        ended_by_signals(),
    ):
        found = check_anywhere(machine, image, chosen)
    if as_json:
        print_json(check_document(found))
    else:
        print_lines(check_lines(found))
    if not found.ok:
        raise CheckFailedError(f"{image} does not hold")
