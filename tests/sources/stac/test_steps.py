"""Time steps: what items say of them, several zones, orbits and items a day, all dates in one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from pyproj import Transformer
from rasterfiles import stac_item, write_tif
from scipy import ndimage

import minewatch as mw
from minewatch.sources import load

if TYPE_CHECKING:
    from pathlib import Path

    import pystac
    from odc.geo.geobox import GeoBox

S2 = {"collection": "sentinel-2-l2a", "s2__processing_baseline": "05.09"}
BOX = (300000, 2470000, 300200, 2470100)
ANGLES = ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")


@pytest.fixture
def grid() -> GeoBox:
    return mw.grids.geobox(BOX, crs="EPSG:32645", resolution=10)


def days(names: str) -> list[str]:
    return [f"2023-01-{k + 1:02}T05:00:00Z" for k in range(len(names))]


def test_angles_are_taken_as_items_tell_them(grid: GeoBox) -> None:
    told: list[dict[str, Any]] = [
        {"view__incidence_angle": 7.5, "view__azimuth": 112.0, "view__sun_elevation": 60},
        {"s2__mean_solar_zenith": 31.0, "s2__mean_solar_azimuth": 140, "view__sun_azimuth": 9},
        {"view__off_nadir": 0, "eo__sun_elevation": 50, "eo__sun_azimuth": 130},
        {},
    ]
    items = [
        stac_item(name, {"B08": "a.tif"}, day=day, **S2, **about)
        for name, day, about in zip("abcd", days("abcd"), told, strict=True)
    ]
    cube = load(items, like=grid)
    npt.assert_array_equal(cube.sun_zenith, [30, 31, 40, np.nan])
    npt.assert_array_equal(cube.sun_azimuth, [np.nan, 140, 130, np.nan])
    # The off-nadir angle that some catalogues give Sentinel-2 is 0 for every tile: no angle.
    npt.assert_array_equal(cube.view_zenith, [7.5, np.nan, np.nan, np.nan])
    npt.assert_array_equal(cube.view_azimuth, [112, np.nan, np.nan, np.nan])
    for name in ANGLES:
        assert cube[name].attrs["units"] == "degree"
        assert cube[name].dims == ("time",)


def test_landsat_that_looks_straight_down_says_so(grid: GeoBox) -> None:
    items = [
        stac_item(
            name,
            {"red": "a.tif"},
            collection="landsat-c2-l2",
            day=day,
            view__off_nadir=angle,
            view__sun_elevation=60,
        )
        for name, day, angle in zip("abc", days("abc"), (0, 14.3, None), strict=True)
    ]
    cube = load(items, like=grid)
    # 14.3 degrees at the satellite are more at the ground.
    npt.assert_array_equal(cube.view_zenith, [0, np.nan, np.nan])
    npt.assert_array_equal(cube.sun_zenith, [30, 30, 30])
    assert "view_azimuth" not in cube.coords


@pytest.mark.parametrize(("told", "known"), [("n/a", None), ([3.0], None), ("30.5", 30.5)])
def test_what_is_no_angle_is_unknown(told: object, known: float | None, grid: GeoBox) -> None:
    about = {"view__sun_azimuth": told, "eo__cloud_cover": 7}
    cube = load([stac_item("one", {"B08": "a.tif"}, **S2, **about)], like=grid)
    found = cube.sun_azimuth.item() if "sun_azimuth" in cube.coords else None
    assert (found, cube.cloud_cover.item()) == (known, 7)


def test_azimuths_of_a_step_are_averaged_as_directions(grid: GeoBox) -> None:
    items = [
        stac_item(name, {"B08": "a.tif"}, **S2, view__azimuth=azimuth, view__incidence_angle=4)
        for name, azimuth in (("a", 350.0), ("b", 20.0))
    ]
    cube = load(items, like=grid, mosaic="solar_day")
    npt.assert_allclose(cube.view_azimuth, [5.0])
    npt.assert_array_equal(cube.view_zenith, [4])


@pytest.mark.data
@pytest.mark.parametrize(
    ("pattern", "known", "first"),
    [
        ("pc/items/sentinel-2-l2a/*UFE*.json", ANGLES[:2], (77.5018652, 167.6987026)),
        (
            "earthsearch/items/sentinel-2-c1-l2a/*T20EPT*.json",
            ANGLES,
            (85.8359979, 39.4913942, 7.5840098, 112.7291044),
        ),
        ("earthsearch/items/sentinel-2-l2a/*13TDE*.json", ANGLES[:2], (47.3809189, 164.1246478)),
        ("pc/items/landsat-c2-l2/*084068*.json", ANGLES[:3], (43.4526717, 43.5023785, 0.0)),
        ("odc-stac/S2A_28QCH*.json", (), ()),
        ("stactools-sentinel1/rtc_S1A*.json", (), ()),
    ],
)
def test_angles_of_recorded_items(
    real_data: Path, grid: GeoBox, pattern: str, known: tuple[str, ...], first: tuple[float, ...]
) -> None:
    (path,) = (real_data / "stac-recorded").glob(pattern)
    cube = load([json.loads(path.read_text())], like=grid)
    assert [name for name in ANGLES if name in cube.coords] == list(known)
    for name, angle in zip(known, first, strict=True):
        npt.assert_allclose(cube[name], [angle], atol=1e-6)


def zones(tmp_path: Path, box: GeoBox, **more: Any) -> list[pystac.Item]:
    """Two tiles that overlap, one of each side of the border between zones 44 and 45.

    Their value is the easting in zone 45, plus 1 in zone 44.
    """
    left, bottom, right, top = box.boundingbox
    middle, third = (left + right) / 2, (right - left) / 3
    items = []
    for code, east, west in (
        ("EPSG:32644", left - 500, middle + third / 2),
        ("EPSG:32645", middle - third / 2, right + 500),
    ):
        there = Transformer.from_crs("EPSG:32645", code, always_xy=True)
        edges = there.transform_bounds(east, bottom - 500, west, top + 500)
        width, height = (int((edges[k + 2] - edges[k]) // 20) for k in (0, 1))
        rows, columns = np.mgrid[:height, :width]
        x, y = edges[0] + 20 * (columns + 0.5), edges[3] - 20 * (rows + 0.5)
        easting, _ = there.transform(x, y, direction="INVERSE")
        values = (easting - left + (code == "EPSG:32644") + 2).astype("float32")
        values[(easting < east) | (easting > west)] = -32768
        href = write_tif(
            tmp_path / f"{code[5:]}.tif",
            values,
            corner=(edges[0], edges[3]),
            pixel=20,
            crs=code,
            nodata=-32768,
        )
        bounds = (edges[0], edges[3] - 20 * height, edges[0] + 20 * width, edges[3])
        items.append(stac_item(code[5:], {"vv": href}, crs=code, bounds=bounds, **more))
        items[-1].properties |= {"proj:code": code, "proj:bbox": list(bounds)}
    return items


@pytest.mark.parametrize("chunks", [{}, {"time": -1, "x": 37}])
def test_a_day_over_two_zones_is_one_image(tmp_path: Path, chunks: dict[str, int]) -> None:
    # 84 degrees east, the border of the zones, is in the middle of this box.
    border, _ = Transformer.from_crs(4326, 32645, always_xy=True).transform(84.0, 22.33)
    left = 20 * round(border / 20) - 1500
    box = mw.grids.geobox((left, 2470000, left + 3000, 2471000), crs="EPSG:32645", resolution=20)
    items = zones(tmp_path, box)
    days = load(items, like=box, chunks=chunks).vv.compute()
    day = load(items, like=box, chunks=chunks, mosaic="solar_day").vv.compute()
    assert (days.sizes["time"], day.sizes["time"]) == (2, 1)
    truth = (days.x - left + 2).broadcast_like(day[0])
    west, east = days
    for layer, more in ((west, 1), (east, 0)):
        known = layer.notnull().values
        error = (layer - truth - more).values
        # 1 mm of projection, 20 m pixels; at the cut what is known may lie half a pixel aside.
        npt.assert_allclose(error[ndimage.binary_erosion(known, border_value=1)], 0, atol=0.02)
        npt.assert_allclose(error[known], 0, atol=10)
    assert bool(day.notnull().all())  # no seam
    both = (west.notnull() & east.notnull()).mean()
    assert 0.2 < float(both) < 0.5
    npt.assert_array_equal(day[0], west.fillna(east))


def test_two_orbits_of_a_day_stay_apart_and_duplicates_do_not(grid: GeoBox, tmp_path: Path) -> None:
    # Two slices of one pass, a second processing of the first, and the pass of another orbit.
    values = {"slice1": 1.0, "slice1again": 2.0, "slice2": 3.0, "other": 4.0}
    items = []
    for name, value in values.items():
        power = np.full((10, 20), value, "float32")
        power[:, 10:] = power[:, 10:] if name in {"slice2", "other"} else np.nan
        href = write_tif(tmp_path / f"{name}.tif", power, nodata=np.nan)
        orbit = 19 if name != "other" else 121
        day = f"2023-01-10T0{5 if orbit == 19 else 6}:00:0{len(items)}Z"
        items.append(stac_item(name, {"vv": href}, day=day, sat__relative_orbit=orbit))
    for chunks in ({}, {"time": -1}, {"time": 2, "x": 7}):
        cube = load(items, like=grid, mosaic="solar_day", chunks=chunks).compute()
        assert cube.attrs["items"] == ["slice1 slice1again slice2", "other"]
        npt.assert_array_equal(cube.relative_orbit, [19, 121])
        npt.assert_array_equal(cube.vv[:, 4, [0, 15]], [[1, 3], [4, 4]])
    every = load(items, like=grid)
    npt.assert_array_equal(every.relative_orbit, [19, 19, 19, 121])


def test_the_two_passes_of_a_day_stay_apart_without_a_relative_orbit(
    grid: GeoBox, tmp_path: Path
) -> None:
    items = []
    for value, (state, hour) in enumerate([("descending", "05"), ("ascending", "17")], start=1):
        href = write_tif(tmp_path / f"{state}.tif", np.full((10, 20), value, "float32"))
        day = f"2023-01-10T{hour}:00:00Z"
        items.append(stac_item(state, {"vv": href}, day=day, sat__orbit_state=state))
    cube = load(items, like=grid, mosaic="solar_day")
    npt.assert_array_equal(cube.vv[:, 4, 4], [1, 2])


def tasks(layer: xr.DataArray) -> int:
    (optimised,) = dask.optimize(layer.data)
    return len(dict(optimised.dask))


@pytest.mark.parametrize("mosaic", [None, "solar_day"])
def test_all_dates_of_a_block_in_one_task(
    grid: GeoBox, tmp_path: Path, rng: np.random.Generator, mosaic: str | None
) -> None:
    items = []
    for k in range(12):
        numbers = rng.integers(0, 3, (10, 20)).astype("uint16") * 1000
        assets = {
            "B04": write_tif(tmp_path / f"{k}.tif", numbers),
            "SCL": write_tif(tmp_path / f"{k}_scl.tif", (numbers > 0).astype("uint8") * 4),
        }
        day = f"2023-01-{k // 2 + 1:02}T05:00:0{k % 2}Z"
        items.append(stac_item(f"i{k:02}", assets, day=day, **S2))
    far = (4e5, 247e4, 401e3, 2471e3)  # one that stackstac leaves out
    items.append(stac_item("far", {"B04": "/no/such.tif"}, bounds=far, day=days("a")[0], **S2))
    dates = load(items, like=grid, mosaic=mosaic, chunks={"y": 5, "x": 10})
    deep = load(items, like=grid, mosaic=mosaic, chunks={"time": -1, "y": 5, "x": 10})
    assert dates.red.data.numblocks[0] == dates.sizes["time"]
    assert deep.red.data.numblocks == (1, 2, 2)
    xr.testing.assert_identical(deep.compute(), dates.compute())
    blocks, steps = 4, len(items)
    for name in ("red", "quality"):
        wide, narrow = (tasks(cube[name]) for cube in (dates, deep))
        assert wide >= blocks * steps
        # A table of items and its readers, then for each block: read, put the missing one back,
        # pick the band, merge the days, pick them; however many items there are.
        assert narrow <= 8 * blocks + 10
    more = [item.clone() for item in items]
    for item in more:
        item.id += "b"
    again = load(items + more, like=grid, mosaic=mosaic, chunks={"time": -1, "y": 5, "x": 10})
    assert tasks(again.red) == tasks(deep.red)


def test_dates_stay_in_one_task_around_an_item_off_the_grid(grid: GeoBox, tmp_path: Path) -> None:
    href = write_tif(tmp_path / "a.tif", np.full((10, 20), 2000, "uint16"))
    items = [
        stac_item(name, {"B04": href}, day=day, **S2)
        for name, day in zip("ac", days("abc")[::2], strict=True)
    ]
    far = (4e5, 247e4, 401e3, 2471e3)
    items.append(stac_item("b", {"B04": "/no/such.tif"}, bounds=far, day=days("abc")[1], **S2))
    cube = load(items, like=grid, mosaic="solar_day", chunks={"time": -1})
    assert cube.red.chunksizes["time"] == (3,)
    npt.assert_allclose(cube.red[:, 0, 0], [0.1, np.nan, 0.1], rtol=1e-6)  # float32
