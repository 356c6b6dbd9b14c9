"""Covariates of one sensor on the grid of another, where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import xarray as xr

from minewatch import grids

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["to_grid"]


def to_grid(
    covariates: xr.Dataset,
    like: GeoBox | xr.DataArray | xr.Dataset,
    *,
    method: Literal["cubic", "bilinear", "average"] = "cubic",
) -> xr.Dataset:
    """Bring covariates onto a grid by cubic convolution, and classes never.

    Keys' kernel with a = −0.5, as GDAL's cubic; missing pixels are left out and the other weights
    scaled up. Resample decibels and indices rather than power and reflectance: the kernel
    overshoots beside bright targets, and a power below 0 has no decibels. Onto coarser pixels
    take ``"average"``.

    Parameters
    ----------
    covariates : xarray.Dataset
        Floats, dims (..., y, x), with a CRS.
    like : GeoBox, xarray.DataArray or xarray.Dataset
        The grid wanted, e.g. of 10 m.
    method : {"cubic", "bilinear", "average"}
        How.

    Returns
    -------
    xarray.Dataset
        The same variables, lazy if they are; as they are where they lie on the grid already.

    Raises
    ------
    ValueError
        If a variable holds classes, which have no values in between.

    See Also
    --------
    minewatch.grids.resample : also takes classes, by their nearest pixel.
    fusion_stack : does this to each sensor with ``like=``.

    References
    ----------
    Keys (1981), Cubic convolution interpolation for digital image processing, IEEE Transactions
    on Acoustics, Speech, and Signal Processing 29(6), doi:10.1109/TASSP.1981.1163711

    Examples
    --------
    >>> from minewatch.grids import coordinates, geobox
    >>> coarse = geobox((0, 0, 200, 100), crs="EPSG:32721", resolution=25)
    >>> ramp = xr.DataArray([[0.0, 1, 2, 3, 4, 5, 6, 7]] * 4, coordinates(coarse), ("y", "x"))
    >>> fine = geobox((50, 25, 100, 50), crs="EPSG:32721", resolution=10)
    >>> to_grid(xr.Dataset({"palsar_hh": ramp}), fine).palsar_hh.values[0]
    array([1.7, 2.1, 2.5, 2.9, 3.3])
    """
    if method not in ("cubic", "bilinear", "average"):
        message = (
            f"to_grid knows cubic, bilinear and average, got {method!r}; minewatch.grids.resample "
            "takes the nearest pixel"
        )
        raise ValueError(message)
    # Layer by layer: a Dataset's classes would go by nearest without a word.
    layers = {
        name: grids.resample(layer, like, method=method) for name, layer in covariates.items()
    }
    return xr.Dataset(layers, attrs=covariates.attrs)
