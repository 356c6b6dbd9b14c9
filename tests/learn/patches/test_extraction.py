"""Which window a point gets, which are dropped, and that only these are read."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt

from minewatch.conventions import crs_of
from minewatch.learn.patches import extract

WEST, NORTH = 5e5, 9e6


def numbered(rows: int, columns: int, dates: int = 0, channels: int = 1) -> xr.DataArray:
    """A scene whose value tells channel, date, row and column."""
    shape = (channels, max(1, dates), rows, columns)
    c, t, y, x = np.indices(shape)
    coords = {
        "channel": ["vv", "vh", "pa"][:channels],
        "y": NORTH - 10 * (np.arange(rows) + 0.5),
        "x": WEST + 10 * (np.arange(columns) + 0.5),
    }
    # Below 2**24, so that float32 holds it.
    values = (((c * 10 + t) * rows + y) * columns + x).astype("f4")
    scene = xr.DataArray(values, coords, ("channel", "time", "y", "x")).rio.write_crs(32721)
    if not dates:
        return scene.isel(time=0)
    times = np.datetime64("2024-01-01", "ns") + 12 * np.arange(dates) * np.timedelta64(1, "D")
    return scene.assign_coords(time=times)


def points(x: list[float], y: list[float], label: list[int] | None = None) -> gpd.GeoDataFrame:
    labels = np.arange(len(x)) % 2 if label is None else label
    where = gpd.points_from_xy(WEST + np.array(x), NORTH - np.array(y), crs=32721)
    return gpd.GeoDataFrame({"label": labels}, geometry=where)


@pytest.mark.parametrize(
    ("size", "x", "first"),
    [
        # c0 = floor(x / 10) - 52, 52 columns before the pixel of the point and 51 behind it
        (104, 1000.0, 48), (104, 1009.99, 48), (104, 999.99, 47), (104, 520.0, 0),
        (104, 1485.0, 96), (5, 25.0, 0), (5, 29.9, 0), (5, 30.0, 1), (1, 1999.9, 199), (2, 10.0, 0),
    ],
)  # fmt: skip
def test_a_window_is_centred_as_printed(size: int, x: float, first: int) -> None:
    found = extract(numbered(200, 200), points([x], [x]), size=size)
    assert found.patches.dims == ("patch", "channel", "row", "column")
    assert found.patches.shape == (1, 1, size, size)
    assert found.patches.values[0, 0, 0, 0] == first * 200 + first
    assert found.patches.values[0, 0, -1, -1] == (first + size - 1) * 201
    assert found.left.item() == WEST + 10 * first
    assert found.top.item() == NORTH - 10 * first
    assert (found.x.item(), found.y.item()) == (WEST + x, NORTH - x)


@pytest.mark.slow
def test_points_by_dates_of_the_paper() -> None:
    """171 points of each of two classes in 7 scenes: 2,394 patches, 1,197 of each class."""
    rng = np.random.default_rng(1)
    scene = numbered(60, 70, dates=7, channels=3).chunk({"time": 1, "y": 23, "x": 31})
    where = points(*(rng.uniform(40, 560, (2, 342)).tolist()), label=np.repeat([1, 0], 171))
    found = extract(scene, where, size=8)
    assert found.sizes["patch"] == 2394
    npt.assert_array_equal(np.bincount(found.label), [1197, 1197])
    npt.assert_array_equal(np.bincount(found.point), np.full(342, 7))
    assert found.attrs["dropped_edge"] == found.attrs["dropped_nodata"] == 0
    npt.assert_array_equal(found.point, np.repeat(np.arange(342), 7))
    npt.assert_array_equal(found.time, np.tile(scene.time, 342))
    values = scene.values
    for patch in range(0, 2394, 97):
        row = int((NORTH - found.top[patch]) / 10)
        column = int((found.left[patch] - WEST) / 10)
        expected = values[:, patch % 7, row : row + 8, column : column + 8]
        npt.assert_array_equal(found.patches[patch], expected)


def test_windows_that_cross_the_edge_are_dropped_and_counted() -> None:
    """A window of 4 fits where the point is 2 to 10 - 2 pixels from the upper left, ends included
    above, excluded below."""
    at = [19.99, 20.0, 85.0, 89.99, 90.0, -1e9, 50.0]
    scene = numbered(10, 10, dates=3)
    found = extract(scene, points(at, [50.0] * 7), size=4)
    npt.assert_array_equal(found.point, np.repeat([1, 2, 3, 6], 3))
    assert found.attrs["dropped_edge"] == 9
    across = extract(scene, points([50.0] * 7, at), size=4)
    npt.assert_array_equal(across.point, found.point)
    assert extract(scene, points([50.0], [50.0]), size=10).sizes["patch"] == 3


def test_windows_that_lack_data_are_dropped_date_by_date() -> None:
    scene = numbered(12, 12, dates=2, channels=2)
    scene[1, 0, 4, 4] = np.nan  # one pixel, one channel, first date
    scene[0, 1, 4, 4:6] = np.inf
    scene[1, 1, 4, 4:6] = np.nan
    where = points([40.0, 80.0], [50.0, 90.0])  # only the first window holds row 4
    found = extract(scene, where, size=4)
    npt.assert_array_equal(found.point, [1, 1])
    assert (found.attrs["dropped_edge"], found.attrs["dropped_nodata"]) == (0, 2)
    tolerant = extract(scene, where, size=4, max_nodata=1 / 16)
    npt.assert_array_equal(tolerant.point, [0, 1, 1])
    assert tolerant.attrs["dropped_nodata"] == 1
    assert np.isnan(tolerant.patches[0].values).sum() == 1
    assert extract(scene, where, size=4, max_nodata=1).sizes["patch"] == 4


def test_neither_the_order_of_rows_nor_the_crs_of_points_matters(rng) -> None:
    scene = numbered(80, 90, dates=2, channels=3)
    where = points(*rng.uniform(100, 700, (2, 12)).tolist())
    found = extract(scene, where, size=9)
    for turned in (scene[:, :, ::-1], scene[:, :, :, ::-1], scene[:, :, ::-1, ::-1].chunk(y=7)):
        assert extract(turned, where, size=9).identical(found)
    elsewhere = extract(scene, where.to_crs("EPSG:4326"), size=9)
    npt.assert_array_equal(elsewhere.patches, found.patches)
    # A degree there and back is good to a micrometre.
    npt.assert_allclose(elsewhere.x, found.x, rtol=0, atol=1e-5)


def test_chunks_do_not_matter_and_the_scene_is_kept(rng) -> None:
    scene = numbered(80, 90, dates=3, channels=3)
    where = points(*rng.uniform(60, 740, (2, 20)).tolist())
    found = extract(scene, where, size=11)
    before = scene.copy(deep=True)
    for chunks in ({"y": 7, "x": 5}, {"time": 2, "y": 40}, {"channel": 1, "x": 13}):
        assert extract(scene.chunk(chunks), where, size=11).identical(found)
    assert scene.identical(before)
    assert crs_of(found) == crs_of(scene)
    assert "GeoTransform" not in found.spatial_ref.attrs


def test_only_the_blocks_that_windows_touch_are_read() -> None:
    import dask.array as da

    scene = numbered(100, 100)
    read = []

    def noted(block: np.ndarray, block_info: dict | None = None) -> np.ndarray:
        if block_info:
            read.append(block_info[0]["chunk-location"][1:])
        return block

    lazy = scene.chunk({"y": 20, "x": 20})
    data = da.map_blocks(noted, lazy.data, dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    # Windows of 10 pixels: one in block (1, 1), one over the corner of four, and one more of those.
    found = extract(lazy.copy(data=data), points([300, 600, 610], [300, 600, 590]), size=10)
    assert sorted(read) == [(1, 1), (2, 2), (2, 3), (3, 2), (3, 3)]
    assert found.patches.dtype == np.float32


def test_the_index_numbers_the_points() -> None:
    where = points([40, 50, 60], [40, 50, 60]).set_index(np.array([12, 7, 3]))
    found = extract(numbered(10, 10), where[where.label == 0], size=4)
    npt.assert_array_equal(found.point, [12, 3])
    assert found.label.dtype == np.int8
    assert "time" not in found.coords
    once = numbered(10, 10).assign_coords(time=np.datetime64("2024-05-01", "ns"))
    npt.assert_array_equal(extract(once, where, size=4).time, np.repeat(once.time.values, 3))


def test_twice_the_same_point_gives_twice_the_patch() -> None:
    found = extract(numbered(10, 10), points([50, 50], [50, 50]), size=4)
    npt.assert_array_equal(found.patches[0], found.patches[1])
    npt.assert_array_equal(found.point, [0, 1])


def test_booleans_are_labels() -> None:
    found = extract(numbered(10, 10), points([50, 50], [50, 50], [True, False]), size=4)
    npt.assert_array_equal(found.label, [1, 0])


def _without_crs(scene: xr.DataArray) -> xr.DataArray:
    return scene.drop_vars("spatial_ref")


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (_without_crs, ValueError, "CRS"),
        (lambda s: s[0], ValueError, "dims"),
        (lambda s: s.astype("int16"), TypeError, "floating"),
        (lambda s: s.drop_vars("channel"), ValueError, "assign_coords"),
        (lambda s: s.assign_coords(x=s.x * 2), ValueError, "square"),
        (lambda s: s.drop_vars("y"), ValueError, "coordinates"),
        (lambda s: s.where(False), ValueError, "16 patches.*0 cross.*16 hold nodata"),
        (lambda s: s.assign_coords(x=s.x + 1e6), ValueError, "16 cross.*overlap"),
        (lambda s: s.assign_coords(time=[0, 1]), TypeError, "to_datetime"),
    ],
)
def test_what_is_no_scene_is_refused(change, error, told) -> None:
    where = points([50.0] * 8, [50.0] * 8)
    with pytest.raises(error, match=told):
        extract(change(numbered(10, 10, dates=2)), where, size=4)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (lambda p: p.set_crs(None, allow_override=True), ValueError, "CRS"),
        (lambda p: p.drop(columns="label"), KeyError, "label"),
        (lambda p: p.assign(label=2), ValueError, "1 .mine. and 0"),
        (lambda p: p.assign(label="mine"), TypeError, "== 'mine'"),
        (lambda p: p.assign(label=[1, None]), TypeError, "labels"),
        (lambda p: p.set_geometry(p.buffer(5)), TypeError, "representative_point"),
        (lambda p: p.iloc[:0], ValueError, "no points"),
        (lambda p: p.iloc[[0, 0]], ValueError, "reset_index"),
        (lambda p: p.set_index(np.array(["a", "b"])), ValueError, "reset_index"),
        (lambda p: p.drop(columns="geometry"), TypeError, "GeoDataFrame"),
    ],
)
def test_what_are_no_points_is_refused(change, error, told) -> None:
    with pytest.raises(error, match=told):
        extract(numbered(10, 10), change(points([50.0, 50.0], [50.0, 50.0])), size=4)


@pytest.mark.parametrize("settings", [{"size": 0}, {"size": 2.5}, {"max_nodata": 2}])
def test_settings_that_mean_nothing_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match="use size=104"):
        extract(numbered(10, 10), points([50], [50]), **settings)
