"""Indices of bare ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch.indices._bands import checked, named, normalised_difference, ratio

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["bsi", "mbsi", "ndsi", "ndsi_deng"]


def bsi(
    blue: xr.DataArray, red: xr.DataArray, nir: xr.DataArray, swir16: xr.DataArray
) -> xr.DataArray:
    r"""Bare soil index, ((S₁ + R) − (N + B))/((S₁ + R) + (N + B)).

    Parameters
    ----------
    blue, red, nir, swir16 : xarray.DataArray
        Reflectance 0 to 1, any dims; pass ``swir22`` as `swir16` for the SWIR-2 form.

    Returns
    -------
    xarray.DataArray
        ``bsi``, float32; NaN where the sum is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    References
    ----------
    Rikimaru, Roy & Miyatake (2002), Tropical forest cover density mapping, Tropical Ecology 43(1).

    Examples
    --------
    >>> import xarray as xr
    >>> blue, red, nir, swir16 = (xr.DataArray(value) for value in (0.06, 0.12, 0.25, 0.30))
    >>> float(bsi(blue, red, nir, swir16))
    0.1507
    """
    blue, red, nir, swir16 = checked(blue, red, nir, swir16, by="bsi")
    return named(normalised_difference(swir16 + red, nir + blue), "bsi", "bare soil index")


def ndsi(nir: xr.DataArray, swir16: xr.DataArray) -> xr.DataArray:
    r"""Normalised difference *soil* index, (S₁ − N)/(S₁ + N).

    Not the snow index of the same letters, (G − S₁)/(G + S₁).

    Parameters
    ----------
    nir, swir16 : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``ndsi``, float32; NaN where the sum is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    See Also
    --------
    ndsi_deng : a soil index from SWIR-2 and green.

    References
    ----------
    Rogers & Kearney (2004), Reducing signature variability in unmixing coastal marsh Thematic
    Mapper scenes using spectral indices, Int. J. Remote Sensing 25(12).

    Examples
    --------
    >>> import xarray as xr
    >>> float(ndsi(nir=xr.DataArray(0.25), swir16=xr.DataArray(0.30)))
    0.0909
    """
    nir, swir16 = checked(nir, swir16, by="ndsi")
    return named(normalised_difference(swir16, nir), "ndsi", "normalised difference soil index")


def ndsi_deng(green: xr.DataArray, swir22: xr.DataArray) -> xr.DataArray:
    r"""Normalised difference soil index of Deng, (S₂ − G)/(S₂ + G).

    Parameters
    ----------
    green, swir22 : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``ndsi_deng``, float32; NaN where the sum is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    References
    ----------
    Deng et al. (2015), RNDSI: a ratio normalized difference soil index for remote sensing of
    urban/suburban environments, Int. J. Appl. Earth Obs. 39, doi:10.1016/j.jag.2015.02.010

    Examples
    --------
    >>> import xarray as xr
    >>> float(ndsi_deng(green=xr.DataArray(0.09), swir22=xr.DataArray(0.22)))
    0.4194
    """
    green, swir22 = checked(green, swir22, by="ndsi_deng")
    values = normalised_difference(swir22, green)
    return named(values, "ndsi_deng", "normalised difference soil index (Deng)")


def mbsi(red: xr.DataArray, green: xr.DataArray) -> xr.DataArray:
    r"""Modified bare soil index, 2(R − G)/((R + G) − 2).

    Parameters
    ----------
    red, green : xarray.DataArray
        Reflectance 0 to 1 (the constant 2 depends on it), any dims.

    Returns
    -------
    xarray.DataArray
        ``mbsi``, float32; NaN where the denominator is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    Notes
    -----
    The constant form is quoted from the literature on the combinational biophysical composition
    index (Zhang et al. 2018), CBCI = (1 + L)·MBSI − OSAVI.

    Examples
    --------
    >>> import xarray as xr
    >>> float(mbsi(red=xr.DataArray(0.12), green=xr.DataArray(0.09)))
    -0.0335
    """
    red, green = checked(red, green, by="mbsi")
    return named(ratio(2 * (red - green), (red + green) - 2), "mbsi", "modified bare soil index")
