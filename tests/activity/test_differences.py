"""The activity index: bounds, invariance, inverse, means."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes

from minewatch import insar
from minewatch.activity import coherence_threshold, mean_ndai, ndai


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    values = rng.random((7, 11, 13))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[:, 0, 0] = np.nan
    return oracles.series(values).rio.write_crs("EPSG:32721")


@pytest.fixture
def ledger(coherence) -> xr.Dataset:
    return oracles.ledger(coherence, np.linspace(0.8, 0.95, 7), [1, 1, 0, 1, 1, 1, 1])


def test_bounds_and_fixed_points():
    row = oracles.series(np.array([[[1.0, 0.8, 0.0, 0.4, np.nan]]]))
    got = ndai(row, 0.8)[0, 0]
    # At g = 0.8 the least is -1/9.
    np.testing.assert_allclose(got, [-0.111111, 0, 1, 1 / 3, np.nan], atol=1e-6)


def test_it_is_the_hyperbolic_tangent_of_half_the_log_ratio(coherence, ledger):
    got = ndai(coherence, ledger.stable_mean)
    ratio = ledger.stable_mean.values[:, None, None] / coherence.values.astype("float64")
    np.testing.assert_allclose(got, np.tanh(np.log(ratio) / 2), atol=1e-6)
    assert got.dtype == "float32"
    assert got.dims == coherence.dims
    assert got.rio.crs.to_epsg() == 32721
    xr.testing.assert_equal(got.secondary_time, coherence.secondary_time)


def test_a_common_factor_cancels(coherence):
    half = coherence.copy(data=coherence.data * np.float32(0.5))
    np.testing.assert_allclose(ndai(half, 0.45), ndai(coherence, 0.9), atol=1e-6)


def test_stable_means_are_matched_by_date(coherence, ledger):
    turned = ledger.isel(pair=[3, 1, 0, 2, 6, 5, 4])
    xr.testing.assert_identical(
        ndai(coherence, turned.stable_mean), ndai(coherence, ledger.stable_mean)
    )
    with pytest.raises(KeyError, match="select the common pairs first"):
        ndai(coherence, ledger.stable_mean[:5])


def test_no_coherence_anywhere_is_unknown():
    assert np.isnan(ndai(oracles.series(np.zeros((1, 1, 1))), 0.0)).all()


def test_ndai_is_lazy_and_blind_to_chunks(coherence, ledger):
    with nothing_computes():
        lazy = ndai(coherence.chunk(pair=2, y=4, x=5), ledger.stable_mean)
    assert lazy.chunks == ((2, 2, 2, 1), (4, 4, 3), (5, 5, 3))
    xr.testing.assert_identical(lazy.compute(), ndai(coherence, ledger.stable_mean))


def test_the_coherence_threshold_is_the_inverse():
    # Printed pairs of thresholds, and the stable means that they imply.
    for threshold, coherence, mean in ((0.13, 0.68, 0.88322), (0.19, 0.59, 0.86679)):
        assert coherence_threshold(mean, threshold) == pytest.approx(coherence, abs=1e-5)
        assert coherence * (1 + threshold) / (1 - threshold) == pytest.approx(mean, abs=1e-5)
    means = xr.DataArray([0.8, 0.9], dims="pair")
    limits = coherence_threshold(means, xr.DataArray(0.2))
    np.testing.assert_allclose(limits, [0.8 / 1.5, 0.9 / 1.5])
    assert limits.attrs["threshold"] == 0.2
    with pytest.raises(ValueError, match=r"between -1 and 1, got 1.5; 0.2 is usual"):
        coherence_threshold(0.9, 1.5)
    with pytest.raises(ValueError, match="one threshold, got one with dims"):
        coherence_threshold(0.9, means)


def test_falling_below_it_is_exceeding_the_threshold(rng):
    # In exact arithmetic the two are one; in float64 they differ in no draw of these.
    coherence, mean, threshold = rng.random((3, 1_000_000))
    mean = 0.5 + mean / 2
    threshold = 0.8 * threshold
    below = coherence < mean * (1 - threshold) / (1 + threshold)
    np.testing.assert_array_equal(below, (mean - coherence) / (mean + coherence) > threshold)


def test_mean_of_the_kept_pairs(coherence, ledger):
    index = ndai(coherence, ledger.stable_mean).values.astype("float64")[ledger.keep.values]
    seen = np.isfinite(index).sum(0)
    expected = np.where(seen >= 4, np.nansum(index, 0) / np.maximum(seen, 1), np.nan)
    got = mean_ndai(coherence, ledger, min_count=4)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert got.dtype == "float32"
    assert got.rio.crs.to_epsg() == 32721
    assert got.attrs["pairs"] == 6
    assert np.isnan(got[0, 0])


def test_a_mean_for_each_year(rng):
    coherence = oracles.series(rng.random((40, 3, 4)), start="2021-03-01")
    ledger = oracles.ledger(coherence, 0.9, np.arange(40) % 4 > 0)
    got = mean_ndai(coherence, ledger, by="year")
    assert got.dims == ("year", "y", "x")
    np.testing.assert_array_equal(got.year, [2021, 2022])
    for year in (2021, 2022):
        alone = coherence.isel(pair=(coherence.secondary_time.dt.year == year).values)
        np.testing.assert_allclose(got.sel(year=year), mean_ndai(alone, ledger), atol=1e-7)
    seasons = mean_ndai(coherence.chunk(pair=7, x=3), ledger, by="season")
    assert seasons.sizes["season"] == 6


@pytest.mark.parametrize("by", [None, "year"])
def test_the_mean_is_lazy_and_blind_to_chunks(coherence, ledger, by):
    with nothing_computes():
        lazy = mean_ndai(coherence.chunk(pair=2, y=4, x=5), ledger, by=by)
    xr.testing.assert_allclose(lazy.compute(), mean_ndai(coherence, ledger, by=by), atol=1e-7)


def test_overshoot_of_resampling_is_cut_and_counted():
    values = np.float32([[[-0.017, 0.0, 0.4, 1.02, np.nan]]])
    wild = xr.DataArray(values, dims=("pair", "y", "x"))
    plain = ndai(wild, 0.9)
    assert float(plain[0, 0, 0]) > 1  # only coherence below 0 does that
    assert "clipped" not in plain.attrs
    cut = ndai(wild, 0.9, clip_input=True)
    assert (cut.attrs["clip_input"], cut.attrs["clipped"]) == (1, 2)
    np.testing.assert_allclose(cut[0, 0], [1, 1, 5 / 13, -1 / 19, np.nan], rtol=1e-6)
    with nothing_computes():
        lazy = ndai(wild.chunk(x=2), 0.9, clip_input=True)
    assert "clipped" not in lazy.attrs  # which would take a computation
    xr.testing.assert_equal(lazy.compute(), cut)


@pytest.mark.parametrize(("looks", "ceiling"), [(14.3, 0.573), (20, 0.627), (30, 0.685)])
def test_ground_without_coherence_stays_below_one(rng, looks, ceiling):
    # The estimate of no coherence at all has a floor, and so the mean index a ceiling.
    floor = insar.expected_coherence(0.0, looks)
    assert (0.87 - floor) / (0.87 + floor) == pytest.approx(ceiling, abs=5e-4)
    nothing = oracles.series(oracles.drawn(np.zeros((40, 30, 40)), looks, rng))
    index = ndai(nothing, 0.87)
    # The mean of a convex index lies above the index of the mean, by what the spread adds.
    assert ceiling < float(index.mean()) < ceiling + 0.03
