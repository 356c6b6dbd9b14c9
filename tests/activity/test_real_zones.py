"""Zones over thirty real Sentinel-1 pairs of Mexico City: a geographic grid, holes and all."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from shapely.geometry import box

from minewatch import activity, grids, sources

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def series(real_data):
    files = sorted((real_data / "s1-coherence-stack-mexico" / "geotiffs").glob("*_cc.tif"))
    coherence = sources.coherence.open_stack(files)
    with warnings.catch_warnings():  # that the baselines are in files of their own
        warnings.simplefilter("ignore", UserWarning)
        ledger = activity.screen_pairs(coherence, activity.stable_pixels(coherence))
    return coherence, ledger


@pytest.fixture(scope="module")
def quarters(series) -> gpd.GeoDataFrame:
    """The scene cut in four, and a fifth zone half off it."""
    left, bottom, right, top = grids.geobox_of(series[0]).boundingbox.bbox
    x, y = (left + right) / 2, (bottom + top) / 2
    shapes = {
        "northwest": box(left, y, x, top),
        "northeast": box(x, y, right, top),
        "southwest": box(left, bottom, x, y),
        "southeast": box(x, bottom, right, y),
        "beyond": box(x, bottom, 2 * right - x, y),
    }
    return gpd.GeoDataFrame({"name": list(shapes)}, geometry=list(shapes.values()), crs=4326)


def test_quarters_add_up_to_the_scene(series, quarters):
    coherence, ledger = series
    index = activity.tai(coherence, ledger, threshold=0.2).compute()
    table = activity.zone_table(index, quarters, coherence=coherence, ledger=ledger)
    four = table.set_index("name").iloc[:4]
    scene = activity.activity_areas(index).area.to_series()
    assert four.stable_ha.sum() == pytest.approx(scene[1])
    assert four.undecided_ha.sum() == pytest.approx(scene[0])
    assert four.active_ha_lower.sum() == pytest.approx(scene[2])
    assert four.unknown_ha.sum() == pytest.approx(scene[255])
    assert four.pixels.tolist() == [1500] * 4
    # An edge drawn straight on the map is no geodesic: a millionth of the area.
    assert four.area_ha.sum() == pytest.approx(scene.sum(), rel=1e-5)
    beyond = table.iloc[4]
    assert beyond.off_grid_ha == pytest.approx(beyond.area_ha / 2, rel=1e-3)
    assert beyond.active_ha == four.active_ha["southeast"]
    assert (table.judged_pairs <= 23).all()
    assert (four.judged_pairs >= 20).all()


def test_the_series_is_the_index_of_the_quarter(series, quarters):
    coherence, ledger = series
    got = activity.zone_series(coherence, ledger, quarters).compute()
    kept = coherence.isel(pair=ledger.keep.values)
    index = activity.ndai(kept, ledger.stable_mean)
    corner = index.isel(y=slice(0, 30), x=slice(0, 50)).values.reshape(23, -1)
    np.testing.assert_allclose(got["max"][:, 0], np.nanmax(corner, 1), rtol=1e-6)
    np.testing.assert_allclose(got["median"][:, 0], np.nanmedian(corner, 1), rtol=1e-5)
    np.testing.assert_allclose(got["q95"][:, 0], np.nanquantile(corner, 0.95, 1), rtol=1e-5)
    boxes = activity.box_statistics(got["max"])
    assert boxes["count"].values.tolist()[:4] == [23] * 4
    # Half of this zone lies off the grid; all of the other half was seen, and no more may lack.
    np.testing.assert_array_equal(got["max"].sel(zone="beyond"), got["max"].sel(zone="southeast"))
    more = activity.zone_series(coherence, ledger, quarters.iloc[[4]], min_valid=0.51)
    assert np.isnan(more["max"]).all()


def test_holes_and_what_lies_off_the_grid_add_up(series, quarters):
    coherence, ledger = series
    left, bottom, right, top = quarters.geometry[quarters["name"] == "northwest"].iloc[0].bounds
    half = gpd.GeoDataFrame(geometry=[box(2 * left - right, bottom, right, top)], crs=4326)
    got = activity.zone_series(coherence, ledger, half)["max"][:, 0]
    kept = coherence.isel(pair=ledger.keep.values, y=slice(0, 30), x=slice(0, 50))
    holes = np.isnan(kept.values).any((1, 2))
    assert 0 < holes.sum() < 23
    np.testing.assert_array_equal(np.isnan(got), holes)


def test_exact_thresholds_agree_on_every_real_pair(series):
    """Coherence below its limit and NDAI above its own are one map: 100 %."""
    coherence, ledger = series
    for image, row in zip(coherence.compute(), ledger.stable_mean.values, strict=True):
        for threshold in (0.05, 0.13, 0.19, 0.2, 0.4):
            assert activity.compare_maps(image, row, threshold=threshold).coincidence == 1


def test_the_pairs_of_spring(series):
    spring = activity.pairs_between(series[0], "2018-03-01", "2018-05-31")
    assert isinstance(spring, xr.DataArray)
    assert 0 < spring.sizes["pair"] < 30
    assert (spring.reference_time >= np.datetime64("2018-03-01")).all()
    assert (spring.secondary_time < np.datetime64("2018-06-01")).all()
