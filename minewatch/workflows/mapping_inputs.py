"""What a footprint map is made from: items of each sensor, one grid, covariates on it."""

from __future__ import annotations

import urllib.parse
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from minewatch import composites, features, grids, masks, sources, speckle, vectors

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["covariates", "find_items", "map_grid", "signer"]

PLANETARY_COMPUTER = "planetarycomputer.microsoft.com"

SENSORS = {
    "sentinel-2-l2a": "sentinel2",
    "sentinel-2-c1-l2a": "sentinel2",
    "landsat-c2-l2": "landsat8",
    "sentinel-1-rtc": "sentinel1",
    "alos-palsar-mosaic": "palsar",
}
"""Collections that become covariates → the argument of :func:`minewatch.features.feature_stack`."""

CLEAR: dict[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "sentinel2": masks.sentinel2_clear,
    "landsat8": masks.landsat_clear,
}
"""Optical sensors → what their quality band calls clear."""


def find_items(
    settings: MappingSettings, reference: gpd.GeoDataFrame
) -> dict[str, list[pystac.Item]]:
    """Search the catalogue for what becomes covariates.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    reference : geopandas.GeoDataFrame
        Polygons; their bounds and those of the held-out ones are searched where no `bbox` is set.

    Returns
    -------
    dict of str to list of pystac.Item
        Sensor → items.

    Raises
    ------
    ValueError
        If nothing is found.
    """
    found = sources.search(
        settings.catalog,
        collections=settings.collections or tuple(SENSORS),
        bbox=_bounds(settings, reference),
        datetime=settings.datetime,
        max_cloud_cover=settings.max_cloud_cover,
        max_items=settings.max_items,
    )
    by_sensor = defaultdict(list)
    for item in found:
        if item.collection_id in SENSORS:
            by_sensor[SENSORS[item.collection_id]].append(item)
    if not by_sensor:
        others = sorted({str(item.collection_id) for item in found})
        message = (
            f"{settings.catalog} has {len(found)} items there, of {others}, but none that becomes "
            f"a covariate; use collections among {', '.join(SENSORS)}"
        )
        raise ValueError(message)
    return dict(by_sensor)


def _bounds(
    settings: MappingSettings, reference: gpd.GeoDataFrame
) -> tuple[float, float, float, float]:
    if settings.bbox is not None:
        return settings.bbox
    tables = [reference]
    if settings.held_out is not None:
        tables.append(vectors.read_polygons(settings.held_out))
    boxes = np.array([table.to_crs("EPSG:4326").total_bounds for table in tables])
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def signer(settings: MappingSettings) -> str | None:
    """Who signs addresses: what the settings say, or what the catalogue's host is known to need.

    Parameters
    ----------
    settings : MappingSettings
        The run.

    Returns
    -------
    str or None
        For :func:`minewatch.sources.load`.
    """
    host = urllib.parse.urlsplit(settings.catalog).hostname or ""
    if settings.sign == "auto":
        return "planetary-computer" if host == PLANETARY_COMPUTER else None
    return None if settings.sign == "none" else settings.sign


def map_grid(settings: MappingSettings, reference: gpd.GeoDataFrame) -> GeoBox:
    """The one grid on which all sensors meet.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    reference : geopandas.GeoDataFrame
        Polygons; the grid covers them, and the held-out ones, where no `bbox` is set.

    Returns
    -------
    odc.geo.geobox.GeoBox
        The grid.
    """
    bounds = _bounds(settings, reference)
    return grids.geobox(
        bounds,
        crs=settings.crs or grids.utm_crs(bounds),
        resolution=settings.resolution,
        bounds_crs="EPSG:4326",
    )


def covariates(
    items: dict[str, list[pystac.Item]],
    box: GeoBox,
    *,
    looks: float,
    lee_window: int,
    sign: str | None = None,
) -> xr.Dataset:
    """Mask, filter and composite the images of each sensor into one stack of covariates.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items, from :func:`find_items`.
    box : odc.geo.geobox.GeoBox
        The grid.
    looks : float
        Equivalent number of looks of the Sentinel-1 images.
    lee_window : int
        Size of the Lee filter; 1 leaves the speckle.
    sign : str, optional
        Signs addresses when they are opened: ``"planetary-computer"``.

    Returns
    -------
    xarray.Dataset
        One float32 variable a covariate, dims (y, x), lazy.
    """
    images: dict[str, xr.Dataset] = {}
    for sensor, found in items.items():
        cube = sources.load(found, like=box, sign=sign)
        if sensor in CLEAR:
            if "quality" in cube:
                cube = cube.where(CLEAR[sensor](cube.quality))
        elif lee_window > 1 and sensor == "sentinel1":
            cube = speckle.lee(cube, looks=looks, window=lee_window)
        # The mean of linear power is the multi-looked image; of reflectance the median is clean.
        radar = sensor not in CLEAR
        images[sensor] = composites.composite(cube, reducer="mean" if radar else "median")
    stack = features.feature_stack(
        sentinel2=images.get("sentinel2"),
        landsat8=images.get("landsat8"),
        sentinel1=images.get("sentinel1"),
        palsar=images.get("palsar"),
    )
    return stack.assign_attrs(items=[item.id for found in items.values() for item in found])
