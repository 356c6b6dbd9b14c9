"""Ground that loses coherence without being mined: plants, water, and what returns no signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.conventions import (
    NO_CLASS,
    Layer,
    conform,
    require,
    require_power,
    require_same_grid,
)

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["low_backscatter", "vegetation", "water"]

WATER = Layer("water", "open water", dtype="uint8", flags={"land": 0, "water": 1})
VEGETATION = Layer("vegetation", "green plants", dtype="uint8", flags={"other": 0, "vegetation": 1})
LOW = Layer(
    "low_backscatter",
    "ground that returns no signal",
    dtype="uint8",
    flags={"other": 0, "low_backscatter": 1},
)


def water(mndwi: xr.DataArray, *, threshold: float = 0.0) -> xr.DataArray:
    """Open water, where the seasonal median of MNDWI is above 0.

    Where lakes and rivers are known as polygons, ``vectors.rasterize(polygons, like=...)`` is a
    water mask as good as this one wherever a mask is asked for.

    Parameters
    ----------
    mndwi : xarray.DataArray
        :func:`minewatch.indices.mndwi` of a composite, any dims.
    threshold : float
        Above it is water.

    Returns
    -------
    xarray.DataArray
        ``water``, uint8: 0 land, 1 water, 255 unknown.

    See Also
    --------
    minewatch.vectors.rasterize : a layer from polygons.

    References
    ----------
    Xu (2006), Modification of normalised difference water index, Int. J. Remote Sensing 27(14),
    doi:10.1080/01431160600589179

    Examples
    --------
    >>> import xarray as xr
    >>> water(xr.DataArray([-0.5, 0.4, np.nan])).values
    array([  0,   1, 255], dtype=uint8)
    """
    return _above(mndwi, threshold, WATER, by="water")


def vegetation(ndvi: xr.DataArray, *, threshold: float = 0.4) -> xr.DataArray:
    """Green plants, where the seasonal median of NDVI is above 0.4.

    Parameters
    ----------
    ndvi : xarray.DataArray
        :func:`minewatch.indices.ndvi` of a composite, any dims.
    threshold : float
        Above it is vegetation.

    Returns
    -------
    xarray.DataArray
        ``vegetation``, uint8: 0 other, 1 vegetation, 255 unknown.

    Examples
    --------
    >>> import xarray as xr
    >>> vegetation(xr.DataArray([0.1, 0.7, np.nan])).values
    array([  0,   1, 255], dtype=uint8)
    """
    return _above(ndvi, threshold, VEGETATION, by="vegetation")


def low_backscatter(
    power_mean: xr.DataArray, *, threshold_db: float = -20.0, water: xr.DataArray | None = None
) -> xr.DataArray:
    """Ground that returns no signal, where the mean of σ0 in VV over time is below −20 dB.

    What stands in for radar shadow where there is no DEM: shadow returns nothing but the noise of
    the instrument, −22 dB or less for Sentinel-1. So do still water and smooth dry sand: water
    that is known goes by its own reason, sand cannot be told from shadow.

    Parameters
    ----------
    power_mean : xarray.DataArray
        Mean over time of σ0 in VV, linear power, any dims. One date will not do: speckle alone
        takes single dates below the limit. Noise subtraction leaves negative means, which are low;
        exactly 0 is how Sentinel-1 fills its borders, which is unknown.
    threshold_db : float
        Below it (dB) nothing came back.
    water : xarray.DataArray, optional
        From :func:`water`, or bool, dims (y, x): there it is not asked.

    Returns
    -------
    xarray.DataArray
        ``low_backscatter``, uint8: 0 other (and water), 1 low backscatter, 255 unknown: power
        missing, or low where it is unknown whether there is water.

    Raises
    ------
    ValueError
        If the power is in dB, or the two layers lie on different grids.

    See Also
    --------
    radar_geometry : shadow as a DEM casts it.

    Examples
    --------
    >>> import xarray as xr
    >>> low_backscatter(xr.DataArray([0.1, 0.002, np.nan])).values
    array([  0,   1, 255], dtype=uint8)
    """
    require(power_mean, ..., by="low_backscatter", dtype="floating")
    require_power(power_mean, by="low_backscatter")
    low = (power_mean < 10 ** (threshold_db / 10)).astype("uint8")
    low = low.where(np.isfinite(power_mean) & (power_mean != 0), NO_CLASS)
    if water is not None:
        require(water, "y", "x", by="low_backscatter (water)")
        require_same_grid(power_mean, water, by="low_backscatter")
        wet = water.drop_vars(water.coords)
        if wet.dtype != bool:
            low = low.where((low != 1) | (wet != NO_CLASS), NO_CLASS)
            wet = wet == 1
        low = low.where(~wet, 0)
    return conform(low, LOW, threshold_db=float(threshold_db), water_left_out=water is not None)


def _above(index: xr.DataArray, threshold: float, layer: Layer, *, by: str) -> xr.DataArray:
    require(index, ..., by=by, dtype="floating")
    above = (index > threshold).astype("uint8")
    return conform(above.where(np.isfinite(index), NO_CLASS), layer, threshold=float(threshold))
