"""Indices of the colour and brightness of the ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch.indices._bands import checked, named, normalised_difference, ratio

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["bi", "bi2", "bi_spot", "ci", "ri", "ri_spot"]


def ci(red: xr.DataArray, green: xr.DataArray) -> xr.DataArray:
    r"""Soil colour index, (R − G)/(R + G): high for red, iron-rich ground.

    Parameters
    ----------
    red, green : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``ci``, float32; NaN where the sum is 0.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    References
    ----------
    Mathieu et al. (1998), Relationships between satellite-based radiometric indices simulated
    using laboratory reflectance data and typic soil color of an arid environment, Remote Sensing
    of Environment 66(1), doi:10.1016/S0034-4257(98)00030-3

    Examples
    --------
    >>> import xarray as xr
    >>> float(ci(red=xr.DataArray(0.12), green=xr.DataArray(0.09)))
    0.1429
    """
    red, green = checked(red, green, by="ci")
    return named(normalised_difference(red, green), "ci", "soil colour index")


def bi(red: xr.DataArray, green: xr.DataArray, blue: xr.DataArray) -> xr.DataArray:
    r"""Brightness index, :math:`\sqrt{(R^2 + G^2 + B^2)/3}` (the Thematic Mapper form).

    Parameters
    ----------
    red, green, blue : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``bi``, float32, in units of reflectance.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    See Also
    --------
    bi_spot, bi2 : forms for other bands.

    References
    ----------
    Mathieu et al. (1998), doi:10.1016/S0034-4257(98)00030-3

    Examples
    --------
    >>> import xarray as xr
    >>> red, green, blue = (xr.DataArray(value) for value in (0.12, 0.09, 0.06))
    >>> float(bi(red, green, blue))
    0.09327
    """
    red, green, blue = checked(red, green, blue, by="bi")
    return named(((red**2 + green**2 + blue**2) / 3) ** 0.5, "bi", "brightness index")


def bi_spot(red: xr.DataArray, green: xr.DataArray) -> xr.DataArray:
    r"""Brightness index of two bands, :math:`\sqrt{(R^2 + G^2)/2}` (the SPOT form).

    Parameters
    ----------
    red, green : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``bi_spot``, float32, in units of reflectance.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    References
    ----------
    Mathieu et al. (1998), doi:10.1016/S0034-4257(98)00030-3

    Examples
    --------
    >>> import xarray as xr
    >>> float(bi_spot(red=xr.DataArray(0.12), green=xr.DataArray(0.09)))
    0.1061
    """
    red, green = checked(red, green, by="bi_spot")
    return named(((red**2 + green**2) / 2) ** 0.5, "bi_spot", "brightness index (SPOT)")


def bi2(red: xr.DataArray, green: xr.DataArray, nir: xr.DataArray) -> xr.DataArray:
    r"""Second brightness index, :math:`\sqrt{(R^2 + G^2 + N^2)/3}` (as in ESA SNAP).

    Parameters
    ----------
    red, green, nir : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``bi2``, float32, in units of reflectance.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    Examples
    --------
    >>> import xarray as xr
    >>> red, green, nir = (xr.DataArray(value) for value in (0.12, 0.09, 0.25))
    >>> float(bi2(red, green, nir))
    0.1683
    """
    red, green, nir = checked(red, green, nir, by="bi2")
    return named(((red**2 + green**2 + nir**2) / 3) ** 0.5, "bi2", "second brightness index")


def ri(red: xr.DataArray, green: xr.DataArray, blue: xr.DataArray) -> xr.DataArray:
    r"""Redness index, :math:`R^2/(B \cdot G^3)` (the Thematic Mapper form).

    Its units are 1/ρ², so it spans many decades: take the logarithm before showing it.

    Parameters
    ----------
    red, green, blue : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``ri``, float32; NaN where blue or green is 0 or less.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    References
    ----------
    Mathieu et al. (1998), doi:10.1016/S0034-4257(98)00030-3

    Examples
    --------
    >>> import xarray as xr
    >>> red, green, blue = (xr.DataArray(value) for value in (0.12, 0.09, 0.06))
    >>> float(ri(red, green, blue))
    329.2
    """
    red, green, blue = checked(red, green, blue, by="ri")
    values = ratio(red**2, blue.where(blue > 0) * green.where(green > 0) ** 3)
    return named(values, "ri", "redness index")


def ri_spot(red: xr.DataArray, green: xr.DataArray) -> xr.DataArray:
    r"""Redness index of two bands, :math:`R^2/G^4` (the SPOT form).

    Parameters
    ----------
    red, green : xarray.DataArray
        Reflectance 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``ri_spot``, float32; NaN where green is 0 or less.

    Raises
    ------
    ValueError
        If a band holds digital numbers or the grids differ.

    References
    ----------
    Mathieu et al. (1998), doi:10.1016/S0034-4257(98)00030-3

    Examples
    --------
    >>> import xarray as xr
    >>> float(ri_spot(red=xr.DataArray(0.12), green=xr.DataArray(0.09)))
    219.5
    """
    red, green = checked(red, green, by="ri_spot")
    return named(ratio(red**2, green.where(green > 0) ** 4), "ri_spot", "redness index (SPOT)")
