"""Backscatter across the swath, brought to one angle of incidence."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import xarray as xr

from minewatch.conventions import conform, require, require_power, require_same_grid
from minewatch.speckle._layers import named, over_layers

__all__ = ["incidence_correction"]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)

GRAZING = 89.0
"""Incidence in degrees from which on the cosine correction means nothing."""


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
        return over_layers(
            backscatter,
            lambda layer: incidence_correction(
                layer, incidence_angle, reference_angle=reference_angle
            ),
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
    return conform(corrected, named(backscatter), reference_angle=float(reference_angle))
