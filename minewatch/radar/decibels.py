"""Decibels, linear power, and what a scene's brightest power is."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform, require, require_power

__all__ = ["from_db", "palsar_gamma0", "require_db", "to_db", "vv_maximum"]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)

PALSAR_CALIBRATION_DB = -83.0
"""Calibration factor of the JAXA mosaics in dB (Shimada et al. 2009)."""


def to_db(power: XarrayT) -> XarrayT:
    r"""Decibels of linear power, :math:`10 \log_{10} p`.

    Parameters
    ----------
    power : xarray.DataArray or xarray.Dataset
        Backscatter, linear power, units "1", any dims; of a Dataset the floating variables.

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
        return power.assign({name: to_db(layer) for name, layer in floating(power).items()})
    require(power, ..., by="to_db")
    require_power(power, by="to_db")
    decibels: xr.DataArray = 10 * xr.ufuncs.log10(power.where(power > 0))
    return conform(decibels, _named(power, "dB"))


def from_db(decibels: XarrayT) -> XarrayT:
    r"""Linear power of decibels, :math:`10^{d/10}`.

    Parameters
    ----------
    decibels : xarray.DataArray or xarray.Dataset
        Backscatter with ``units="dB"``, any dims; of a Dataset the floating variables.

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
        found = {name: from_db(layer) for name, layer in floating(decibels).items()}
        return decibels.assign(found)
    require_db(decibels, by="from_db")
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


def require_db(layer: xr.DataArray, *, by: str) -> None:
    """Refuse linear power where decibels are needed."""
    require(layer, ..., by=by)
    units = str(layer.attrs.get("units", "unknown"))
    if units.strip().lower() not in {"db", "decibel", "decibels"}:
        message = (
            f"{by} needs decibels, got units {units!r}; convert with minewatch.radar.to_db, "
            "or set .attrs['units'] = 'dB' where these are decibels"
        )
        raise ValueError(message)


def floating(scene: xr.Dataset) -> xr.Dataset:
    """The measured layers of a scene, without its codes."""
    kept = [name for name, layer in scene.items() if np.issubdtype(layer.dtype, np.floating)]
    return scene[kept]


def _named(layer: xr.DataArray, units: str) -> Layer:
    name = str(layer.name or "backscatter")
    return Layer(name, str(layer.attrs.get("long_name", f"{name} backscatter")), units=units)
