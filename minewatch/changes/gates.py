"""Where change is looked for: in a footprint and near it, and how much that beyond counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch import masks, vectors
from minewatch.conventions import NO_CLASS, crs_of, require, require_same_grid
from minewatch.conventions.projections import is_planar

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["check_gate", "prior"]

ARC = 64
"""Edges of a quarter of a circle: buffers are then right to 1 in 10,000."""


def check_gate(buffer: float, outside: float, *, by: str) -> None:
    """Refuse a gate that means nothing.

    Parameters
    ----------
    buffer : float
        Metres.
    outside : float
        Factor beyond them.
    by : str
        The function that asks, for the message.

    Raises
    ------
    ValueError
        If one is out of range.

    Examples
    --------
    >>> check_gate(200.0, 2.0, by="class_change")
    Traceback (most recent call last):
    ...
    ValueError: class_change multiplies by outside, a share from 0 to 1, got 2.0; use 0.5
    """
    if not 0 <= outside <= 1:
        message = f"{by} multiplies by outside, a share from 0 to 1, got {outside}; use 0.5"
        raise ValueError(message)
    if not 0 <= buffer < math.inf:
        message = f"{by} needs a buffer of 0 m or more around the footprint, got {buffer}; use 200"
        raise ValueError(message)


def prior(
    footprint: xr.DataArray | gpd.GeoDataFrame,
    like: xr.DataArray,
    *,
    buffer: float,
    outside: float,
    by: str,
) -> xr.DataArray:
    """What a probability is multiplied by: 1 in the footprint and near it, `outside` beyond.

    Parameters
    ----------
    footprint : xarray.DataArray or geopandas.GeoDataFrame
        A mask (y, x), bool or uint8 with 1 inside and 255 unknown; or polygons.
    like : xarray.DataArray
        The grid, dims (y, x).
    buffer : float
        Metres around the footprint that still count. From a mask they are measured between pixel
        centres, from polygons to their edge.
    outside : float
        Factor beyond.
    by : str
        The function that asks, for messages.

    Returns
    -------
    xarray.DataArray
        Dims (y, x), float32, lazy where the mask or `like` is; NaN where the mask is unknown.

    Raises
    ------
    TypeError
        If the mask is neither bool nor uint8.
    ValueError
        If the mask is on another grid, or metres cannot be measured.

    Examples
    --------
    >>> pit = xr.DataArray(np.uint8([[1, 0, 255]]), dims=("y", "x"))
    >>> prior(pit, pit, buffer=0, outside=0.5, by="class_change").values
    array([[1. , 0.5, nan]], dtype=float32)
    """
    if not isinstance(footprint, xr.DataArray):
        near = vectors.rasterize(_widened(footprint, like, buffer), like=like)
    else:
        require(footprint, "y", "x", by=f"{by} (footprint)")
        require_same_grid(like, footprint, by=f"{by} (footprint)")
        _require_mask(footprint, by)
        near = masks.grow(footprint, metres=buffer) if buffer > 0 else footprint
    factor = xr.ones_like(near, dtype=np.float32).where(near == 1, np.float32(outside))
    return factor.where(near != NO_CLASS) if near.dtype == np.uint8 else factor


def _require_mask(footprint: xr.DataArray, by: str) -> None:
    if footprint.dtype not in (np.dtype(bool), np.dtype("uint8")):
        message = (
            f"{by} needs the footprint as a mask, bool or uint8 with codes 0, 1 and 255, got dtype "
            f"{footprint.dtype}; make it one with a comparison, e.g. probability > 0.5"
        )
        raise TypeError(message)


def _widened(polygons: gpd.GeoDataFrame, like: xr.DataArray, buffer: float) -> gpd.GeoDataFrame:
    """Polygons with what lies within metres of them, on the map if that is true to scale."""
    wkt = crs_of(like)
    if buffer == 0 or wkt is None or getattr(polygons, "crs", None) is None or polygons.empty:
        return polygons  # what cannot be drawn is refused there
    from pyproj import CRS

    crs = CRS.from_user_input(wkt)
    if not is_planar(crs):
        crs = polygons.estimate_utm_crs()
    metres = float(crs.axis_info[0].unit_conversion_factor)
    local = polygons.to_crs(crs)
    return local.set_geometry(local.buffer(buffer / metres, quad_segs=ARC))
