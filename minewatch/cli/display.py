"""What the terminal shows: a bar while work goes on, a table when it is done."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.progress import TaskID

    from minewatch.workflows import Notify, Result

__all__ = ["bars", "show"]


@contextlib.contextmanager
def bars(console: Console) -> Iterator[Notify]:
    """Show one line a stage: a bar on a terminal, one plain line when done elsewhere.

    Parameters
    ----------
    console : rich.console.Console
        Where to.

    Yields
    ------
    callable
        ``notify(stage, done, total)``; total 0 is "not known yet", done == total is "finished".

    Examples
    --------
    >>> import io
    >>> with bars(Console(file=io.StringIO())) as notify:
    ...     notify("coherence", 0, 0)
    ...     notify("coherence", 3, 3)
    """
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}
    began: dict[str, float] = {}
    lock = threading.Lock()

    def notify(stage: str, done: int, total: int) -> None:
        with lock:
            if stage not in tasks:
                began[stage] = time.monotonic()
                tasks[stage] = progress.add_task(stage, total=None)
            progress.update(tasks[stage], completed=done, total=total or None)
            if not console.is_terminal and total and done == total and stage in began:
                seconds = time.monotonic() - began.pop(stage)
                console.print(f"{stage}: {seconds:.1f} s", highlight=False)

    with progress:
        yield notify


def show(console: Console, result: Result) -> None:
    """Print a run's summary and where its files are.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    result : minewatch.workflows.Result
        What the run gave back.

    Examples
    --------
    >>> import sys
    >>> from pathlib import Path
    >>> from minewatch.workflows import Result
    >>> show(
    ...     Console(file=sys.stdout, width=60), Result(Path("out"), {"Active area": "12.4 ha"}, {})
    ... )
    Active area  12.4 ha
    """
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, value in result.summary.items():
        table.add_row(escape(label), escape(value))
    console.print(table)
    if result.files:
        console.print()
        console.print(_files(result.files, result.folder))


def _files(files: dict[str, Path], folder: Path) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, title=f"In {escape(str(folder))}")
    table.title_justify = "left"
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for what, path in files.items():
        shown = path.relative_to(folder) if path.is_relative_to(folder) else path
        table.add_row(escape(str(shown)), escape(what))
    return table
