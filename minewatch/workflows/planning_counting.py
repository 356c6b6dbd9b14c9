"""The tasks of work that dask would do: its scheduler is one that counts, and computes nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import dask
import xarray as xr

from minewatch import store
from minewatch.store.filling import ledger_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["counted_store", "first_computation"]


class _Counted(Exception):
    """A graph was counted, and what would come of it is not known."""


def _tasks(graph: Any) -> int:
    """Tasks of an optimised graph; what it holds as data is none."""
    from dask._task_spec import DataNode

    drawn = graph.__dask_graph__() if hasattr(graph, "__dask_graph__") else graph
    return sum(not isinstance(task, DataNode) for task in dict(drawn).values())


@contextlib.contextmanager
def _counting(*, stop: bool) -> Iterator[list[int]]:
    """Count the tasks of each computation in the ``with`` block instead of doing it."""
    counts: list[int] = []

    def schedule(graph: Any, keys: Any, **settings: Any) -> Any:
        del settings
        counts.append(_tasks(graph))
        if stop:
            raise _Counted
        return _nothing(keys)

    with dask.config.set(scheduler=schedule):
        yield counts


def _nothing(keys: Any) -> Any:
    """As many results as were asked for, in the same lists."""
    return [_nothing(key) for key in keys] if isinstance(keys, list) else None


def counted_store(
    data: xr.DataArray | xr.Dataset, path: Path, *, name: str | None = None
) -> tuple[Any, int, int]:
    """Lay a store out as a run would fill it, and fill nothing.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        What would be stored.
    path : pathlib.Path
        A place that can be thrown away.
    name : str, optional
        As for :func:`minewatch.store.to_zarr`.

    Returns
    -------
    (object, int, int)
        The store, opened, which holds nothing; tasks; blocks.
    """
    with _counting(stop=False) as counts:
        cube = data if isinstance(data, xr.Dataset) else data.to_dataset(name=name or data.name)
        laid_out = store.to_zarr(cube, path, resume="a plan")
    # The ledger's first line is its header.
    blocks = len(ledger_of(path).read_text(encoding="utf-8").splitlines()) - 1
    layer = laid_out if isinstance(data, xr.Dataset) else laid_out[name or data.name]
    return layer, sum(counts), max(blocks, 1)


def first_computation(work: Callable[[], object]) -> int:
    """Tasks of the first thing that some work computes; it is stopped there.

    Parameters
    ----------
    work : callable
        The work.

    Returns
    -------
    int
        0 if it computes nothing.

    Examples
    --------
    >>> import dask.array as da
    >>> lazy = da.ones((4, 4), chunks=2)
    >>> first_computation(lambda: (lazy + 1).compute())  # four blocks, then put together
    5
    """
    with _counting(stop=True) as counts, contextlib.suppress(_Counted):
        work()
    return sum(counts)
