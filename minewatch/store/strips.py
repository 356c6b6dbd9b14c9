"""A store filled strip by strip, so that what a strip needs is all that waits in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import xarray as xr

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Strip", "blocks_of", "heights_of", "is_image", "strips_of", "write_strip"]

Strip: TypeAlias = Mapping[str, slice]
"""The rows of a strip, by the dim that they lie along."""


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


def heights_of(rows: int | Mapping[str, int] | None, *, step: int) -> dict[str, int]:
    """How many rows a strip has along each dim.

    Parameters
    ----------
    rows : int or mapping or None
        As in :func:`minewatch.store.to_zarr`.
    step : int
        Rows of a stored chunk of images: their strips are made of whole ones.

    Returns
    -------
    dict of str to int
        Empty if nobody asked for strips.

    Raises
    ------
    ValueError
        If one is not positive.

    Examples
    --------
    >>> heights_of(2500, step=1024), heights_of({"row": 36}, step=1024)
    ({'y': 2048}, {'row': 36})
    """
    if rows is None:
        return {}
    asked = rows.values() if isinstance(rows, Mapping) else [rows]
    if min(asked) < 1:
        message = f"to_zarr computes one row or more at a time, got rows={rows}; use {step}"
        raise ValueError(message)
    return dict(rows) if isinstance(rows, Mapping) else {"y": max(rows // step, 1) * step}


def strips_of(cube: xr.Dataset, heights: Mapping[str, int]) -> list[Strip]:
    """Rows that are computed at a time.

    Parameters
    ----------
    cube : xarray.Dataset
        What is to be stored.
    heights : mapping of str to int
        From :func:`heights_of`. Where there are several dims, the first rows of each make the
        first strip, and so on: of those that end earlier the last strips have none.

    Returns
    -------
    list of mapping
        Empty for all at once: nobody asked for strips, or something lazy has no rows to cut, or
        lies along y and is no image.
    """
    lazy = [each for each in cube.variables.values() if each.chunks is not None]
    if not lazy or not all(_is_cut(each, heights) for each in lazy):
        return []
    sizes = {dim: cube.sizes[dim] for dim in heights if dim in cube.sizes}
    number = max(math.ceil(size / heights[dim]) for dim, size in sizes.items())
    return [
        {
            dim: slice(min(at * heights[dim], size), min((at + 1) * heights[dim], size))
            for dim, size in sizes.items()
        }
        for at in range(number)
    ]


def _is_cut(variable: xr.Variable, heights: Mapping[str, int]) -> bool:
    along = [dim for dim in variable.dims if dim in heights]
    return len(along) == 1 and (along != ["y"] or is_image(variable))


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


def write_strip(cube: xr.Dataset, path: Path, strip: Strip) -> None:
    """Fill some rows of a store that has been laid out. Computes.

    Parameters
    ----------
    cube : xarray.Dataset
        What is stored there; what of it is not lazy has been written with the layout.
    path : pathlib.Path
        The store.
    strip : mapping of str to slice
        One of :func:`strips_of`.
    """
    lazy = cube[[key for key, each in cube.data_vars.items() if each.chunks is not None]]
    part = lazy.drop_vars(list(lazy.coords)).isel(strip, missing_dims="ignore")
    part = part.drop_vars([key for key, each in part.data_vars.items() if each.size == 0])
    region = {str(dim): slice(0, size) for dim, size in part.sizes.items()}
    region |= {dim: rows for dim, rows in strip.items() if dim in part.sizes}
    part.to_zarr(path, region=region, zarr_format=3, consolidated=False)
