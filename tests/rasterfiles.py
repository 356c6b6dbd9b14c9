"""Small rasters and STAC items, written for a test."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pystac
import rasterio
from pyproj import Transformer

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

__all__ = ["stac_item", "write_tif"]


def write_tif(
    path: Path,
    values: np.ndarray,
    *,
    corner: tuple[float, float] = (300000.0, 2470100.0),
    pixel: float | tuple[float, float] = 10.0,
    crs: str | None = "EPSG:32645",
    nodata: float | None = None,
    driver: str = "GTiff",
) -> str:
    """A single-band raster; `corner` is left, top and `pixel` width, height."""
    width, height = pixel if isinstance(pixel, tuple) else (pixel, pixel)
    grid: dict[str, Any] = {}
    if crs is not None:
        transform = rasterio.Affine(width, 0, corner[0], 0, -height, corner[1])
        grid = {"crs": crs, "transform": transform}
    path.parent.mkdir(parents=True, exist_ok=True)
    size = {"height": values.shape[0], "width": values.shape[1], "count": 1}
    # Formats of two files look for each other as they are made, also after remote reading.
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="FALSE"),
        rasterio.open(
            path, "w", driver=driver, dtype=values.dtype, nodata=nodata, **size, **grid
        ) as file,
    ):
        file.write(values, 1)
    return str(path)


def stac_item(
    name: str,
    assets: dict[str, str],
    *,
    collection: str = "sentinel-1-rtc",
    day: str = "2023-01-10T05:00:00Z",
    bounds: tuple[float, float, float, float] = (300000, 2470000, 300200, 2470100),
    crs: str = "EPSG:32645",
    **properties: Any,
) -> pystac.Item:
    """An item whose outline is a box of a map; properties are given with _ for :."""
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    bbox = list(to_degrees.transform_bounds(*bounds))
    west, south, east, north = bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = pystac.Item(
        name,
        {"type": "Polygon", "coordinates": [ring]},
        bbox,
        dt.datetime.fromisoformat(day),
        {key.replace("__", ":"): value for key, value in properties.items()},
        collection=collection,
    )
    for key, href in assets.items():
        item.add_asset(key, pystac.Asset(href))
    return item
