"""`ironhull test`: a definition's own tests, in a real engine."""

from __future__ import annotations

import click

from ironhull.build.profile_document import profile_document, profile_text
from ironhull.build.testing import TestReport
from ironhull.build.testing_document import report_document
from ironhull.cli.engines import runner_option
from ironhull.cli.machine import opened
from ironhull.cli.output import as_json, print_json
from ironhull.cli.signals import ended_by_signals
from ironhull.errors import CheckFailedError, InputError
from ironhull.reports.words import tally
from ironhull.workspace.engines import run_definition_tests
from ironhull.workspace.profiling import profile_tests


@click.command()
@click.argument("image", metavar="NAME:TAG")
@runner_option
@click.option("--mirror", metavar="URL|DIR", help="For tests that install packages, as in build.")
@click.option(
    "--profile",
    "profiles",
    is_flag=True,
    help="Propose slices: list files of packages that no test opens (in the sandbox).",
)
@as_json
def test(
    image: str, engine_name: str | None, mirror: str | None, profiles: bool, as_json: bool
) -> None:
    r"""Run the tests of an image's definition in the built image.

    Each runs with no network, no capabilities, a read-only root and /tmp in memory, unless the
    definition asks for more. Ends with 1 if one fails.

    \b
    Examples:
      ironhull test node:20
      ironhull test node:20 --engine sandbox
      ironhull test node:20-dev --engine docker --json
      ironhull test nginx:1.26 --profile
    """
    if profiles and engine_name not in (None, "sandbox"):
        raise InputError(f"--profile sees opened files in the sandbox alone, not in {engine_name}")
    profiled = None
    with opened(as_json, mirror=mirror) as machine, ended_by_signals():
        if profiles:
            profiled = profile_tests(machine, image)
        report = profiled.report if profiled else run_definition_tests(machine, image, engine_name)
    document = report_document(image, report)
    document |= {"profile": profile_document(profiled.packages)} if profiled else {}
    if as_json:
        print_json(document)
    else:
        click.echo(_text(image, report))
        if profiled is not None:
            click.echo(profile_text(profiled.packages))
    failed = sum(not outcome.passed for outcome in report.outcomes)
    if failed:
        raise CheckFailedError(f"{image}: {failed} of {tally(report.outcomes, 'test')} failed")


def _text(image: str, report: TestReport) -> str:
    lines = []
    for outcome in report.outcomes:
        mark = click.style("passed", fg="green")
        if not outcome.passed:
            mark = click.style("FAILED", fg="red", bold=True)
        lines.append(f"{mark}  {outcome.name}  ({outcome.seconds:.1f} s)")
        if not outcome.passed:
            lines.append(f"        {outcome.place}: {outcome.reason}")
    passed = sum(outcome.passed for outcome in report.outcomes)
    where = f"{report.engine} {report.engine_version}"
    if report.outcomes:
        lines.append(f"{image}: {passed} of {tally(report.outcomes, 'test')} passed in {where}")
    else:
        lines.append(f"{image}: its definition has no tests")
    return "\n".join(lines)
