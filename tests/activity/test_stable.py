"""Stable pixels against numpy, and their edges."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes

from minewatch.activity import stable_pixels
from minewatch.activity.stable import temporal_moments


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    values = rng.uniform(0.5, 1, (9, 13, 17))
    values[:, :6] = 1 - 0.3 * (1 - values[:, :6])
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:, 0, 0] = np.nan
    values[1:, 0, 1] = np.nan
    return oracles.series(values).rio.write_crs("EPSG:32721")


def test_moments_are_those_of_numpy(coherence):
    count, mean, std = temporal_moments(coherence)
    values = coherence.values.astype("float64")
    np.testing.assert_array_equal(count, np.isfinite(values).sum(0))
    seen = count.values > 1
    # float64 sums
    np.testing.assert_allclose(mean.values[seen], np.nanmean(values[:, seen], 0), rtol=1e-12)
    np.testing.assert_allclose(std.values[seen], np.nanstd(values[:, seen], 0, ddof=1), rtol=1e-9)
    assert np.isnan(mean[0, 0])
    assert np.isnan(std[0, 1])


def test_stable_is_high_steady_and_seen_often_enough(coherence):
    values = coherence.values.astype("float64")
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning):
        mean, std = np.nanmean(values, 0), np.nanstd(values, 0, ddof=1)
    enough = np.isfinite(values).sum(0) >= 5  # half of 9, rounded up
    expected = (mean > 0.85) & (std < 0.06) & enough
    stable = stable_pixels(coherence, minimum=0.85, maximum_std=0.06)
    assert 0 < expected.sum() < expected.size
    np.testing.assert_array_equal(stable, expected)
    assert stable.dtype == bool
    assert stable.name == "stable"
    assert stable.rio.crs.to_epsg() == 32721
    assert stable.attrs["min_count"] == 5


def test_limits_are_strict_and_the_spread_is_that_of_a_sample():
    values = np.array([[[0.5, 0.25]], [[0.5, 0.5]], [[0.5, 0.75]]])
    series = oracles.series(values)
    assert not stable_pixels(series, minimum=0.5, maximum_std=0.3)[0, 0]
    assert stable_pixels(series, minimum=0.4999, maximum_std=0.3)[0, 0]
    # The sample standard deviation of the second is exactly 0.25; divided by n it were 0.204.
    assert not stable_pixels(series, minimum=0.4, maximum_std=0.25)[0, 1]
    assert stable_pixels(series, minimum=0.4, maximum_std=0.2501)[0, 1]


def test_the_number_of_observations_can_be_set():
    values = np.full((8, 1, 3), 0.9)
    values[3:, 0, 0] = np.nan
    values[4:, 0, 1] = np.nan
    np.testing.assert_array_equal(stable_pixels(oracles.series(values))[0], [False, True, True])
    every = stable_pixels(oracles.series(values), min_count=3)
    np.testing.assert_array_equal(every[0], [True, True, True])


def test_where_to_look_can_be_set(coherence):
    within = xr.zeros_like(coherence[0], dtype=bool)
    within[2:4] = True
    everywhere = stable_pixels(coherence, minimum=0.7)
    inside = stable_pixels(coherence, minimum=0.7, within=within)
    np.testing.assert_array_equal(inside, everywhere & within)
    assert inside.attrs["domain"] == "given by within"
    with pytest.raises(ValueError, match="one grid"):
        stable_pixels(coherence, within=within[:-1])


@pytest.mark.parametrize("chunks", [{"pair": 1}, {"pair": 4, "y": 5, "x": 7}])
def test_it_is_lazy_and_blind_to_chunks(coherence, chunks):
    before = coherence.copy(deep=True)
    with nothing_computes():
        lazy = stable_pixels(coherence.chunk(chunks), minimum=0.85)
    xr.testing.assert_identical(lazy.compute(), stable_pixels(coherence, minimum=0.85))
    xr.testing.assert_identical(coherence, before)


def test_two_pairs_are_too_few(coherence):
    with pytest.raises(ValueError, match=r"at least 3 pairs .* got 2; add acquisitions"):
        stable_pixels(coherence[:2])
