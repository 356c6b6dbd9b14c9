"""Stand-ins for two published indices whose formulas could not be obtained.

They are ours, they are flagged ``surrogate``, and they claim no more than their docstrings say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from minewatch._apply import windowed
from minewatch.indices._bands import checked, named
from minewatch.indices.colour import bi
from minewatch.indices.soil import bsi

__all__ = ["mmfi_surrogate", "mswi_surrogate"]


def mswi_surrogate(
    blue: xr.DataArray,
    green: xr.DataArray,
    red: xr.DataArray,
    nir: xr.DataArray,
    swir16: xr.DataArray,
) -> xr.DataArray:
    r"""Bright and bare ground, max(BSI, 0)·BI: a stand-in for the index called MSWI.

    Parameters
    ----------
    blue, green, red, nir, swir16 : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``mswi_surrogate``, float32, 0 where the ground is not bare.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    See Also
    --------
    bsi, bi : its two factors.

    Examples
    --------
    >>> blue, green, red, nir, swir16 = map(xr.DataArray, (0.06, 0.09, 0.12, 0.25, 0.30))
    >>> float(mswi_surrogate(blue, green, red, nir, swir16))
    0.01405
    """
    bareness = bsi(blue, red, nir, swir16)
    values = bareness.where(~(bareness < 0), 0) * bi(red, green, blue)
    return named(values, "mswi_surrogate", "bright and bare ground (surrogate)", surrogate=True)


def mmfi_surrogate(
    blue: xr.DataArray, green: xr.DataArray, red: xr.DataArray, *, scales: int = 10
) -> xr.DataArray:
    r"""Bright structures by size and direction: a stand-in for the index called MMFI.

    The mean differential profile of white top-hats of b = max(R, G, B),

    .. math:: \frac{1}{4S} \sum_d \sum_{s=2,4,\dots,2S}
              \left| WTH_{d,\,s+2} - WTH_{d,\,s} \right|, \qquad WTH_{d,s} = b - b \circ L_{d,s}

    over lines L of s pixels in the directions 0°, 45°, 90° and 135°. Longer lines open more, so
    the sum telescopes to the openings by the shortest and the longest line. The openings are
    plain ones: opening by reconstruction would look across the whole scene, so that its result
    would depend on where a scene is cut.

    Parameters
    ----------
    blue, green, red : xarray.DataArray
        Reflectance 0 to 1, dims (..., y, x).
    scales : int
        S: the longest line has 2S + 2 pixels.

    Returns
    -------
    xarray.DataArray
        ``mmfi_surrogate``, float32, lazy if the bands are; NaN where a band is. Such pixels, and
        what lies beyond the edge, are no obstacle to the lines.

    Raises
    ------
    ValueError
        If a band holds digital numbers, the grids differ or `scales` is less than 1.

    References
    ----------
    Huang & Zhang (2012), Morphological building/shadow index for building extraction from
    high-resolution imagery over urban areas, IEEE JSTARS 5(1).

    Examples
    --------
    >>> ground = xr.DataArray(np.full((9, 9), 0.1), dims=("y", "x"))
    >>> roof = ground.copy()
    >>> roof[3:6, 3:6] = 0.5
    >>> float(mmfi_surrogate(ground, ground, roof, scales=1)[4, 4])
    0.4
    """
    if scales < 1:
        message = f"mmfi_surrogate needs at least one scale, got scales={scales}; the default is 10"
        raise ValueError(message)
    blue, green, red = checked(blue, green, red, by="mmfi_surrogate")
    brightest: xr.DataArray = xr.ufuncs.maximum(xr.ufuncs.maximum(red, green), blue)
    reach = 2 * scales + 1
    profile = windowed(
        _mean_profile,
        brightest.astype("float32"),
        window=(2 * reach + 1, 2 * reach + 1),
        arguments=(scales,),
    )
    return named(
        profile,
        "mmfi_surrogate",
        "mean morphological profile of bright structures (surrogate)",
        surrogate=True,
        scales=scales,
    )


def _mean_profile(bright: Any, scales: int) -> Any:
    """Openings by short minus openings by long lines, per scale, averaged over directions."""
    missing = np.isnan(bright)
    margin = 2 * scales + 1
    around = [(0, 0)] * (bright.ndim - 2) + [(margin, margin)] * 2
    solid = np.pad(np.where(missing, np.inf, bright), around, constant_values=np.inf)
    inner = (..., slice(margin, -margin), slice(margin, -margin))
    total = np.zeros(bright.shape)
    for short, long in zip(_lines(2), _lines(2 * scales + 2), strict=True):
        rise = _opened(solid, short)[inner], _opened(solid, long)[inner]
        total += np.subtract(*rise, out=np.zeros(bright.shape), where=~missing)
    return np.where(missing, np.nan, total / (4 * scales)).astype("float32")


def _lines(length: int) -> list[Any]:
    """Lines of a length in the four directions of a grid, as footprints."""
    diagonal = np.eye(length, dtype=bool)
    straight = np.ones((1, length), dtype=bool)
    return [straight, diagonal[::-1], straight.T, diagonal]


def _opened(solid: Any, line: Any) -> Any:
    """Opening by a line; what is missing (inf) is no obstacle."""
    from scipy import ndimage

    footprint = line.reshape((1,) * (solid.ndim - 2) + line.shape)
    eroded = ndimage.grey_erosion(solid, footprint=footprint, mode="constant", cval=np.inf)
    return ndimage.grey_dilation(eroded, footprint=footprint, mode="constant", cval=np.inf)
