"""`ironhull new`: a definition that builds, from a few flags or answers."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.output import pairs, print_lines
from ironhull.cli.signals import ended_by_signals
from ironhull.definition.draft import Draft
from ironhull.errors import CheckFailedError, InputError
from ironhull.reports.words import tally
from ironhull.workspace.checking_report import start_lines
from ironhull.workspace.drafting import NewDefinition, new_definition


@click.command(short_help="Write a definition that builds, with tests.")
@click.argument("image", metavar="NAME[:TAG]", required=False)
@click.option(
    "--package", "packages", multiple=True, metavar="NAME", help="Of Debian; may be repeated."
)
@click.option("--cmd", metavar="COMMAND", help="What it starts, as one would type it (no shell).")
@click.option("--port", "ports", multiple=True, metavar="PORT[/udp]", help="It listens there.")
@click.option("--data", default="", metavar="PATH", help="A folder for its data: a volume.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="An environment variable.")
@click.option("--file", "files", multiple=True, metavar="FILE=PATH", help="FILE's text at PATH.")
@click.option("--http", default="", metavar="PATH", help="It answers this with 200: the test.")
@click.option("--proof", metavar="COMMAND", help="It ends with 0 if the program works: the test.")
@click.option("--mirror", metavar="URL|DIR", help="As in build.")
def new(
    image: str | None,
    packages: tuple[str, ...],
    cmd: str | None,
    ports: tuple[str, ...],
    data: str,
    env: tuple[str, ...],
    files: tuple[str, ...],
    http: str,
    proof: str | None,
    mirror: str | None,
) -> None:
    r"""Write a definition into the catalog (its first folder), build it, and start it once.

    What the check refuses (scripts for shells, packages that only scripts use) is taken out, and
    said. On a terminal it asks for what is not given. The image's user is nonroot, 65532. Ends with
    1 if the check still refuses it (then nothing stays), or if it does not start.

    \b
    Example:
      ironhull new lighttpd:1 --package lighttpd --port 8080 --http / \
        --file lighttpd.conf=/etc/lighttpd/lighttpd.conf \
        --cmd "lighttpd -D -f /etc/lighttpd/lighttpd.conf"
    """
    if not image or not packages:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "give a name and the packages: ironhull new NAME[:TAG] --package PACKAGE "
                "(on a terminal it asks for them)"
            )
        image = image or click.prompt("Name of the image (web or web:1)", type=str)
    if not packages:
        packages, cmd, ports = _asked(cmd, ports)
    name, _, tag = image.partition(":")
    draft = Draft(
        name,
        tag or "1",
        packages,
        _words("--cmd", cmd),
        tuple(port if "/" in port else f"{port}/tcp" for port in ports),
        data,
        pairs(env, "--env"),
        {path: _read(Path(file)) for file, path in pairs(files, "--file", "FILE=PATH").items()},
        http,
        _words("--proof", proof),
    )
    with opened(mirror=mirror) as machine, ended_by_signals():
        made = new_definition(machine, draft)
    print_lines(_lines(made))
    if made.start is not None and not made.start.started:
        raise CheckFailedError(f"{image} builds, and does not do its job: {made.start.reason}")


def _asked(cmd: str | None, ports: tuple[str, ...]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    packages = tuple(click.prompt("Debian packages (with blanks between)", type=str).split())
    cmd = cmd or click.prompt("What it starts", default="", show_default=False)
    given = ports or tuple(click.prompt("Ports", default="", show_default=False).split())
    return packages, cmd, given


def _words(option: str, text: str | None) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text or ""))
    except ValueError as error:
        raise click.UsageError(f"{option} {text!r}: {error} (close every quote)") from None


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file} as text: {error}") from None


def _lines(made: NewDefinition) -> list[str]:
    [built] = made.image.platforms
    lines = [f"{made.path}: {tally(built.packages, 'package')}, built for {built.platform}"]
    for what, items in (
        ("kept out", made.draft.left_out),
        ("deleted", made.draft.deleted),
        ("left idle", made.draft.idle),
    ):
        lines += [f"  {what}: {item}" for item in items]
    return [*lines, *start_lines(made.start, made.untried)]
