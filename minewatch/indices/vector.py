"""The normalised difference spectral vector: every pair of bands at once."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr

from minewatch._apply import with_shared
from minewatch.indices._bands import checked, named, normalised_difference

__all__ = ["ndsv", "ndsv_scalar"]

STRIP = 16_384
"""Pixels worked on at a time."""


def ndsv(**bands: xr.DataArray) -> xr.Dataset:
    r"""Normalised difference spectral vector, (bᵢ − bⱼ)/(bᵢ + bⱼ) of every pair i < j.

    Landsat's six bands give 15 components, its five of the fusion stack 10, eight bands of
    Sentinel-2 28.

    Parameters
    ----------
    **bands : xarray.DataArray
        Reflectance 0 to 1 by band name, in the order of the pairs, any dims.

    Returns
    -------
    xarray.Dataset
        A float32 variable ``ndsv_<i>_<j>`` for each of the n(n − 1)/2 pairs.

    Raises
    ------
    ValueError
        If there are fewer than two bands, one holds digital numbers or the grids differ.

    See Also
    --------
    ndsv_scalar : the length of the vector, one layer.

    References
    ----------
    Angiuli & Trianni (2014), Urban mapping in Landsat images based on normalized difference
    spectral vector, IEEE GRSL 11(3).

    Examples
    --------
    >>> pairs = ndsv(red=xr.DataArray(0.12), green=xr.DataArray(0.09), nir=xr.DataArray(0.25))
    >>> {name: round(float(pair), 3) for name, pair in pairs.items()}
    {'ndsv_red_green': 0.143, 'ndsv_red_nir': -0.351, 'ndsv_green_nir': -0.471}
    """
    _require_two(len(bands), by="ndsv")
    layers = dict(zip(bands, checked(*bands.values(), by="ndsv"), strict=True))
    return xr.Dataset(
        {
            f"ndsv_{i}_{j}": named(
                normalised_difference(layers[i], layers[j]),
                f"ndsv_{i}_{j}",
                f"normalised difference of {i} and {j}",
            )
            for i, j in combinations(layers, 2)
        }
    )


def ndsv_scalar(*bands: xr.DataArray) -> xr.DataArray:
    r"""Root mean square of the normalised difference spectral vector: one layer for a stack.

    .. math:: \sqrt{\tfrac{1}{m} \sum_{i<j} \left( \frac{b_i - b_j}{b_i + b_j} \right)^2}

    over the m pairs of bands: 0 for a grey pixel, near 1 for the most coloured.

    Parameters
    ----------
    *bands : xarray.DataArray
        Reflectance 0 to 1, two bands or more, any dims. The value depends on which bands go in.

    Returns
    -------
    xarray.DataArray
        ``ndsv_scalar``, float32; NaN where any pair is.

    Raises
    ------
    ValueError
        If there are fewer than two bands, one holds digital numbers or the grids differ.

    See Also
    --------
    ndsv : the vector itself.

    Examples
    --------
    >>> float(ndsv_scalar(xr.DataArray(0.12), xr.DataArray(0.09)))
    0.1429
    """
    _require_two(len(bands), by="ndsv_scalar")
    layers = xr.broadcast(*checked(*bands, by="ndsv_scalar"))
    length = with_shared(_root_mean_square, None, layers)
    names = [str(band.name) for band in bands if band.name is not None]
    return named(
        length,
        "ndsv_scalar",
        "root mean square of the normalised difference spectral vector",
        bands=names or None,
    )


def _root_mean_square(_: None, *bands: Any) -> Any:
    """Of every pair's normalised difference, a strip of rows at a time to stay in the cache."""
    stack = [np.atleast_1d(band) for band in bands]
    out = np.zeros(stack[0].shape, "float32")
    rows = max(1, STRIP // max(1, out[:1].size))
    pairs = len(bands) * (len(bands) - 1) / 2
    with np.errstate(all="ignore"):  # 0/0 and NaN are answers here
        for start in range(0, len(out), rows):
            total = out[start : start + rows]
            for first, second in combinations([band[start : start + rows] for band in stack], 2):
                difference = first - second
                difference /= first + second
                difference *= difference
                total += difference
            np.sqrt(total / pairs, out=total)
            total[~np.isfinite(total)] = np.nan
    return out.reshape(np.shape(bands[0]))


def _require_two(count: int, *, by: str) -> None:
    if count < 2:
        message = f"{by} needs at least two bands, got {count}; pass e.g. red, green and nir"
        raise ValueError(message)
