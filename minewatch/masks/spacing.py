"""How far apart the pixels of a map are, for masks that measure in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.conventions import crs_of
from minewatch.conventions.projections import is_planar

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["pixel_metres"]

UNEVEN = 1e-3
"""How far, in pixels, coordinates may lie from even steps."""


def pixel_metres(layer: xr.DataArray | xr.Dataset, *, by: str) -> tuple[float, float]:
    """Metres between rows and between columns of a north-up map.

    Raises
    ------
    ValueError
        If the CRS is missing or not planar, or coordinates are uneven or not north-up.
    """
    from pyproj import CRS

    wkt = crs_of(layer)
    crs = None if wkt is None else CRS.from_user_input(wkt)
    if crs is None or not is_planar(crs):
        name = "no CRS" if crs is None else crs.name
        message = (
            f"{by} measures in metres, got a grid with {name}; bring it onto a projected one with "
            "minewatch.grids.resample, or name its CRS with .rio.write_crs"
        )
        raise ValueError(message)
    metres = float(crs.axis_info[0].unit_conversion_factor)
    steps = []
    for dim, sign in (("y", -1), ("x", 1)):
        index = layer.indexes.get(dim)
        along = np.diff(index.to_numpy()) * sign if index is not None else np.empty(0)
        if not len(along) or not (along > 0).all() or np.ptp(along) > UNEVEN * along.mean():
            message = (
                f"{by} needs two or more evenly spaced {dim}, y descending and x ascending; use "
                ".sortby('y', ascending=False) or minewatch.grids.resample"
            )
            raise ValueError(message)
        steps.append(float(along.mean()) * metres)
    return steps[0], steps[1]
