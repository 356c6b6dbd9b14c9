"""How bright strong targets are: one number of a whole scene, found before anything is filtered."""

from __future__ import annotations

from typing import overload

import numpy as np
import xarray as xr

from minewatch.conventions import require, require_power
from minewatch.speckle._layers import measured

__all__ = ["strong_target_level"]

LOWEST_DB, HIGHEST_DB, BINS = -400, 400, 80_000
"""Where power is counted: nearly all that float32 holds, in steps of 0.01 dB."""


@overload
def strong_target_level(power: xr.DataArray, *, percentile: float = ...) -> float: ...
@overload
def strong_target_level(power: xr.Dataset, *, percentile: float = ...) -> dict[str, float]: ...
def strong_target_level(
    power: xr.DataArray | xr.Dataset, *, percentile: float = 98.0
) -> float | dict[str, float]:
    """Power from which on a pixel may belong to a strong target: the scalar of :func:`lee_sigma`.

    Computes: one pass that counts power in steps of 0.01 dB, so the answer is the same for every
    chunking, and exact to 0.2 %.

    Parameters
    ----------
    power : xarray.DataArray or xarray.Dataset
        Linear power of a scene or a series, any dims; of a Dataset the floating variables. What
        is not finite or not positive does not count.
    percentile : float
        Share of the counted pixels below the level, in (0, 100).

    Returns
    -------
    float or dict of str to float
        Linear power; for a Dataset one level for each variable.

    Raises
    ------
    ValueError
        If the units say dB, the percentile is out of range or no pixel is valid.

    Examples
    --------
    >>> strong_target_level(xr.DataArray(np.linspace(0.001, 1, 1000)))
    0.98
    """
    by = "strong_target_level"
    if not 0 < percentile < 100:
        message = f"{by} needs 0 < percentile < 100, got {percentile}; use e.g. 98"
        raise ValueError(message)
    if isinstance(power, xr.Dataset):
        layers = measured(power)
        return {
            name: strong_target_level(layer, percentile=percentile)
            for name, layer in layers.items()
        }
    require(power, ..., by=by, dtype="floating")
    require_power(power, by=by)
    edges = np.linspace(LOWEST_DB, HIGHEST_DB, BINS + 1)
    decibels = 10 * np.log10(power.where((power > 0) & (power < np.inf)).astype("float64"))
    # numpy hands this to dask where the data are lazy; NaN falls in no bin.
    below = np.cumsum(np.asarray(np.histogram(decibels.data, bins=edges)[0]))
    if below[-1] == 0:
        message = f"{by} found no positive power; check the scene's nodata and its bounds"
        raise ValueError(message)
    reached = np.interp(below[-1] * percentile / 100, below, edges[1:])
    return float(10 ** (reached / 10))
