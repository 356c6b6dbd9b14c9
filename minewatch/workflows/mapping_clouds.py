"""Which pixels of optical images show the ground, by what a map is told to find clouds with."""

from __future__ import annotations

import functools
import operator
import warnings
from typing import TYPE_CHECKING

import numpy as np

from minewatch import masks
from minewatch.conventions import NO_CLASS
from minewatch.workflows.mapping_granules import dates_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import xarray as xr

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["CLEAR", "DATES_LEFT_OUT", "METHODS", "check_clouds", "clear_views", "with_sun"]

METHODS = ("quality", "score", "shadow", "outliers")
"""What finds clouds and shadows, in the order in which they work."""

CLEAR: dict[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "sentinel2": masks.sentinel2_clear,
    "landsat8": masks.landsat_clear,
}
"""Optical sensors → what their quality band calls clear."""

SENTINEL2_CLOUDS, SENTINEL2_SHADOWS = (8, 9, 10), (3,)
"""Classes of SCL: cloud of medium and high probability, cirrus; cloud shadow."""

LANDSAT_CLOUDS, LANDSAT_AROUND = 0b1100, 0b10010
"""Bits of QA_PIXEL: cirrus, cloud; what lies around clouds and casts nothing, as the rim by which
they were grown, and their shadow."""

DATES_LEFT_OUT = "dates_left_out"
"""Attribute that tells them."""

LOWEST_SUN = 85.0
"""Sun zenith in degrees from which on shadows have no end."""


def check_clouds(clouds: Iterable[str], buffer: float) -> None:
    """Refuse what finds no clouds, before anything is read.

    Parameters
    ----------
    clouds : iterable of str
        Names among :data:`METHODS`.
    buffer : float
        Metres.

    Raises
    ------
    ValueError
        If a name is unknown, shadows are asked for without clouds, or the buffer is negative.

    Examples
    --------
    >>> check_clouds(("fmask",), 0)
    Traceback (most recent call last):
    ...
    ValueError: clouds 'fmask' is not known; use quality, score, shadow, outliers
    """
    names = tuple(clouds)
    for name in names:
        if name not in METHODS:
            message = f"clouds {name!r} is not known; use {', '.join(METHODS)}"
            raise ValueError(message)
    if "shadow" in names and not {"quality", "score"} & set(names):
        message = "clouds 'shadow' needs clouds that cast it, got none; add 'quality' or 'score'"
        raise ValueError(message)
    if not 0 <= buffer < np.inf:
        message = f"cloud_buffer is {buffer}, which is no distance in metres; use 0 or more"
        raise ValueError(message)


def with_sun(cube: xr.Dataset, sensor: str) -> xr.Dataset:
    """The dates on which the sun's direction is known and shadows end.

    Parameters
    ----------
    cube : xarray.Dataset
        From :func:`minewatch.sources.load`.
    sensor : str
        For messages.

    Returns
    -------
    xarray.Dataset
        The same, or without the dates that a warning names, and ``attrs["dates_left_out"]``.

    Raises
    ------
    ValueError
        If there is no such date.
    """
    names = [name for name in ("sun_zenith", "sun_azimuth") if name in cube.coords]
    usable = np.full(cube.sizes["time"], len(names) == 2)
    for name in names:
        usable &= np.isfinite(cube[name].to_numpy())
    if len(names) == 2:
        usable &= cube["sun_zenith"].to_numpy() < LOWEST_SUN
    if not usable.any():
        message = (
            f"clouds 'shadow' needs the sun's direction, and no item of {sensor} says it; "
            "leave 'shadow' out of clouds"
        )
        raise ValueError(message)
    if usable.all():
        return cube
    lost = [name for name, keep in zip(dates_of(cube), usable, strict=True) if not keep]
    warnings.warn(
        f"{len(lost)} dates of {sensor} are left out, because the sun's direction is unknown or "
        f"the sun stands below {90 - LOWEST_SUN:g} degrees: {', '.join(lost)}",
        stacklevel=2,
    )
    return cube.isel(time=np.flatnonzero(usable)).assign_attrs({DATES_LEFT_OUT: lost})


