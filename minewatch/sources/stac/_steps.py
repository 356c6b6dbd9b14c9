"""Time steps: their coordinates, and how the items of one solar day become one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply import with_shared
from minewatch.sources.stac._filters import observed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pystac
    from odc.geo.geobox import GeoBox

__all__ = ["first_known", "solar_days", "step_coordinates"]


def solar_days(pieces: Sequence[pystac.Item], grid: GeoBox) -> list[list[int]]:
    """Which items belong to one pass: same solar day at the grid, same orbit.

    The orbit is the relative one where items say it, and whether it ascends: a radar looks at the
    ground from the other side half a day later.

    Parameters
    ----------
    pieces : sequence of pystac.Item
        By time.
    grid : GeoBox
        Its centre gives the longitude; 15 degrees are an hour.

    Returns
    -------
    list of list of int
        Positions, in the order of the first item of each.
    """
    from pyproj import Transformer

    box = grid.boundingbox
    to_degrees = Transformer.from_crs(grid.crs.to_epsg(), 4326, always_xy=True)
    longitude, _ = to_degrees.transform((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    shift = np.timedelta64(round(longitude / 15 * 3600), "s")
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, item in enumerate(pieces):
        day = (observed(item)[0] + shift).astype("datetime64[D]")
        orbit = [item.properties.get(f"sat:{key}") for key in ("relative_orbit", "orbit_state")]
        groups.setdefault((day, *orbit), []).append(i)
    return list(groups.values())


def first_known(layer: xr.DataArray, groups: Sequence[Sequence[int]]) -> xr.DataArray:
    """One time step per group: of each pixel the first value that is known.

    Parameters
    ----------
    layer : xarray.DataArray
        Dims (time, y, x); unknown is NaN, or 0 in integers.
    groups : sequence of sequence of int
        Positions along time.

    Returns
    -------
    xarray.DataArray
        Dims (time, y, x), lazy.
    """
    if all(len(group) == 1 for group in groups):
        return layer
    if len(layer.chunksizes.get("time", (1,))) == 1:
        # Merged where the first of each group lies: two tasks a block, however many items.
        merged = with_shared(_merged, groups, [layer], dtype=layer.dtype.name)
        return merged.isel(time=[group[0] for group in groups])
    steps = []
    for group in groups:
        step = layer.isel(time=group[0])
        for i in group[1:]:
            known = step.notnull() if layer.dtype.kind == "f" else step != 0
            step = step.where(known, layer.isel(time=i))
        steps.append(step)
    return xr.concat(steps, dim="time")


def _merged(groups: Sequence[Sequence[int]], block: Any) -> Any:
    result = block.copy()
    for first, *others in groups:
        for i in others:
            unknown = np.isnan(result[first]) if block.dtype.kind == "f" else result[first] == 0
            np.copyto(result[first], block[i], where=unknown)
    return result


def step_coordinates(
    pieces: Sequence[pystac.Item],
    groups: Sequence[Sequence[int]],
    view_zenith: Sequence[str] = ("view:incidence_angle",),
) -> dict[str, Any]:
    """When each step was observed, and what the items say of it.

    Parameters
    ----------
    pieces : sequence of pystac.Item
        By time.
    groups : sequence of sequence of int
        The items of each step.
    view_zenith : sequence of str
        Properties that tell the view zenith angle, in order of preference.

    Returns
    -------
    dict
        ``time`` (of the first item), ``item`` (position in the list of ids), and of
        ``cloud_cover``, ``sun_zenith``, ``sun_azimuth``, ``view_zenith``, ``view_azimuth``,
        ``relative_orbit``, ``cover_year`` those that some item knows: the mean over a step, of
        azimuths that of directions, NaN where unknown.
    """
    times = np.array([observed(pieces[group[0]])[0] for group in groups], "datetime64[ns]")
    coords: dict[str, Any] = {
        "time": ("time", times, {"long_name": "time of observation (UTC)"}),
        "item": ("time", np.arange(len(groups)), {"long_name": "position in attrs items"}),
    }
    for name, (long_name, units, read) in FACTS.items():
        facts = [[read(pieces[i].properties, view_zenith) for i in group] for group in groups]
        mean = _mean_direction if name.endswith("azimuth") else np.mean
        values = np.array([mean(fact) for fact in facts], "float64")
        if np.isfinite(values).any():
            coords[name] = ("time", values, {"long_name": long_name, "units": units})
    return coords


def _mean_direction(azimuths: Sequence[float]) -> float:
    """Mean of azimuths as directions: that of 350 and 10 degrees is north, not south."""
    if len(set(azimuths)) == 1:
        return azimuths[0]
    turns = np.exp(1j * np.radians(azimuths)).mean()
    return float(np.degrees(np.angle(turns)) % 360)


def _number(properties: Mapping[str, Any], *keys: str) -> float:
    """The first of some properties that an item has; what is no number is unknown."""
    found = next((properties[key] for key in keys if properties.get(key) is not None), np.nan)
    try:
        return float(found)
    except (TypeError, ValueError):
        return float("nan")


def _sun_zenith(properties: Mapping[str, Any], _: Any) -> float:
    zenith = _number(properties, "s2:mean_solar_zenith")
    elevation = _number(properties, "view:sun_elevation", "eo:sun_elevation")
    return zenith if np.isfinite(zenith) else 90 - elevation


def _view_zenith(properties: Mapping[str, Any], keys: Sequence[str]) -> float:
    for key in keys:
        angle = _number(properties, key)
        # An angle at the satellite is that at the ground where it looks straight down alone.
        if np.isfinite(angle) and (key != "view:off_nadir" or angle == 0):
            return angle
    return float("nan")


def _cover_year(properties: Mapping[str, Any], _: Any) -> float:
    version = str(properties.get("esa_worldcover:product_version", "")).lstrip("vV")
    return COVER_YEARS.get(version.partition(".")[0], np.nan)


COVER_YEARS = {"1": 2020.0, "2": 2021.0}
"""Which year each version of WorldCover shows; it is no date of its making."""

FACTS: dict[str, tuple[str, str, Callable[[Mapping[str, Any], Sequence[str]], float]]] = {
    "cloud_cover": ("cloud cover of the scene", "%", lambda p, _: _number(p, "eo:cloud_cover")),
    "sun_zenith": ("mean sun zenith angle of the scene", "degree", _sun_zenith),
    "sun_azimuth": (
        "mean sun azimuth angle of the scene",
        "degree",
        lambda p, _: _number(p, "s2:mean_solar_azimuth", "view:sun_azimuth", "eo:sun_azimuth"),
    ),
    "view_zenith": ("mean view zenith angle of the scene", "degree", _view_zenith),
    "view_azimuth": (
        "mean view azimuth angle of the scene",
        "degree",
        lambda p, _: _number(p, "view:azimuth"),
    ),
    "relative_orbit": ("relative orbit", "1", lambda p, _: _number(p, "sat:relative_orbit")),
    "cover_year": ("year that the land cover shows", "1", _cover_year),
}
"""Coordinate → long name, units, how it is read from an item's properties and keys of a view."""
