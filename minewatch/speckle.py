"""Speckle: how much of it there is, and Lee's filters that take some away.

Speckle multiplies: a pixel of true backscatter x reads z = x·v, where v has mean 1 and variance
1/looks. Everything here therefore works on linear power, never on decibels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from minewatch import kernels
from minewatch._apply import windowed
from minewatch.conventions import Layer, conform, require, require_power, require_same_grid

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["equivalent_number_of_looks", "incidence_correction", "lee"]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)

VARIANTS = {"mmse": 0, "snap": 1, "lee1980": 2}
"""Weights of :func:`lee` by name, with the number the kernel knows them by."""

GRAZING = 89.0
"""Incidence in degrees from which on the cosine correction means nothing."""


def lee(
    backscatter: XarrayT,
    *,
    looks: float,
    window: int = 7,
    variant: Literal["mmse", "snap", "lee1980"] = "mmse",
) -> XarrayT:
    r"""Lee's adaptive speckle filter.

    Each pixel moves towards the mean of its window, the more the less the window varies beyond
    what speckle alone explains:

    .. math:: \hat x = \bar z + b (z - \bar z), \qquad 0 \le b \le 1

    With :math:`C_u^2 = 1/\text{looks}` and :math:`C_i^2 = s^2/\bar z^2` of the window, ``mmse`` has
    :math:`b = (1 - C_u^2/C_i^2)/(1 + C_u^2)` (Lee and Pottier 2009, also Kuan 1985), ``snap`` has
    :math:`b = 1 - C_u^2/C_i^2` (ESA SNAP), and ``lee1980`` the linearised
    :math:`b = (C_i^2 - C_u^2)/(C_i^2 + C_u^4)`.

    Parameters
    ----------
    backscatter : xarray.DataArray or xarray.Dataset
        Linear power, dims (..., y, x); in a Dataset every floating variable is filtered and the
        others are kept.
    looks : float
        Equivalent number of looks, e.g. 4.4 for Sentinel-1 IW GRD.
    window : int
        Rows and columns of the square window, odd.
    variant : {"mmse", "snap", "lee1980"}
        The weight.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Filtered power, float32, same names, lazy if the input is. NaN where the pixel is NaN or
        less than half of the window is valid.

    Raises
    ------
    ValueError
        If the units say dB, or `looks`, `window` or `variant` make no filter.

    See Also
    --------
    equivalent_number_of_looks : measures `looks` in a homogeneous area.
    minewatch.kernels.lee : the same on bare arrays.

    References
    ----------
    Lee (1980), Digital image enhancement and noise filtering by use of local statistics, IEEE
    TPAMI 2(2), doi:10.1109/TPAMI.1980.4766994

    Examples
    --------
    >>> power = xr.DataArray([[1.0, 2, 1], [2, 3, 1], [1, 2, 5]], dims=("y", "x"), name="vv")
    >>> float(lee(power, looks=4, window=3)[1, 1])
    2.343
    """
    if variant not in VARIANTS:
        message = f"lee has no variant {variant!r}; use one of {', '.join(map(repr, VARIANTS))}"
        raise ValueError(message)
    if window < 3 or window % 2 == 0:
        message = f"lee needs an odd window to have a centre, got window={window}; use 3, 5 or 7"
        raise ValueError(message)
    if not looks > 0:
        message = f"lee needs looks > 0, got looks={looks}; Sentinel-1 IW GRD has 4.4"
        raise ValueError(message)
    if isinstance(backscatter, xr.Dataset):
        return backscatter.assign(
            {
                name: lee(layer, looks=looks, window=window, variant=variant)
                for name, layer in backscatter.items()
                if np.issubdtype(layer.dtype, np.floating)
            }
        )
    require(backscatter, ..., "y", "x", by="lee", dtype="floating")
    require_power(backscatter, by="lee")
    filtered = windowed(
        kernels.lee,
        backscatter.astype("float32"),
        window=(window, window),
        arguments=(window, window, float(looks), VARIANTS[variant]),
    )
    return conform(
        filtered,
        _named(backscatter),
        speckle_filter="lee",
        variant=variant,
        looks=float(looks),
        window=window,
    )


def equivalent_number_of_looks(backscatter: xr.DataArray, *, within: xr.DataArray) -> xr.DataArray:
    """Equivalent number of looks of a homogeneous area, mean²/variance.

    Computes, because one scalar per image comes out. Texture lowers the number: choose a pond, a
    bare field or a salt flat. The variance divides by n − 1.

    Parameters
    ----------
    backscatter : xarray.DataArray
        Linear power, dims (..., y, x).
    within : xarray.DataArray
        The homogeneous area, bool, dims (y, x).

    Returns
    -------
    xarray.DataArray
        ``looks``, the leading dims of `backscatter`; a scalar for one image. NaN where fewer than
        two pixels are valid or nothing varies.

    Raises
    ------
    ValueError
        If the units say dB or the grids differ.

    Examples
    --------
    >>> power = xr.DataArray(np.random.default_rng(1).gamma(4, size=(99, 99)), dims=("y", "x"))
    >>> float(equivalent_number_of_looks(power, within=power > 0))
    3.9...
    """
    by = "equivalent_number_of_looks"
    require(backscatter, ..., "y", "x", by=by, dtype="floating")
    require(within, "y", "x", by=by, dtype="bool")
    require_power(backscatter, by=by)
    require_same_grid(backscatter, within, by=by)
    inside = backscatter.where(within & np.isfinite(backscatter)).astype("float64")
    over, squares = ("y", "x"), inside**2
    # In one pass, so that no block waits in memory for the mean; speckle keeps the digits.
    found = xr.Dataset(
        {"count": inside.count(over), "sum": inside.sum(over), "squares": squares.sum(over)}
        | {"low": inside.min(over), "high": inside.max(over)}
    ).compute()
    count = found["count"].where((found["count"] > 1) & (found["low"] < found["high"]))
    mean = found["sum"] / count
    variance = (found["squares"] - count * mean**2) / (count - 1)
    looks = mean**2 / variance.where(variance > 0)
    return conform(looks, Layer("looks", "equivalent number of looks", dtype="float64"))


def incidence_correction(
    backscatter: XarrayT,
    incidence_angle: xr.DataArray,
    *,
    reference_angle: float = 37.0,
) -> XarrayT:
    r"""Backscatter as it would be at one incidence angle, by the square cosine.

    .. math:: \sigma_{ref} = \sigma_\theta \, \frac{\cos^2\theta_{ref}}{\cos^2\theta}

    Takes out the fall-off across the swath, not the relief: θ is the angle on the ellipsoid.

    Parameters
    ----------
    backscatter : xarray.DataArray or xarray.Dataset
        Linear power, dims (..., y, x); of a Dataset the floating variables.
    incidence_angle : xarray.DataArray
        θ in degrees on the same grid; 89° and more gives NaN.
    reference_angle : float
        θ_ref in degrees.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Corrected power, float32, same names.

    Raises
    ------
    ValueError
        If the units say dB, the grids differ or the reference angle is not in [0, 89).

    References
    ----------
    Van Tricht et al. (2018), Synergistic use of radar Sentinel-1 and optical Sentinel-2 imagery
    for crop mapping, Remote Sensing 10(10), doi:10.3390/rs10101642

    Examples
    --------
    >>> power = xr.DataArray([[0.1]], dims=("y", "x"), name="vv")
    >>> incidence_correction(power, xr.full_like(power, 45.0)).values
    array([[0.12756]], dtype=float32)
    """
    if not 0 <= reference_angle < GRAZING:
        message = (
            f"incidence_correction needs a reference angle in [0, {GRAZING:g}) degrees, got "
            f"{reference_angle}; Sentinel-1 IW is centred near 37"
        )
        raise ValueError(message)
    if isinstance(backscatter, xr.Dataset):
        return backscatter.assign(
            {
                name: incidence_correction(layer, incidence_angle, reference_angle=reference_angle)
                for name, layer in backscatter.items()
                if np.issubdtype(layer.dtype, np.floating)
            }
        )
    by = "incidence_correction"
    require(backscatter, ..., "y", "x", by=by, dtype="floating")
    require(incidence_angle, ..., "y", "x", by=by)
    require_power(backscatter, by=by)
    require_same_grid(backscatter, incidence_angle, by=by)
    backscatter, incidence_angle = xr.align(backscatter, incidence_angle, join="exact", copy=False)
    angle = incidence_angle.where((incidence_angle >= 0) & (incidence_angle < GRAZING))
    gain = (np.cos(np.radians(reference_angle)) / np.cos(np.radians(angle))) ** 2
    corrected = (backscatter * gain).transpose(..., "y", "x")
    return conform(corrected, _named(backscatter), reference_angle=float(reference_angle))


def _named(layer: xr.DataArray) -> Layer:
    name = str(layer.name or "backscatter")
    return Layer(name, str(layer.attrs.get("long_name", f"{name} backscatter")))
