"""Hectares of each class by counting pixels, the map's errors included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch.conventions import NO_CLASS, require
from minewatch.grids import cell_areas

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["RowCounts", "class_area", "row_counts"]

HECTARE = 1e4
"""Square metres."""


@dataclass(frozen=True)
class RowCounts:
    """Pixels of each class in each row of a map, and the area of one."""

    classes: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int64]
    """(row, class)"""
    cell_ha: npt.NDArray[np.float64]
    """(row,)"""
    unclassified: npt.NDArray[np.int64]
    """(row,)"""

    def table(self) -> pd.DataFrame:
        """Pixels and hectares of each class."""
        return pd.DataFrame(
            {"pixels": self.pixels.sum(axis=0), "area_ha": self.cell_ha @ self.pixels},
            index=pd.Index(self.classes, name="class"),
        )


def row_counts(classes: xr.DataArray, *, by: str) -> RowCounts:
    """Count the pixels of each class row by row. Computes, reading every block once.

    Parameters
    ----------
    classes : xarray.DataArray
        Dims (y, x), whole numbers (255 none) or booleans, with a CRS.
    by : str
        The function that asks, for the message.

    Returns
    -------
    RowCounts
        The same for any chunking.

    Raises
    ------
    TypeError
        If it holds no whole numbers.
    ValueError
        If it has other dims, no CRS or no pixel with a class.

    Examples
    --------
    >>> import rioxarray
    >>> grid = {"y": [150.0, 50.0], "x": [50.0, 150.0]}
    >>> mapped = xr.DataArray(np.uint8([[0, 0], [1, 255]]), grid, ("y", "x"))
    >>> row_counts(mapped.rio.write_crs("EPSG:32721"), by="class_area").pixels
    array([[2, 0],
           [0, 1]])
    """
    require(classes, "y", "x", by=by, dtype=None if _is_bool(classes) else "integer")
    area = cell_areas(classes).values / HECTARE
    rows = classes.sizes["y"]
    parts = _counted(classes)
    found = np.unique(np.concatenate([codes for _, codes, _ in parts])).astype(np.int64)
    pixels = np.zeros((rows, len(found)), dtype=np.int64)
    for start, codes, counts in parts:
        at = np.searchsorted(found, codes)
        pixels[start : start + len(counts), at] += counts
    known = found != NO_CLASS
    if not known.any():
        message = f"{by} needs a map with classes, got one that is {NO_CLASS} (none) everywhere"
        message += "; check that features and grid overlap"
        raise ValueError(message)
    return RowCounts(
        found[known], pixels[:, known], np.broadcast_to(area, rows), pixels[:, ~known].sum(axis=1)
    )


def _is_bool(classes: object) -> bool:
    return isinstance(classes, xr.DataArray) and classes.dtype == bool


def _counted(classes: xr.DataArray) -> list[tuple[int, Any, Any]]:
    """First row, codes and counts (row, code) of each block."""
    if classes.chunks is None:
        return [(0, *_count(classes.values))]
    import dask

    blocks = classes.data.to_delayed()
    starts = np.cumsum([0, *classes.data.chunks[0]])[:-1]
    count = dask.delayed(_count, pure=True)
    wanted = [(int(s), count(b)) for s, row in zip(starts, blocks, strict=True) for b in row]
    (counted,) = dask.compute([block for _, block in wanted])
    return [(s, *found) for (s, _), found in zip(wanted, counted, strict=True)]


def _count(block: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    codes, place = np.unique(block, return_inverse=True)
    rows = np.repeat(np.arange(len(block)), block.shape[1])
    cell = rows * len(codes) + place.ravel()
    counts = np.bincount(cell, minlength=len(block) * len(codes))
    return codes, counts.reshape(len(block), len(codes))


def class_area(classes: xr.DataArray) -> pd.DataFrame:
    r"""Area of each class of a map by counting its pixels. Computes, in one pass.

    .. math:: A_k = \sum_{u:\, \mathrm{map}(u) = k} a_u

    A map that errs is biased here by as much as it errs more one way than the other, and counting
    more pixels does not help. An area to be reported, with its error, takes a sample:
    :func:`sample_design` and :func:`stratified_area`.

    Parameters
    ----------
    classes : xarray.DataArray
        Dims (y, x), whole numbers (255 none) or booleans, with a CRS; e.g. of
        :func:`minewatch.learn.predict`. On a geographic grid pixels are measured on the ellipsoid,
        row by row.

    Returns
    -------
    pandas.DataFrame
        A row for each class: ``pixels``, ``area_ha`` (ha), ``share`` of the area that has a class.
        ``attrs`` holds ``estimator``, ``biased`` (True) and ``unclassified_ha``.

    Raises
    ------
    TypeError
        If it holds no whole numbers.
    ValueError
        If it has other dims, no CRS or no pixel with a class.

    See Also
    --------
    stratified_area : the area with its error, from a sample.
    minewatch.grids.cell_areas : the area of a pixel.

    References
    ----------
    Olofsson et al. (2014), Good practices for estimating area and assessing accuracy of land
    change. https://doi.org/10.1016/j.rse.2014.02.015

    Examples
    --------
    >>> import rioxarray
    >>> grid = {"y": [150.0, 50.0], "x": [50.0, 150.0]}
    >>> mapped = xr.DataArray(np.uint8([[0, 0], [1, 255]]), grid, ("y", "x"))
    >>> class_area(mapped.rio.write_crs("EPSG:32721"))
           pixels  area_ha  share
    class
    0           2      2.0   0.67
    1           1      1.0   0.33
    """
    counts = row_counts(classes, by="class_area")
    table = counts.table()
    table["share"] = table["area_ha"] / table["area_ha"].sum()
    table.attrs = {
        "estimator": "count of mapped pixels, with the bias of the map's errors",
        "biased": True,
        "unclassified_ha": float(counts.cell_ha @ counts.unclassified),
    }
    return table
