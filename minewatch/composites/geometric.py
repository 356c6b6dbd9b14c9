"""The geometric median of each pixel's spectra: the point nearest to all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import kernels
from minewatch._apply import along

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["geometric_median"]


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

    See Also
    --------
    minewatch.kernels.geometric_median : the same on bare arrays.

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
    # float32 first: what is stored is what is compared. Pixels lie side by side, as they are read.
    spectra = np.empty((len(bands), dates, *shape), "float32")
    for layer, band in zip(spectra, bands, strict=True):
        layer[:] = np.moveaxis(band, -1, 0)
    median, number = kernels.geometric_median(
        spectra.reshape(len(bands), dates, math.prod(shape)), min_count
    )
    found = np.concatenate((median, number[None])) if count else median
    return found.reshape(-1, *shape)
