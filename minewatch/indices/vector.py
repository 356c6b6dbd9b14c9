"""The normalised difference spectral vector: every pair of bands at once."""

from __future__ import annotations

from itertools import combinations

import xarray as xr

from minewatch.indices._bands import checked, named, normalised_difference

__all__ = ["ndsv", "ndsv_scalar"]


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
    layers = checked(*bands, by="ndsv_scalar")
    squares = [normalised_difference(i, j) ** 2 for i, j in combinations(layers, 2)]
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    names = [str(band.name) for band in bands if band.name is not None]
    return named(
        (total / len(squares)) ** 0.5,
        "ndsv_scalar",
        "root mean square of the normalised difference spectral vector",
        bands=names or None,
    )


def _require_two(count: int, *, by: str) -> None:
    if count < 2:
        message = f"{by} needs at least two bands, got {count}; pass e.g. red, green and nir"
        raise ValueError(message)
