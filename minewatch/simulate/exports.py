"""Write a simulated world's SLC stack as complex GeoTIFFs and its vectors as GeoJSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import rasterio
from rasterio import Affine
from shapely import geometry, set_precision

from minewatch.conventions import crs_of

if TYPE_CHECKING:
    import geopandas as gpd

    from minewatch.simulate.pit_site import OpenPit
    from minewatch.simulate.world import World

__all__ = ["feature_collection", "write_slc", "write_vectors"]


def write_slc(world: World | OpenPit, folder: str | Path) -> Path:
    """Write the SLC stack as one complex64 GeoTIFF a date, and the baselines as CSV.

    Files are ``slc_VV_YYYYMMDD.tif``; ``perpendicular_baselines.csv`` has the columns ``time`` and
    ``perpendicular_baseline`` (metres, relative to the first date).

    Parameters
    ----------
    world : World or OpenPit
        The simulated world; only its ``slc`` is written.
    folder : path
        Where to write; made if missing.

    Returns
    -------
    pathlib.Path
        The folder.

    Examples
    --------
    >>> import tempfile
    >>> from minewatch.simulate import mine_world
    >>> folder = write_slc(mine_world(seed=1, size=128), tempfile.mkdtemp())
    >>> len(list(folder.glob("slc_VV_*.tif")))
    14
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    slc = world.slc
    step_x, step_y = float(slc.x[1] - slc.x[0]), float(slc.y[1] - slc.y[0])
    west, north = float(slc.x[0]) - step_x / 2, float(slc.y[0]) - step_y / 2
    times = slc.indexes["time"]
    for i, time in enumerate(times):
        with rasterio.open(
            folder / f"slc_VV_{time:%Y%m%d}.tif",
            "w",
            driver="GTiff",
            height=slc.sizes["y"],
            width=slc.sizes["x"],
            count=1,
            dtype="complex64",
            crs=crs_of(slc),
            transform=Affine(step_x, 0, west, 0, step_y, north),
            tiled=True,
        ) as target:
            target.write(slc.values[i], 1)
    table = pd.DataFrame(
        {
            "time": times.strftime("%Y-%m-%d"),
            "perpendicular_baseline": slc.perpendicular_baseline.values,
        }
    )
    table.to_csv(folder / "perpendicular_baselines.csv", index=False)
    return folder


def write_vectors(world: World, folder: str | Path) -> Path:
    """Write reference polygons, held-out truth and concessions as GeoJSON (RFC 7946).

    ``reference.geojson`` holds the polygons of the region "train" only, ``held_out.geojson`` the
    others; ``concessions.geojson`` and ``regions.geojson`` the rest.

    Parameters
    ----------
    world : World
        The simulated world.
    folder : path
        Where to write; made if missing.

    Returns
    -------
    pathlib.Path
        The folder.

    Examples
    --------
    >>> import tempfile
    >>> from minewatch.simulate import mine_world
    >>> folder = write_vectors(mine_world(seed=1, size=128), tempfile.mkdtemp())
    >>> sorted(file.name for file in folder.iterdir())[1]
    'held_out.geojson'
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    polygons = world.polygons
    tables = {
        "reference": polygons[polygons.region == "train"],
        "held_out": polygons[polygons.region == "held_out"],
        "concessions": world.concessions,
        "regions": world.regions,
    }
    for name, table in tables.items():
        text = json.dumps(feature_collection(table))
        (folder / f"{name}.geojson").write_text(text, encoding="utf-8")
    return folder


def feature_collection(table: gpd.GeoDataFrame) -> dict[str, Any]:
    """Vectors as GeoJSON (RFC 7946): degrees to a centimetre, outer rings counter-clockwise.

    Parameters
    ----------
    table : geopandas.GeoDataFrame
        Outlines in any CRS; every other column becomes a property.

    Returns
    -------
    dict
        A FeatureCollection, without a CRS member.

    Examples
    --------
    >>> from minewatch.simulate.pit_ground import lay_pit
    >>> feature_collection(lay_pit(96, seed=1).zones)["features"][0]["properties"]["name"]
    'A1'
    """
    degrees = table.to_crs(4326)
    columns = [name for name in degrees.columns if name != degrees.geometry.name]
    records = degrees[columns].to_dict("records")
    outlines = (geometry.polygon.orient(set_precision(shape, 1e-7)) for shape in degrees.geometry)
    features = [
        {
            "type": "Feature",
            "properties": {str(key): value for key, value in record.items()},
            "geometry": geometry.mapping(outline),
        }
        for record, outline in zip(records, outlines, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}
