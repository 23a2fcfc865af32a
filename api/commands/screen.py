"""Progress on a terminal's standard error: a bar with the present step; nothing where output is not a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["Bar", "progress_bar"]


class Bar:
    """A cld.progress.Progress drawn by Rich."""

    def __init__(self, drawn: Progress) -> None:
        """Draw on an open progress display."""
        self._drawn = drawn
        self._task: TaskID = drawn.add_task("Starting", total=None)

    def expect(self, n_steps: int) -> None:
        """Set the length of the bar."""
        self._drawn.update(self._task, total=n_steps)

    def step(self, words: str) -> None:
        """Move on to a step."""
        self._drawn.update(self._task, description=words, advance=1)


@contextlib.contextmanager
def progress_bar() -> Iterator[Bar]:
    """Open a bar for the length of a command."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as drawn:
        yield Bar(drawn)
