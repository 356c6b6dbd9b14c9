"""Vector layers of the simulated world: reference polygons, concessions and regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
from rasterio import Affine, features
from shapely import geometry

from minewatch.simulate.classes import LAND_COVER, size_class
from minewatch.simulate.fields import stream
from minewatch.simulate.geographic import WORLD_EPSG, WORLD_ORIGIN

if TYPE_CHECKING:
    from minewatch.simulate.terrain import Ground

__all__ = ["concession_table", "polygon_table", "region_table"]

SMALLEST = 5  # pixels of a polygon of the background; smaller slivers are left out


def polygon_table(ground: Ground) -> gpd.GeoDataFrame:
    """Outline every mine, and the background in pieces of one land cover.

    Parameters
    ----------
    ground : Ground
        The laid-out ground.

    Returns
    -------
    geopandas.GeoDataFrame
        ``id``, ``label`` (1 mine, 0 other), ``land_cover``, ``region`` ("train" or "held_out"),
        ``area_ha``, ``size_class``, geometry along pixel edges; mines first, the largest first.
    """
    west, north = WORLD_ORIGIN
    numbers = np.unique(ground.polygon, return_index=True)[1]
    cover = ground.cover.ravel()[numbers]
    column = numbers % ground.cover.shape[1]
    shapes = {
        int(number): geometry.shape(outline)
        for outline, number in features.shapes(
            ground.polygon.astype("int32"),
            connectivity=4,
            transform=Affine(10.0, 0.0, west, 0.0, -10.0, north),
        )
    }
    names = {code: name for name, code in LAND_COVER.items()}
    rows: list[dict[str, Any]] = []
    for number, outline in shapes.items():
        name = names[int(cover[number])]
        hectares = outline.area / 1e4
        if name != "mine" and hectares * 100 < SMALLEST:
            continue
        rows.append(
            {
                "label": int(name == "mine"),
                "land_cover": name,
                "region": "train" if column[number] < ground.cover.shape[0] else "held_out",
                "area_ha": hectares,
                "size_class": size_class(hectares),
                "geometry": outline,
            }
        )
    table = gpd.GeoDataFrame(rows, crs=f"EPSG:{WORLD_EPSG}")
    table = table.sort_values(
        ["label", "area_ha"], ascending=False, kind="stable", ignore_index=True
    )
    table.insert(0, "id", np.arange(1, len(table) + 1))
    return table


def concession_table(polygons: gpd.GeoDataFrame, seed: int) -> gpd.GeoDataFrame:
    """Mining concessions: rectangles that hold some mines whole, some in part and others not.

    Parameters
    ----------
    polygons : geopandas.GeoDataFrame
        From :func:`polygon_table`.
    seed : int
        Seed of the world.

    Returns
    -------
    geopandas.GeoDataFrame
        ``id``, ``name``, ``status`` ("granted" or "requested"), geometry.
    """
    rng = stream(seed, "concessions")
    mines = polygons[polygons.label == 1]
    rows: list[tuple[str, str, geometry.Polygon]] = []
    for region in ("train", "held_out"):
        largest = mines[mines.region == region].head(4)
        for rank, outline in enumerate(largest.geometry):
            left, bottom, right, top = outline.bounds
            width, height = right - left, top - bottom
            # Every other one is too small for its mine and leaves about a third outside.
            grow = 0.3 if rank % 2 == 0 else -0.35 * rng.uniform(0.9, 1.1)
            box = geometry.box(
                left - 0.2 * width, bottom - 0.2 * height, right + grow * width, top + 0.2 * height
            )
            rows.append((f"Lavra {len(rows) + 1}", "granted" if rank < 3 else "requested", box))
    names, status, boxes = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {"id": range(1, len(rows) + 1), "name": names, "status": status},
        geometry=list(boxes),
        crs=polygons.crs,
    )


def region_table(size: int) -> gpd.GeoDataFrame:
    """The two halves of the world.

    Parameters
    ----------
    size : int
        Rows of the world.

    Returns
    -------
    geopandas.GeoDataFrame
        ``name`` ("train" west, "held_out" east), geometry.
    """
    west, north = WORLD_ORIGIN
    side = 10.0 * size
    boxes = [
        geometry.box(west + k * side, north - side, west + (k + 1) * side, north) for k in range(2)
    ]
    return gpd.GeoDataFrame(
        {"name": ["train", "held_out"]}, geometry=boxes, crs=f"EPSG:{WORLD_EPSG}"
    )
