"""The equivalent number of looks of an image, from ground that varies by speckle alone."""

from __future__ import annotations

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform, require, require_power, require_same_grid

__all__ = ["equivalent_number_of_looks"]


def equivalent_number_of_looks(backscatter: xr.DataArray, *, within: xr.DataArray) -> xr.DataArray:
    """Equivalent number of looks of a homogeneous area, mean²/variance.

    Computes, because one scalar per image comes out. Texture lowers the number: choose a pond, a
    bare field or a salt flat. The variance divides by n − 1.

    Parameters
    ----------
    backscatter : xarray.DataArray
        Linear power, dims (..., y, x).
    within : xarray.DataArray
        The homogeneous area, bool, dims (y, x).

    Returns
    -------
    xarray.DataArray
        ``looks``, the leading dims of `backscatter`; a scalar for one image. NaN where fewer than
        two pixels are valid or nothing varies.

    Raises
    ------
    ValueError
        If the units say dB or the grids differ.

    Examples
    --------
    >>> power = xr.DataArray(np.random.default_rng(1).gamma(4, size=(99, 99)), dims=("y", "x"))
    >>> float(equivalent_number_of_looks(power, within=power > 0))
    3.9...
    """
    by = "equivalent_number_of_looks"
    require(backscatter, ..., "y", "x", by=by, dtype="floating")
    require(within, "y", "x", by=by, dtype="bool")
    require_power(backscatter, by=by)
    require_same_grid(backscatter, within, by=by)
    inside = backscatter.where(within & np.isfinite(backscatter)).astype("float64")
    over, squares = ("y", "x"), inside**2
    # In one pass, so that no block waits in memory for the mean; speckle keeps the digits.
    found = xr.Dataset(
        {"count": inside.count(over), "sum": inside.sum(over), "squares": squares.sum(over)}
        | {"low": inside.fillna(np.inf).min(over, skipna=False)}
        | {"high": inside.fillna(-np.inf).max(over, skipna=False)}
    ).compute()
    count = found["count"].where((found["count"] > 1) & (found["low"] < found["high"]))
    mean = found["sum"] / count
    variance = (found["squares"] - count * mean**2) / (count - 1)
    looks = mean**2 / variance.where(variance > 0)
    return conform(looks, Layer("looks", "equivalent number of looks", dtype="float64"))
