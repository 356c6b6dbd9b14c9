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
    """Which items belong to one pass: same solar day at the grid, same relative orbit.

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
        orbit = item.properties.get("sat:relative_orbit")
        groups.setdefault((day, orbit), []).append(i)
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
    pieces: Sequence[pystac.Item], groups: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """When each step was observed, and what the items say of it.

    Parameters
    ----------
    pieces : sequence of pystac.Item
        By time.
    groups : sequence of sequence of int
        The items of each step.

    Returns
    -------
    dict
        ``time`` (of the first item), ``item`` (position in the list of ids), and of
        ``cloud_cover``, ``sun_zenith``, ``sun_azimuth``, ``relative_orbit`` those that some item
        knows: the mean over a step, NaN where unknown.
    """
    times = np.array([observed(pieces[group[0]])[0] for group in groups], "datetime64[ns]")
    coords: dict[str, Any] = {
        "time": ("time", times, {"long_name": "time of observation (UTC)"}),
        "item": ("time", np.arange(len(groups)), {"long_name": "position in attrs items"}),
    }
    for name, (long_name, units, read) in FACTS.items():
        facts = [np.array([read(pieces[i].properties) for i in group]) for group in groups]
        values = np.array([fact.mean() for fact in facts])
        if np.isfinite(values).any():
            coords[name] = ("time", values, {"long_name": long_name, "units": units})
    return coords


def _number(properties: Mapping[str, Any], *keys: str) -> float:
    found = (properties[key] for key in keys if properties.get(key) is not None)
    return float(next(found, np.nan))


def _sun_zenith(properties: Mapping[str, Any]) -> float:
    zenith = _number(properties, "s2:mean_solar_zenith")
    return zenith if np.isfinite(zenith) else 90 - _number(properties, "view:sun_elevation")


FACTS: dict[str, tuple[str, str, Callable[[Mapping[str, Any]], float]]] = {
    "cloud_cover": ("cloud cover of the scene", "%", lambda p: _number(p, "eo:cloud_cover")),
    "sun_zenith": ("mean sun zenith angle of the scene", "degree", _sun_zenith),
    "sun_azimuth": (
        "mean sun azimuth angle of the scene",
        "degree",
        lambda p: _number(p, "s2:mean_solar_azimuth", "view:sun_azimuth"),
    ),
    "relative_orbit": ("relative orbit", "1", lambda p: _number(p, "sat:relative_orbit")),
}
"""Coordinate → long name, units, how it is read from an item's properties."""
