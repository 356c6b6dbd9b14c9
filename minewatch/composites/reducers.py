"""What becomes of the series of a pixel: a median, a quantile, a mean, and how many dates it has.

Each takes the dates of one image and gives dims (feature, y, x): the image, and if asked for the
number of valid dates, which the same task knows, so that nothing is read twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import kernels
from minewatch._apply import along, folded

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["count_dates", "reduce_dates"]


def reduce_dates(
    series: xr.DataArray, reducer: str | float, *, min_count: int, count: bool
) -> xr.DataArray:
    """Image of a series of one layer, and its number of dates.

    Parameters
    ----------
    series : xarray.DataArray
        Dims (time, y, x), floats.
    reducer : {"median", "mean"} or float
        A number is a quantile.
    min_count : int
        A pixel with fewer dates is NaN.
    count : bool
        Whether the number of dates is wanted.

    Returns
    -------
    xarray.DataArray
        float32, dims (feature, y, x): the image, then the number of dates if wanted.
    """
    size = 1 + count
    if reducer == "mean":
        return folded(
            _add,
            _mean,
            series,
            out_dim="feature",
            out_size=size,
            arguments=(min_count, size),
        )
    kernel, settings = (_median, ()) if reducer == "median" else (_quantile, (float(reducer),))
    return along(
        kernel,
        series.astype("float32"),
        "time",
        arguments=(*settings, min_count, size),
        out_dim="feature",
        out_size=size,
    )


def count_dates(series: xr.DataArray) -> xr.DataArray:
    """How many dates of each pixel are not NaN.

    Parameters
    ----------
    series : xarray.DataArray
        Dims (time, y, x), floats.

    Returns
    -------
    xarray.DataArray
        uint16, dims (y, x).
    """
    one = folded(_tell, _told, series, out_dim="feature", out_size=1, dtype="uint16")
    return one.isel(feature=0)


def _median(block: Any, min_count: int, size: int) -> Any:
    return _with_count(kernels.nanmedian(block), block, min_count, size)


def _quantile(block: Any, share: float, min_count: int, size: int) -> Any:
    return _with_count(kernels.nanquantile(block, share), block, min_count, size)


def _with_count(image: Any, block: Any, min_count: int, size: int) -> Any:
    """The image where there are dates enough; below it their number."""
    if min_count == 1 == size:
        return image[None]
    number = np.count_nonzero(~np.isnan(block), axis=-1)
    image = np.where(number >= min_count, image, np.nan)
    return np.stack((image, number)[:size])


def _add(state: Any, block: Any) -> Any:
    """Σ and n of what was seen; a state is a tuple, a block is not."""
    total, number = block if isinstance(block, tuple) else _sums(block)
    return (total, number) if state is None else (state[0] + total, state[1] + number)


def _sums(block: Any) -> tuple[Any, Any]:
    known = ~np.isnan(block)
    total = np.sum(block, axis=0, dtype="float64", where=known)
    return total, np.sum(known, axis=0, dtype="uint16")


def _mean(state: Any, min_count: int, size: int) -> Any:
    total, number = state
    image = np.divide(
        total, number, out=np.full(total.shape, np.nan), where=number >= max(min_count, 1)
    )
    return np.stack((image, number)[:size])


def _tell(state: Any, block: Any) -> Any:
    """N of what was seen."""
    number = block[0] if isinstance(block, tuple) else _known(block)
    return (number,) if state is None else (state[0] + number,)


def _known(block: Any) -> Any:
    return np.sum(~np.isnan(block), axis=0, dtype="uint16")


def _told(state: Any) -> Any:
    return state[0][None]
