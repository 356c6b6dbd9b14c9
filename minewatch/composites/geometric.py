"""The geometric median of each pixel's spectra: the point nearest to all of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from minewatch._apply import one_chunk, vectors

__all__ = ["geometric_median"]

STEPS = 200
"""Most steps a pixel takes; nearly all stop within thirty."""

TOLERANCE = 1e-6
"""A pixel stops when a step is this small beside its mean distance to the dates."""

PIXELS = 4096
"""Pixels worked on at a time: it bounds the memory of a block's temporaries."""


def geometric_median(stack: xr.DataArray, min_count: int) -> xr.DataArray:
    r"""The spectrum m that minimises :math:`\sum_t \lVert x_t - m \rVert` in each pixel.

    Weiszfeld's iteration, started at the best of the dates and able to leave it or to stay there
    (Vardi and Zhang 2000), so that it ends at the optimum even where that is one of the dates.

    Parameters
    ----------
    stack : xarray.DataArray
        Dims (variable, time, y, x), float32; a date counts where all variables are finite.
    min_count : int
        A pixel with fewer such dates is NaN.

    Returns
    -------
    xarray.DataArray
        Dims (y, x, variable), float32, lazy if `stack` is.

    References
    ----------
    Vardi & Zhang (2000), The multivariate L1-median and associated data depth, PNAS 97(4),
    doi:10.1073/pnas.97.4.1423

    Examples
    --------
    >>> corners = np.array([[0, 0, 1, 1], [0, 1, 0, 1]], "float32").reshape(2, 4, 1, 1)
    >>> stack = xr.DataArray(corners, dims=("variable", "time", "y", "x"))
    >>> geometric_median(stack, min_count=1).values.ravel()
    array([0.5, 0.5], dtype=float32)
    """
    names = stack.coords.get("variable")
    whole = one_chunk(one_chunk(stack, "variable"), "time")
    series = whole.stack(series=("variable", "time"), create_index=False)
    count = stack.sizes["variable"]
    median = vectors(
        partial(_medians, variables=count, min_count=min_count),
        series.drop_vars([name for name in series.coords if "series" in series[name].dims]),
        dim="series",
        out_dim="variable",
        out_size=count,
    )
    return median if names is None else median.assign_coords(variable=names)


def _medians(block: Any, *, variables: int, min_count: int) -> Any:
    shape = block.shape[:-1]
    spectra = block.reshape(-1, variables, block.shape[-1] // variables)
    out = np.full((spectra.shape[0], variables), np.nan, "float32")
    for start in range(0, len(spectra), PIXELS):
        tile = spectra[start : start + PIXELS].astype("float64")
        valid = np.isfinite(tile).all(axis=1)
        enough = np.flatnonzero(valid.sum(axis=1) >= min_count)
        if enough.size:
            out[start + enough] = _weiszfeld(tile[enough], valid[enough])
    return out.reshape(*shape, variables)


def _weiszfeld(spectra: Any, valid: Any) -> Any:
    """Geometric medians of (pixel, variable, time) spectra, of which some dates are valid."""
    spectra = np.where(valid[:, None, :], spectra, 0)
    median = _best_date(spectra, valid)
    active = np.arange(len(spectra))
    for _ in range(STEPS):
        points, seen, centre = spectra[active], valid[active], median[active]
        offset = points - centre[:, :, None]
        distance = np.sqrt((offset**2).sum(axis=1))
        away = seen & (distance > 0)
        weight = np.divide(1, distance, out=np.zeros_like(distance), where=away)
        total = weight.sum(axis=1)
        pull = (offset * weight[:, None, :]).sum(axis=2)
        # On top of dates the pull must beat their number, else the optimum is here.
        held = (seen & ~away).sum(axis=1)
        strength = np.sqrt((pull**2).sum(axis=1))
        share = 1 - np.divide(held, strength, out=np.ones_like(strength), where=strength > held)
        share = np.where(strength > held, share, 0)
        step = pull * np.divide(share, total, out=np.zeros_like(total), where=total > 0)[:, None]
        median[active] = centre + step
        spread = (distance * seen).sum(axis=1) / seen.sum(axis=1)
        active = active[np.sqrt((step**2).sum(axis=1)) > TOLERANCE * spread]
        if not active.size:
            break
    return median


def _best_date(spectra: Any, valid: Any) -> Any:
    """The date of each pixel that is nearest to all its other dates."""
    best = np.full(len(spectra), np.inf)
    chosen = np.zeros(spectra.shape[:2])
    for date in range(spectra.shape[2]):
        offset = spectra - spectra[:, :, date, None]
        total = (np.sqrt((offset**2).sum(axis=1)) * valid).sum(axis=1)
        better = valid[:, date] & (total < best)
        best[better] = total[better]
        chosen[better] = spectra[better, :, date]
    return chosen
