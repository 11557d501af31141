"""`ironhull why`: the ways from what a definition asks for to a package, and who needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

import click

from ironhull.cli.machine import silent
from ironhull.cli.output import as_json, print_json, table
from ironhull.definition.model import ImageDefinition
from ironhull.errors import CheckFailedError, NotFoundError
from ironhull.lock.file import read_lock
from ironhull.lock.model import LockedPackage, LockedPlatform, Reason, ReasonKind
from ironhull.lock.request import check_lock
from ironhull.lock.trace import Way, Ways, ways_to
from ironhull.workspace.locking import Locking

_DEEPEST = 3 * 60
"""Characters of indentation: real ways have about ten steps, a made-up lock may have thousands."""


@click.command
@click.argument("name", metavar="NAME:TAG")
@click.argument("package")
@click.option("--platform", help="For example linux/arm64; without it the first of the lock.")
@as_json
def why(name: str, package: str, platform: str | None, as_json: bool) -> None:
    r"""Show why a package is in an image: every shortest way to it, and all that need it.

    Exits with 1 if the package is not in the image, and says whether it is kept out.

    \b
    Example:
      ironhull why node:20 libssl3t64
    """
    definition, file = Locking(silent()).definition(name)
    path = definition.file
    lock = read_lock(file)
    check_lock(lock, definition, str(file))
    chosen = platform or next(iter(lock.platforms))
    locked = lock.platforms.get(chosen)
    if locked is None:
        raise NotFoundError(f"{file} has no {chosen} (it has: {', '.join(lock.platforms)})")
    image = f"{definition.image}:{path.stem}"
    found = next((p for p in locked.packages if p.name == package), None)
    if found is None:
        elsewhere = [
            n for n, p in lock.platforms.items() if package in {q.name for q in p.packages}
        ]
        _absent(image, chosen, package, definition, locked, elsewhere, as_json)
        raise CheckFailedError(f"{package} is not in {image} ({chosen})")
    ways = ways_to(locked, package)
    if as_json:
        print_json(_json(image, chosen, found, ways))
        return
    origin = f"{found.architecture}, from {found.source} {found.source_version}, {found.suite}"
    click.echo(click.style(f"{found.name} {found.version}", bold=True) + f" ({origin})")
    click.echo("\n".join(_tree(image, ways)))
    needing = [reason for reason in found.reasons if reason.kind is not ReasonKind.REQUESTED]
    if needing:
        rows = [(r.by, r.kind.value, r.relation, r.choice) for r in needing]
        click.echo("\n" + table(("NEEDED BY", "HOW", "RELATION", "CHOICE"), rows))


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


def _absent(
    image: str,
    platform: str,
    package: str,
    definition: ImageDefinition,
    locked: LockedPlatform,
    elsewhere: list[str],
    as_json: bool,
) -> None:
    exclusion = next((r for r in definition.packages if r.excluded and r.name == package), None)
    edges = [edge for edge in locked.broken if edge.excluded == package]
    if as_json:
        print_json(
            {
                "name": image,
                "platform": platform,
                "package": package,
                "in": False,
                "excluded": str(exclusion.place) if exclusion else None,
                "broken": [{"package": e.package, "relation": e.relation} for e in edges],
            }
        )
        return
    click.echo(click.style(package, bold=True))
    if elsewhere:
        click.echo(f"  it is in {image} for {', '.join(elsewhere)}")
    if exclusion is not None:
        click.echo(f"  '!{package}' keeps it out: {exclusion.place}")
        for edge in edges:
            click.echo(f"  {edge.package} would need it: {edge.relation}")
        if not edges:
            click.echo("  nothing in the image would need it")
    else:
        click.echo("  nothing that the definition asks for needs it")
        close = get_close_matches(package, [p.name for p in locked.packages], 3, 0.6)
        if close:
            click.echo(f"  in the image are: {', '.join(close)}")


def _json(image: str, platform: str, package: LockedPackage, ways: Ways) -> dict[str, Any]:
    return {
        "name": image,
        "platform": platform,
        "package": package.name,
        "in": True,
        "version": package.version,
        "source": package.source,
        "suite": package.suite,
        "ways": [
            [{"package": step.package.name, **_reason(step.reason)} for step in way]
            for way in ways.ways
        ],
        "more_ways": ways.more,
        "reasons": [_reason(reason) for reason in package.reasons],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "kind": reason.kind.value,
        "by": reason.by,
        "relation": reason.relation,
        "choice": reason.choice or None,
    }
