"""Indices of plants and water."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch.indices._bands import checked, named, normalised_difference

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["mndwi", "msavi", "ndvi", "ndwi", "ndwi_gao"]


def ndvi(red: xr.DataArray, nir: xr.DataArray) -> xr.DataArray:
    r"""Normalised difference vegetation index, (N − R)/(N + R).

    Parameters
    ----------
    red, nir : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``ndvi``, float32; NaN where the sum is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    References
    ----------
    Rouse et al. (1974), Monitoring vegetation systems in the Great Plains with ERTS, NASA SP-351.

    Examples
    --------
    >>> import xarray as xr
    >>> float(ndvi(red=xr.DataArray(0.12), nir=xr.DataArray(0.25)))
    0.3514
    """
    red, nir = checked(red, nir, by="ndvi")
    return named(normalised_difference(nir, red), "ndvi", "normalised difference vegetation index")


def msavi(red: xr.DataArray, nir: xr.DataArray) -> xr.DataArray:
    r"""Modified soil-adjusted vegetation index.

    .. math:: \tfrac12 \left[ 2N + 1 - \sqrt{(2N + 1)^2 - 8 (N - R)} \right]

    Parameters
    ----------
    red, nir : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``msavi``, float32; NaN where the radicand is negative (red below 0).

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    References
    ----------
    Qi et al. (1994), A modified soil adjusted vegetation index, Remote Sensing of Environment
    48(2), doi:10.1016/0034-4257(94)90134-1

    Examples
    --------
    >>> import xarray as xr
    >>> float(msavi(red=xr.DataArray(0.12), nir=xr.DataArray(0.25)))
    0.2000
    """
    red, nir = checked(red, nir, by="msavi")
    radicand = (2 * nir + 1) ** 2 - 8 * (nir - red)
    values = (2 * nir + 1 - radicand.where(radicand >= 0) ** 0.5) / 2
    return named(values, "msavi", "modified soil-adjusted vegetation index")


def ndwi(green: xr.DataArray, nir: xr.DataArray) -> xr.DataArray:
    r"""Normalised difference water index of open water, (G − N)/(G + N).

    Parameters
    ----------
    green, nir : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``ndwi``, float32; NaN where the sum is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    See Also
    --------
    ndwi_gao : the index of the same name that sees moisture in leaves.
    mndwi : tells water from built-up land by SWIR.

    References
    ----------
    McFeeters (1996), The use of the normalized difference water index in the delineation of open
    water features, Int. J. Remote Sensing 17(7), doi:10.1080/01431169608948714

    Examples
    --------
    >>> import xarray as xr
    >>> float(ndwi(green=xr.DataArray(0.09), nir=xr.DataArray(0.25)))
    -0.4706
    """
    green, nir = checked(green, nir, by="ndwi")
    return named(normalised_difference(green, nir), "ndwi", "normalised difference water index")


def ndwi_gao(nir: xr.DataArray, swir16: xr.DataArray) -> xr.DataArray:
    r"""Normalised difference water index of vegetation liquid water, (N − S₁)/(N + S₁).

    Parameters
    ----------
    nir, swir16 : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``ndwi_gao``, float32; NaN where the sum is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    See Also
    --------
    ndwi : the index of the same name that sees open water.

    References
    ----------
    Gao (1996), NDWI: a normalized difference water index for remote sensing of vegetation liquid
    water from space, Remote Sensing of Environment 58(3), doi:10.1016/S0034-4257(96)00067-3

    Examples
    --------
    >>> import xarray as xr
    >>> float(ndwi_gao(nir=xr.DataArray(0.25), swir16=xr.DataArray(0.30)))
    -0.0909
    """
    nir, swir16 = checked(nir, swir16, by="ndwi_gao")
    return named(normalised_difference(nir, swir16), "ndwi_gao", "vegetation liquid water index")


def mndwi(green: xr.DataArray, swir16: xr.DataArray) -> xr.DataArray:
    r"""Modified normalised difference water index, (G − S₁)/(G + S₁).

    Parameters
    ----------
    green, swir16 : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``mndwi``, float32; NaN where the sum is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    See Also
    --------
    minewatch.masks.water : a water mask from this index.

    References
    ----------
    Xu (2006), Modification of normalised difference water index (NDWI) to enhance open water
    features in remotely sensed imagery, Int. J. Remote Sensing 27(14),
    doi:10.1080/01431160600589179

    Examples
    --------
    >>> import xarray as xr
    >>> float(mndwi(green=xr.DataArray(0.09), swir16=xr.DataArray(0.30)))
    -0.5385
    """
    green, swir16 = checked(green, swir16, by="mndwi")
    values = normalised_difference(green, swir16)
    return named(values, "mndwi", "modified normalised difference water index")
