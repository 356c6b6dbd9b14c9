"""A store filled strip by strip, so that what a strip needs is all that waits in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["blocks_of", "is_image", "strips_of", "write_strip"]


def is_image(variable: xr.Variable) -> bool:
    """Whether it is laid out in rows and columns, so that it is stored in squares.

    Parameters
    ----------
    variable : xarray.Variable
        One variable of a cube.

    Returns
    -------
    bool
        Whether it is one.
    """
    return {"y", "x"} <= set(variable.dims)


def strips_of(cube: xr.Dataset, rows: int | None, *, step: int) -> list[slice]:
    """Rows that are computed at a time.

    Parameters
    ----------
    cube : xarray.Dataset
        What is to be stored.
    rows : int or None
        As in :func:`minewatch.store.to_zarr`.
    step : int
        Rows of a stored chunk: strips are made of whole ones.

    Returns
    -------
    list of slice
        Empty for all at once: nobody asked for strips, or something lazy is no image.

    Raises
    ------
    ValueError
        If `rows` is not positive.
    """
    if rows is not None and rows < 1:
        message = f"to_zarr computes one row or more at a time, got rows={rows}; use {step}"
        raise ValueError(message)
    lazy = [each for each in cube.variables.values() if each.chunks is not None]
    if rows is None or not lazy or not all(map(is_image, lazy)):
        return []
    tall = max(rows // step, 1) * step
    return [slice(at, min(at + tall, cube.sizes["y"])) for at in range(0, cube.sizes["y"], tall)]


def blocks_of(cube: xr.Dataset) -> int:
    """How many blocks a strip has: as many workers find work in it.

    Parameters
    ----------
    cube : xarray.Dataset
        What is to be stored.

    Returns
    -------
    int
        Dask blocks of the variable that has most, those below each other counted once.
    """
    lazy = [each for each in cube.variables.values() if each.chunks is not None]
    return max((math.prod(map(len, _across(each))) for each in lazy), default=1)


def _across(variable: xr.Variable) -> list[tuple[int, ...]]:
    return [sizes for dim, sizes in variable.chunksizes.items() if dim != "y"]


def write_strip(cube: xr.Dataset, path: Path, rows: slice) -> None:
    """Fill some rows of a store that has been laid out. Computes.

    Parameters
    ----------
    cube : xarray.Dataset
        What is stored there; what of it is not lazy has been written with the layout.
    path : pathlib.Path
        The store.
    rows : slice
        One of :func:`strips_of`.
    """
    lazy = cube[[key for key, each in cube.data_vars.items() if each.chunks is not None]]
    part = lazy.drop_vars(list(lazy.coords)).isel(y=rows)
    region = {str(dim): slice(0, size) for dim, size in part.sizes.items()} | {"y": rows}
    part.to_zarr(path, region=region, zarr_format=3, consolidated=False)
