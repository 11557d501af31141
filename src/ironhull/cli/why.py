"""`ironhull why`: the ways from what a definition asks for to a package, and who needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.errors import CheckFailedError
from ironhull.lock.document import presence_document
from ironhull.lock.model import Reason, ReasonKind
from ironhull.lock.presence import Absent, Present
from ironhull.lock.trace import Way, Ways
from ironhull.workspace.tracing import presence

_DEEPEST = 3 * 60
"""Characters of indentation: real ways have about ten steps, a made-up lock may have thousands."""


@click.command
@click.argument("name", metavar="NAME:TAG")
@click.argument("package")
@click.option("--platform", metavar="OS/CPU", help="Which; without it the first of the lock.")
@as_json
def why(name: str, package: str, platform: str | None, as_json: bool) -> None:
    r"""Show why a package is in an image: every shortest way to it, and all that need it.

    Exits with 1 if the package is not in the image, and says whether it is kept out.

    \b
    Example:
      ironhull why node:20 libssl3t64
    """
    found = presence(silent(), name, package, platform)
    if as_json:
        print_json(presence_document(found))
    else:
        click.echo("\n".join(_absent(found) if isinstance(found, Absent) else _present(found)))
    if isinstance(found, Absent):
        raise CheckFailedError(f"{package} is not in {found.image} ({found.platform})")


def _present(found: Present) -> Iterator[str]:
    package = found.package
    origin = f"{package.architecture}, from {package.source} {package.source_version}"
    yield click.style(f"{package.name} {package.version}", bold=True) + (
        f" ({origin}, {package.suite})"
    )
    yield from _tree(found.image, found.ways)
    needing = [reason for reason in package.reasons if reason.kind is not ReasonKind.REQUESTED]
    if needing:
        rows = [(r.by, r.kind.value, r.relation, r.choice) for r in needing]
        yield "\n" + table(("NEEDED BY", "HOW", "RELATION", "CHOICE"), rows)


def _tree(image: str, ways: Ways) -> Iterator[str]:
    yield click.style(image, bold=True)
    yield from _branches(ways.ways, "")
    if ways.more:
        yield f"… and more ways than {len(ways.ways)}"


def _branches(ways: Iterable[Way], indent: str) -> Iterator[str]:
    """The first step of every way, once, and below it what the ways go on with."""
    if len(indent) > _DEEPEST:
        yield f"{indent}…"
        return
    groups: dict[tuple[str, Reason], list[Way]] = {}
    for way in ways:
        if way:
            groups.setdefault((way[0].package.name, way[0].reason), []).append(way)
    for index, ((name, reason), members) in enumerate(groups.items(), start=1):
        last = index == len(groups)
        version = members[0][0].package.version
        yield f"{indent}{'└─' if last else '├─'} {name} {version}  {_because(reason)}"
        yield from _branches((way[1:] for way in members), indent + ("   " if last else "│  "))


def _because(reason: Reason) -> str:
    if reason.kind is ReasonKind.REQUESTED:
        text = f"{reason.by} asks for {reason.relation}"
    else:
        text = f"{reason.kind.value}: {reason.relation}"
    return click.style(text + (f"  [{reason.choice}]" if reason.choice else ""), dim=True)


def _absent(found: Absent) -> Iterator[str]:
    yield click.style(found.package, bold=True)
    if found.elsewhere:
        yield f"  it is in {found.image} for {', '.join(found.elsewhere)}"
    if found.exclusion is not None:
        yield f"  '!{found.package}' keeps it out: {found.exclusion.place}"
        for edge in found.broken:
            yield f"  {edge.package} would need it: {edge.relation}"
        if not found.broken:
            yield "  nothing in the image would need it"
    else:
        yield "  nothing that the definition asks for needs it"
        if found.similar:
            yield f"  in the image are: {', '.join(found.similar)}"
