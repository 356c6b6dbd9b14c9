"""The c-factor of Roy et al., and reflectance normalised with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch.brdf.scattering import (
    Angle,
    as_layers,
    finished,
    geometric,
    radians,
    volumetric,
)
from minewatch.conventions import Layer, conform, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    Kernels = tuple[xr.DataArray, xr.DataArray]

__all__ = ["COEFFICIENTS", "c_factor", "nbar", "normal_sun_zenith"]

Normal = Literal["observed", "lat"] | Angle

COEFFICIENTS: Mapping[str, tuple[float, float, float]] = {
    "blue": (0.0774, 0.0079, 0.0372),
    "green": (0.1306, 0.0178, 0.0580),
    "red": (0.1690, 0.0227, 0.0574),
    "rededge1": (0.2085, 0.0256, 0.0845),
    "rededge2": (0.2316, 0.0273, 0.1003),
    "rededge3": (0.2599, 0.0294, 0.1197),
    "nir": (0.3093, 0.0330, 0.1535),
    "nir08": (0.3093, 0.0330, 0.1535),
    "swir16": (0.3430, 0.0453, 0.1154),
    "swir22": (0.2658, 0.0387, 0.0639),
}
"""Isotropic, geometric and volumetric weight of each band (Roy et al. 2016; red edge 2017)."""

ZENITH_BY_LATITUDE = (31.0076, -0.1272, 0.01187, 2.40e-5, -9.48e-7, -1.95e-9, 6.15e-11)
"""Sun zenith at a latitude, by ascending powers (Zhang et al. 2016, as in HLS)."""

FACTOR = Layer("c_factor", "BRDF c-factor")
ZENITH = Layer("normal_sun_zenith", "normalised sun zenith", units="degrees")


def normal_sun_zenith(latitude: Angle) -> xr.DataArray:
    """Sun zenith that stands for a latitude, whatever sensor passes there.

    The yearly mean at the overpass of Landsat and Sentinel-2 as the polynomial of sixth degree
    that Harmonized Landsat Sentinel-2 uses.

    Parameters
    ----------
    latitude : float or xarray.DataArray
        Degrees, north positive, of the middle of the scene; beyond ±90 is unknown.

    Returns
    -------
    xarray.DataArray
        ``normal_sun_zenith`` in degrees.

    References
    ----------
    Zhang et al. (2016), Characterization of Landsat-7 to Landsat-8 reflective wavelength and
    normalized difference vegetation index continuity, Remote Sensing of Environment 185,
    doi:10.1016/j.rse.2015.12.024 (coefficients as in HLS)

    Examples
    --------
    >>> float(normal_sun_zenith(-2.0))
    31.309
    """
    layers = as_layers("normal_sun_zenith", latitude)
    return finished(_by_latitude(layers[0]), ZENITH, layers)


def c_factor(
    band: str,
    sun_zenith: Angle,
    view_zenith: Angle,
    relative_azimuth: Angle,
    *,
    normal_zenith: Normal = "observed",
    latitude: Angle | None = None,
) -> xr.DataArray:
    r"""How much brighter than observed a pixel is from straight above.

    .. math:: c = \frac{f_{iso} + f_{geo} K_{geo}(\theta_n, 0, 0) + f_{vol} K_{vol}(\theta_n, 0, 0)}
                       {f_{iso} + f_{geo} K_{geo}(\theta_s, \theta_v, \varphi)
                        + f_{vol} K_{vol}(\theta_s, \theta_v, \varphi)}

    Parameters
    ----------
    band : str
        Common name, a key of ``COEFFICIENTS``.
    sun_zenith, view_zenith, relative_azimuth : float or xarray.DataArray
        As in :func:`ross_thick`.
    normal_zenith : "observed", "lat", float or xarray.DataArray
        The sun zenith θn to normalise to. ``"observed"`` keeps each pixel's own, so that only
        the view changes; ``"lat"`` is :func:`normal_sun_zenith` of `latitude`, which images of
        different hours or of both Landsat and Sentinel-2 in one stack need; or degrees.
    latitude : float or xarray.DataArray, optional
        Degrees, for ``"lat"`` alone.

    Returns
    -------
    xarray.DataArray
        ``c_factor``; NaN where an angle is missing or a zenith is 85° or more. Kernels and
        precision as of :func:`ross_thick`.

    Raises
    ------
    KeyError
        If the band has no coefficients.
    ValueError
        If `normal_zenith` is no choice, ``"lat"`` comes without a latitude, or the angles are in
        radians or on different grids or dates.

    See Also
    --------
    nbar : the factor put on all bands.

    References
    ----------
    Roy et al. (2016), A general method to normalize Landsat reflectance data to nadir BRDF adjusted
    reflectance, Remote Sensing of Environment 176, doi:10.1016/j.rse.2016.01.023; red edge: Roy
    et al. (2017), Remote Sensing 9(12), 1325, doi:10.3390/rs9121325

    Examples
    --------
    >>> float(c_factor("nir", 45, 10, 180))
    1.05356
    >>> float(c_factor("nir", 45, 0, 0))
    1.0
    """
    weights = _weights(band, by="c_factor")
    layers = as_layers("c_factor", sun_zenith, view_zenith, relative_azimuth)
    factor = _ratio(weights, _both(layers, normal_zenith, latitude, by="c_factor"))
    return finished(factor, FACTOR, layers, band=band, normal_zenith=_said(normal_zenith))


def nbar(
    reflectance: xr.Dataset,
    *,
    sun_zenith: Angle | xr.Dataset,
    view_zenith: Angle | xr.Dataset,
    relative_azimuth: Angle | xr.Dataset,
    normal_zenith: Normal = "observed",
    latitude: Angle | None = None,
) -> xr.Dataset:
    """Nadir BRDF-adjusted reflectance, c·ρ of every band.

    Parameters
    ----------
    reflectance : xarray.Dataset
        Surface reflectance by common band name, dims (..., y, x). Bands that are not floating, as
        ``quality``, are kept as they are.
    sun_zenith, view_zenith, relative_azimuth : float, xarray.DataArray or xarray.Dataset
        As in :func:`ross_thick`, with no dim that the bands lack: one number, one a date (time,),
        or a layer. A Dataset has one variable a band: Sentinel-2's bands look along different
        lines.
    normal_zenith, latitude
        As in :func:`c_factor`.

    Returns
    -------
    xarray.Dataset
        The same variables, float32; NaN where reflectance or an angle is missing or a zenith is
        85° or more.

    Raises
    ------
    TypeError
        If `reflectance` is no Dataset.
    KeyError
        If a floating band has no coefficients or its angles are not given.
    ValueError
        If angles are in radians, or on other grids or dates than the bands.

    See Also
    --------
    c_factor : the factor of one band.

    Examples
    --------
    >>> image = xr.Dataset({"nir": (("y", "x"), [[0.3, np.nan]])})
    >>> nbar(image, sun_zenith=45, view_zenith=10, relative_azimuth=0).nir.values
    array([[0.2813, nan]], dtype=float32)
    """
    _require_bands(reflectance)
    given = (sun_zenith, view_zenith, relative_azimuth)
    one_geometry = not any(isinstance(angle, xr.Dataset) for angle in given)
    shared: Any = None
    result = {}
    for name, band in reflectance.items():
        if not np.issubdtype(band.dtype, np.floating):
            continue
        require(band, ..., "y", "x", by="nbar")
        weights = _weights(str(name), by="nbar")
        if shared is None or not one_geometry:
            layers = as_layers("nbar", *(_of(angle, str(name)) for angle in given), on=band)
            shared = _both(layers, normal_zenith, latitude, by="nbar", on=band)
        adjusted = (band * _ratio(weights, shared)).transpose(*band.dims).assign_coords(band.coords)
        layer = Layer(str(name), f"nadir BRDF-adjusted {name} reflectance")
        result[name] = conform(adjusted, layer, brdf="c-factor", normal_zenith=_said(normal_zenith))
    return reflectance.assign(result)


def _both(
    angles: list[xr.DataArray],
    normal: Normal,
    latitude: Angle | None,
    *,
    by: str,
    on: xr.DataArray | None = None,
) -> tuple[Kernels, Kernels]:
    """Both kernels from straight above and as observed."""
    if isinstance(normal, str) and normal not in ("observed", "lat"):
        message = f"{by} has no normal_zenith {normal!r}; use 'observed', 'lat' or degrees"
        raise ValueError(message)
    if isinstance(normal, str) and normal == "lat":
        if latitude is None:
            message = f"{by} needs a latitude for normal_zenith='lat'; e.g. latitude=-6.1"
            raise ValueError(message)
        upright = _by_latitude(as_layers(by, latitude, *angles, on=on)[0])
    elif latitude is not None:
        message = f"{by} has no use for a latitude here; say normal_zenith='lat'"
        raise ValueError(message)
    else:
        upright = angles[0] if isinstance(normal, str) else as_layers(by, normal, *angles, on=on)[0]
    nadir = xr.DataArray(0.0)
    above, seen = radians(upright, nadir, nadir), radians(*angles)
    return (volumetric(*above), geometric(*above)), (volumetric(*seen), geometric(*seen))


def _by_latitude(latitude: xr.DataArray) -> xr.DataArray:
    result = xr.zeros_like(latitude, dtype="float64")
    for coefficient in reversed(ZENITH_BY_LATITUDE):
        result = result * latitude.astype("float64") + coefficient
    return result.where(abs(latitude) <= 90)


def _ratio(weights: tuple[float, float, float], both: tuple[Kernels, Kernels]) -> xr.DataArray:
    above, seen = (
        weights[0] + weights[1] * geometry + weights[2] * volume for volume, geometry in both
    )
    return above / seen.where(seen > 0)


def _weights(band: str, *, by: str) -> tuple[float, float, float]:
    if band not in COEFFICIENTS:
        message = (
            f"{by} has no coefficients for {band!r}, it has {', '.join(COEFFICIENTS)}; rename the "
            f"band, or leave it out: image.drop_vars({band!r})"
        )
        raise KeyError(message)
    return COEFFICIENTS[band]


def _require_bands(reflectance: object) -> None:
    if not isinstance(reflectance, xr.Dataset):
        message = (
            f"nbar needs an xarray.Dataset of bands, got {type(reflectance).__name__}; "
            "of one band: band.to_dataset(name='nir')"
        )
        raise TypeError(message)


def _of(angle: object, band: str) -> object:
    if not isinstance(angle, xr.Dataset):
        return angle
    if band not in angle:
        message = (
            f"nbar needs angles of {band!r}, got those of {', '.join(map(str, angle)) or 'none'}; "
            "give one layer for all bands, or one variable a band"
        )
        raise KeyError(message)
    return angle[band]


def _said(normal: Normal) -> float | str:
    """What the attributes say of the choice; a layer is not written out."""
    if isinstance(normal, xr.DataArray):
        return "given"
    return normal if isinstance(normal, str) else float(normal)
