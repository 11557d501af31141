"""`ironhull compare`: images side by side, and the report that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ironhull.cli.output import write_file
from ironhull.cli.repeatable import Repeatable, given_command
from ironhull.cli.scan_options import Reach, accept_unknown_option, reach_options, scan_options
from ironhull.compare.document import document_of
from ironhull.compare.model import Comparison
from ironhull.compare.policy import failures, parse_terms, stale
from ironhull.compare.reports.formats import FORMATS
from ironhull.errors import CheckFailedError, InputError
from ironhull.reports.interface import by_ending
from ironhull.scan.policy import parse_accepted
from ironhull.workspace.measuring import MeasureChoices
from ironhull.workspace.measuring import compare as compare_images
from ironhull.workspace.scanning import ScanChoices


@click.command(cls=Repeatable, short_help="Show images side by side: what hardening gained.")
@click.argument("baseline", metavar="STANDARD")
@click.argument("images", metavar="HARDENED...", nargs=-1, required=True)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="What to write; without it what the file's ending says, else table.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file, whole or not at all, instead of standard output.",
)
@click.option(
    "--fail-if",
    multiple=True,
    metavar="TERM",
    help="Exit with 1 on: worse, packages, vulnerabilities, kev, fixable, size, surface, root,"
    " leak, unknown; several with commas.",
)
@accept_unknown_option
@click.option("--dev-leak", is_flag=True, help="Search the images for what the build left behind.")
@click.option(
    "--build-stage",
    metavar="IMAGE",
    help="The image of the build stage, to prove that nothing of it is left (with --dev-leak).",
)
@scan_options
@reach_options
def compare(
    baseline: str,
    images: Sequence[str],
    form: str | None,
    output: Path | None,
    fail_if: Sequence[str],
    accept_unknown: Sequence[str],
    dev_leak: bool,
    build_stage: str | None,
    chosen: ScanChoices,
    reach: Reach,
) -> None:
    """Compare STANDARD with one or more HARDENED images: packages, vulnerabilities, size, surface.

    An image is what `ironhull scan` takes: NAME:TAG of the store, a registry's reference, a layout,
    an archive, a folder, podman:NAME or docker-daemon:NAME (what a Dockerfile was built to), or a
    file of `ironhull inventory --json`. What cannot be measured is shown as unknown, with the
    reason. Every report has the database's date and the command to repeat.

    Example: ironhull compare node:20-standard node:20 -o report.html
    """
    terms = parse_terms(fail_if)
    accepted = parse_accepted(accept_unknown)
    if build_stage is not None and not dev_leak:
        raise InputError("--build-stage is for --dev-leak: give both")
    form = form or format_of(output)
    choices = MeasureChoices(chosen, reach.platform, dev_leak, build_stage)
    with reach.opened(quiet=form != "table" and output is None) as machine:
        comparison = compare_images(machine, baseline, images, choices, [given_command()])
    write_report(comparison, form, output)
    reasons = [*failures(comparison, terms, accepted), *stale(comparison)]
    if reasons:
        raise CheckFailedError("\n".join(reasons))


def write_report(comparison: Comparison, form: str, output: Path | None) -> None:
    """A report on standard output, or in a file that is replaced whole."""
    text = FORMATS[form].render(document_of(comparison))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text.encode("utf-8", "replace"))


def format_of(output: Path | None) -> str:
    """The format that a file's ending stands for; else table."""
    found = by_ending(FORMATS.values(), output.name) if output is not None else None
    return found.name if found is not None else "table"
