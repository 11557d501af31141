"""`ironhull demo`: the case study, from the packages to two running applications side by side."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.compare import format_of, write_report
from ironhull.cli.engines import runner_option
from ironhull.cli.machine import opened
from ironhull.cli.output import as_json, print_json, print_lines
from ironhull.cli.signals import ended_by_signals, undisturbed
from ironhull.demo.comparison import comparison_of
from ironhull.demo.demonstrate import DemoChoices, demonstrate
from ironhull.demo.report import demo_json, demo_lines, vulnerability_lines
from ironhull.errors import CheckFailedError, InputError


@click.command()
@runner_option
@click.option("--keep", is_flag=True, help="Leave the applications' images in the engine.")
@click.option("--own", is_flag=True, help="Take Ironhull's images for every FROM; ask no registry.")
@click.option(
    "--app",
    "application",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder with the three Dockerfiles; without it examples/node-app.",
)
@click.option("--mirror", metavar="URL|DIR", help="The package archive, as in build.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the comparison goes (.html, .json, .md); without it reports/demo.html in the home.",
)
@as_json
def demo(
    engine_name: str | None,
    keep: bool,
    own: bool,
    application: Path | None,
    mirror: str | None,
    report: Path | None,
    as_json: bool,
) -> None:
    r"""Run the case study: one application, built on a standard and on hardened images.

    Builds the base images that the store lacks and the application from three Dockerfiles, runs
    all, asks each the same, tries in each what an attacker could do, and shows them side by side.
    It ends with the report of ironhull compare.
    Everything it made is removed, also on Ctrl-C; what it built stays in Ironhull's store. Without
    a container engine the sandbox builds and runs all of it.

    \b
    Examples:
      ironhull demo
      ironhull demo --engine docker --keep
    """
    choices = DemoChoices(application or _example(), engine_name, keep, own)
    with opened(as_json, mirror=mirror) as machine, ended_by_signals():
        found = demonstrate(machine, choices, undisturbed)
    if as_json:
        print_json(demo_json(found))
    else:
        print_lines(demo_lines(found))
    output = report or machine.home.reports / "demo.html"
    comparison = comparison_of(machine, found, [f"ironhull demo --report {output.name}"])
    write_report(comparison, format_of(output), output)
    if not as_json:
        print_lines(vulnerability_lines(comparison))
    click.echo(f"report: {output}", err=as_json)
    if found.study is not None and not found.study.same_answers:
        raise CheckFailedError(
            "the applications do not answer the same (see the answers in --json)"
        )


def _example() -> Path:
    """The application of the case study: beside the code, or below the current folder."""
    places = [Path("examples/node-app").absolute(), Path(__file__).parents[3] / "examples/node-app"]
    for place in places:
        if place.is_dir():
            return place
    raise InputError(
        f"the application of the case study is not at {places[0]} (run it in Ironhull's own "
        "folder, or name it: --app DIR)"
    )
