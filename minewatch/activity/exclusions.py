"""Hectares that an activity map leaves out, reason by reason."""

from __future__ import annotations

import numpy as np
import xarray as xr

from minewatch.conventions import NO_CLASS, Layer, conform, require
from minewatch.grids import cell_areas
from minewatch.masks.reasons import REASONS

__all__ = ["excluded_areas"]

AREA = Layer("area", "area", units="ha", dtype="float64")
SHARE = Layer("share", "share of the whole area", dtype="float64")
PIXELS = Layer("pixels", "number of pixels", dtype="int64")

CODES = {**REASONS, "unknown": NO_CLASS}


def excluded_areas(exclusion: xr.DataArray) -> xr.Dataset:
    """Area that is left out for each reason, and what is kept; computes one pass.

    Parameters
    ----------
    exclusion : xarray.DataArray
        From :func:`minewatch.masks.exclusion`, dims (y, x) with a CRS. On a geographic grid pixels
        are measured on the ellipsoid, row by row.

    Returns
    -------
    xarray.Dataset
        ``area`` (ha), ``share`` of the whole area and ``pixels``, dim reason with the codes of
        `exclusion`: 0 kept, 1 vegetation, 2 water, 3 radar shadow, 4 layover, 5 low backscatter,
        6 outside, 255 unknown; their names are the coordinate ``name``. In memory.

    Raises
    ------
    ValueError
        If a pixel has a code that is no reason, or the grid has no CRS.

    See Also
    --------
    activity_areas : hectares of the classes of what is kept.

    Examples
    --------
    >>> import rioxarray
    >>> exclusion = xr.DataArray(
    ...     np.uint8([[0, 0], [2, 255]]),
    ...     dims=("y", "x"),
    ...     coords={"y": [150.0, 50.0], "x": [50.0, 150.0]},
    ... ).rio.write_crs("EPSG:32721")
    >>> areas = excluded_areas(exclusion).set_index(reason="name")
    >>> [float(areas.area.sel(reason=name)) for name in ("kept", "water", "unknown")]
    [2.0, 1.0, 1.0]
    """
    require(exclusion, "y", "x", dtype="integer", by="excluded_areas")
    hectares = cell_areas(exclusion) / 1e4
    bare = exclusion.drop_vars(exclusion.coords)
    codes = np.asarray(list(CODES.values()), "uint8")
    rows = xr.concat([(bare == code).sum("x") for code in codes], "reason").compute()
    strange = exclusion.size - int(rows.sum())
    if strange:
        message = (
            f"excluded_areas knows the codes {codes.tolist()}, got {strange} pixels with others; "
            "give it what minewatch.masks.exclusion makes"
        )
        raise ValueError(message)
    area = (rows * hectares.drop_vars(hectares.coords)).sum("y")
    total = area.sum("reason")
    flags = {"flag_values": codes.tolist(), "flag_meanings": " ".join(CODES)}
    return xr.Dataset(
        {
            "area": conform(area, AREA),
            "share": conform(area / total.where(total > 0), SHARE),
            "pixels": conform(rows.sum("y"), PIXELS),
        },
        coords={
            "reason": ("reason", codes, {"long_name": "why it is left out", **flags}),
            "name": ("reason", list(CODES), {"long_name": "reason"}),
        },
    )
