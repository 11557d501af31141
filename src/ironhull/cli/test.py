"""`ironhull test`: a definition's own tests, in a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ironhull.build.testing import TestReport, run_tests
from ironhull.cli.engines import (
    ended_by_signals,
    engine_option,
    engine_settings,
    host_environment,
    stored,
)
from ironhull.cli.output import as_json, print_json, progress
from ironhull.cli.settings import settings
from ironhull.cli.workspace import Workspace
from ironhull.definition.model import ImageDefinition
from ironhull.engine.find import engine
from ironhull.engine.host import AptRepository, HostSettings, host_settings
from ironhull.errors import CheckFailedError, EnvironmentProblem
from ironhull.progress import Progress


@click.command()
@click.argument("image", metavar="NAME:TAG")
@engine_option
@click.option("--mirror", metavar="URL", help="For tests that install packages, as in build.")
@as_json
def test(image: str, engine_name: str | None, mirror: str | None, as_json: bool) -> None:
    r"""Run the tests of an image's definition in the built image.

    Each runs with no network, no capabilities, a read-only root and /tmp in memory, unless the
    definition asks for more. Ends with 1 if one fails.

    \b
    Examples:
      ironhull test node:20
      ironhull test node:20-dev --engine docker --json
    """
    layout = settings().home.store
    descriptor = stored(layout, image)
    with progress(quiet=as_json) as shown, ended_by_signals():
        workspace = Workspace(settings(), shown, mirror=mirror)
        definition, _ = workspace.definition(image)
        found = engine(engine_name, engine_settings())
        with host_of(workspace, definition, shown) as host:
            report = run_tests(found, layout, descriptor, definition, host, shown)
    if as_json:
        print_json(report_json(image, report))
    else:
        click.echo(_text(image, report))
    failed = sum(not outcome.passed for outcome in report.outcomes)
    if failed:
        raise CheckFailedError(f"{image}: {failed} of {len(report.outcomes)} tests failed")


@contextmanager
def host_of(
    workspace: Workspace, definition: ImageDefinition, shown: Progress
) -> Iterator[HostSettings]:
    """The host's network settings, if a test of the definition asks for the network."""
    if not any(one.network for one in definition.tests):
        yield HostSettings()
        return
    repositories: list[AptRepository] = []
    try:
        repositories = [
            AptRepository(one.uri, one.suites, one.components)
            for one in workspace.repositories(definition)
        ]
    except EnvironmentProblem as problem:
        shown.note(f"warning: tests with apt use the image's own sources: {problem}")
    with host_settings(host_environment(), Path.home(), repositories) as host:
        yield host


def report_json(image: str, report: TestReport) -> dict[str, object]:
    return {
        "name": image,
        "digest": report.image,
        "manifest": report.manifest,
        "engine": report.engine,
        "engine_version": report.engine_version,
        "passed": sum(outcome.passed for outcome in report.outcomes),
        "failed": sum(not outcome.passed for outcome in report.outcomes),
        "tests": [
            {
                "name": outcome.name,
                "passed": outcome.passed,
                "reason": outcome.reason,
                "place": outcome.place,
                "seconds": round(outcome.seconds, 3),
                "commands": [
                    {
                        "command": list(command.command),
                        "exit_code": command.exit_code,
                        "seconds": round(command.seconds, 3),
                        "output": command.output,
                    }
                    for command in outcome.commands
                ],
            }
            for outcome in report.outcomes
        ],
    }


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
        lines.append(f"{image}: {passed} of {len(report.outcomes)} tests passed in {where}")
    else:
        lines.append(f"{image}: its definition has no tests")
    return "\n".join(lines)
