"""Radar backscatter: decibels and power, and the indices of two polarizations or two dates.

Ratios are formed on linear power; decibels are for showing and for classifiers. A layer says which
it is by its ``units``: ``"1"`` is power, ``"dB"`` decibels, and each function refuses the other.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform, require, require_power, require_same_grid

__all__ = [
    "dpsvi",
    "dpsvim",
    "from_db",
    "ndi",
    "palsar_gamma0",
    "polarisation_average",
    "rfdi",
    "to_db",
    "vddpi",
    "vv_maximum",
]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)

PALSAR_CALIBRATION_DB = -83.0
"""Calibration factor of the JAXA mosaics in dB (Shimada et al. 2009)."""

RFDI = Layer("rfdi", "radar forest degradation index")
NDI = Layer("ndi", "normalised difference of backscatter")
DPSVI = Layer("dpsvi", "dual-polarization SAR vegetation index")
DPSVIM = Layer("dpsvim", "modified dual-polarization SAR vegetation index")
VDDPI = Layer("vddpi", "vertical dual depolarization index")
PA = Layer("pa", "polarization average", units="dB")


def to_db(power: XarrayT) -> XarrayT:
    r"""Decibels of linear power, :math:`10 \log_{10} p`.

    Parameters
    ----------
    power : xarray.DataArray or xarray.Dataset
        Backscatter, linear power, units "1", any dims.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        The same variables in dB, float32; power that is 0 or less is NaN.

    Raises
    ------
    ValueError
        If the units already say dB.

    See Also
    --------
    from_db : the way back.

    Examples
    --------
    >>> to_db(xr.DataArray([0.1, 0.0], name="vv")).values
    array([-10.,  nan], dtype=float32)
    """
    if isinstance(power, xr.Dataset):
        return power.assign({name: to_db(layer) for name, layer in power.items()})
    require(power, ..., by="to_db")
    require_power(power, by="to_db")
    decibels: xr.DataArray = 10 * xr.ufuncs.log10(power.where(power > 0))
    return conform(decibels, _named(power, "dB"))


def from_db(decibels: XarrayT) -> XarrayT:
    r"""Linear power of decibels, :math:`10^{d/10}`.

    Parameters
    ----------
    decibels : xarray.DataArray or xarray.Dataset
        Backscatter with ``units="dB"``, any dims.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        The same variables as linear power, units "1", float32.

    Raises
    ------
    ValueError
        If the units are not dB.

    See Also
    --------
    to_db : the way back.

    Examples
    --------
    >>> from_db(xr.DataArray([-10.0], name="vv", attrs={"units": "dB"})).values
    array([0.1], dtype=float32)
    """
    if isinstance(decibels, xr.Dataset):
        return decibels.assign({name: from_db(layer) for name, layer in decibels.items()})
    _require_db(decibels, by="from_db")
    return conform(10 ** (decibels / 10), _named(decibels, "1"))


def palsar_gamma0(dn: xr.DataArray) -> xr.DataArray:
    r"""Backscatter of the JAXA PALSAR mosaics, :math:`\gamma^0 = DN^2 \cdot 10^{-8.3}`.

    In decibels this is :math:`20 \log_{10} DN - 83`. Average the power, never the decibels.

    Parameters
    ----------
    dn : xarray.DataArray
        Digital numbers of HH or HV, any dims; 0 is missing.

    Returns
    -------
    xarray.DataArray
        Slope-corrected γ0, linear power, float32.

    Raises
    ------
    ValueError
        If the units say that these are no digital numbers.

    References
    ----------
    Shimada et al. (2009), PALSAR radiometric and geometric calibration, IEEE TGRS 47(12),
    doi:10.1109/TGRS.2009.2023909

    Examples
    --------
    >>> to_db(palsar_gamma0(xr.DataArray([7000, 0], name="hh"))).values
    array([-6.098,    nan], dtype=float32)
    """
    require(dn, ..., by="palsar_gamma0")
    units = str(dn.attrs.get("units", "DN"))
    if units.upper() != "DN":
        message = (
            f"palsar_gamma0 needs digital numbers, got units {units!r}; leave it out where these "
            "are calibrated already, or set .attrs['units'] = 'DN'"
        )
        raise ValueError(message)
    number = dn.astype("float64")
    power = number.where(number > 0) ** 2 * 10 ** (PALSAR_CALIBRATION_DB / 10)
    return conform(power, _named(dn, "1"), calibration_db=PALSAR_CALIBRATION_DB)


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
        _require_db(layer, by="polarisation_average")
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


def vv_maximum(vv: xr.DataArray, *, percentile: float = 99.9) -> float:
    """Brightest VV of a scene as a high percentile: the scalar that :func:`dpsvi` needs.

    Computes: one pass over the scene that counts power in bins of 0.001 dB from -60 to 40 dB, so
    the answer is the same for every chunking and exact to 0.03 %. A plain maximum would be the
    one brightest roof.

    Parameters
    ----------
    vv : xarray.DataArray
        Linear power, any dims; what is not finite or not positive does not count.
    percentile : float
        Share of the counted pixels at or below the answer, in (0, 100].

    Returns
    -------
    float
        Linear power.

    Raises
    ------
    ValueError
        If the units say dB, the percentile is out of range or no pixel is valid.

    Examples
    --------
    >>> vv_maximum(xr.DataArray(np.linspace(0.001, 1, 1000)), percentile=50)
    0.500
    """
    require(vv, ..., by="vv_maximum")
    require_power(vv, by="vv_maximum")
    if not 0 < percentile <= 100:
        message = f"vv_maximum needs 0 < percentile <= 100, got {percentile}; use e.g. 99.9"
        raise ValueError(message)
    edges = np.linspace(-60, 40, 100_001)
    decibels = np.clip(10 * np.log10(vv.where((vv > 0) & (vv < np.inf))), -60, 40)
    # numpy hands this to dask where the data are lazy; NaN falls in no bin.
    counts = np.asarray(np.histogram(decibels.data, bins=edges)[0])
    total = counts.sum()
    if total == 0:
        message = "vv_maximum found no positive power; check the scene's nodata and its bounds"
        raise ValueError(message)
    at = int(np.searchsorted(np.cumsum(counts), total * percentile / 100))
    return float(10 ** (edges[at + 1] / 10))


def _named(layer: xr.DataArray, units: str) -> Layer:
    name = str(layer.name or "backscatter")
    return Layer(name, str(layer.attrs.get("long_name", f"{name} backscatter")), units=units)


def _require_db(layer: xr.DataArray, *, by: str) -> None:
    require(layer, ..., by=by)
    units = str(layer.attrs.get("units", "unknown"))
    if units.strip().lower() not in {"db", "decibel", "decibels"}:
        message = (
            f"{by} needs decibels, got units {units!r}; convert with minewatch.radar.to_db, "
            "or set .attrs['units'] = 'dB' where these are decibels"
        )
        raise ValueError(message)


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
