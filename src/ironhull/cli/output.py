"""What every verb prints with: JSON or a table on stdout, notes and progress on stderr.

`rich` is imported only where something is drawn; with `--json`, or where stderr is no terminal,
it never is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ironhull.progress import Progress, Silent
from ironhull.reports.json_text import json_text
from ironhull.reports.table import columns
from ironhull.reports.words import shown_size

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")


def print_json(value: Any) -> None:
    """One JSON document, indented, keys in the order given."""
    click.echo(json_text(value))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns padded with spaces; `right` lists the columns of figures. Widths in characters."""
    first, *others = columns([headings, *rows], right)
    return "\n".join([click.style(first, bold=True), *others])


def write_file(path: Path, data: bytes) -> None:
    """Replace a file whole, its folder made; a device, a pipe and a link are written into."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        from ironhull.store.export import whole_file

        with whole_file(path) as file:
            file.write(data)
    else:
        from ironhull.store.files import replace_file

        replace_file(path, data)


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """Progress on stderr: bars on a terminal, a line per step elsewhere, nothing if `quiet`."""
    if quiet:
        yield Silent()
    elif sys.stderr.isatty():
        from ironhull.cli.bars import Bars

        with Bars() as bars:
            yield bars
    else:
        yield _Lines()


class _Lines:
    """Progress for logs: one line when a step begins, one every ten seconds while it goes on."""

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        size = "" if total is None else f" ({_amount(total, unit)})"
        self.note(f"{step}{size}")
        lock, state = threading.Lock(), [0, time.monotonic()]

        def advance(amount: int) -> None:
            with lock:
                state[0] += amount
                if time.monotonic() - state[1] > 10:
                    state[1] = time.monotonic()
                    self.note(f"{step}: {_so_far(int(state[0]), total, unit)}")

        return advance

    def note(self, text: str) -> None:
        click.echo(text, err=True)


def _so_far(count: int, total: int | None, unit: str) -> str:
    if total is None:
        return _amount(count, unit)
    return f"{shown_size(count) if unit == 'bytes' else count} of {_amount(total, unit)}"


def _amount(count: int, unit: str) -> str:
    return shown_size(count) if unit == "bytes" else f"{count} {unit}"
