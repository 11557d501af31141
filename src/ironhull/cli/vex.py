"""`ironhull vex`: write VEX from evidence, and check it for honesty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from ironhull.cli.machine import opened, silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.cli.scan_options import Reach, image_argument, reach_options, scan_options
from ironhull.errors import CheckFailedError
from ironhull.reports.words import tally
from ironhull.vex.lint import LintViolation
from ironhull.vex.reading import read_vex
from ironhull.workspace.scanning import ScanChoices
from ironhull.workspace.vex_document import bom_vex_of, vex_of

_FIRST = 5


@click.group(short_help="Write and check VEX documents.")
def vex() -> None:
    """Say which vulnerabilities concern an image, with evidence, and check what others say.

    Example: ironhull vex create node:20
    """


@vex.command(short_help="Write what evidence says about an image's vulnerabilities.")
@image_argument
@click.option(
    "--bill",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Write CycloneDX VEX about the components of this CycloneDX bill instead (BOM-Links).",
)
@reach_options
@scan_options
def create(image: str, bill: Path | None, chosen: ScanChoices, reach: Reach) -> None:
    """Print an OpenVEX document about IMAGE. Every statement carries the evidence for it.

    `not_affected` is written only where the distribution's own reason or the content of the package
    shows it; "no DSA", "postponed" and accepted risks never make it.

    Example: ironhull vex create localhost:5000/node:20 > node.openvex.json
    """
    with reach.opened(quiet=True) as machine:
        if bill is None:
            click.echo(vex_of(machine, image, chosen, reach.platform))
        else:
            data = bill.read_bytes()
            click.echo(bom_vex_of(machine, image, data, chosen, reach.platform))


@vex.command(short_help="Write the VEX of all images as a signed VEX repository.")
@click.argument("target", metavar="DIR|REF")
@click.option(
    "--image", "images", multiple=True, metavar="NAME:TAG", help="Only this image; repeatable."
)
@click.option(
    "--url",
    required=True,
    metavar="URL",
    help="Where it will be served: https, for readers ask nothing else.",
)
@as_json
def publish(target: str, images: tuple[str, ...], url: str, as_json: bool) -> None:
    """Write the VEX attached to the store's images into DIR, as one numbered, signed set.

    DIR is a VEX repository (specification v0.1), which trivy and others read from any static
    server: index, manifest, a document for each image, and an OSV feed of what newer images
    mended. REF is the same as an artifact in a registry. A set with other content gets the next
    number and names the one before; an equal one keeps its number.

    Example: ironhull vex publish vex --url https://images.example/vex
    """
    from ironhull.workspace.vex_publishing import publish_vex

    if not url.startswith("https://"):
        raise click.UsageError(f"--url {url!r:.80}: readers of VEX repositories ask https only")
    with opened(as_json) as machine:
        done = publish_vex(machine, target, images, url)
    if as_json:
        print_json(asdict(done))
        return
    click.echo(f"set {done.number} ({done.digest}) in {target}")
    click.echo(f"{tally(done.statements, 'statement')} of {tally(done.images, 'image')}")


@vex.command(short_help="Check VEX documents for honesty and use.")
@click.argument(
    "places", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option("--all", "everything", is_flag=True, help="Every report, not the first of a rule.")
@as_json
def lint(places: Sequence[Path], everything: bool, as_json: bool) -> None:
    """Find statements without evidence, products that hide something, and what will not match.

    FILE is an OpenVEX, CSAF or CycloneDX document or a folder of them. Exits with 1 on errors.
    Documents are checked whole: a count for each rule, and every report with --all or --json.
    With advisories (ironhull advisories update), also what of them the feeds contradict.

    Example: ironhull vex lint node.openvex.json
    """
    from ironhull.workspace.vex_linting import lint_documents

    done = lint_documents(silent(), (read for place in places for read in read_vex(place)))
    found = done.violations
    errors = sum(problem.level == "error" for problem in found)
    if as_json:
        print_json([asdict(problem) for problem in found])
    else:
        for rule, of_rule in _by_rule(found).items():
            shown = of_rule if everything else of_rule[:_FIRST]
            rows = [[each.vulnerability, each.message, each.document] for each in shown]
            click.echo(click.style(f"{rule}: {len(of_rule)} {of_rule[0].level}s", bold=True))
            click.echo(table(["VULNERABILITY", "", "FILE"], rows))
            if len(of_rule) > len(shown):
                click.echo(f"and {len(of_rule) - len(shown)} more of this rule (--all, --json)")
            click.echo()
        click.echo(f"{tally(errors, 'error')}, {tally(len(found) - errors, 'warning')}")
        against = (
            f"{tally(done.compared, 'package')} held against the feeds, {done.left} could not be"
        )
        click.echo(f"not held against the feeds: {done.reason}" if done.reason else against)
    if errors:
        raise CheckFailedError(f"statements or documents not honest or not usable: {errors}")


def _by_rule(found: Sequence[LintViolation]) -> dict[str, list[LintViolation]]:
    """Reports by rule: errors first, then the most frequent."""
    groups: dict[str, list[LintViolation]] = {}
    for each in found:
        groups.setdefault(each.rule, []).append(each)
    return dict(
        sorted(groups.items(), key=lambda group: (group[1][0].level != "error", -len(group[1])))
    )
