"""Options of `ironhull migrate --prove`: which engine, and what to ask both images."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ironhull.cli.engines import engine_option
from ironhull.errors import InputError
from ironhull.migrate.proof.requests import parse_request
from ironhull.workspace.proving import ProofChoices

Command = TypeVar("Command", bound=Callable[..., Any])


def proof_options(command: Command) -> Command:
    """Adds the options; the verb gets `proving`, None unless `--prove` is given."""

    @click.option("--prove", is_flag=True, help="Build and run both versions, and compare them.")
    @engine_option
    @click.option(
        "--request",
        "requests",
        multiple=True,
        metavar="REQUEST",
        help="With --prove: ask both, as [METHOD] [:PORT]/PATH [BODY]; without it what the images "
        "expose.",
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
        proving = ProofChoices(
            engine_name,
            tuple(map(parse_request, requests)),
            tuple(map(_words, commands)),
            own=own,
        )
        return command(*words, proving=proving if prove else None, **options)

    return given  # type: ignore[return-value]


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"--run {text!r:.200}: {error} (quote as for a shell)") from None
