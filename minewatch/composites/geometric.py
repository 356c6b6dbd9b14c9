"""The geometric median of each pixel's spectra: the point nearest to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply import along

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["geometric_median"]

STEPS = 200
"""Most steps a pixel takes; nearly all stop within thirty."""

TOLERANCE = 1e-6
"""A pixel stops when a step is this small beside its mean distance to the dates."""

VALUES = 2**18
"""Values worked on at a time, a few MB with their temporaries, whatever the block takes."""


def geometric_median(
    bands: Sequence[xr.DataArray], min_count: int, *, count: bool = False
) -> xr.DataArray:
    r"""The spectrum m that minimises :math:`\sum_t \lVert x_t - m \rVert` in each pixel.

    Weiszfeld's iteration, started at the best of the dates and able to leave it or to stay there
    (Vardi and Zhang 2000), so that it ends at the optimum even where that is one of the dates.

    Parameters
    ----------
    bands : sequence of xarray.DataArray
        Dims (time, y, x), floats; a date counts where all bands are finite.
    min_count : int
        A pixel with fewer such dates is NaN.
    count : bool
        Whether the number of such dates is wanted.

    Returns
    -------
    xarray.DataArray
        Dims (variable, y, x), float32, lazy if the bands are; variables in the order of the bands,
        then the number of dates if wanted.

    References
    ----------
    Vardi & Zhang (2000), The multivariate L1-median and associated data depth, PNAS 97(4),
    doi:10.1073/pnas.97.4.1423

    Examples
    --------
    >>> corners = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]).reshape(2, 4, 1, 1)
    >>> bands = [xr.DataArray(band, dims=("time", "y", "x")) for band in corners]
    >>> geometric_median(bands, min_count=1).values.ravel()
    array([0.5, 0.5], dtype=float32)
    """
    return along(
        _medians,
        bands,
        "time",
        arguments=(min_count, count),
        out_dim="variable",
        out_size=len(bands) + count,
    )


def _medians(*series: Any) -> Any:
    """Geometric medians (variable, ...) of bands (..., time); fewest dates, and whether to tell."""
    *bands, min_count, count = series
    shape, dates = bands[0].shape[:-1], bands[0].shape[-1]
    flat = [band.reshape(-1, dates) for band in bands]
    out = np.full((len(bands) + count, len(flat[0])), np.nan, "float32")
    pixels = max(1, VALUES // max(1, len(bands) * dates))
    for start in range(0, out.shape[1], pixels):
        # float32 first: what is stored is what is compared.
        tile = np.stack([band[start : start + pixels] for band in flat], axis=1)
        # One layout, however the dates were cut: sums then have one order, and a fast one.
        tile = np.ascontiguousarray(tile.astype("float32", copy=False), "float64")
        valid = np.isfinite(tile).all(axis=1)
        number = valid.sum(axis=1)
        enough = np.flatnonzero(number >= min_count)
        if enough.size:
            out[: len(bands), start + enough] = _weiszfeld(tile[enough], valid[enough]).T
        if count:
            out[-1, start : start + pixels] = number
    return out.reshape(-1, *shape)


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
