"""The sample is random within strata, repeatable, blind to chunks, and carries its design."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt
from scipy import stats

from minewatch.estimates import sample_design, write_points


def a_map(rng: np.random.Generator, rows: int = 60, columns: int = 80) -> xr.DataArray:
    """Classes 0 (most), 1, 5 and none."""
    codes = rng.choice([0, 1, 5, 255], (rows, columns), p=[0.7, 0.1, 0.15, 0.05]).astype("u1")
    grid = {"y": 9e6 - 10.0 * np.arange(rows), "x": 5e5 + 10.0 * np.arange(columns)}
    return xr.DataArray(codes, grid, ("y", "x")).rio.write_crs("EPSG:32721")


def test_points_lie_in_their_stratum_and_none_twice(rng: np.random.Generator) -> None:
    layer = a_map(rng)
    points = sample_design(layer, size=300, minimum=40)
    at = layer.sel(x=xr.DataArray(points.x), y=xr.DataArray(points.y)).values
    npt.assert_array_equal(at, points.stratum)
    npt.assert_array_equal(points.map_class, points.stratum)
    assert not points.duplicated(["x", "y"]).any()
    assert points.crs == "EPSG:32721"
    npt.assert_array_equal(points.geometry.x, points.x)
    assert points.point.tolist() == list(range(1, 301))
    assert points.reference.isna().all()


def test_the_design_adds_up(rng: np.random.Generator) -> None:
    layer = a_map(rng)
    points = sample_design(layer, size=300, minimum=40)
    design = points.attrs["design"]
    for stratum, row in design.items():
        mine = points[points.stratum == stratum]
        assert row["pixels"] == (layer == stratum).sum()
        assert row["area_ha"] == pytest.approx(row["pixels"] * 0.01)
        assert len(mine) == row["points"] >= 40
        # The points of a stratum stand for its ground.
        assert mine.weight.sum() == pytest.approx(row["area_ha"])
        assert (mine.stratum_ha == mine.weight.sum()).all() or mine.stratum_ha.iloc[
            0
        ] == pytest.approx(mine.weight.sum())
    assert sum(row["points"] for row in design.values()) == len(points) == 300
    npt.assert_allclose(points.total_ha, (layer != 255).sum() * 0.01)
    json.dumps(points.attrs)


def test_chunks_do_not_change_the_draw_but_seeds_do(rng: np.random.Generator) -> None:
    layer = a_map(rng)
    expected = sample_design(layer, size=200, minimum=30, seed=4)
    for chunks in ({"y": 7, "x": 9}, {"y": 60, "x": 80}, {"y": 1, "x": 80}):
        found = sample_design(layer.chunk(chunks), size=200, minimum=30, seed=4)
        pd.testing.assert_frame_equal(found, expected)
    other = sample_design(layer, size=200, minimum=30, seed=5)
    assert (other.x.to_numpy() != expected.x.to_numpy()).any()


def test_every_pixel_of_a_stratum_is_equally_likely() -> None:
    grid = {"y": np.arange(5.0)[::-1], "x": np.arange(8.0)}
    layer = xr.DataArray(np.zeros((5, 8), "u1"), grid, ("y", "x")).rio.write_crs("EPSG:32721")
    layer[1:3, 2:7] = 1
    counts = np.zeros((5, 8), int)
    for seed in range(300):
        points = sample_design(layer, allocation={0: 6, 1: 4}, seed=seed)
        np.add.at(counts, (4 - points.y.astype(int), points.x.astype(int)), 1)
    for stratum, share in ((0, 6 / 30), (1, 4 / 10)):
        here = counts[layer.values == stratum]
        # Draws without replacement scatter less than independent ones: by 1 − share.
        squares = ((here - 300 * share) ** 2).sum() / (300 * share * (1 - share))
        freedom = len(here) - 1
        assert stats.chi2.sf(squares * (len(here) - 1) / len(here), freedom) > 1e-3


def test_strata_may_be_others_than_the_classes(rng: np.random.Generator) -> None:
    layer = a_map(rng)
    halves = xr.zeros_like(layer).astype(bool)
    halves[:20] = True
    points = sample_design(layer, size=200, strata=halves)
    npt.assert_array_equal(points.stratum == 1, points.y > 9e6 - 195)
    at = layer.sel(x=xr.DataArray(points.x), y=xr.DataArray(points.y)).values
    npt.assert_array_equal(points.map_class, at)
    # What has no class is in no stratum.
    assert 255 not in at
    npt.assert_allclose(points.total_ha, (layer != 255).sum() * 0.01)
    lazy = sample_design(layer.chunk(y=13), size=200, strata=halves.chunk(x=11))
    pd.testing.assert_frame_equal(lazy, points)


def test_booleans_have_two_classes(rng: np.random.Generator) -> None:
    layer = a_map(rng)
    points = sample_design(layer == 1, size=150)
    assert set(points.stratum) == {0, 1}


def test_what_cannot_be_drawn_is_said(rng: np.random.Generator) -> None:
    layer = a_map(rng)
    with pytest.raises(ValueError, match="a smaller minimum="):
        sample_design(layer, size=100)
    with pytest.raises(ValueError, match="give more points"):
        sample_design(layer)
    with pytest.raises(ValueError, match="knows the allocations 'proportional' and 'equal'"):
        sample_design(layer, size=300, allocation="neyman")
    with pytest.raises(ValueError, match="give each its number and no size"):
        sample_design(layer, allocation={0: 10, 1: 10})
    with pytest.raises(ValueError, match="from 2 points in a stratum"):
        sample_design(layer, allocation={0: 10, 1: 1, 5: 10})
    with pytest.raises(TypeError, match="codes"):
        sample_design(layer.astype("f4"), size=300)
    for classes, strata in ((layer.astype("f4"), layer), (layer, layer.astype("f4"))):
        with pytest.raises(TypeError, match="codes"):
            sample_design(classes, size=300, strata=strata)
    with pytest.raises(ValueError, match="none"):
        sample_design(xr.full_like(layer, 255), size=300)
    with pytest.raises(ValueError, match="CRS"):
        sample_design(layer.drop_vars("spatial_ref"), size=300)
    with pytest.raises(ValueError, match="grid"):
        sample_design(layer, size=300, strata=layer.isel(y=slice(5, None)))


def test_those_who_label_do_not_see_the_map(rng: np.random.Generator, tmp_path: Path) -> None:
    points = sample_design(a_map(rng), size=200, minimum=30)
    file = tmp_path / "points.geojson"
    write_points(points, file)
    read = gpd.read_file(file)
    assert set(read.columns) == {"point", "x", "y", "reference", "geometry"}
    assert json.loads(file.read_text())["features"][0]["geometry"]["type"] == "Point"
    # Longitude and latitude to 7 decimals are a centimetre.
    back = read.to_crs(points.crs)
    npt.assert_allclose(back.geometry.x, points.x, atol=0.02)
    npt.assert_allclose(back.geometry.y, points.y, atol=0.02)
    write_points(points, file, blind=False)
    assert set(points.columns) == set(gpd.read_file(file).columns)
    assert [path.name for path in tmp_path.iterdir()] == ["points.geojson"]
    # Labels come back by number, in whatever order.
    labels = read.sample(frac=1, random_state=0).assign(reference=lambda t: t.point % 2)
    joined = points.assign(reference=points.point.map(labels.set_index("point").reference))
    npt.assert_array_equal(joined.reference, points.point % 2)
