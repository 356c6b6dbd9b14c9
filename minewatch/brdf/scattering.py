r"""The two kernels of the RossThick–LiSparseR model, and the angles they are computed from."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.conventions import SPATIAL_REF, Layer, conform

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "GRAZING",
    "Angle",
    "as_layers",
    "finished",
    "geometric",
    "li_sparse",
    "radians",
    "ross_thick",
    "volumetric",
]

Angle = float | xr.DataArray

GRAZING = 85.0
"""Zenith angle in degrees from which on the model means nothing."""

CROWN_HEIGHT = 2.0
"""h/b of LiSparseR: height of a crown's centre over its vertical radius. Crowns are spheres."""

VOLUMETRIC = Layer("ross_thick", "volumetric scattering kernel")
GEOMETRIC = Layer("li_sparse", "geometric scattering kernel")


def ross_thick(sun_zenith: Angle, view_zenith: Angle, relative_azimuth: Angle) -> xr.DataArray:
    r"""Volumetric scattering kernel RossThick: a thick canopy of leaves.

    .. math:: K_{vol} = \frac{(\pi/2 - \xi) \cos\xi + \sin\xi}{\cos\theta_s + \cos\theta_v}
              - \frac{\pi}{4}, \qquad
              \cos\xi = \cos\theta_s \cos\theta_v + \sin\theta_s \sin\theta_v \cos\varphi

    Parameters
    ----------
    sun_zenith, view_zenith : float or xarray.DataArray
        Degrees from the vertical, any dims, e.g. (time,) or (time, y, x); missing, below 0 and from
        85 on they make the result unknown.
    relative_azimuth : float or xarray.DataArray
        View minus sun azimuth, degrees; 0 has the sun behind the sensor. Whole turns and the sign
        change nothing.

    Returns
    -------
    xarray.DataArray
        Dims of the angles, lazy if any angle is; float32 if all layers are, else float64.

    Raises
    ------
    ValueError
        If the angles are in radians, or lie on different grids or dates.

    References
    ----------
    Lucht, Schaaf & Strahler (2000), An algorithm for the retrieval of albedo from space using
    semiempirical BRDF models, IEEE TGRS 38(2), eq. 38, doi:10.1109/36.841980

    Examples
    --------
    >>> float(ross_thick(30, 7.5, 180))
    -0.066297
    """
    layers = as_layers("ross_thick", sun_zenith, view_zenith, relative_azimuth)
    return finished(volumetric(*radians(*layers)), VOLUMETRIC, layers)


def li_sparse(sun_zenith: Angle, view_zenith: Angle, relative_azimuth: Angle) -> xr.DataArray:
    r"""Geometric scattering kernel LiSparseR: the shadows of crowns that stand apart.

    With spherical crowns (b/r = 1) whose centres are h/b = 2 above the ground, and sec θ = 1/cos θ:

    .. math:: K_{geo} = O - \sec\theta_s - \sec\theta_v
              + \tfrac{1}{2} (1 + \cos\xi) \sec\theta_s \sec\theta_v, \qquad
              O = \frac{(t - \sin t \cos t)(\sec\theta_s + \sec\theta_v)}{\pi}

    .. math:: \cos t = \frac{h}{b} \frac{\sqrt{D^2 + (\tan\theta_s \tan\theta_v \sin\varphi)^2}}
                                        {\sec\theta_s + \sec\theta_v}, \qquad
              D^2 = \tan^2\theta_s + \tan^2\theta_v - 2 \tan\theta_s \tan\theta_v \cos\varphi

    where cos t is held within ±1: beyond, the two shadows do not overlap.

    Parameters
    ----------
    sun_zenith, view_zenith, relative_azimuth : float or xarray.DataArray
        As in :func:`ross_thick`.

    Returns
    -------
    xarray.DataArray
        As of :func:`ross_thick`.

    Raises
    ------
    ValueError
        If the angles are in radians, or lie on different grids or dates.

    References
    ----------
    Lucht, Schaaf & Strahler (2000), IEEE TGRS 38(2), eq. 39 to 44, doi:10.1109/36.841980

    Examples
    --------
    >>> float(li_sparse(30, 7.5, 180))
    -0.870441
    """
    layers = as_layers("li_sparse", sun_zenith, view_zenith, relative_azimuth)
    return finished(geometric(*radians(*layers)), GEOMETRIC, layers)


