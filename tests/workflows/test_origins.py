"""What files tell of their origin by themselves."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import xarray as xr
from carrying import NAME, carried_by
from shapely.geometry import box

from minewatch import store, vectors
from minewatch._origins import carried, carrying
from minewatch.grids import coordinates, geobox
from minewatch.workflows import ActivitySettings, report_run
from minewatch.workflows.origins import origin_of, read_origin

SETTINGS = ActivitySettings(input="archive/slc", output="here", nodata=float("nan"))
KINDS = ["map.tif", "map.zarr", "areas.geojson", "areas.gpkg"]


def inputs(count: int) -> list[dict[str, Any]]:
    return [
        {
            "what": "optical",
            "name": f"sentinel-2-l2a/S2A_MSIL2A_2024_T21LXF_{at:05d}",
            "digest": f"item-sha256:{hashlib.sha256(str(at).encode()).hexdigest()}",
            "at": f"/home/somebody/archive/{at}.json",
            "bytes": at,
        }
        for at in range(count)
    ]


def layer() -> xr.DataArray:
    grid = geobox((0, 0, 40, 30), crs="EPSG:32721", resolution=10)
    zeros = np.zeros((3, 4), "float32")
    return xr.DataArray(zeros, coords=coordinates(grid), dims=("y", "x"), name="tai")


def areas() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": ["pit"]}, geometry=[box(0, 0, 90, 90)], crs="EPSG:32721")


def written(folder: Path, origin: dict[str, Any] | None) -> list[Path]:
    """A file of each kind."""
    folder.mkdir(exist_ok=True)
    with carrying() as carry:
        if origin is not None:
            carry(origin)
        store.to_cog(layer(), folder / "map.tif")
        store.to_zarr(layer(), folder / "map.zarr", overwrite=True)
        vectors.to_geojson(areas(), folder / "areas.geojson")
        vectors.to_geopackage(areas(), folder / "areas.gpkg")
    return [folder / name for name in KINDS]


def test_what_is_told_is_of_no_place_and_no_time() -> None:
    one = origin_of(SETTINGS, inputs(2), dropped=[{"what": "pair", "name": "p", "reason": "low"}])
    other = ActivitySettings(
        input="/elsewhere/slc", output="there", nodata=float("nan"), cluster="local:8",
        overwrite=True, resume=True,
    )  # fmt: skip
    again = origin_of(
        other, reversed(inputs(2)), dropped=[{"what": "pair", "name": "p", "reason": "low"}]
    )
    assert one == again
    assert one["parameters"]["input"] == "slc"
    assert one["parameters"]["nodata"] is None
    assert not {"output", "cluster", "resume", "overwrite"} & set(one["parameters"])
    assert "finished" not in one["versions"]
    assert one["inputs"][0].keys() == {"what", "name", "digest"}
    assert "somebody" not in json.dumps(one)
    changed = ActivitySettings(input="slc", nodata=float("nan"), stable_minimum=0.7)
    assert origin_of(changed, [])["parameters"] != one["parameters"]


def test_no_signature_is_told() -> None:
    signed = [{"what": "input", "name": "https://blob.test/a.tif?sig=secret", "digest": ""}]
    told = origin_of(ActivitySettings(input="https://blob.test/a.tif?sig=secret"), signed)
    assert "secret" not in json.dumps(told)
    assert told["inputs"][0]["name"] == told["parameters"]["input"] == "https://blob.test/a.tif"


@pytest.mark.parametrize("count", [1, 1000])
def test_each_kind_of_file_carries_all_of_it(tmp_path: Path, count: int) -> None:
    dropped = [{"what": "pair", "name": "p", "reason": 'a "low" <mean> & Überlauf'}]
    origin = origin_of(SETTINGS, inputs(count), dropped=dropped)
    for path in written(tmp_path, origin):
        assert carried_by(path) == origin, path.name
        assert read_origin(path) == origin, path.name
    # Nothing lies beside them, as GDAL's .aux.xml for what it cannot hold, or has read.
    gpd.read_file(tmp_path / "areas.gpkg")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(KINDS)


def test_the_same_origin_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(tmp_path / name, origin_of(SETTINGS, inputs(3)))
    for name in ("map.tif", "areas.geojson", "areas.gpkg", "map.zarr/zarr.json"):
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), name


def test_what_is_written_outside_of_a_run_carries_nothing(tmp_path: Path) -> None:
    assert carried() is None
    for path in written(tmp_path, None):
        assert carried_by(path) is None, path.name
        assert read_origin(path) is None, path.name
    assert read_origin(tmp_path / "areas.csv") is None


def test_data_are_the_same_with_and_without(tmp_path: Path) -> None:
    with_it = written(tmp_path / "with", origin_of(SETTINGS, inputs(1)))
    without = written(tmp_path / "without", None)
    one, two = (rasterio.open(paths[0]) for paths in (with_it, without))
    with one, two:
        assert str(one.profile) == str(two.profile)  # nodata is nan
        np.testing.assert_array_equal(one.read(), two.read())
        assert {k: v for k, v in one.tags().items() if k != NAME} == two.tags()
    xr.testing.assert_identical(*(store.open_cube(paths[1]) for paths in (with_it, without)))
    for at in (2, 3):
        assert gpd.read_file(with_it[at]).equals(gpd.read_file(without[at]))


def test_a_layer_of_a_store_takes_no_origin_along(tmp_path: Path) -> None:
    written(tmp_path, origin_of(SETTINGS, inputs(1)))
    opened = xr.open_zarr(tmp_path / "map.zarr", consolidated=False)  # by another library
    assert NAME in opened.attrs
    store.to_zarr(opened, tmp_path / "mine.zarr")
    store.to_zarr(store.open_cube(tmp_path / "map.zarr"), tmp_path / "too.zarr")
    assert carried_by(tmp_path / "mine.zarr") is None
    assert carried_by(tmp_path / "too.zarr") is None


def test_images_that_are_appended_renew_it(tmp_path: Path) -> None:
    times = np.array(["2024-01-01", "2024-01-13"], "M8[ns]")
    series = xr.concat([layer(), layer()], "time").assign_coords(time=times)
    with carrying() as carry:
        carry(origin_of(SETTINGS, inputs(1)))
        store.to_zarr(series, tmp_path / "tai.zarr")
        carry(origin_of(SETTINGS, inputs(2)))
        store.append(
            series.assign_coords(time=times + np.timedelta64(24, "D")),
            tmp_path / "tai.zarr",
            dim="time",
        )
    told = carried_by(tmp_path / "tai.zarr")
    assert told is not None
    assert len(told["inputs"]) == 2


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_taken_away_is_reported(tmp_path: Path, name: str) -> None:
    dropped = [{"what": "pair", "name": "2024-01-01 2024-01-13", "reason": "rain"}]
    written(tmp_path / "run", origin_of(SETTINGS, inputs(2), dropped=dropped))
    (tmp_path / "away").mkdir()
    path = (tmp_path / "run" / name).rename(tmp_path / "away" / name)
    told = report_run(str(path), provenance=True).summary
    assert told["told by"] == f"{name} itself: no run is recorded beside it"
    assert told["run"] == "Activity"
    assert told["setting input"] == "slc"
    assert told["version of minewatch"]
    for row in inputs(2):
        assert told[f"input (optical) {row['name']}"] == row["digest"]
    assert told["left out (pair) 2024-01-01 2024-01-13"] == "rain"
    short = report_run(str(path)).summary
    assert (short["inputs"], short["left out"]) == ("2", "1")


def test_what_carries_nothing_is_refused_as_before(tmp_path: Path) -> None:
    for path in written(tmp_path, None):
        with pytest.raises(FileNotFoundError, match="no run is recorded beside"):
            report_run(str(path))
    with pytest.raises(FileNotFoundError, match="there is no"):
        report_run(str(tmp_path / "gone.tif"))
    for name in ("garbled.tif", "garbled.geojson", "garbled.gpkg"):
        (tmp_path / name).write_bytes(b'{"minewatch_origin": ')
        with pytest.raises(FileNotFoundError, match="no run is recorded beside"):
            report_run(str(tmp_path / name))


@pytest.mark.parametrize("content", [{}, {"format": "minewatch-origin-9"}, [], "text", 3])
def test_an_origin_of_another_form_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [], NAME: content}))
    with pytest.raises(ValueError, match="is nothing that this version reads"):
        report_run(str(path))


def test_a_copy_of_a_chunk_is_not_taken_for_its_store(tmp_path: Path) -> None:
    written(tmp_path, origin_of(SETTINGS, inputs(1)))
    shutil.copytree(tmp_path / "map.zarr" / "tai", tmp_path / "tai")
    with pytest.raises(FileNotFoundError):
        report_run(str(tmp_path / "tai"))
