"""Texture without co-occurrence matrices: local mean, spread and entropy of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from minewatch import kernels
from minewatch._apply import windowed
from minewatch.conventions import Layer, conform, require

__all__ = ["texture", "texture_range"]

SHIFT = 14
"""Bits of a float32 that :func:`texture_range` leaves out: nine of the mantissa remain."""


def texture(
    layer: xr.DataArray,
    *,
    window: int = 7,
    levels: int = 32,
    low: float,
    high: float,
    min_valid: float = 0.5,
) -> xr.Dataset:
    r"""Local mean, standard deviation and entropy in a moving window.

    Values are clipped to [`low`, `high`]: one range for the whole scene, so that a value means the
    same everywhere. Mean and standard deviation are those of the window's n known values, with n
    in the denominator; the entropy is that of their histogram over `levels` equal steps,

    .. math:: H = -\sum_k \frac{c_k}{n} \log_2 \frac{c_k}{n}

    from 0 bits on even ground to at most log₂ of the smaller of n and `levels`. All three are
    formed in integers that slide without drift: mean and standard deviation are good to 1/65535
    of the range.

    Parameters
    ----------
    layer : xarray.DataArray
        Any quantity, e.g. a band, an index or decibels; floats, dims (..., y, x).
    window : int
        Rows and columns of the square window, odd, 3 to 181.
    levels : int
        Steps of the histogram, 2 to 32767.
    low, high : float
        Range in units of the layer, e.g. from :func:`texture_range`.
    min_valid : float
        Share of the full window that must be known, 0 to 1.

    Returns
    -------
    xarray.Dataset
        ``mean`` and ``std`` in units of the layer and ``entropy`` in bits, float32, lazy if the
        layer is. NaN where the pixel is NaN or too little of its window is known.

    Raises
    ------
    ValueError
        If the window has no centre, the range is empty, or `levels` or `min_valid` are out of
        range.

    See Also
    --------
    texture_range : a range that leaves outliers aside.
    minewatch.kernels.local_texture : the same on bare arrays.

    References
    ----------
    Haralick, Shanmugam & Dinstein (1973), Textural features for image classification, IEEE
    Transactions on Systems, Man, and Cybernetics 3(6), doi:10.1109/TSMC.1973.4309314

    Examples
    --------
    >>> checks = xr.DataArray(np.indices((9, 9)).sum(0) % 2 * 0.1, dims=("y", "x"), name="red")
    >>> around = texture(checks, window=3, low=0.0, high=0.4)
    >>> {name: round(float(each[4, 4]), 3) for name, each in around.items()}
    {'mean': 0.044, 'std': 0.05, 'entropy': 0.991}
    """
    require(layer, ..., "y", "x", by="texture", dtype="floating")
    if window % 2 == 0 or not 3 <= window <= 181:
        message = f"texture needs an odd window from 3 to 181, got window={window}; use e.g. 7"
        raise ValueError(message)
    if not 2 <= levels <= 32767:
        message = f"texture needs 2 to 32767 levels, got levels={levels}; 32 suit a window of 7"
        raise ValueError(message)
    if not (np.isfinite([low, high]).all() and low < high):
        message = (
            f"texture needs a range with low < high, got low={low}, high={high}; "
            "low, high = minewatch.indices.texture_range(layer) finds one"
        )
        raise ValueError(message)
    if not 0 <= min_valid <= 1:
        message = f"texture needs min_valid from 0 to 1, got {min_valid}; 0.5 is half a window"
        raise ValueError(message)
    found = windowed(
        _three,
        layer.astype("float32"),
        window=(window, window),
        arguments=(window, levels, float(low), float(high), float(min_valid)),
        out_dim="feature",
        out_size=3,
    )
    name, units = str(layer.name or "layer"), str(layer.attrs.get("units", "1"))
    long_name = str(layer.attrs.get("long_name", name))
    kinds = (
        Layer("mean", f"local mean of {long_name}", units=units),
        Layer("std", f"local standard deviation of {long_name}", units=units),
        Layer("entropy", f"local entropy of {long_name}", units="bit"),
    )
    settings = {"window": window, "levels": levels, "low": float(low), "high": float(high)}
    return xr.Dataset(
        {
            kind.name: conform(
                found.isel(feature=place), kind, **settings, min_valid=float(min_valid)
            )
            for place, kind in enumerate(kinds)
        }
    )


def _three(block: Any, *settings: float) -> Any:
    return np.stack(kernels.local_texture(block, *settings))


def texture_range(
    layer: xr.DataArray, *, percentiles: tuple[float, float] = (1, 99)
) -> tuple[float, float]:
    """The range of a whole layer between two percentiles: what :func:`texture` clips to.

    Computes: one pass over the layer that counts values by their leading bits, so the answer is
    the same for every chunking and good to 0.2 % of each value.

    Parameters
    ----------
    layer : xarray.DataArray
        Floats, any dims; what is not finite does not count.
    percentiles : (float, float)
        Of the lower and the upper end, 0 to 100.

    Returns
    -------
    (float, float)
        Low and high, in units of the layer; low < high.

    Raises
    ------
    ValueError
        If the percentiles are out of order or no value is finite.

    Examples
    --------
    >>> low, high = texture_range(xr.DataArray(np.linspace(0, 0.5, 1001)), percentiles=(10, 90))
    >>> round(low, 2), round(high, 2)
    (0.05, 0.45)
    """
    require(layer, ..., by="texture_range", dtype="floating")
    lower, upper = percentiles
    if not 0 <= lower < upper <= 100:
        message = (
            f"texture_range needs percentiles 0 <= lower < upper <= 100, got {percentiles}; "
            "use e.g. (1, 99)"
        )
        raise ValueError(message)
    # Bit patterns of floats, the sign turned, are in the order of the values they stand for.
    bits = layer.data.astype("float32").view("uint32")
    keys = np.where(bits >> 31, ~bits, bits | 0x80000000) >> SHIFT
    bins = 2 ** (32 - SHIFT)
    # numpy hands this to dask where the data are lazy.
    counts = np.asarray(np.histogram(keys, bins=bins, range=(0, bins))[0])
    edges = _value(np.arange(bins, dtype="uint32") << SHIFT)
    counts[~np.isfinite(edges)] = 0
    total = np.cumsum(counts)
    if total[-1] == 0:
        message = "texture_range found no finite value; check the layer's nodata and its bounds"
        raise ValueError(message)
    first, last = (
        int(np.searchsorted(total, max(1.0, total[-1] * share / 100))) for share in percentiles
    )
    return float(edges[first]), float(edges[last + 1])


def _value(order: Any) -> Any:
    """The floats whose places in the order of all floats these are."""
    negative = order < 0x80000000
    return np.where(negative, ~order, order & 0x7FFFFFFF).astype("uint32").view("float32")
