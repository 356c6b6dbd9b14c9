"""Two runs' files: the same to the byte, the same but for their origin, or others."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import xarray as xr
from shapely.geometry import box

from minewatch import store, vectors
from minewatch._origins import carrying
from minewatch.grids import coordinates, geobox
from minewatch.workflows.comparing import BUT_FOR_ORIGIN, compared

FILES = ["areas.geojson", "areas.gpkg", "map.tif", "map.zarr"]


def written(folder: Path, version: str | None, *, value: float = 0.5, name: str = "pit") -> Path:
    """A file of each kind that carries its origin."""
    folder.mkdir()
    grid = geobox((0, 0, 40, 30), crs="EPSG:32721", resolution=10)
    values = np.full((3, 4), value, "float32")
    layer = xr.DataArray(values, coords=coordinates(grid), dims=("y", "x"), name="tai")
    areas = gpd.GeoDataFrame({"name": [name]}, geometry=[box(0, 0, 90, 90)], crs="EPSG:32721")
    with carrying() as carry:
        if version is not None:
            carry({"versions": {"minewatch": version}})
        store.to_cog(layer, folder / "map.tif")
        store.to_zarr(layer, folder / "map.zarr")
        vectors.to_geojson(areas, folder / "areas.geojson")
        vectors.to_geopackage(areas, folder / "areas.gpkg")
    return folder


def told(first: Path, second: Path) -> dict[object, object]:
    return {row["name"]: row["same"] for row in compared(first, second)}


def test_files_of_another_version_are_told_from_files_of_other_data(tmp_path: Path) -> None:
    first = written(tmp_path / "first", "1")
    again = written(tmp_path / "again", "1")
    newer = written(tmp_path / "newer", "2")
    older = written(tmp_path / "older", None)
    other = written(tmp_path / "other", "2", value=0.75, name="dump")
    assert told(first, again) == dict.fromkeys(FILES, "yes")
    assert told(first, newer) == dict.fromkeys(FILES, BUT_FOR_ORIGIN)
    assert told(older, first) == dict.fromkeys(FILES, BUT_FOR_ORIGIN)
    assert told(first, other) == dict.fromkeys(FILES, "no")
    assert told(newer, other) == dict.fromkeys(FILES, "no")


def test_a_store_that_lacks_a_chunk_is_another(tmp_path: Path) -> None:
    first, second = written(tmp_path / "first", "1"), written(tmp_path / "second", "2")
    next(path for path in (second / "map.zarr" / "tai" / "c").rglob("*") if path.is_file()).unlink()
    assert told(first, second)["map.zarr"] == "no"


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    first, second = written(tmp_path / "first", "1"), written(tmp_path / "second", "1")
    (second / "map.tif").unlink()
    (first / "extra.json").write_text(json.dumps({}))  # no result of a run without a record
    assert told(first, second) == {**dict.fromkeys(FILES, "yes"), "map.tif": "lacking"}
