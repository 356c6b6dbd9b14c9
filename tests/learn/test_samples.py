"""What is drawn, what is left out, and what it weighs."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_learn import STEP, UTM, scene, sites, square

from minewatch.conventions import crs_of
from minewatch.learn import draw, frame


def test_samples_are_the_pixels_of_the_polygons(rng: np.random.Generator) -> None:
    features, polygons = scene(rng), sites()
    samples = draw(features, polygons)
    assert samples.sizes == {"sample": 12 * 25}
    for n, shape in enumerate(polygons.geometry):
        mine = samples.sel(sample=samples.polygon == n)
        left, bottom, right, top = shape.bounds
        part = features.sel(x=slice(left, right), y=slice(top, bottom))
        assert set(np.unique(mine.label)) == {polygons.label[n]}
        for name in features:
            npt.assert_array_equal(mine[name], part[name].values.ravel())
            assert mine[name].dtype == np.float32
        x, y = np.meshgrid(part.x, part.y)
        npt.assert_array_equal(mine.x, x.ravel())
        npt.assert_array_equal(mine.y, y.ravel())
    assert samples.label.dtype == samples.polygon.dtype == np.int64
    assert samples.weight.dtype == np.float64
    assert (samples.weight == 1).all()
    assert crs_of(samples) == crs_of(features)


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 11}, {"y": -1, "x": 13}])
def test_samples_do_not_see_chunks(rng: np.random.Generator, chunks: dict[str, int]) -> None:
    features, polygons = scene(rng), sites()
    features["s2_bsi"] = features["s2_bsi"].where(rng.random(features.s2_bsi.shape) > 0.2)
    whole = draw(features, polygons, max_per_polygon=7, seed=3)
    lazy = draw(features.chunk(chunks), polygons, max_per_polygon=7, seed=3)
    xr.testing.assert_identical(lazy, whole)
    other = draw(features, polygons, max_per_polygon=7, seed=4)
    assert not other.identical(whole)


def test_only_the_chunks_with_polygons_are_read(rng: np.random.Generator) -> None:
    features, polygons = scene(rng), sites()
    read: list[tuple[float, float]] = []

    def seen(block: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        read.append((float(y.max()), float(x.min())))
        return block

    lazy = features[["s2_bsi"]].chunk(y=10, x=10)
    y, x = (features[dim].astype("f8") for dim in ("y", "x"))
    grids = (part.chunk(y=10, x=10).data for part in xr.broadcast(y, x))
    import dask.array as da

    watched = lazy.copy(
        data={
            "s2_bsi": da.map_blocks(
                seen, lazy.s2_bsi.data, *grids, dtype="f4", meta=np.empty((0, 0), "f4")
            )
        }
    )
    samples = draw(watched, polygons)
    touched = {
        (float(y[r // 10 * 10]), float(x[c // 10 * 10]))
        for shape in polygons.geometry
        for r, c in _corners(shape.bounds)
    }
    assert set(read) == touched
    assert len(read) == len(touched) < 48
    npt.assert_array_equal(samples.s2_bsi, draw(features[["s2_bsi"]], polygons).s2_bsi)


def _corners(bounds: tuple[float, ...]) -> list[tuple[int, int]]:
    from oracles_learn import NORTH, WEST

    left, bottom, right, top = bounds
    rows = (int((NORTH - top) / STEP), int((NORTH - bottom) / STEP) - 1)
    columns = (int((left - WEST) / STEP), int((right - WEST) / STEP) - 1)
    return [(row, column) for row in rows for column in columns]


def test_polygons_weigh_what_their_area_does(rng: np.random.Generator) -> None:
    features = scene(rng)
    polygons = gpd.GeoDataFrame(
        {"label": [1, 0, 0]},
        geometry=[square(5, 5, side=10), square(5, 50, side=5), square(30, 50, side=1)],
        crs=UTM,
    )
    samples = draw(features, polygons, max_per_polygon=8)
    counts = samples.polygon.groupby(samples.polygon).count()
    assert counts.values.tolist() == [8, 8, 1]
    weights = samples.weight.groupby(samples.polygon).sum()
    npt.assert_allclose(weights, [100, 25, 1])  # pixels of 100 m²: hundredths of a hectare
    per_pixel = set(zip(samples.x.values, samples.y.values, strict=True))
    assert len(per_pixel) == samples.sizes["sample"]


def test_a_draw_is_fair(rng: np.random.Generator) -> None:
    """Each of 25 pixels is drawn in a fifth of 400 draws, give or take five standard deviations."""
    features, polygons = scene(rng)[["s1_vv"]], sites().iloc[[0, 6]]
    first = draw(features, polygons)
    here = first.s1_vv.values[first.polygon.values == 0]
    hits = np.zeros(25)
    for seed in range(400):
        samples = draw(features, polygons, max_per_polygon=5, seed=seed)
        hits += np.isin(here, samples.s1_vv.values[samples.polygon.values == 0])
    assert np.abs(hits - 80).max() < 5 * np.sqrt(400 * 0.2 * 0.8)


def test_incomplete_pixels_are_dropped_and_counted(rng: np.random.Generator) -> None:
    features, polygons = scene(rng), sites()
    features["s1_vv"][5:7, 4:6] = np.nan
    features["s2_bsi"][5, 4:8] = np.inf
    features["s2_ndvi"][45:50, 64:69] = np.nan
    samples = draw(features, polygons)
    assert samples.attrs["incomplete"] == 6 + 25
    assert samples.attrs["polygons_unused"] == 1
    assert all(np.isfinite(samples[name]).all() for name in samples)
    first = samples.weight[samples.polygon == 0]
    npt.assert_allclose(first, 25 / 19)
    capped = draw(features, polygons, max_per_polygon=19)
    assert (capped.polygon == 0).sum() == 19


def test_disputed_pixels_are_nobodys(rng: np.random.Generator) -> None:
    features = scene(rng)
    polygons = gpd.GeoDataFrame(
        {"label": [1, 0, 1, 0]},
        geometry=[square(0, 0), square(3, 3), square(2, 0), square(30, 30)],
        crs=UTM,
    )
    samples = draw(features, polygons)
    # Of the first mine's 25 pixels 4 are claimed by the second polygon, of the third's 25 another
    # 8 (rows 3 to 6, columns 3 and 4), of which 4 are the same; 15 of the third are the first's.
    pixels = {n: set() for n in range(4)}
    for n, (row, column) in enumerate([(0, 0), (3, 3), (2, 0), (30, 30)]):
        pixels[n] = {(row + i, column + j) for i in range(5) for j in range(5)}
    disputed = (pixels[0] | pixels[2]) & pixels[1]
    expected = [
        pixels[0] - disputed,
        pixels[1] - disputed,
        pixels[2] - disputed - pixels[0],
        pixels[3],
    ]
    assert samples.attrs["contested"] == len(disputed) == 8
    counts = samples.polygon.groupby(samples.polygon).count()
    assert counts.values.tolist() == [len(part) for part in expected]
    assert (samples.weight == 1).all()


def test_groups_join_polygons(rng: np.random.Generator) -> None:
    features, polygons = scene(rng), sites()
    samples = draw(features, polygons, group="site")
    npt.assert_array_equal(samples.polygon, np.repeat(np.arange(6), 50))
    numbered = draw(features, polygons.assign(site=[7, 7, 9] * 4), group="site")
    assert set(np.unique(numbered.polygon)) == {7, 9}


def test_labels_may_be_booleans_and_polygons_in_degrees(rng: np.random.Generator) -> None:
    features, polygons = scene(rng), sites()
    # One square metre less at each side: a reprojected edge must not pass a pixel centre.
    mines = polygons.assign(mine=polygons.label == 1, geometry=polygons.buffer(-1))
    samples = draw(features, mines.to_crs("EPSG:4326"), label="mine")
    xr.testing.assert_identical(samples, draw(features, polygons))


def test_draw_says_what_it_needs(rng: np.random.Generator) -> None:
    features, polygons = scene(rng), sites()
    with pytest.raises(KeyError, match=r"no column 'mine'; they have \['label', 'site'\]"):
        draw(features, polygons, label="mine")
    with pytest.raises(KeyError, match="no column 'id'"):
        draw(features, polygons, group="id")
    with pytest.raises(TypeError, match=r"polygons\['site'\] == 'mine'"):
        draw(features, polygons, label="site")
    with pytest.raises(ValueError, match="add polygons of the other label"):
        draw(features, polygons.iloc[:6])
    with pytest.raises(ValueError, match="not all NaN there"):
        draw(features * np.nan, polygons)
    with pytest.raises(ValueError, match="or leave out group="):
        draw(features, polygons.assign(site="one"), group="site")
    with pytest.raises(ValueError, match=r"fill them, e\.g\. with their own row number"):
        draw(features, polygons.assign(site=[None, *range(11)]), group="site")
    with pytest.raises(ValueError, match=r"max_per_polygon of at least 1, got 0; use e\.g\. 500"):
        draw(features, polygons, max_per_polygon=0)
    with pytest.raises(TypeError, match="needs dtype floating, got uint8"):
        draw(features.astype("u1"), polygons)
    with pytest.raises(TypeError, match=r"see minewatch\.features"):
        draw(features.s1_vv, polygons)
    with pytest.raises(ValueError, match=r"polygons\.set_crs"):
        draw(features, polygons.set_crs(None, allow_override=True))


def test_draw_leaves_its_inputs_alone(rng: np.random.Generator) -> None:
    features, polygons = scene(rng), sites()
    before, rows = features.copy(deep=True), polygons.copy()
    draw(features, polygons, max_per_polygon=3)
    xr.testing.assert_identical(features, before)
    assert polygons.equals(rows)


def test_a_frame_is_named_and_float32(rng: np.random.Generator) -> None:
    samples = draw(scene(rng), sites())
    table = frame(samples)
    assert list(table.columns) == list(samples)
    assert set(table.dtypes) == {np.dtype("f4")}
    pd.testing.assert_series_equal(table["s1_vv"], pd.Series(samples.s1_vv.values, name="s1_vv"))
    with pytest.raises(ValueError, match=r"draw them with minewatch\.learn\.draw"):
        frame(scene(rng))
