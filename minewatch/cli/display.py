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

from minewatch.workflows.outputs import SO_FAR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.progress import TaskID

    from minewatch.workflows import Notify, Result

__all__ = ["bars", "show"]


@contextlib.contextmanager
def bars(console: Console) -> Iterator[Notify]:
    """Show one line a stage: a bar on a terminal, one plain line when done elsewhere.

    What a stage tells of how it goes stands beside its bar; elsewhere it is a line each time.

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
    >>> import sys
    >>> with bars(Console(file=sys.stdout)) as notify:
    ...     notify("epochs | loss 0.41", 1, 30)
    ...     notify("epochs | loss 0.38", 2, 30)
    epochs 1/30: loss 0.41
    epochs 2/30: loss 0.38
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

    def notify(told: str, done: int, total: int) -> None:
        stage, _, so_far = told.partition(SO_FAR)
        with lock:
            if stage not in tasks:
                began[stage] = time.monotonic()
                tasks[stage] = progress.add_task(stage, total=None)
            shown = f"{stage}: {so_far}" if so_far else stage
            progress.update(
                tasks[stage], description=escape(shown), completed=done, total=total or None
            )
            if so_far and not console.is_terminal:
                console.print(
                    f"{stage} {done}/{total}: {so_far}",
                    highlight=False, markup=False, soft_wrap=True,
                )  # fmt: skip
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
