"""What a footprint map is made from: items of each sensor, one grid, covariates on it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch import features, grids, indices, sources, vectors
from minewatch.workflows.mapping_clouds import DATES_LEFT_OUT
from minewatch.workflows.mapping_collections import ELEVATION, MOSAIC, SENSORS, without_copies
from minewatch.workflows.mapping_fusion import fusion, kept
from minewatch.workflows.mapping_images import LACKING, composites_of, signer
from minewatch.workflows.mapping_students_checks import RADAR, require_sensors, teacher_grid
from minewatch.workflows.mapping_years import mosaics_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd
    import pystac
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["covariates", "find_items", "map_grid", "signer"]

TEXTURED = {"s1_vv": (-25.0, 5.0), "s2_nir": (0.0, 0.6)}
"""Covariates whose texture is taken → the range that is quantised, in their units."""

RADAR_TEXTURED = {"s1_vv": (-25.0, 5.0), "s1_vh": (-35.0, 0.0)}
"""The same, of maps by radar alone: there the window is 5 unless another is set."""


def find_items(
    settings: MappingSettings, reference: gpd.GeoDataFrame
) -> dict[str, list[pystac.Item]]:
    """Search the catalogue for what becomes covariates.

    Of collections that hold the same images one is taken, unless they are asked for by name.

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
    asked = settings.collections or tuple(SENSORS)
    if settings.teacher is not None:  # it has seen what it needs
        asked = tuple(name for name in asked if SENSORS.get(name) in RADAR)
        if not asked:
            require_sensors(settings, settings.collections)
    bounds = _bounds(settings, reference)
    seasonal = tuple(name for name in asked if name not in (ELEVATION, MOSAIC))
    found: list[pystac.Item] = []
    if MOSAIC in asked:
        found = _mosaics(settings, bounds, alone=not seasonal)
    if seasonal or not found:
        try:
            found += sources.search(
                settings.catalog,
                collections=seasonal,
                bbox=bounds,
                datetime=settings.datetime,
                max_cloud_cover=settings.max_cloud_cover,
                max_items=settings.max_items,
            )
        except ValueError:
            if not found or settings.datetime is not None or settings.collections:
                raise
    if not settings.collections:
        found = without_copies(found)
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
    require_sensors(settings, by_sensor)
    if settings.elevation:
        by_sensor["elevation"] = _heights(settings, reference)
    return dict(by_sensor)


def _mosaics(
    settings: MappingSettings, bounds: tuple[float, float, float, float], *, alone: bool
) -> list[pystac.Item]:
    """Mosaics of the year that the season calls for; of none the images of other sensors do."""
    try:
        found = sources.search(
            settings.catalog, collections=(MOSAIC,), bbox=bounds, max_items=settings.max_items
        )
    except ValueError as error:
        if alone or "no item" not in str(error):
            raise
        return []
    return mosaics_of(found, settings.datetime, before=settings.covariates == "fusion")


def _heights(settings: MappingSettings, reference: gpd.GeoDataFrame) -> list[pystac.Item]:
    try:
        found = sources.search(
            settings.catalog,
            collections=(ELEVATION,),
            bbox=_bounds(settings, reference),
            max_items=settings.max_items,
        )
    except ValueError as error:
        message = f"no elevation for the map: {error}; or leave elevation out"
        raise ValueError(message) from error
    return list(found)


def _bounds(
    settings: MappingSettings, reference: gpd.GeoDataFrame
) -> tuple[float, float, float, float]:
    from pyproj import Transformer

    taught = teacher_grid(settings)
    if taught is not None:
        to_degrees = Transformer.from_crs(str(taught.crs), "EPSG:4326", always_xy=True)
        west, south, east, north = to_degrees.transform_bounds(*taught.boundingbox.bbox)
        return float(west), float(south), float(east), float(north)
    if settings.bbox is not None:
        return settings.bbox
    tables = [reference]
    if settings.held_out is not None:
        tables.append(vectors.read_polygons(settings.held_out))
    boxes = np.array([table.to_crs("EPSG:4326").total_bounds for table in tables])
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


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
        The grid; that of the teacher's map, if an earlier one teaches.
    """
    taught = teacher_grid(settings)
    if taught is not None:
        return taught
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
    settings: MappingSettings,
    *,
    folder: Path | None = None,
    resume: str | None = None,
) -> xr.Dataset:
    """Mask, correct, filter and composite the images of each sensor into one stack of covariates.

    Lazy, but for two numbers of the whole map: ``speckle="lee_sigma"`` must know how bright strong
    targets are (:func:`minewatch.workflows.mapping_images.composites_of`), and
    ``covariates="fusion"`` the brightest VV and HH, for which the radar composites are computed.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items, from :func:`find_items`.
    box : odc.geo.geobox.GeoBox
        The grid.
    settings : MappingSettings
        The run.
    folder : pathlib.Path, optional
        Where the composites of the radars are stored, as ``radar.zarr``, when they must be
        computed; otherwise the radar images are read twice.
    resume : str, optional
        As for :func:`minewatch.store.to_zarr`, for that store.

    Returns
    -------
    xarray.Dataset
        One float32 variable a covariate, dims (y, x); the ids of the images in ``attrs["items"]``,
        dates that were left out in ``attrs["dates_left_out"]``, assets that items lack in
        ``attrs["lacking"]``, if any.

    Raises
    ------
    ValueError
        If the settings mean nothing, or ask for what the items cannot give.
    """
    images = composites_of(items, box, settings)
    if settings.covariates == "fusion":
        stack = fusion(kept(images, folder, resume=resume))
    else:
        stack = features.feature_stack(
            sentinel2=images.get("sentinel2"),
            landsat8=images.get("landsat8"),
            sentinel1=images.get("sentinel1"),
            palsar=images.get("palsar"),
        )
    if "elevation" in images:
        heights = features.feature_stack(elevation=images["elevation"])
        stack = stack.assign(dem_elevation=heights["dem_elevation"])
    if settings.texture:
        stack = stack.assign(_textures(stack, settings.texture, TEXTURED))
    if settings.sar_only:
        stack = stack.assign(_textures(stack, settings.texture or 5, RADAR_TEXTURED))
        spread = images.get("sentinel1_spread", xr.Dataset())
        stack = stack.assign({f"s1_{name}_sd": layer for name, layer in spread.items()})
    lost = [
        f"{sensor} {date}"
        for sensor, image in images.items()
        for date in image.attrs.get(DATES_LEFT_OUT, ())
    ]
    lacking = [each for image in images.values() for each in image.attrs.get(LACKING, ())]
    without = {DATES_LEFT_OUT: lost, LACKING: lacking}
    ids = [item.id for found in items.values() for item in found]
    return stack.assign_attrs(items=ids, **{key: rows for key, rows in without.items() if rows})


def _textures(
    stack: xr.Dataset, window: int, ranges: Mapping[str, tuple[float, float]]
) -> dict[str, xr.DataArray]:
    """Texture of the layers that are there, each within a range that is the same on every map."""
    return {
        f"{name}_{measure}": layer
        for name, (low, high) in ranges.items()
        if name in stack
        for measure, layer in indices.texture(
            stack[name], window=window, low=low, high=high
        ).items()
    }
