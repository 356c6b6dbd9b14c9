"""What every index does with its bands: check, bring together, divide, name the result."""

from __future__ import annotations

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform, require, require_same_grid

__all__ = ["checked", "named", "normalised_difference", "ratio"]


def checked(*bands: xr.DataArray, by: str) -> tuple[xr.DataArray, ...]:
    """Reflectances on one grid; digital numbers are refused."""
    for band in bands:
        require(band, ..., by=by)
        units = str(band.attrs.get("units", "1"))
        if units.upper() == "DN" or not np.issubdtype(band.dtype, np.floating):
            message = (
                f"{by} needs reflectance between 0 and 1, got {band.name!r} with units {units!r} "
                f"and dtype {band.dtype}; scale the digital numbers first "
                "(minewatch.sources.load does)"
            )
            raise ValueError(message)
    for band in bands[1:]:
        require_same_grid(bands[0], band, by=by)
    return xr.align(*bands, join="exact", copy=False)


def ratio(above: xr.DataArray, below: xr.DataArray) -> xr.DataArray:
    """A quotient that is NaN where its denominator is 0 or not finite."""
    return above / below.where((below != 0) & np.isfinite(below))


def normalised_difference(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """(a − b)/(a + b)."""
    return ratio(first - second, first + second)


def named(values: xr.DataArray, name: str, long_name: str, **attrs: object) -> xr.DataArray:
    """An index as a layer: float32, no units."""
    return conform(values, Layer(name, long_name), **attrs)
