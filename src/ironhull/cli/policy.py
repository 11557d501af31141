"""`ironhull policy`: policies of `ironhull verify`, checked, tried, and written for others."""

from __future__ import annotations

from pathlib import Path

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.errors import CheckFailedError
from ironhull.reports.words import tally
from ironhull.verify.policy.reader import read_policy
from ironhull.verify.policy.schema import policy_reference, policy_schema
from ironhull.workspace.policies import CONTROLLERS, exported, try_policy

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group(short_help="Check and try policies of `verify`.")
def policy() -> None:
    """Say what has to hold of an image before it is believed (docs/verify.md).

    Example: ironhull policy check production.yaml
    """


@policy.command(short_help="Find everything that is wrong with a policy.")
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Read the policy FILE as `ironhull verify` would: all its problems at once, with their places.

    Example: ironhull policy check production.yaml
    """
    found = read_policy(file)
    click.echo(f"{file}: {found.name.name}, {found.name.digest}")


@policy.command("test", short_help="Try a policy on the cases beside it.")
@click.argument("file", type=_FILE)
@click.option("--cases", type=_FILE, help="The file of cases.  [default: FILE with .test before .]")
@as_json
def test_(file: Path, cases: Path | None, as_json: bool) -> None:
    """Try the policy FILE on the images of its cases. Exits with 1 where it says something else.

    Example: ironhull policy test production.yaml
    """
    results = try_policy(silent(), file, cases)
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    "as_expected": each.as_expected,
                    "expected": sorted(each.expected),
                    "failed": sorted(each.failed),
                    "found": each.found,
                }
                for each in results
            ]
        )
    else:
        rows = [
            (
                each.name,
                "yes" if each.as_expected else "NO",
                ", ".join(sorted(each.expected)) or "passes",
                ", ".join(sorted(each.failed)) or "passes",
            )
            for each in results
        ]
        click.echo(table(("CASE", "AS EXPECTED", "EXPECTED", "FAILED"), rows))
    wrong = [each for each in results if not each.as_expected]
    if wrong:
        reasons = "; ".join(text for each in wrong for text in each.found[:3])
        raise CheckFailedError(
            f"not as expected: {len(wrong)} of {tally(results, 'case')}. {reasons}"
        )


@policy.command(short_help="Write a policy for an admission controller.")
@click.argument("file", type=_FILE)
@click.option(
    "--for",
    "controller",
    type=click.Choice(list(CONTROLLERS)),
    required=True,
    help="Which one; the file names the versions that it was made for.",
)
@click.option(
    "--images",
    multiple=True,
    default=("*",),
    show_default=True,
    metavar="GLOB",
    help="Images that it is for.",
)
@click.option(
    "--key", "keys", multiple=True, metavar="PUB", type=_FILE, help="A key that it only names."
)
def export(file: Path, controller: str, images: tuple[str, ...], keys: tuple[Path, ...]) -> None:
    """Print as much of the policy FILE as the controller can hold images to; the rest is named.

    Example: ironhull policy export prod.yaml --for kyverno --images '*/node'
    """
    made = exported(silent(), file, controller, images, keys)
    click.echo(made.text, nl=False)
    for rule in made.left_out:
        click.echo(f"left out, for {controller} cannot decide it: {rule}", err=True)


@policy.command(short_help="Print the format of policies.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="json",
    show_default=True,
    help="JSON Schema (2020-12) for editors, or the reference of all keys.",
)
def schema(form: str) -> None:
    """Print the format of policies.

    Example: ironhull policy schema > policy.schema.json
    """
    if form == "json":
        print_json(policy_schema())
    else:
        click.echo(policy_reference(), nl=False)
