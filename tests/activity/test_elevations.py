"""Elevation change against the index: a pit whose depth, noise and offset are known."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from scipy import stats
from shapely.geometry import box
from sklearn.metrics import roc_auc_score

from minewatch.activity import compare_elevation, elevations
from minewatch.activity.elevations import CONFIDENT
from minewatch.conventions import crs_of
from minewatch.grids import coordinates, geobox, resample

UTM = "EPSG:32735"
BOUNDS = (500_000, 7_000_000, 500_400, 7_000_320)  # 20 × 16 cells of 20 m
SIGMA = 0.1  # of a single model, metres
OFFSET = 0.37


def grid(resolution: float, bounds=BOUNDS, crs=UTM) -> dict:
    return coordinates(geobox(bounds, crs=crs, resolution=resolution))


def on(values: np.ndarray, coords: dict) -> xr.DataArray:
    return xr.DataArray(values, coords, ("y", "x"))


@pytest.fixture
def scene(rng):
    """The two models on 4 m, the index on 20 m, stable ground in the east."""
    ground = 100 + np.cumsum(rng.normal(size=(80, 100)), 0)
    dug = np.zeros((16, 20))
    dug[:, :8] = -rng.gamma(2, 1, (16, 8))
    depth = np.repeat(np.repeat(dug, 5, 0), 5, 1)
    before = on(ground + rng.normal(0, SIGMA, ground.shape), grid(4))
    after = on(ground + depth + OFFSET + rng.normal(0, SIGMA, ground.shape), grid(4))
    index = np.where(dug < 0, rng.integers(2, 7, dug.shape), rng.integers(0, 2, dug.shape)) / 6
    stable = on(np.broadcast_to(np.arange(100) >= 50, (80, 100)).copy(), grid(4))
    tai = on(index.astype("f4"), grid(20)).rename("tai")
    return tai, before, after, stable, dug


def test_depth_offset_and_noise_come_back(scene):
    tai, before, after, stable, dug = scene
    got = compare_elevation(tai, before, after, stable=stable)
    # 4 standard errors of the median and the NMAD of 4,000 stable pixels.
    error = 4 * 1.2533 * SIGMA * np.sqrt(2) / np.sqrt(4000)
    assert got.attrs["bias"] == pytest.approx(OFFSET, abs=error)
    assert got.attrs["nmad"] == pytest.approx(SIGMA * np.sqrt(2), abs=error)
    assert got.attrs["sigma"] == pytest.approx(SIGMA, abs=error)
    # 1.96·√2·σ of a single model, which is 1.96 NMAD of the difference.
    assert got.attrs["level_of_detection"] == pytest.approx(1.96 * np.sqrt(2) * got.attrs["sigma"])
    assert got.attrs["level_of_detection"] == pytest.approx(1.96 * got.attrs["nmad"])
    assert got.attrs["stable_pixels"] == 4000
    # A cell holds 25 fine pixels: 5 standard deviations of their mean, and the offset's error.
    np.testing.assert_allclose(got.difference, dug, atol=5 * SIGMA * np.sqrt(2) / 5 + error)
    assert got.difference.dtype == np.float32
    assert got.difference.attrs["units"] == "m"
    assert crs_of(got) == crs_of(tai)


def test_it_is_the_loop_over_cells(scene):
    tai, before, after, stable, _ = scene
    got = compare_elevation(tai, before, after, stable=stable)
    change = (after - before).values - got.attrs["bias"]
    cells = change.reshape(16, 5, 20, 5).swapaxes(1, 2).reshape(16, 20, 25)
    np.testing.assert_allclose(got.difference, cells.mean(-1), atol=1e-5)
    np.testing.assert_allclose(got.greatest, np.abs(cells).max(-1), rtol=1e-6)
    size, level = np.abs(cells.mean(-1)).ravel(), got.attrs["level_of_detection"]
    index = tai.values.ravel()
    np.testing.assert_array_equal(got.moved, np.abs(cells.mean(-1)) > level)
    assert got.attrs["spearman"] == pytest.approx(stats.spearmanr(index, size).statistic, abs=1e-6)
    assert got.attrs["auc"] == pytest.approx(roc_auc_score(size > level, index))
    moved = size > level
    np.testing.assert_array_equal(
        got.confusion,
        [
            [(where & ~moved).sum(), (where & moved).sum()]
            for where in (index == 0, (index > 0) & (index < 0.5), index >= 0.5)
        ],
    )
    assert got.attrs["pixels"] == 320
    assert got.attrs["active_recall"] == got.confusion.values[2, 1] / moved.sum()
    assert got.attrs["stable_precision"] == pytest.approx((~moved)[index == 0].mean(), abs=1e-12)
    assert got.attrs["mean"] == pytest.approx(cells.mean(), abs=1e-5)
    assert got.attrs["std"] == pytest.approx(cells.mean(-1).std(), abs=1e-5)


def test_an_index_that_knows_all_is_perfect(scene):
    """Closed form: cells without noise, dug or not, and an index that says which."""
    tai, before, _, stable, dug = scene
    depth = np.repeat(np.repeat(np.where(dug < 0, -2.0, 0.0), 5, 0), 5, 1)
    index = tai.copy(data=np.where(dug < 0, 1, 0).astype("f4"))
    got = compare_elevation(index, before, before + depth, stable=stable)
    assert got.attrs["nmad"] == 0
    for name in ("auc", "spearman", "active_precision", "active_recall", "stable_recall"):
        assert got.attrs[name] == 1, name
    assert got.attrs["moved_called_stable"] == 0
    np.testing.assert_array_equal(got.confusion, [[192, 0], [0, 0], [0, 128]])
    np.testing.assert_array_equal(got.greatest, np.abs(got.difference))


def test_stable_ground_comes_as_mask_on_either_grid_or_as_polygons(scene):
    tai, before, after, stable, _ = scene
    expected = compare_elevation(tai, before, after, stable=stable)
    coarse = on(np.broadcast_to(np.arange(20) >= 10, (16, 20)).copy(), grid(20))
    east = gpd.GeoDataFrame(geometry=[box(500_200, 7_000_000, 500_400, 7_000_320)], crs=UTM)
    for other in (coarse, coarse.drop_vars("spatial_ref"), east, east.to_crs(4326)):
        got = compare_elevation(tai, before, after, stable=other)
        assert got.attrs["stable_pixels"] == 4000
        xr.testing.assert_allclose(got, expected)


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 30}, {"y": 80, "x": 11}, {"y": 1, "x": -1}])
def test_it_is_blind_to_chunks(scene, chunks):
    tai, before, after, stable, _ = scene
    expected = compare_elevation(tai, before, after, stable=stable)
    lazy = [each.chunk(chunks) for each in (before, after, stable)]
    got = compare_elevation(tai.chunk(y=5, x=3), lazy[0], lazy[1], stable=lazy[2])
    xr.testing.assert_allclose(got, expected)
    assert got.attrs == pytest.approx(expected.attrs)
    assert got.difference.chunks is None


def test_it_is_blind_to_how_many_rows_are_looked_at(scene, monkeypatch):
    tai, before, after, stable, _ = scene
    expected = compare_elevation(tai, before, after, stable=stable)
    for strip in (1, 700, 2300):  # a row of cells has 500 pixels
        monkeypatch.setattr(elevations, "STRIP", strip)
        got = compare_elevation(tai, before, after, stable=stable)
        xr.testing.assert_allclose(got, expected)
        assert got.attrs == pytest.approx(expected.attrs)


def test_the_greatest_is_never_below_the_mean_where_elevations_are_coarser():
    flat = on(np.zeros((8, 10)), grid(40))
    dug = flat.copy()
    dug[2, 3] = -4.0
    across = grid(30)  # its cells straddle those of the elevations
    tai = on(np.zeros([len(across[dim]) for dim in "yx"], "f4"), across)
    got = compare_elevation(tai, flat, dug, stable=xr.ones_like(flat, dtype=bool))
    size, known = np.abs(got.difference), got.difference.notnull()
    assert int(((size > 0) & (size < 4)).sum()) == 3
    assert (got.greatest >= size).where(known, True).all()


def test_unknown_elevation_is_unknown_movement(scene):
    tai, before, after, stable, _ = scene
    holes = after.copy()
    holes[:5, :3] = np.nan  # 15 of the 25 pixels of the first cell
    holes[:5, 5:7] = np.nan  # 10 of the second
    holes[20:25, 20:25] = np.nan
    got = compare_elevation(tai, before, holes, stable=stable)
    unknown = np.zeros((16, 20), bool)
    unknown[0, 0] = unknown[4, 4] = True
    np.testing.assert_array_equal(np.isnan(got.difference), unknown)
    np.testing.assert_array_equal(np.isnan(got.greatest), unknown)
    np.testing.assert_array_equal(got.moved == 255, unknown)
    assert got.attrs["pixels"] == 318


def test_half_a_cell_is_enough_and_the_level_itself_is_no_movement():
    before = on(np.zeros((32, 40)), grid(10))
    after = before.copy()
    after[0, :2] = np.nan  # half of the first cell
    after[:2, 4:6] = -0.5
    after[:2, 6:8] = -0.75
    tai = on(np.zeros((16, 20), "f4"), grid(20))
    got = compare_elevation(tai, before, after, stable=before == 0, level=0.5)
    assert got.difference[0, :4].values.tolist() == [0, 0, -0.5, -0.75]
    assert got.moved[0, :4].values.tolist() == [0, 0, 0, 1]
    assert got.attrs["moved_pixels"] == 1


def test_ground_beyond_the_models_is_unknown(scene):
    tai, before, after, stable, _ = scene
    part = {"y": slice(0, 41), "x": slice(0, 90)}
    got = compare_elevation(tai, before.isel(part), after.isel(part), stable=stable.isel(part))
    known = np.zeros((16, 20), bool)
    known[:8, :18] = True  # of the ninth row only a fifth
    np.testing.assert_array_equal(np.isfinite(got.difference), known)
    np.testing.assert_array_equal(np.isfinite(got.greatest), known)


def test_models_may_be_coarser_than_the_index(scene):
    tai, *_ = scene
    before = on(np.zeros((8, 10)), grid(40))
    after = before.copy()
    after[:, :4] = -3
    stable = on(np.broadcast_to(np.arange(10) >= 4, (8, 10)).copy(), grid(40))
    got = compare_elevation(tai, before, after, stable=stable)
    expected = np.where(np.arange(20) < 8, -3, 0) * np.ones((16, 1))
    np.testing.assert_array_equal(got.difference, expected)
    np.testing.assert_array_equal(got.greatest, -expected)


def test_models_may_lie_in_another_crs(scene):
    tai, before, after, stable, _ = scene
    target = geobox(BOUNDS, crs="EPSG:32736", resolution=4, bounds_crs=UTM)
    turned = [resample(each, target, method="nearest") for each in (before, after)]
    east = gpd.GeoDataFrame(geometry=[box(500_220, 7_000_020, 500_380, 7_000_300)], crs=UTM)
    got = compare_elevation(tai, *turned, stable=east)
    expected = compare_elevation(tai, before, after, stable=stable)
    inner = {"y": slice(1, -1), "x": slice(1, -1)}
    # Pixels at the rim of a cell change sides: within the noise of a mean where nothing was dug.
    east_side = {"y": slice(1, -1), "x": slice(10, -1)}
    np.testing.assert_allclose(
        got.difference.isel(east_side), expected.difference.isel(east_side), atol=0.1
    )
    close = np.isclose(got.greatest.isel(inner), expected.greatest.isel(inner), atol=0.35)
    assert close.mean() > 0.8
    assert got.attrs["auc"] == pytest.approx(expected.attrs["auc"], abs=0.03)


def test_a_known_level_is_taken(scene):
    tai, before, after, stable, _ = scene
    got = compare_elevation(tai, before, after, stable=stable, level=2.5)
    assert got.attrs["level_of_detection"] == 2.5
    assert int((got.moved == 1).sum()) == int((abs(got.difference) > 2.5).sum())
    assert CONFIDENT == 1.96


def test_the_index_may_be_the_whole_dataset(scene):
    tai, before, after, stable, _ = scene
    attrs = {"first_date": "2022-06-24", "last_date": "2022-09-04", "active_minimum": 0.6}
    got = compare_elevation(tai.to_dataset().assign_attrs(attrs), before, after, stable=stable)
    assert {key: got.attrs[key] for key in attrs} == attrs
    assert got.confusion.attrs["active_minimum"] == 0.6
    assert int(got.confusion[2].sum()) == int((tai >= np.float32(0.6)).sum())


def test_it_says_what_it_needs(scene):
    tai, before, after, stable, _ = scene
    with pytest.raises(ValueError, match=r"minewatch\.grids\.resample"):
        compare_elevation(tai, before, after.isel(x=slice(50)), stable=stable)
    with pytest.raises(ValueError, match="30 stable pixels with an elevation change, got 0"):
        compare_elevation(tai, before, after, stable=xr.zeros_like(stable))
    with pytest.raises(ValueError, match=r"compare_elevation \(stable\).*grids\.resample"):
        compare_elevation(tai, before, after, stable=stable.isel(x=slice(50)))
    with pytest.raises(TypeError, match="layer == 1"):
        compare_elevation(tai, before, after, stable=stable.astype("uint8"))
    with pytest.raises(ValueError, match=r"needs dims \('y', 'x'\)"):
        compare_elevation(tai.expand_dims("year"), before, after, stable=stable)
    with pytest.raises(ValueError, match=r"above 0, got 0; e\.g\. level=0\.1"):
        compare_elevation(tai, before, after, stable=stable, level=0)
    with pytest.raises(ValueError, match=r"got units 'ft'; use \(layer \* 0\.3048\)"):
        compare_elevation(tai, before, after.assign_attrs(units="ft"), stable=stable)
    with pytest.raises(TypeError, match="astype"):
        compare_elevation(tai, before.astype("int16"), after, stable=stable)
