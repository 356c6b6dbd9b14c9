"""Fill a grid block by block, each block from just the part of the source that it needs."""

from __future__ import annotations

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
    import dask
    import dask.array as da

    rows, columns = (list(_cut(size)) for size in box.shape)
    task = dask.delayed(read, pure=True)
    leads = list(product(*(list(_spans(sizes)) for sizes in array.chunks[:-2])))
    blocks: dict[tuple[int, ...], Any] = {}
    for (j, row), (i, column) in product(enumerate(rows), enumerate(columns)):
        shape = (row.stop - row.start, column.stop - column.start)
        planned = plan((row, column))
        where = None if planned is None else dask.delayed(planned[1], pure=True)()
        for k, lead in enumerate(leads):
            full = (*(part.stop - part.start for part in lead), *shape)
            if planned is None:
                blocks[k, j, i] = da.full(full, missing, dtype=array.dtype, chunks=full)
            else:
                part = array[(*lead, *planned[0])]
                # One chunk: the task then gets a plain array.
                part = part.rechunk({axis: -1 for axis in range(part.ndim)})
                blocks[k, j, i] = da.from_delayed(task(part, where), shape=full, dtype=array.dtype)
    order = np.empty(
        (*(len(sizes) for sizes in array.chunks[:-2]), len(rows), len(columns)), object
    )
    for position, (k, j, i) in zip(
        np.ndindex(order.shape),
        product(range(len(leads)), range(len(rows)), range(len(columns))),
        strict=True,
    ):
        order[position] = blocks[k, j, i]
    return da.block(order.tolist())


def _cut(size: int) -> Iterator[slice]:
    for start in range(0, size, TILE):
        yield slice(start, min(start + TILE, size))


def _spans(sizes: tuple[int, ...]) -> Iterator[slice]:
    start = 0
    for size in sizes:
        yield slice(start, start + size)
        start += size
