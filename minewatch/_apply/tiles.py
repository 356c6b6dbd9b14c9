"""Tiles that overlap, on a lattice of the scene: what they say is added up, block by block."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply.reductions import is_lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["over_tiles"]

Spans = tuple[tuple[int, int], tuple[int, int]]
"""First and end of rows, and of columns."""


def over_tiles(
    function: Callable[..., Any],
    shared: object,
    array: xr.DataArray,
    *,
    tile: int,
    stride: int,
    counts: tuple[int, int],
    out_dim: str,
    out_size: int,
    dtype: str = "float32",
) -> xr.DataArray:
    """Run a function over overlapping square tiles and add up what they give.

    Tile (i, j) begins at row i · stride and column j · stride, whatever the chunks; what lies
    beyond the scene is NaN in it. Each tile is one task and run once, each block of the result
    another that adds up, always in the same order: numbers do not depend on chunks.

    Parameters
    ----------
    function : callable
        ``function(shared, tile, i, j)``: tile (first, y, x) → (out_dim, y, x).
    shared : object
        What every tile needs, e.g. a fitted model. It is one node of the graph.
    array : xarray.DataArray
        Dims (first, y, x), float.
    tile, stride : int
        Rows and columns of a tile, and from one to the next.
    counts : (int, int)
        Tiles along y and x; they must cover the scene.
    out_dim : str
        Takes the place of the first dim.
    out_size : int
        Its length.
    dtype : str
        Dtype of the result.

    Returns
    -------
    xarray.DataArray
        Dims (out_dim, y, x), coordinates without the first dim; lazy and cut along y and x as
        `array` is.
    """
    dims = array.dims
    coords = {name: each for name, each in array.coords.items() if dims[0] not in each.dims}
    if is_lazy(array):
        cut = array.data.rechunk({0: -1})
        data = _over_blocks(function, shared, cut, tile, stride, counts, out_size, dtype)
    else:
        data = np.zeros((out_size, *array.shape[1:]), dtype)
        whole: Spans = ((0, array.shape[1]), (0, array.shape[2]))
        for i, j in product(*map(range, counts)):
            where = _span(i, j, tile, stride)
            found = function(shared, _assembled(where, [whole], array.data), i, j)
            _add(data, whole, found, where)
    return xr.DataArray(data, coords, (out_dim, *dims[1:]))


def _span(i: int, j: int, tile: int, stride: int) -> Spans:
    return (i * stride, i * stride + tile), (j * stride, j * stride + tile)


def _shared_part(one: Spans, other: Spans) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """What two rectangles have in common, as slices of either."""
    both = [
        (max(first, start), min(end, stop))
        for (first, end), (start, stop) in zip(one, other, strict=True)
    ]
    inside = [
        tuple(slice(low - at, high - at) for (low, high), (at, _) in zip(both, of, strict=True))
        for of in (one, other)
    ]
    return (inside[0][0], inside[0][1]), (inside[1][0], inside[1][1])


def _assembled(where: Spans, places: Sequence[Spans], *blocks: Any) -> Any:
    """A tile from the blocks it lies on, NaN beyond them."""
    (top, bottom), (left, right) = where
    found = np.full((len(blocks[0]), bottom - top, right - left), np.nan, blocks[0].dtype)
    for place, block in zip(places, blocks, strict=True):
        here, there = _shared_part(where, place)
        found[:, *here] = block[:, *there]
    return found


def _add(total: Any, where: Spans, found: Any, place: Spans) -> None:
    here, there = _shared_part(where, place)
    total[:, *here] += found[:, *there]


class _Tile:
    """A function on one tile."""

    def __init__(
        self, function: Callable[..., Any], at: tuple[int, int], where: Spans, places: list[Spans]
    ) -> None:
        self.function, self.at, self.where, self.places = function, at, where, places

    def __call__(self, shared: Any, *blocks: Any) -> Any:
        return self.function(shared, _assembled(self.where, self.places, *blocks), *self.at)


class _Sum:
    """A block of the result from the tiles that lie on it."""

    def __init__(self, size: int, dtype: str, where: Spans, places: list[Spans]) -> None:
        self.size, self.dtype, self.where, self.places = size, dtype, where, places

    def __call__(self, *tiles: Any) -> Any:
        (top, bottom), (left, right) = self.where
        total = np.zeros((self.size, bottom - top, right - left), self.dtype)
        for place, found in zip(self.places, tiles, strict=True):
            _add(total, self.where, found, place)
        return total


def _touching(
    edges: Sequence[int], tile: int, stride: int, count: int
) -> list[tuple[range, tuple[int, int]]]:
    """For each block along an axis: the tiles that lie on it, and where it begins and ends."""
    found = []
    for first, end in pairwise(edges):
        low = max(0, (first - tile) // stride + 1)
        found.append((range(low, min(count, -(-end // stride))), (int(first), int(end))))
    return found


def _over_blocks(
    function: Callable[..., Any],
    shared: object,
    array: Any,
    tile: int,
    stride: int,
    counts: tuple[int, int],
    out_size: int,
    dtype: str,
) -> Any:
    import dask
    import dask.array as da
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    node = dask.delayed(shared, traverse=False)
    label = getattr(function, "__name__", type(function).__name__).strip("_").lower()
    settings = (tile, stride, counts, out_size, dtype)
    name = f"{label}-{tokenize(function, node.key, array.name, settings)}"
    axes = [
        _touching([0, *np.cumsum(cut).tolist()], tile, stride, count)
        for cut, count in zip(array.chunks[1:], counts, strict=True)
    ]
    under: dict[tuple[int, int], list[tuple[int, int]]] = {}
    tasks: dict[Any, Any] = {}
    blocks = list(product(*(range(len(axis)) for axis in axes)))
    spans = {(b, c): (axes[0][b][1], axes[1][c][1]) for b, c in blocks}
    for b, c in blocks:
        on = list(product(axes[0][b][0], axes[1][c][0]))
        places = [_span(i, j, tile, stride) for i, j in on]
        work = _Sum(out_size, dtype, spans[b, c], places)
        tasks[name, 0, b, c] = (work, *((f"tile-{name}", i, j) for i, j in on))
        for at in on:
            under.setdefault(at, []).append((b, c))
    for at, own in under.items():
        piece = _Tile(function, at, _span(*at, tile, stride), [spans[block] for block in own])
        tasks[(f"tile-{name}", *at)] = (
            piece,
            node.key,
            *((array.name, 0, *block) for block in own),
        )
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=[array, node])
    return da.Array(graph, name, ((out_size,), *array.chunks[1:]), meta=np.empty((0, 0, 0), dtype))
