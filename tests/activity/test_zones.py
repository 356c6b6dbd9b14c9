"""NDAI of zones is the loop over their pixels; box plots are those of matplotlib."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import oracles_activity as oracles
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from matplotlib.cbook import boxplot_stats
from shapely.geometry import Point, Polygon, box

from minewatch.activity import box_statistics, ndai, site_ndai, zone_series
from minewatch.activity.zones import zone_names
from minewatch.conventions import crs_of
from minewatch.vectors import rasterize

UTM = "EPSG:32721"
WEST, NORTH, STEP = 4e5, 9e6, 20.0  # the grid of oracles_activity.series
ALL = ("max", "q95", "median", "mean", "min", "std", "of_mean")
ODD = {"pair": 2, "y": 5, "x": 7}


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    values = rng.uniform(0.2, 0.95, (6, 14, 17))
    values[rng.random(values.shape) < 0.15] = np.nan
    values[4, :9] = np.nan
    return oracles.series(values).rio.write_crs(UTM)


@pytest.fixture
def ledger(coherence) -> xr.Dataset:
    return oracles.ledger(coherence, np.linspace(0.82, 0.92, 6), [1, 1, 0, 1, 1, 1])


def at(column: float, row: float) -> tuple[float, float]:
    return WEST + STEP * column, NORTH - STEP * row


def zones() -> gpd.GeoDataFrame:
    """A rectangle, a triangle that overlaps it, one half off the grid, one between the centres."""
    shapes = {
        "A1": box(*at(2, 8), *at(9, 1)),
        "A2": Polygon([at(5, 2), at(16.2, 3.1), at(8, 13)]),
        "edge": box(*at(13, 14), *at(21, 10)),
        "tiny": box(*at(4.6, 4.9), *at(4.9, 4.6)),
    }
    return gpd.GeoDataFrame({"name": list(shapes)}, geometry=list(shapes.values()), crs=UTM)


def inside(shape: Polygon, grid: xr.DataArray) -> np.ndarray:
    return np.array([[shape.contains(Point(x, y)) for x in grid.x.values] for y in grid.y.values])


NAIVE = {
    "max": np.max,
    "q95": lambda v: np.quantile(v, 0.95),
    "median": np.median,
    "mean": np.mean,
    "min": np.min,
    "std": lambda v: np.std(v, ddof=1),
}


def test_a_series_is_the_loop_over_pixels_of_kept_pairs(coherence, ledger):
    got = zone_series(coherence, ledger, zones(), statistics=ALL)
    assert got["max"].dims == ("pair", "zone")
    assert list(got.zone.values) == ["A1", "A2", "edge", "tiny"]
    kept = np.flatnonzero(ledger.keep.values)
    np.testing.assert_array_equal(got.secondary_time, coherence.secondary_time[kept])
    index = ndai(coherence, ledger.stable_mean).values
    means = ledger.stable_mean.values
    on_grid = np.array([1, 1, 0.5, 1])
    np.testing.assert_allclose(got.on_grid, on_grid)
    for j, shape in enumerate(zones().geometry):
        where = inside(shape, coherence)
        assert got.pixels[j] == where.sum()
        for i, pair in enumerate(kept):
            values = index[pair][where].astype("f8")
            finite = values[np.isfinite(values)]
            enough = where.any() and len(finite) / where.sum() * on_grid[j] >= 0.5
            for name, function in NAIVE.items():
                expected = function(finite) if enough else np.nan
                np.testing.assert_allclose(got[name][i, j], expected, rtol=1e-6, err_msg=name)
            gamma = np.nanmean(coherence.values[pair][where].astype("f8")) if enough else np.nan
            g = means[pair]
            np.testing.assert_allclose(got["of_mean"][i, j], (g - gamma) / (g + gamma), rtol=1e-5)
    # The date that was half unseen is known nowhere that reaches too far into it.
    assert np.isnan(got["max"].sel(zone="A1")[3])
    assert np.isnan(got["max"].sel(zone="tiny")).all()
    assert got["max"].dtype == np.float32
    assert crs_of(got) == crs_of(coherence)
    assert got["q95"].attrs == {
        "long_name": "zonal q95 of NDAI", "units": "1", "statistic": "q95", "min_valid": 0.5
    }  # fmt: skip


def test_ground_off_the_grid_was_not_seen(coherence, ledger):
    """Half of the zone lies off the grid: more than half can never have been seen."""
    whole = coherence.fillna(0.5)
    known = zone_series(whole, ledger, zones().iloc[[2]], min_valid=0.5)
    unknown = zone_series(whole, ledger, zones().iloc[[2]], min_valid=0.51)
    assert np.isfinite(known["max"]).all()
    assert np.isnan(unknown["max"]).all()
    away = gpd.GeoDataFrame({"name": ["away"]}, geometry=[box(0, 0, 100, 100)], crs=UTM)
    far = zone_series(whole, ledger, away)
    assert np.isnan(far["median"]).all()
    assert float(far.on_grid[0]) == 0
    assert int(far.pixels[0]) == 0


@pytest.mark.parametrize("reach", [72.26, 82.16, 92.05])
def test_half_a_zone_is_half_whatever_its_area_was_rounded_to(coherence, ledger, reach):
    """Shares of 0.5 ± 1e-16 are one share."""
    (edge, north), south = at(17, 5.3), at(17, 11.7)[1]
    half = gpd.GeoDataFrame(geometry=[box(edge - reach, south, edge + reach, north)], crs=UTM)
    got = zone_series(coherence.fillna(0.5), ledger, half)
    assert float(got.on_grid[0]) == pytest.approx(0.5, abs=1e-12)
    assert np.isfinite(got["max"]).all()


def test_a_site_by_its_mask_and_a_zone_by_its_outline_are_one(coherence, ledger):
    two = zones().iloc[:2]
    got = zone_series(coherence, ledger, two, statistics=["mean", "of_mean"])
    kept = coherence.isel(pair=np.flatnonzero(ledger.keep.values))
    for j, target in ((0, "zone_mean"), (1, "zone_mean"), (0, "pixel"), (1, "pixel")):
        site = site_ndai(
            kept, ledger.stable_mean, rasterize(two.iloc[[j]], like=kept), target=target
        )
        zone = got["of_mean" if target == "zone_mean" else "mean"][:, j]
        np.testing.assert_allclose(site, zone, rtol=1e-5)  # float32, of which half is lost in g − γ
    assert np.isnan(site[3])
    assert np.isfinite(site).sum() == 4


def test_ndai_of_the_mean_is_less_than_the_mean_of_ndai(coherence, ledger):
    """NDAI is convex in coherence."""
    got = zone_series(coherence, ledger, zones().iloc[:2], statistics=["mean", "of_mean"])
    known = np.isfinite(got["mean"].values)
    assert known.sum() > 5
    assert (got["of_mean"].values[known] < got["mean"].values[known]).all()


def test_the_maximum_of_noise_grows_with_the_zone(rng):
    coherence = oracles.series(oracles.drawn(np.full((8, 40, 40), 0.85), 18, rng))
    coherence = coherence.rio.write_crs(UTM)
    sizes = {"small": 2, "large": 40}
    nested = gpd.GeoDataFrame(
        {"name": list(sizes)},
        geometry=[box(*at(0, size), *at(size, 0)) for size in sizes.values()],
        crs=UTM,
    )
    got = zone_series(coherence, oracles.ledger(coherence, 0.85), nested)
    assert float((got["max"].sel(zone="large") > got["max"].sel(zone="small")).mean()) == 1
    assert abs(float((got["median"].diff("zone")).mean())) < 0.02


@pytest.mark.parametrize("chunks", [{"pair": 1}, ODD, {"pair": -1, "y": 3, "x": 17}])
def test_a_series_is_lazy_and_blind_to_chunks(coherence, ledger, chunks):
    with nothing_computes():
        lazy = zone_series(coherence.chunk(chunks), ledger, zones(), statistics=ALL)
    assert all(layer.chunks is not None for layer in lazy.data_vars.values())
    expected = zone_series(coherence, ledger, zones(), statistics=ALL)
    xr.testing.assert_allclose(lazy.compute(), expected, rtol=1e-6)


def test_dropped_pairs_are_never_read(coherence, ledger):
    import dask.array as da

    def broken(block, block_info=None):
        if block_info[0]["array-location"][0][0] == 2:  # the pair that the ledger drops
            message = "read"
            raise AssertionError(message)
        return block

    data = coherence.chunk(pair=1).data.map_blocks(broken, meta=np.empty((0, 0, 0), "f4"))
    assert isinstance(data, da.Array)
    lazy = zone_series(coherence.copy(data=data), ledger, zones())
    assert lazy["max"].compute().sizes["pair"] == 5


def test_zones_come_from_any_crs_and_rows_may_be_reordered(coherence, ledger):
    expected = zone_series(coherence, ledger, zones())
    degrees = zone_series(coherence, ledger, zones().to_crs("EPSG:4326"))
    np.testing.assert_allclose(degrees["max"], expected["max"])
    turned = ledger.isel(pair=[5, 3, 1, 0, 2, 4])
    xr.testing.assert_equal(zone_series(coherence, turned, zones()), expected)


def test_names_come_from_the_column_or_the_index():
    assert zone_names(zones(), by="zone_series").tolist() == ["A1", "A2", "edge", "tiny"]
    unnamed = zones().drop(columns="name").set_index(gpd.pd.Index([4, 5, 6, 7]))
    assert zone_names(unnamed, by="zone_series").tolist() == ["4", "5", "6", "7"]
    some = zones().assign(name=["A1", None, "B", np.nan])
    assert zone_names(some, by="zone_series").tolist() == ["A1", "1", "B", "3"]
    twice = zones().assign(name=["A1", "A1", "B", "C"])
    with pytest.raises(ValueError, match=r"got 'A1' 2 times; .*zones\.dissolve\('name'"):
        zone_names(twice, by="zone_series")


def test_a_series_says_what_it_needs(coherence, ledger):
    with pytest.raises(ValueError, match=r"or a quantile such as q05, q95; got 'mode'"):
        zone_series(coherence, ledger, zones(), statistics=["max", "mode"])
    with pytest.raises(ValueError, match="check how they were selected"):
        zone_series(coherence, ledger, zones().iloc[:0])
    with pytest.raises(ValueError, match=r"layer\.rio\.write_crs"):
        zone_series(coherence.drop_vars("spatial_ref"), ledger, zones())
    with pytest.raises(ValueError, match="keeps none of the 6 pairs"):
        zone_series(coherence, ledger.assign(keep=ledger.keep & False), zones())
    with pytest.raises(KeyError, match="select the common pairs first"):
        zone_series(coherence, ledger.isel(pair=[0, 1]), zones())


# --- box plots ----------------------------------------------------------------------------------


def test_boxes_are_those_of_matplotlib(rng):
    values = rng.gamma(2, 0.1, (43, 5)).astype("f4")
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, 3] = np.nan
    values[1:, 4] = np.nan
    series = xr.DataArray(
        values, {"zone": list("ABCDE")}, ("pair", "zone"), attrs={"long_name": "zonal max of NDAI"}
    )
    got = box_statistics(series)
    assert list(got) == [
        "minimum", "q1", "median", "q3", "maximum", "iqr", "whisker_low", "whisker_high", "count"
    ]  # fmt: skip
    assert got["count"].values.tolist()[3:] == [0, 1]
    for zone in "ABCE":
        column = series.sel(zone=zone).values.astype("f8")
        column = column[np.isfinite(column)]
        (expected,) = boxplot_stats(column, whis=1.5)
        box = {name: float(values) for name, values in got.sel(zone=zone).data_vars.items()}
        for name, key in (
            ("q1", "q1"), ("median", "med"), ("q3", "q3"), ("iqr", "iqr"),
            ("whisker_low", "whislo"), ("whisker_high", "whishi"),
        ):  # fmt: skip
            assert box[name] == pytest.approx(expected[key], abs=1e-12), (zone, name)
        assert (box["minimum"], box["maximum"]) == (column.min(), column.max())
        assert box["count"] == len(column)
    assert all(np.isnan(got[name].sel(zone="D")) for name in got if name != "count")


def test_a_whisker_never_ends_inside_the_box():
    """Quartiles between far values: the last value within reach may lie inside the box."""
    series = xr.DataArray([[0.0], [0.0], [0.0], [100.0]], dims=("pair", "zone"))
    got = box_statistics(series)
    assert (float(got.q3[0]), float(got.whisker_high[0])) == (25, 25)


def test_boxes_are_lazy_and_blind_to_chunks(rng):
    series = xr.DataArray(rng.normal(size=(9, 4)), dims=("pair", "zone"))
    series = series.assign_coords(spatial_ref=0, pixels=("zone", [3, 4, 5, 6]))
    with nothing_computes():
        lazy = box_statistics(series.chunk(pair=2, zone=3))
    xr.testing.assert_identical(lazy.compute(), box_statistics(series))
    assert set(lazy.coords) == {"pixels"}  # a box has no place on the map
    with pytest.raises(ValueError, match=r"use \.transpose\('pair', 'zone'\)"):
        box_statistics(series.T)