def volumetric(sun: Any, view: Any, azimuth: Any) -> Any:
    """RossThick of angles in radians."""
    cosine = np.cos(sun) * np.cos(view) + np.sin(sun) * np.sin(view) * np.cos(azimuth)
    cosine = cosine.clip(-1.0, 1.0)
    phase = np.arccos(cosine)
    spread = (math.pi / 2 - phase) * cosine + np.sin(phase)
    return spread / (np.cos(sun) + np.cos(view)) - math.pi / 4


def geometric(sun: Any, view: Any, azimuth: Any) -> Any:
    """LiSparseR of angles in radians."""
    # The crowns are spheres, b/r = 1, so that θ' = atan(b/r tan θ) = θ.
    tan_sun, tan_view = np.tan(sun), np.tan(view)
    sec_sun, sec_view = 1 / np.cos(sun), 1 / np.cos(view)
    cosine = (1 + tan_sun * tan_view * np.cos(azimuth)) / (sec_sun * sec_view)
    squared = tan_sun**2 + tan_view**2 - 2 * tan_sun * tan_view * np.cos(azimuth)
    across = (tan_sun * tan_view * np.sin(azimuth)) ** 2
    reach = CROWN_HEIGHT * np.sqrt(squared.clip(0.0) + across) / (sec_sun + sec_view)
    reach = reach.clip(-1.0, 1.0)
    angle = np.arccos(reach)
    overlap = ((angle - np.sin(angle) * reach) * (sec_sun + sec_view) / math.pi).clip(0.0)
    return overlap - sec_sun - sec_view + 0.5 * (1 + cosine.clip(-1.0, 1.0)) * sec_sun * sec_view


def as_layers(by: str, *angles: object, on: xr.DataArray | None = None) -> list[xr.DataArray]:
    """Angles as layers that lie on one grid and at the same dates, that of `on` if given.

    Raises
    ------
    TypeError
        If an angle is neither a number nor a DataArray.
    ValueError
        If it is in radians, has dims that `on` lacks, or lies elsewhere.
    """
    layers = []
    for angle in angles:
        if not isinstance(angle, xr.DataArray | float | int | np.number):
            message = (
                f"{by} needs angles as numbers or DataArrays of degrees, got "
                f"{type(angle).__name__}; wrap it: xr.DataArray(angle, dims=...)"
            )
            raise TypeError(message)
        layer = angle if isinstance(angle, xr.DataArray) else xr.DataArray(float(angle))
        if str(layer.attrs.get("units", "degrees")).lower() in {"rad", "radian", "radians"}:
            message = f"{by} needs degrees, got {layer.name!r} in radians; use np.degrees(angle)"
            raise ValueError(message)
        layers.append(layer)
    against = layers if on is None else [on, *layers]
    if on is not None and not {dim for layer in layers for dim in layer.dims} <= set(on.dims):
        message = (
            f"{by} needs angles with dims among {on.dims}, got "
            f"{[layer.dims for layer in layers]}; pick one with .isel, or name the bands the same"
        )
        raise ValueError(message)
    try:
        xr.align(*against, join="exact", copy=False)
    except ValueError as error:
        message = (
            f"{by} needs all angles on the grid and at the dates of the bands: {error}; use "
            "minewatch.grids.resample for y and x, and the scene's own angles for time"
        )
        raise ValueError(message) from error
    # Of the other coordinates the CRS is kept, once: comparing those of two layers would compute.
    bare = [layer.reset_coords(drop=True) for layer in layers]
    for at, layer in enumerate(layers):
        if SPATIAL_REF in layer.coords and on is None:
            bare[at] = bare[at].assign_coords({SPATIAL_REF: layer.coords[SPATIAL_REF]})
            break
    return bare


def radians(sun: xr.DataArray, view: xr.DataArray, azimuth: xr.DataArray) -> tuple[Any, Any, Any]:
    """Angles as the kernels take them, zeniths out of range as NaN."""
    sun, view = (
        layer.where((layer >= 0) & (layer < GRAZING)).astype("float64") for layer in (sun, view)
    )
    return np.deg2rad(sun), np.deg2rad(view), np.deg2rad(azimuth.astype("float64"))


def finished(
    result: xr.DataArray, layer: Layer, angles: list[xr.DataArray], **attrs: object
) -> xr.DataArray:
    """A result with (y, x) last, float32 if all angles that are layers are."""
    fields = [angle.dtype for angle in angles if angle.ndim]
    dtype = "float32" if fields and all(each == np.float32 for each in fields) else "float64"
    result = result.transpose(..., "y", "x", missing_dims="ignore")
    return conform(result, dataclasses.replace(layer, dtype=dtype), **attrs)
