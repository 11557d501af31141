"""Progress bars on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text


class _Amount(ProgressColumn):
    """Bytes where the step counts bytes, `m/n` elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes, self._count = DownloadColumn(), MofNCompleteColumn()

    def render(self, task: Task) -> Text:
        column = self._bytes if task.fields["unit"] == "bytes" else self._count
        return column.render(task)


class Bars:
    """One bar a step, on stderr."""

    def __init__(self) -> None:
        self._rich = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            _Amount(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )

    def __enter__(self) -> Bars:
        self._rich.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rich.stop()

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        """As `Progress.start`."""
        task = self._rich.add_task(step, total=total, unit=unit)
        return lambda amount: self._rich.advance(task, amount)

    def note(self, text: str) -> None:
        """As `Progress.note`."""
        self._rich.console.print(text, highlight=False, markup=False)
