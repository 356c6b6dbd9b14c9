"""Hectares of active, stable and undecided ground."""

from __future__ import annotations

import numpy as np
import xarray as xr

from minewatch.activity.intervals import CLASSES
from minewatch.conventions import NO_CLASS, Layer, conform, require
from minewatch.grids import cell_areas

__all__ = ["activity_areas"]

AREA = Layer("area", "area", units="ha", dtype="float64")
SHARE = Layer("share", "share of the classed area", dtype="float64")
PIXELS = Layer("pixels", "number of pixels", dtype="int64")


def activity_areas(tai: xr.Dataset | xr.DataArray) -> xr.Dataset:
    """Area of each activity class; computes one pass.

    Parameters
    ----------
    tai : xarray.Dataset or xarray.DataArray
        From :func:`~minewatch.activity.tai`, or its ``activity`` alone; dims (..., y, x) with a
        CRS. On a geographic grid pixels are measured on the ellipsoid, row by row.

    Returns
    -------
    xarray.Dataset
        ``area`` (ha), ``share`` of the area that has a class (NaN for class none) and ``pixels``,
        dims (..., activity) with the codes 0 undecided, 1 stable, 2 active and 255 none. In
        memory.

    Raises
    ------
    ValueError
        If the grid has no CRS; slant-range layers need :func:`minewatch.grids.geocode` first.

    Examples
    --------
    >>> import rioxarray
    >>> activity = xr.DataArray(
    ...     np.uint8([[1, 1], [2, 255]]),
    ...     dims=("y", "x"),
    ...     coords={"y": [150.0, 50.0], "x": [50.0, 150.0]},
    ... ).rio.write_crs("EPSG:32721")
    >>> areas = activity_areas(activity)
    >>> areas.area.values, areas.share.values
    (array([0., 2., 1., 1.]), array([0. , 0.67, 0.33, nan]))
    """
    activity = tai["activity"] if isinstance(tai, xr.Dataset) else tai
    require(activity, ..., "y", "x", dtype="integer", by="activity_areas")
    hectares = cell_areas(activity) / 1e4
    codes = [*CLASSES.values(), NO_CLASS]
    bare = activity.drop_vars([name for name in ("y", "x") if name in activity.coords])
    rows = xr.concat([(bare == code).sum("x") for code in codes], "activity").compute()
    rows = rows.drop_vars([name for name, coord in rows.coords.items() if name not in rows.dims])
    area = (rows * hectares.drop_vars(hectares.coords)).sum("y")
    known = area.isel(activity=slice(0, len(CLASSES)))
    total = known.sum("activity")
    share = (known / total.where(total > 0)).pad(activity=(0, 1))
    order = [*(dim for dim in area.dims if dim != "activity"), "activity"]
    result = xr.Dataset(
        {
            "area": conform(area.transpose(*order), AREA),
            "share": conform(share.transpose(*order), SHARE),
            "pixels": conform(rows.sum("y").transpose(*order), PIXELS),
        }
    )
    flags = {"flag_values": codes, "flag_meanings": " ".join([*CLASSES, "none"])}
    return result.assign_coords(
        activity=("activity", np.asarray(codes, "uint8"), {"long_name": "activity class", **flags})
    )