def clear_views(cube: xr.Dataset, sensor: str, settings: MappingSettings) -> xr.DataArray:
    """Where the ground is seen, on each date of an optical sensor.

    Clouds and cloud shadows are found, grown by ``cloud_buffer`` metres, and left out with what
    is unknown. Dark outliers are sought in what remains, and have a growth of their own.

    Parameters
    ----------
    cube : xarray.Dataset
        Reflectance and ``quality``, dims (time, y, x), from :func:`minewatch.sources.load`.
    sensor : str
        ``"sentinel2"`` or ``"landsat8"``.
    settings : MappingSettings
        ``clouds`` and ``cloud_buffer``.

    Returns
    -------
    xarray.DataArray
        bool, dims (time, y, x), lazy if `cube` is.

    Raises
    ------
    ValueError
        If the sun's direction is needed and not known.
    KeyError
        If a band is missing that a method needs.
    """
    clouds, obstructed, usable = _found(cube, sensor, settings)
    if "shadow" in settings.clouds:
        obstructed.append(
            masks.cloud_shadow(
                cube,
                functools.reduce(_either, clouds),
                sun_zenith=cube["sun_zenith"],
                sun_azimuth=cube["sun_azimuth"],
            )
        )
    if obstructed:
        mask = functools.reduce(_either, obstructed)
        if settings.cloud_buffer > 0:
            mask = masks.grow(mask, metres=settings.cloud_buffer)
        usable.append(mask == 0)
    clear = functools.reduce(operator.and_, usable) if usable else None
    if "outliers" in settings.clouds:
        bands = cube[["nir", "swir16"]]
        dark = masks.temporal_dark_outliers(bands if clear is None else bands.where(clear)) == 0
        clear = dark if clear is None else clear & dark
    return cube[_first(cube)].notnull() if clear is None else clear


def _found(
    cube: xr.Dataset, sensor: str, settings: MappingSettings
) -> tuple[list[xr.DataArray], list[xr.DataArray], list[xr.DataArray]]:
    """Clouds; clouds and shadows, 255 where unknown; and what else must hold of a clear view."""
    clouds, obstructed, usable = [], [], []
    if "quality" in settings.clouds:
        if "quality" in cube:
            usable.append(CLEAR[sensor](cube["quality"]))
            clouds.append(_classes(cube["quality"], sensor, around=False))
            if settings.cloud_buffer > 0:  # else what is clear says it all
                obstructed.append(_classes(cube["quality"], sensor, around=True))
        elif "shadow" in settings.clouds and "score" not in settings.clouds:
            message = (
                f"no item of {sensor} has a quality layer, so that no cloud casts a shadow; "
                "add 'score' to clouds"
            )
            raise ValueError(message)
        else:
            warnings.warn(
                f"no item of {sensor} has a quality layer: clouds 'quality' finds nothing there; "
                "use 'score'",
                stacklevel=3,
            )
    if "score" in settings.clouds:
        score = masks.cloud(masks.cloud_score(cube))
        clouds.append(score)
        obstructed.append(score)
    return clouds, obstructed, usable


def _classes(quality: xr.DataArray, sensor: str, *, around: bool) -> xr.DataArray:
    """Clouds, and if asked their rims and shadows, of a quality layer: 0, 1, 255 off the scene."""
    if sensor == "sentinel2":
        found = quality.isin(SENTINEL2_CLOUDS + SENTINEL2_SHADOWS * around)
    else:
        found = (quality & (LANDSAT_CLOUDS | LANDSAT_AROUND * around)) != 0
    known = quality != 0 if sensor == "sentinel2" else (quality != 0) & ((quality & 1) == 0)
    return found.astype("uint8").where(known, np.uint8(NO_CLASS))


def _either(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """1 where either is, else 255 where either is unknown, else 0."""
    larger = first.where(first > second, second)
    return larger.where((first != 1) & (second != 1), np.uint8(1))


def _first(cube: xr.Dataset) -> str:
    return next(str(name) for name, layer in cube.items() if layer.dtype.kind == "f")
