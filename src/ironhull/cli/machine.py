"""The machine as a verb finds it: this process's settings, the verb's options, the progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from ironhull.cli.output import progress
from ironhull.cli.settings import read_settings
from ironhull.settings import Settings
from ironhull.workspace.machine import Machine


@contextmanager
def opened(quiet: bool = False, **options: Any) -> Iterator[Machine]:
    """A Machine whose progress is on stderr while the block lasts, unless it is `quiet`."""
    with progress(quiet) as shown:
        yield Machine(given_settings(**options), shown)


def silent(**options: Any) -> Machine:
    """A Machine that says nothing, for verbs that take no time."""
    return Machine(given_settings(**options))


def given_settings(**options: Any) -> Settings:
    """The settings of this process with a verb's options, by the names of Settings' fields.

    An option that was not given (None, or a flag that is not set) leaves the setting as it is.
    """
    given = {name: value for name, value in options.items() if value not in (None, False)}
    if not str(given.get("mirror", "x")).strip():
        del given["mirror"]
    if "mirror" in given:
        given["mirror_origin"] = "--mirror"
    context = click.get_current_context(silent=True)
    folders = context.obj if context else None
    return replace(read_settings(), **given).with_catalogs(folders or ())
