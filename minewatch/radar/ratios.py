"""Indices of two polarizations or two dates, as ratios of linear power."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform, require, require_power, require_same_grid
from minewatch.radar.decibels import require_db

__all__ = ["dpsvi", "dpsvim", "ndi", "polarisation_average", "rfdi", "vddpi"]

RFDI = Layer("rfdi", "radar forest degradation index")
NDI = Layer("ndi", "normalised difference of backscatter")
DPSVI = Layer("dpsvi", "dual-polarization SAR vegetation index")
DPSVIM = Layer("dpsvim", "modified dual-polarization SAR vegetation index")
VDDPI = Layer("vddpi", "vertical dual depolarization index")
PA = Layer("pa", "polarization average", units="dB")


def polarisation_average(vv: xr.DataArray, vh: xr.DataArray) -> xr.DataArray:
    r"""The "polarization average" channel of mine detectors, as printed: (VH − VV)/2 in dB.

    Despite its name it is half a difference, :math:`\tfrac12 \cdot 10 \log_{10}(VH/VV)`.

    Parameters
    ----------
    vv, vh : xarray.DataArray
        Backscatter in dB, any dims.

    Returns
    -------
    xarray.DataArray
        ``pa`` in dB, float32.

    Raises
    ------
    ValueError
        If the units are not dB or the grids differ.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks.

    Examples
    --------
    >>> db = {"units": "dB"}
    >>> float(polarisation_average(xr.DataArray(-10.0, attrs=db), xr.DataArray(-17.0, attrs=db)))
    -3.5
    """
    for layer in (vv, vh):
        require_db(layer, by="polarisation_average")
    vv, vh = _together(vv, vh, by="polarisation_average")
    return conform((vh - vv) / 2, PA)


def rfdi(co: xr.DataArray, cross: xr.DataArray) -> xr.DataArray:
    r"""Radar forest degradation index, (co − cross)/(co + cross).

    Near 1 for bare ground, low over forest, which depolarizes.

    Parameters
    ----------
    co, cross : xarray.DataArray
        HH and HV, or VV and VH: linear power, any dims.

    Returns
    -------
    xarray.DataArray
        ``rfdi``, float32; NaN where the co-polarized power is 0 or less.

    Raises
    ------
    ValueError
        If the units say dB or the grids differ.

    References
    ----------
    Mitchard et al. (2012), Mapping tropical forest biomass with radar and spaceborne LiDAR in
    Lopé National Park, Gabon, Biogeosciences 9, doi:10.5194/bg-9-179-2012

    Examples
    --------
    >>> float(rfdi(xr.DataArray(0.1), xr.DataArray(0.02)))
    0.6667
    """
    co, cross = _powers(co, cross, by="rfdi")
    return conform(_ratio(co - cross, co + cross), RFDI)


def ndi(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    r"""Normalised difference of one polarization between two dates, (σ₁ − σ₂)/(σ₁ + σ₂).

    Positive where backscatter fell. Fed with the two polarizations of one date it is
    :func:`rfdi` again, a covariate that adds nothing.

    Parameters
    ----------
    first, second : xarray.DataArray
        The earlier and the later backscatter: linear power on one grid.

    Returns
    -------
    xarray.DataArray
        ``ndi``, float32; NaN where the first power is 0 or less.

    Raises
    ------
    ValueError
        If the units say dB or the grids differ.

    References
    ----------
    Almeida-Filho & Shimabukuro (2000), Detecting areas disturbed by gold mining activities through
    JERS-1 SAR images, Roraima State, Brazilian Amazon, Int. J. Remote Sensing 21(17).

    Examples
    --------
    >>> float(ndi(xr.DataArray(0.3), xr.DataArray(0.1)))
    0.5
    """
    first, second = _powers(first, second, by="ndi")
    return conform(_ratio(first - second, first + second), NDI)


def dpsvi(vv: xr.DataArray, vh: xr.DataArray, *, vv_max: float) -> xr.DataArray:
    r"""Dual-polarization SAR vegetation index.

    .. math:: \frac{VV_{max} - VV + VH}{\sqrt 2} \cdot \frac{VV + VH}{VV} \cdot VH

    the distance from the bare-soil corner of the VV–VH plane, times the depolarization, times VH.

    Parameters
    ----------
    vv, vh : xarray.DataArray
        Linear power, any dims (HH and HV for PALSAR).
    vv_max : float
        The brightest VV of the *whole* scene, e.g. from :func:`vv_maximum`.

    Returns
    -------
    xarray.DataArray
        ``dpsvi``, float32; NaN where VV is 0 or less.

    Raises
    ------
    ValueError
        If the units say dB, the grids differ or `vv_max` is not positive.

    See Also
    --------
    dpsvim : the modification that needs no scene statistic.

    References
    ----------
    Periasamy (2018), Significance of dual polarimetric synthetic aperture radar in biomass
    retrieval, Remote Sensing of Environment 217, doi:10.1016/j.rse.2018.09.003

    Examples
    --------
    >>> float(dpsvi(xr.DataArray(0.1), xr.DataArray(0.02), vv_max=0.5))
    0.0071276
    """
    if not (math.isfinite(vv_max) and vv_max > 0):
        message = (
            f"dpsvi needs the scene's brightest VV as a positive power, got vv_max={vv_max}; "
            "compute it once with minewatch.radar.vv_maximum(vv)"
        )
        raise ValueError(message)
    vv, vh = _powers(vv, vh, by="dpsvi")
    distance = (vv_max - vv + vh) / math.sqrt(2)
    return conform(distance * _ratio(vv + vh, vv) * vh, DPSVI, vv_max=float(vv_max))


def dpsvim(vv: xr.DataArray, vh: xr.DataArray) -> xr.DataArray:
    r"""Modified dual-polarization SAR vegetation index, :math:`(VV^2 + VV \cdot VH)/\sqrt 2`.

    Parameters
    ----------
    vv, vh : xarray.DataArray
        Linear power, any dims.

    Returns
    -------
    xarray.DataArray
        ``dpsvim``, float32; NaN where VV is 0 or less.

    Raises
    ------
    ValueError
        If the units say dB or the grids differ.

    References
    ----------
    dos Santos, da Silva & do Amaral (2021), Vegetation cover monitoring in tropical regions using
    SAR-C dual-polarization index, Int. J. Remote Sensing 42(19),
    doi:10.1080/01431161.2021.1959955

    Examples
    --------
    >>> float(dpsvim(xr.DataArray(0.1), xr.DataArray(0.02)))
    0.0084853
    """
    vv, vh = _powers(vv, vh, by="dpsvim")
    return conform((vv * vv + vv * vh) / math.sqrt(2), DPSVIM)


def vddpi(vv: xr.DataArray, vh: xr.DataArray) -> xr.DataArray:
    """Vertical dual depolarization index, (VV + VH)/VV: the middle factor of :func:`dpsvi`.

    Parameters
    ----------
    vv, vh : xarray.DataArray
        Linear power, any dims.

    Returns
    -------
    xarray.DataArray
        ``vddpi``, float32; NaN where VV is 0 or less.

    Raises
    ------
    ValueError
        If the units say dB or the grids differ.

    Examples
    --------
    >>> float(vddpi(xr.DataArray(0.1), xr.DataArray(0.02)))
    1.2
    """
    vv, vh = _powers(vv, vh, by="vddpi")
    return conform(_ratio(vv + vh, vv), VDDPI)


def _together(
    first: xr.DataArray, second: xr.DataArray, *, by: str
) -> tuple[xr.DataArray, xr.DataArray]:
    require_same_grid(first, second, by=by)
    return xr.align(first, second, join="exact", copy=False)


def _powers(
    first: xr.DataArray, second: xr.DataArray, *, by: str
) -> tuple[xr.DataArray, xr.DataArray]:
    """Two powers on one grid, the first of them positive."""
    for layer in (first, second):
        require(layer, ..., by=by)
        require_power(layer, by=by)
    first, second = _together(first, second, by=by)
    return first.where(first > 0), second


def _ratio(above: xr.DataArray, below: xr.DataArray) -> xr.DataArray:
    return above / below.where((below != 0) & np.isfinite(below))
