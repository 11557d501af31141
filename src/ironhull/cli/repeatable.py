"""Commands that know how they were called, for the reports that say how to repeat them."""

from __future__ import annotations

import shlex
from typing import Any

import click


class Repeatable(click.Command):
    """A command whose line is kept, see `given_command`."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """As click's; the words are noted before they are taken apart."""
        given = list(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta["ironhull.command"] = shlex.join(["ironhull", info_name or "", *given])
        return context


def given_command() -> str:
    """The command line of the running Repeatable, quoted for a shell."""
    return str(click.get_current_context().meta["ironhull.command"])
