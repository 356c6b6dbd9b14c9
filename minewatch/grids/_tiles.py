"""Fill a grid block by block, each block from just the part of the source that it needs."""

from __future__ import annotations

import uuid
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import NO_CLASS, SPATIAL_REF
from minewatch.grids.boxes import coordinates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odc.geo.geobox import GeoBox

TILE = 1024
"""Rows and columns of a block of the result."""

Window = tuple[slice, slice]


def to_map(box: GeoBox, row: Any, column: Any) -> tuple[Any, Any]:
    """Map coordinates (x, y) of fractional pixel positions, (0, 0) the outer corner."""
    t = box.transform
    return t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f


def to_pixels(box: GeoBox, x: Any, y: Any) -> tuple[Any, Any]:
    """Fractional (row, column) of map coordinates, (0, 0) the outer corner."""
    t = ~box.transform
    return t.d * x + t.e * y + t.f, t.a * x + t.b * y + t.c


def is_classed(data: xr.DataArray) -> bool:
    """Whether the values are codes, between which there is nothing."""
    flags = {"flag_values", "flag_masks"} & set(data.attrs)
    return data.dtype in (np.dtype(bool), np.dtype("uint8")) or bool(flags)


def with_missing(data: xr.DataArray, method: str, *, by: str) -> tuple[xr.DataArray, float]:
    """Refuse to interpolate codes, and give every other layer a dtype with a missing value.

    Parameters
    ----------
    data : xarray.DataArray
        Any layer.
    method : str
        How it is to be brought onto a grid.
    by : str
        The function that asks, for the message.

    Returns
    -------
    (xarray.DataArray, float)
        The layer and its missing value: masks as uint8, 255; integers as floats, NaN.
    """
    classed = is_classed(data)
    if classed and method != "nearest":
        message = (
            f"{by} cannot interpolate the classes of {data.name!r}: the mean of two codes is a "
            f'third class; use method="nearest", or {by} (data == code).astype("float32")'
        )
        raise ValueError(message)
    if data.dtype == bool or data.dtype == np.dtype("uint8"):
        return data.astype("uint8"), NO_CLASS
    if classed or data.dtype.kind not in "fui":
        message = (
            f"{by} knows the missing value of floats (NaN), integers (NaN, as floats) and class "
            f"maps of uint8 (255), and {data.name!r} is {data.dtype}; cast it with .astype first"
        )
        raise TypeError(message)
    if data.dtype.kind in "ui":
        data = data.astype("float32" if data.dtype.itemsize <= 2 else "float64")
    return data, np.nan


def fill(
    data: xr.DataArray,
    box: GeoBox,
    plan: Callable[[Window], tuple[Window, Callable[[], Any]] | None],
    read: Callable[..., Any],
    *,
    missing: float,
) -> xr.DataArray:
    """Bring the trailing (y, x) of a layer onto a grid.

    Parameters
    ----------
    data : xarray.DataArray
        Dims (..., y, x), numpy or dask.
    box : GeoBox
        The grid wanted.
    plan : callable
        Rows and columns of the target → rows and columns of the source, and a function that says
        where to read them (called once a block); None where the source has nothing to give.
    read : callable
        ``read(part, where)``: (..., y, x) of the source → (..., y, x) of the target.
    missing : float
        Value where the source has nothing to give.

    Returns
    -------
    xarray.DataArray
        Dims and leading coordinates of `data`, y, x and CRS of `box`; lazy where `data` is.
    """
    lead = data.shape[:-2]
    whole = (slice(0, box.shape[0]), slice(0, box.shape[1]))
    if data.chunks is None:
        planned = plan(whole)
        if planned is None:
            values: Any = np.full((*lead, *box.shape), missing, data.dtype)
        else:
            values = read(np.asarray(data.data[(..., *planned[0])]), planned[1]())
    else:
        values = _lazily(data.data, box, plan, read, missing)
    kept = {
        name: coordinate
        for name, coordinate in data.coords.items()
        if not {"y", "x"} & set(coordinate.dims) and name != SPATIAL_REF
    }
    return xr.DataArray(
        values,
        dims=data.dims,
        coords={**kept, **coordinates(box)},
        name=data.name,
        attrs=data.attrs,
    )


def _lazily(
    array: Any,
    box: GeoBox,
    plan: Callable[[Window], tuple[Window, Callable[[], Any]] | None],
    read: Callable[..., Any],
    missing: float,
) -> Any:
    """One task for each block, drawn by hand: slices and joins of dask arrays take ten."""
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    name = f"grid-{uuid.uuid4().hex}"
    rows, columns = (list(_cut(size)) for size in box.shape)
    leads = list(np.ndindex(*(len(sizes) for sizes in array.chunks[:-2])))
    tasks: dict[tuple[Any, ...], Any] = {}
    for (j, row), (i, column) in product(enumerate(rows), enumerate(columns)):
        planned = plan((row, column))
        if planned is not None:
            tasks[f"{name}-places", j, i] = (planned[1],)
            down, across = map(_pieces, array.chunks[-2:], planned[0])
        for lead in leads:
            if planned is None:
                shape = (
                    *(sizes[k] for sizes, k in zip(array.chunks, lead, strict=False)),
                    row.stop - row.start,
                    column.stop - column.start,
                )
                tasks[name, *lead, j, i] = (partial(np.full, shape, missing, array.dtype),)
            else:
                blocks = [[(array.name, *lead, at, to) for to in across] for at in down]
                cuts = [list(down.values()), list(across.values())]
                places = (f"{name}-places", j, i)
                tasks[name, *lead, j, i] = (_joined, read, blocks, cuts, places)
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=[array])
    cut = [tuple(part.stop - part.start for part in parts) for parts in (rows, columns)]
    return da.Array(graph, name, (*array.chunks[:-2], *cut), meta=array._meta)


def _joined(
    read: Callable[..., Any], blocks: list[list[Any]], cuts: list[list[slice]], where: Any
) -> Any:
    """Read from one window that may lie across several blocks."""
    parts = [
        [block[..., down, across] for block, across in zip(line, cuts[1], strict=True)]
        for line, down in zip(blocks, cuts[0], strict=True)
    ]
    return read(parts[0][0] if len(parts) == len(parts[0]) == 1 else np.block(parts), where)


def _pieces(sizes: tuple[int, ...], window: slice) -> dict[int, slice]:
    """Which blocks along an axis a window touches, and what it takes of each."""
    found = {}
    for number, block in enumerate(_spans(sizes)):
        start, stop = max(window.start, block.start), min(window.stop, block.stop)
        if start < stop:
            found[number] = slice(start - block.start, stop - block.start)
    return found


def _cut(size: int) -> Iterator[slice]:
    for start in range(0, size, TILE):
        yield slice(start, min(start + TILE, size))


def _spans(sizes: tuple[int, ...]) -> Iterator[slice]:
    start = 0
    for size in sizes:
        yield slice(start, start + size)
        start += size
