"""`ironhull run`: an image of the store, with no engine needed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from ironhull.cli.machine import opened
from ironhull.engine.find import RUNNERS
from ironhull.engine.interface import Attached, Mount
from ironhull.errors import InputError
from ironhull.workspace.running import RunChoices, attached_image

_PASSED = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH),
)
_INSISTED = 3


# What stands behind the name is the program's: `ironhull run node:20 node -e 1`.
@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("image", metavar="NAME:TAG")
@click.argument("command", nargs=-1, metavar="[-- ARGS]...", type=click.UNPROCESSED)
@click.option(
    "--engine",
    "engine_name",
    type=click.Choice(RUNNERS),
    default="sandbox",
    show_default=True,
    help="What runs it.",
)
@click.option(
    "--network",
    type=click.Choice(["none", "host"]),
    default="none",
    show_default=True,
    help="none: a loopback of its own and nothing else.",
)
@click.option(
    "--read-only/--writable",
    "read_only",
    default=True,
    show_default=True,
    help="With --writable writes succeed, and are gone afterwards.",
)
@click.option(
    "-p",
    "--publish",
    multiple=True,
    metavar="[HOST:]PORT:PORT",
    help="A TCP port of this machine (of 127.0.0.1 without HOST) leads to one inside.",
)
@click.option("-e", "--env", multiple=True, metavar="KEY=VALUE", help="A variable; repeatable.")
@click.option(
    "-v", "--volume", multiple=True, metavar="SOURCE:TARGET[:ro|:rw]", help="Read-only unless rw."
)
@click.option("-u", "--user", metavar="USER[:GROUP]", help="Instead of the image's.")
@click.option("-w", "--workdir", metavar="PATH", help="Instead of the image's.")
@click.option("--entrypoint", metavar="PROGRAM", help="Instead of the image's.")
@click.option("-m", "--memory", metavar="SIZE", help="For example 512m.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def run(
    image: str,
    command: tuple[str, ...],
    engine_name: str,
    network: str,
    read_only: bool,
    publish: tuple[str, ...],
    env: tuple[str, ...],
    volume: tuple[str, ...],
    user: str | None,
    workdir: str | None,
    entrypoint: str | None,
    memory: str | None,
    quiet: bool,
) -> None:
    r"""Run an image of the store, in the sandbox unless --engine says otherwise.

    With the image's user, a read-only root, a fresh /tmp, no capabilities and no network. Signals
    go to the program; its exit code is ours.

    \b
    Examples:
      ironhull run node:20 -- node -e 'console.log(process.version)'
      ironhull run -p 8080:8080 nginx:1.26
      ironhull run --engine podman node:20 -- node --version
    """
    chosen = RunChoices(
        command=command[1:] if command[:1] == ("--",) else command,
        entrypoint=(entrypoint,) if entrypoint else None,
        engine=engine_name,
        network=network,
        read_only=read_only,
        user=user,
        workdir=workdir,
        environment=dict(_variable(text) for text in env),
        publish=publish,
        mounts=tuple(_mount(text) for text in volume),
        memory=memory,
    )
    with (
        opened(quiet) as machine,
        attached_image(machine, image, chosen) as attached,
        _handed_on(attached),
    ):
        code = attached.wait()
    sys.exit(code)


def _variable(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise InputError(f"--env {text!r}: write KEY=VALUE")
    return key, value


def _mount(text: str) -> Mount:
    parts = text.split(":")
    if len(parts) not in (2, 3) or parts[2:] not in ([], ["ro"], ["rw"]):
        raise InputError(f"--volume {text!r}: write SOURCE:TARGET, with :rw to write there")
    return Mount(Path(parts[0]).resolve(), parts[1], writable=parts[2:] == ["rw"])


@contextmanager
def _handed_on(attached: Attached) -> Iterator[None]:
    """Signals go to the program; the third Ctrl-C kills it, if it heeds none."""
    interrupts = 0

    def hand_on(number: int, frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        attached.send(signal.SIGKILL if interrupts >= _INSISTED else number)

    before = {number: signal.signal(number, hand_on) for number in _PASSED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
