"""Clear views of the ground, by the quality bands that come with the scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.conventions import Layer, conform, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

__all__ = ["landsat_clear", "palsar_clear", "sentinel2_clear"]

CLEAR = Layer("clear", "clear view of the ground", dtype="bool")

LANDSAT_BITS = {"fill": 0, "dilated_cloud": 1, "cirrus": 2, "cloud": 3, "cloud_shadow": 4}
"""Bits of Landsat Collection 2 ``QA_PIXEL`` that make a pixel useless."""

SNOW_BIT = 5

PALSAR_LAND, PALSAR_WATER = 255, 50
"""Codes of the mosaic's mask that show ground; 0 no data, 100 layover and 150 shadow do not."""


def landsat_clear(quality: xr.DataArray, *, snow: bool = True) -> xr.DataArray:
    """Pixels of a Landsat scene with a clear view, by the CFMask bits of ``QA_PIXEL``.

    None of fill, dilated cloud, cirrus, cloud and cloud shadow may be set. The bit called "clear"
    is not used: it is set on shadow too.

    Parameters
    ----------
    quality : xarray.DataArray
        ``QA_PIXEL`` of Collection 2, integer, any dims; 0 is outside of the scene.
    snow : bool
        Whether snow counts as clear.

    Returns
    -------
    xarray.DataArray
        ``clear``, bool.

    Raises
    ------
    TypeError
        If `quality` is not integer.

    References
    ----------
    USGS (2023), Landsat 8-9 Collection 2 Level 2 Science Product Guide, LSDS-1619.

    Examples
    --------
    >>> import xarray as xr
    >>> landsat_clear(xr.DataArray([21824, 21952, 22280, 23888, 1, 0])).values
    array([ True,  True, False, False, False, False])
    """
    _require_quality(quality, by="landsat_clear")
    bits = sum(1 << bit for bit in (*LANDSAT_BITS.values(), *(() if snow else (SNOW_BIT,))))
    clear = ((quality & bits) == 0) & (quality != 0)
    return conform(clear, CLEAR, excluded_bits=bits)


def sentinel2_clear(
    quality: xr.DataArray, *, classes: Sequence[int] = (4, 5, 6, 7)
) -> xr.DataArray:
    """Pixels of a Sentinel-2 scene with a clear view, by its scene classification (SCL).

    Of ESA's classes (0 no data, 1 saturated, 2 dark or cast shadow, 3 cloud shadow, 4 vegetation,
    5 not vegetated, 6 water, 7 unclassified, 8 and 9 cloud of medium and high probability,
    10 cirrus, 11 snow) the four that show ground are kept. Fresh coal and deep pits are often
    called 2: add it there, ``classes=(2, 4, 5, 6, 7)``.

    Parameters
    ----------
    quality : xarray.DataArray
        SCL, integer, any dims.
    classes : sequence of int
        Classes to keep.

    Returns
    -------
    xarray.DataArray
        ``clear``, bool.

    Raises
    ------
    TypeError
        If `quality` is not integer.
    ValueError
        If a class is no SCL class, or is 0, no data.

    References
    ----------
    ESA, Sentinel-2 Level-2A Algorithm Theoretical Basis Document, scene classification.

    Examples
    --------
    >>> import xarray as xr
    >>> sentinel2_clear(xr.DataArray([0, 2, 3, 5, 9])).values
    array([False, False, False,  True, False])
    """
    _require_quality(quality, by="sentinel2_clear")
    kept = sorted(set(classes))
    if not kept or not set(kept) <= set(range(1, 12)):
        message = f"sentinel2_clear keeps SCL classes 1 to 11, got {kept}; use e.g. (4, 5, 6, 7)"
        raise ValueError(message)
    return conform(quality.isin(kept), CLEAR, classes=kept)


def palsar_clear(quality: xr.DataArray, *, water: bool = True) -> xr.DataArray:
    """Pixels of the ALOS PALSAR mosaic that show the ground, by its own mask.

    Of the mask's codes (0 no data, 50 water, 100 layover, 150 radar shadow, 255 land) layover and
    shadow hold no echo of their own pixel.

    Parameters
    ----------
    quality : xarray.DataArray
        The mask, integer, any dims.
    water : bool
        Whether water is kept with land.

    Returns
    -------
    xarray.DataArray
        ``clear``, bool.

    Raises
    ------
    TypeError
        If `quality` is not integer.

    See Also
    --------
    radar_geometry : layover and shadow from a digital elevation model.

    References
    ----------
    Shimada et al. (2014), New global forest/non-forest maps from ALOS PALSAR data,
    doi:10.1016/j.rse.2014.04.014; JAXA EORC, Global PALSAR-2/PALSAR mosaic, data description.

    Examples
    --------
    >>> import xarray as xr
    >>> palsar_clear(xr.DataArray([0, 50, 100, 150, 255])).values
    array([False,  True, False, False,  True])
    """
    _require_quality(quality, by="palsar_clear")
    kept = [PALSAR_WATER, PALSAR_LAND] if water else [PALSAR_LAND]
    return conform(quality.isin(kept), CLEAR, classes=kept)


def _require_quality(quality: xr.DataArray, *, by: str) -> None:
    require(quality, ..., by=by)
    if not np.issubdtype(quality.dtype, np.integer):
        message = (
            f"{by} needs the integer quality band, got dtype {quality.dtype}; make missing "
            "values 0 first: quality.fillna(0).astype('uint16')"
        )
        raise TypeError(message)
