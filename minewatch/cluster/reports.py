"""Dask's own account of a run: what each worker did when, and where the time went."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from minewatch._files import whole

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from distributed import Client

__all__ = ["reported"]


@contextlib.contextmanager
def reported(client: Client, path: str | os.PathLike[str]) -> Iterator[None]:
    """Write Dask's performance report of what the ``with`` block computes.

    Parameters
    ----------
    client : distributed.Client
        Where the block computes.
    path : path-like
        The HTML file; it appears whole, and only if the block ends without an error.

    Yields
    ------
    None

    Raises
    ------
    ImportError
        If bokeh, which draws it, is not installed where the scheduler runs.
    FileNotFoundError
        If the folder of the file does not exist.
    """
    from distributed import performance_report

    if not client.run_on_scheduler(_can_draw()):
        message = (
            "a Dask report needs bokeh where the scheduler runs, which is not installed there; "
            "pip install 'minewatch[worker]'"
        )
        raise ImportError(message)
    with whole(path) as partial:
        account = performance_report(filename=str(partial))
        with client.as_current():
            account.__enter__()
        # Not as its own context: after an error it would ask a scheduler that may be gone.
        yield
        with client.as_current():
            account.__exit__(None, None, None)


def _can_draw() -> Callable[[], bool]:
    """A function for the scheduler: whether bokeh is there."""

    # Nested, so that it travels by value and the scheduler needs no minewatch.
    def can() -> bool:
        import importlib.util

        return importlib.util.find_spec("bokeh") is not None

    return can
