"""Fill a grid block by block, each block from just the part of the source that it needs."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.grids.boxes import coordinates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odc.geo.geobox import GeoBox

TILE = 1024
"""Rows and columns of a block of the result."""

Window = tuple[slice, slice]


def fill(
    data: xr.DataArray,
    box: GeoBox,
    plan: Callable[[Window], tuple[Window, Any] | None],
    read: Callable[..., Any],
    *,
    dtype: np.dtype[Any],
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
        Rows and columns of the target → rows and columns of the source and what `read` must know
        besides them; None where the source has nothing to give.
    read : callable
        ``read(part, how)``: (..., y, x) of the source → (..., y, x) of the target.
    dtype : numpy.dtype
        Of the result.
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
            values: Any = np.full((*lead, *box.shape), missing, dtype)
        else:
            values = read(np.asarray(data.data[(..., *planned[0])]), planned[1])
    else:
        values = _lazily(data.data, box, plan, read, dtype, missing)
    kept = {
        name: coordinate
        for name, coordinate in data.coords.items()
        if not {"y", "x"} & set(coordinate.dims) and name != "spatial_ref"
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
    plan: Callable[[Window], tuple[Window, Any] | None],
    read: Callable[..., Any],
    dtype: np.dtype[Any],
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
        how = None if planned is None else dask.delayed(planned[1], pure=True)
        for k, lead in enumerate(leads):
            full = (*(part.stop - part.start for part in lead), *shape)
            if planned is None:
                blocks[k, j, i] = da.full(full, missing, dtype=dtype, chunks=full)
            else:
                part = array[(*lead, *planned[0])]
                # One chunk: the task then gets a plain array.
                part = part.rechunk({axis: -1 for axis in range(part.ndim)})
                blocks[k, j, i] = da.from_delayed(task(part, how), shape=full, dtype=dtype)
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
