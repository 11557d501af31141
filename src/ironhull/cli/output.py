"""What every verb prints with: JSON or a table on stdout, notes and progress on stderr.

`rich` is imported only where something is drawn; with `--json`, or where stderr is no terminal,
it never is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from ironhull.progress import Progress, Silent
from ironhull.reports.table import Heading
from ironhull.reports.table import table as lines_of_table
from ironhull.reports.words import shown_size

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")


def print_json(value: Any) -> None:
    """One JSON document, indented, keys in the order given."""
    # What writes JSON takes a tenth of the time of a verb that prints none.
    from ironhull.reports.json_text import json_text

    click.echo(json_text(value))


def print_document(data: bytes) -> None:
    """A document byte by byte as it is, and the end of its line."""
    click.echo(data)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns padded with spaces; `right` lists the columns of figures. Widths in characters."""
    return "\n".join(map(_styled, lines_of_table(headings, rows, right)))


def print_lines(lines: Iterable[str]) -> None:
    """Lines of a report, its headings bold where stdout is a terminal."""
    click.echo("\n".join(map(_styled, lines)))


def _styled(line: str) -> str:
    return click.style(line, bold=True) if isinstance(line, Heading) else line


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
        with ExitStack() as stack:
            yield _Drawn(stack)
    else:
        yield _Lines()


class _Drawn:
    """Bars from the first step or note on: a verb that says nothing does not load what draws."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self._begun: Progress | None = None

    @property
    def _bars(self) -> Progress:
        with self._lock:
            if self._begun is None:
                from ironhull.cli.bars import Bars

                self._begun = self._stack.enter_context(Bars())
            return self._begun

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        return self._bars.start(step, total, unit)

    def note(self, text: str) -> None:
        self._bars.note(text)


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


def pairs(given: Sequence[str], option: str, form: str = "NAME=VALUE") -> dict[str, str]:
    """NAME=VALUE of a repeated option, by name; `form` is what is said to be expected."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.UsageError(f"{option} {text!r}: write {form}")
        found[name] = value
    return found
