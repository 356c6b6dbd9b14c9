"""Composites of radars, and the elevation: brought to the grid, filtered, averaged as power."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from minewatch import composites, features, masks, speckle
from minewatch.workflows.mapping_years import epochs

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["check_speckle", "measured", "resampling_of"]

LEVEL_DATES = 8
"""Dates on which strong targets are measured: their level hardly changes from one to the next."""


def check_speckle(settings: MappingSettings) -> None:
    """Refuse a filter that is none, before anything is read.

    Parameters
    ----------
    settings : MappingSettings
        ``speckle``, ``lee_window`` and ``looks``.

    Raises
    ------
    ValueError
        If one means nothing; says what would.

    Examples
    --------
    >>> from minewatch.workflows import MappingSettings
    >>> check_speckle(MappingSettings(catalog="", reference="", lee_window=4))
    Traceback (most recent call last):
    ...
    ValueError: lee_window is 4, it needs a middle; use 3, 5, 7, or 1 for no filter
    """
    allowed, window = ("lee", "refined_lee", "lee_sigma", "none"), settings.lee_window
    if settings.speckle not in allowed:
        message = f"speckle {settings.speckle!r} is not known; use {', '.join(allowed)}"
        raise ValueError(message)
    if window < 1 or window % 2 == 0:
        message = f"lee_window is {window}, it needs a middle; use 3, 5, 7, or 1 for no filter"
        raise ValueError(message)
    if settings.speckle == "refined_lee" and window not in (1, 7):
        message = f"speckle 'refined_lee' has windows of 7, got lee_window={window}; use 7"
        raise ValueError(message)
    if not 0 < settings.looks < math.inf:
        message = f"looks is {settings.looks}; use more than 0"
        raise ValueError(message)


def resampling_of(sensor: str, choice: str) -> str | None:
    """How images of a sensor come onto the grid.

    Cubic convolution overshoots beside bright targets. Of Sentinel-1, whose numbers are power,
    that makes powers below 0, which have no decibels and would be holes in the map: there the
    default stands in for it. The numbers of the PALSAR mosaic are amplitudes, squared afterwards.

    Parameters
    ----------
    sensor : str
        E.g. ``"sentinel1"``.
    choice : str
        ``resampling`` of the settings.

    Returns
    -------
    str or None
        For :func:`minewatch.sources.load`; None is what suits the collection.

    Examples
    --------
    >>> resampling_of("sentinel2", "cubic"), resampling_of("sentinel1", "cubic")
    ('cubic', None)
    """
    if choice == "default" or (sensor, choice) == ("sentinel1", "cubic"):
        return None
    return choice


def measured(cube: xr.Dataset, sensor: str, settings: MappingSettings) -> dict[str, xr.Dataset]:
    """Composites of a radar, or the elevation.

    Parameters
    ----------
    cube : xarray.Dataset
        Dims (time, y, x), linear power or metres, from :func:`minewatch.sources.load`.
    sensor : str
        ``"sentinel1"``, ``"palsar"`` or ``"elevation"``.
    settings : MappingSettings
        The run.

    Returns
    -------
    dict of str to xarray.Dataset
        Sensor → mean of its dates, dims (y, x). With ``covariates="fusion"`` a radar of more than
        one date has ``…_before`` and ``…_after`` too; with ``sar_only`` Sentinel-1 of more than
        one date has ``sentinel1_spread``, in dB. Lazy, but for ``speckle="lee_sigma"``.
    """
    if sensor == "palsar" and "quality" in cube:
        clear = masks.palsar_clear(cube["quality"])
        cube = cube.drop_vars("quality").where(clear)
    cube = cube.drop_vars("quality", errors="ignore")
    if sensor == "sentinel1":
        cube = _filtered(cube, settings)
    radar = sensor in ("sentinel1", "palsar")
    parts = epochs(cube, sensor) if settings.covariates == "fusion" and radar else []
    # An earlier mosaic is there to be compared with, and no part of the latest.
    latest = parts[-1] if parts and sensor == "palsar" else cube
    images = {sensor: composites.composite(latest, reducer="mean")}
    for name, part in zip(("before", "after"), parts, strict=False):
        images[f"{sensor}_{name}"] = composites.composite(part, reducer="mean")
    if settings.sar_only and sensor == "sentinel1" and cube.sizes["time"] > 1:
        images["sentinel1_spread"] = features.temporal_spread(cube)
    return images


def _filtered(cube: xr.Dataset, settings: MappingSettings) -> xr.Dataset:
    window, looks = settings.lee_window, settings.looks
    if settings.speckle == "none" or window == 1:
        return cube
    if settings.speckle == "lee":
        return speckle.lee(cube, looks=looks, window=window)
    if settings.speckle == "refined_lee":
        return speckle.refined_lee(cube, looks=looks)
    dates = cube.sizes["time"]
    some = np.unique(np.linspace(0, dates - 1, min(dates, LEVEL_DATES)).round().astype(int))
    level = speckle.strong_target_level(cube.isel(time=some))
    return speckle.lee_sigma(cube, looks=looks, strong=level, window=window)
