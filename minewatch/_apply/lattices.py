"""Large windows on a lattice: blocks whose result is smaller than they are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply.reductions import is_lazy
from minewatch._apply.windows import wide_enough

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["over_lattice"]


def over_lattice(
    function: Callable[..., Any],
    shared: object,
    array: xr.DataArray,
    *,
    tops: Sequence[int],
    lefts: Sequence[int],
    size: int,
    dtype: str = "float32",
) -> xr.DataArray:
    """Run a function over square windows that all lie whole in the image, each once.

    A window belongs to the block that its upper left corner lies in; what sticks out is shown by
    the neighbours below and to the right. Two tasks a block at most: what it shows, and the
    function.

    Parameters
    ----------
    function : callable
        ``function(shared, block, tops, lefts)``: block (first, ..., y, x) and the first rows and
        columns of its windows in it → (..., len(tops), len(lefts)).
    shared : object
        What every block needs, e.g. a fitted model. It is one node of the graph.
    array : xarray.DataArray
        Dims (first, ..., y, x). A task sees all of the first dim; blocks of y and x thinner than a
        window are joined.
    tops, lefts : sequence of int
        First rows and first columns of the windows, ascending, at least one of each.
    size : int
        Rows and columns of a window.
    dtype : str
        Dtype of the result.

    Returns
    -------
    xarray.DataArray
        Dims (..., y, x), one value a window; coordinates without the first dim, y and x; lazy if
        `array` is, cut as the image is.
    """
    dims = array.dims[1:]
    gone = {array.dims[0], *dims[-2:]}
    coords = {name: each for name, each in array.coords.items() if not gone & set(each.dims)}
    if is_lazy(array):
        data = _over_blocks(function, shared, array.data, (tops, lefts), size, dtype)
    else:
        data = np.asarray(function(shared, array.data, tops, lefts), dtype)
    # Without a name of its own, a DataArray takes that of the dask array.
    return xr.DataArray(data, coords, dims).rename(None)


@dataclass(frozen=True)
class _Span:
    """What one block along one axis has to do with the windows."""

    starts: tuple[int, ...]
    """Starts of its windows, counted from its own."""
    beyond: int
    """Pixels of the next block that the last of them needs."""


def _spans(chunks: tuple[int, ...], starts: Sequence[int], size: int) -> list[_Span]:
    edges = np.cumsum((0, *chunks))
    owner = np.searchsorted(edges, np.asarray(starts), side="right") - 1
    spans = []
    for block, (first, length) in enumerate(zip(edges[:-1], chunks, strict=True)):
        own = tuple(int(start - first) for start in np.asarray(starts)[owner == block])
        spans.append(_Span(own, max(0, own[-1] + size - length) if own else 0))
    return spans


class _Patchwork:
    """A function on the windows of one block, with what its neighbours show it."""

    def __init__(self, function: Callable[..., Any], rows: _Span, columns: _Span, size: int):
        self.function, self.rows, self.columns, self.size = function, rows, columns, size

    def __call__(self, shared: Any, block: Any, right: Any, below: Any, corner: Any) -> Any:
        tops, lefts = self.rows.starts, self.columns.starts
        first, end = (tops[0], lefts[0]), (tops[-1] + self.size, lefts[-1] + self.size)
        height, width = block.shape[-2:]
        here = block[..., first[0] : end[0], first[1] : end[1]]
        whole = here
        if end[0] > height or end[1] > width:
            shape = (*block.shape[:-2], end[0] - first[0], end[1] - first[1])
            whole = np.empty(shape, block.dtype)
            rows, columns = here.shape[-2:]
            whole[..., :rows, :columns] = here
            if right is not None:
                whole[..., :rows, columns:] = right[0, 1][..., first[0] : end[0], :]
            if below is not None:
                whole[..., rows:, :columns] = below[1, 0][..., first[1] : end[1]]
            if corner is not None:
                whole[..., rows:, columns:] = corner[1, 1]
        inside = [[at - start[0] for at in start] for start in (tops, lefts)]
        return self.function(shared, whole, *inside)


def _shown(block: Any, down: int, right: int) -> dict[tuple[int, int], Any]:
    """What a block shows those above it, to its left and to its upper left: side → copy."""
    sides = {(0, 1): block[..., :right], (1, 0): block[..., :down, :]}
    sides[1, 1] = block[..., :down, :right]
    return {side: part.copy() for side, part in sides.items() if part.size}


def _over_blocks(
    function: Callable[..., Any],
    shared: object,
    array: Any,
    starts: tuple[Sequence[int], Sequence[int]],
    size: int,
    dtype: str,
) -> Any:
    import dask
    import dask.array as da
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    array = wide_enough(array.rechunk({0: -1}), (size - 1, size - 1))
    node = dask.delayed(shared, traverse=False)
    label = getattr(function, "__name__", type(function).__name__).strip("_").lower()
    token = tokenize(node.key, array.name, starts, size, dtype)
    name = f"{label}-{token}"
    spans = [_spans(cut, at, size) for cut, at in zip(array.chunks[-2:], starts, strict=True)]
    owners = [[at for at, span in enumerate(axis) if span.starts] for axis in spans]
    tasks: dict[Any, Any] = {}

    def seen(lead: tuple[int, ...], row: int, column: int, down: int, right: int) -> Any:
        """The key of what a block sees in a direction, if it looks there."""
        if (down and not spans[0][row].beyond) or (right and not spans[1][column].beyond):
            return None
        # Those before it may look in further than the one that asks.
        at = (row + down, column + right)
        depth = [
            axis[place - 1].beyond if place else 0 for axis, place in zip(spans, at, strict=True)
        ]
        key = (f"shown-{name}", *lead, *at)
        tasks.setdefault(key, (_shown, (array.name, 0, *lead, *at), *depth))
        return key

    for lead in np.ndindex(*array.numblocks[1:-2]):
        for (j, row), (i, column) in product(enumerate(owners[0]), enumerate(owners[1])):
            work = _Patchwork(function, spans[0][row], spans[1][column], size)
            sides = [seen(lead, row, column, *side) for side in ((0, 1), (1, 0), (1, 1))]
            tasks[name, *lead, j, i] = (work, node.key, (array.name, 0, *lead, row, column), *sides)
    chunks = [
        tuple(len(axis[at].starts) for at in own) for axis, own in zip(spans, owners, strict=True)
    ]
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=[array, node])
    meta = np.empty((0,) * (array.ndim - 1), dtype)
    return da.Array(graph, name, (*array.chunks[1:-2], *chunks), meta=meta)
