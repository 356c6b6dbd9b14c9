"""The index of a site and the index on an additive scale."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes

from minewatch.activity import (
    baseline_regression,
    log_activity,
    ndai,
    screen_pairs,
    site_ndai,
    stable_pixels,
)


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    values = rng.uniform(0.1, 0.9, (6, 9, 11))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[4, :6] = np.nan
    return oracles.series(values).rio.write_crs("EPSG:32721")


@pytest.fixture
def sites(coherence) -> xr.DataArray:
    masks = np.zeros((3, 9, 11), bool)
    masks[0, :4, :5] = True
    masks[1, 5:, 2:] = True
    return xr.DataArray(
        masks,
        dims=("zone", "y", "x"),
        coords={"zone": ["a", "b", "none"], "y": coherence.y, "x": coherence.x},
    )


@pytest.mark.parametrize("target", ["zone_mean", "pixel"])
def test_it_is_the_loop_over_pairs_and_sites(coherence, sites, target):
    levels = xr.DataArray(
        np.linspace(0.8, 0.9, 6), dims="pair", coords=oracles.ledger(coherence, 0.9).coords
    )
    got = site_ndai(coherence, levels[::-1], sites, target=target)
    assert got.dims == ("pair", "zone")
    assert list(got.zone.values) == ["a", "b", "none"]
    np.testing.assert_array_equal(got.secondary_time, coherence.secondary_time)
    for zone in range(3):
        where = sites.values[zone]
        for pair in range(6):
            values = coherence.values[pair][where].astype("float64")
            g, there = float(levels[pair]), values[np.isfinite(values)]
            expected = np.nan
            if len(values) and len(there) >= 0.5 * len(values):
                mean = there.mean()
                one = (g - mean) / (g + mean)
                expected = one if target == "zone_mean" else ((g - there) / (g + there)).mean()
            np.testing.assert_allclose(got[pair, zone], expected, rtol=1e-6)
    assert np.isnan(got[4, 0])
    assert np.isnan(got[:, 2]).all()
    one = site_ndai(coherence, levels, sites[1].drop_vars("zone"), target=target)
    np.testing.assert_allclose(one, got[:, 1], rtol=1e-6)
    assert got.attrs["target"] == target


@pytest.mark.parametrize("target", ["zone_mean", "pixel"])
def test_it_is_lazy_and_blind_to_chunks(coherence, sites, target):
    before = coherence.copy(deep=True)
    plain = site_ndai(coherence, 0.9, sites, target=target)
    with nothing_computes():
        lazy = site_ndai(coherence.chunk(pair=4, y=2, x=5), 0.9, sites, target=target)
    assert lazy.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), plain)
    xr.testing.assert_identical(coherence, before)


def test_half_of_a_site_is_enough():
    values = np.full((2, 2, 2), 0.3)
    values[0, 0] = np.nan
    values[1, 0], values[1, 1, 0] = np.nan, np.nan
    coherence = oracles.series(values)
    site = xr.ones_like(coherence[0], dtype=bool)
    found = site_ndai(coherence, 0.9, site)
    np.testing.assert_allclose(found, [0.5, np.nan], rtol=1e-6)


def test_the_mean_of_indices_is_no_less_than_the_index_of_the_mean(coherence, sites):
    # (g - x) / (g + x) is convex in x.
    mean, each = (site_ndai(coherence, 0.9, sites, target=t) for t in ("zone_mean", "pixel"))
    known = mean.notnull()
    assert (each >= mean).where(known, True).all()
    assert float((each - mean).max()) > 0.02


def test_stable_ground_cancels_the_baseline(rng):
    """Kavats et al., Fig. 6: coherence falls with the baseline, the index does not."""
    baselines = np.linspace(-240, 240, 60)
    truth = 0.93 * (1 - abs(baselines) / 2500)
    coherence = oracles.series(
        oracles.drawn(np.broadcast_to(truth[:, None, None], (60, 40, 50)), 18.14, rng),
        baselines=baselines,
    )
    stable = stable_pixels(coherence)
    ledger = screen_pairs(coherence, stable)
    index = site_ndai(coherence, ledger.stable_mean, stable, target="pixel")
    ledger = ledger.assign(stable_ndai=index)
    level, difference = (
        baseline_regression(ledger, variable=name) for name in ("stable_mean", "stable_ndai")
    )
    assert float(level.r) < -0.95
    assert float(level.r_upper) < 0
    assert float(level.p) < 1e-20
    # What is left is E[NDAI] = Var / (4 g²), which grows a little with decorrelation: of the
    # size of 1e-3 on 0.87, three orders below what is measured on a mine.
    assert abs(float(difference.slope)) < 0.01 * abs(float(level.slope))
    variance = float(coherence[:, 0].var("x").mean())
    assert float(index.mean()) == pytest.approx(variance / (4 * 0.88**2), rel=0.1)


def test_logarithms_add_up(rng):
    coherence = oracles.series(rng.uniform(0.05, 1, (4, 5, 6)))
    got = log_activity(ndai(coherence, 0.87))
    np.testing.assert_allclose(got, np.log(coherence.values) - np.log(0.87), atol=2e-6)
    half = log_activity(ndai(coherence / 2, 0.87))
    np.testing.assert_allclose(half - got, -np.log(2), atol=4e-6)
    odd = xr.DataArray(np.float32([1.0, -1.0, 1.2, np.nan]), dims="x")
    assert np.isnan(log_activity(odd)).all()
    with nothing_computes():
        lazy = log_activity(ndai(coherence.chunk(pair=1), 0.87))
    xr.testing.assert_identical(lazy.compute(), got)


def test_what_is_wrong_is_told(coherence, sites):
    with pytest.raises(ValueError, match="'zone_mean' and 'pixel', got target='site'"):
        site_ndai(coherence, 0.9, sites, target="site")
    with pytest.raises(ValueError, match="one grid"):
        site_ndai(coherence, 0.9, sites[:, 1:])
    with pytest.raises(TypeError, match="needs dtype bool"):
        site_ndai(coherence, 0.9, sites.astype("uint8"))
