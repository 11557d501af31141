"""Options of `ironhull migrate --prove`: which engine, and what to ask both images."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ironhull.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])


def proof_options(command: Command) -> Command:
    """Adds the options; the verb gets `proving`, None unless `--prove` is given."""

    @click.option("--prove", is_flag=True, help="Build and run both versions, and compare them.")
    @click.option(
        "--engine",
        "engine_name",
        metavar="NAME",
        help="With --prove: podman, docker or sandbox; without it the first that works.",
    )
    @click.option(
        "--request",
        "requests",
        multiple=True,
        metavar="REQUEST",
        help="With --prove: ask both, as [METHOD] [:PORT]/PATH [BODY]; without it what "
        "compose or the images say.",
    )
    @click.option(
        "--run",
        "commands",
        multiple=True,
        metavar="ARGUMENTS",
        help="With --prove: run both with these arguments, to their end.",
    )
    @click.option("--own", is_flag=True, help="With --prove: ask no registry for base images.")
    @functools.wraps(command)
    def given(
        *words: Any,
        prove: bool,
        engine_name: str | None,
        requests: Sequence[str],
        commands: Sequence[str],
        own: bool,
        **options: Any,
    ) -> Any:
        if not prove and (engine_name or requests or commands or own):
            raise InputError("--engine, --request, --run and --own are for --prove: give it too")
        proving = None
        if prove:
            # It loads engines and what compares images, which migrating alone does without.
            from ironhull.cli.proving import proof_by

            proving = proof_by(engine_name, requests, commands, own=own)
        return command(*words, proving=proving, **options)

    return given  # type: ignore[return-value]
