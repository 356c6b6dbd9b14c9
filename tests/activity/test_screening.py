"""Which pairs are kept, and why not."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import xarray as xr

from minewatch.activity import TooFewStablePixels, screen_pairs, stable_pixels, tai
from minewatch.activity.screening import REASONS


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    values = np.clip(rng.normal(0.9, 0.02, (8, 10, 12)), 0, 1)
    values[:, :, 8:] = rng.uniform(0, 0.4, (8, 10, 4))  # forest
    values[1] *= 0.75  # rain
    values[2, :6, :8] = np.nan  # half of the scene was not seen, and a little more
    values[3, ::2, :8] = 1.0
    values[3, 1::2, :8] = 0.62
    baselines = np.array([0, 0, 0, 0, 251, -250, np.nan, 10.0])
    return oracles.series(values, baselines=baselines)


@pytest.fixture
def stable(coherence) -> xr.DataArray:
    return xr.zeros_like(coherence[0], dtype=bool).where(coherence.x > 4e5 + 160, True)


def screened(coherence, stable, **settings):
    with pytest.warns(UserWarning, match="1 of 8 pairs and keeps them.*=None"):
        return screen_pairs(coherence, stable, **settings)


def test_statistics_are_those_of_numpy_over_stable_pixels(coherence, stable):
    ledger = screened(coherence, stable)
    values = coherence.values.astype("float64")[:, stable.values]
    np.testing.assert_allclose(ledger.stable_mean, np.nanmean(values, 1), rtol=1e-12)
    np.testing.assert_allclose(ledger.stable_std, np.nanstd(values, 1, ddof=1), rtol=1e-9)
    np.testing.assert_allclose(ledger.valid_share, np.isfinite(values).mean(1))
    for name in ("reference_time", "secondary_time", "perpendicular_baseline"):
        np.testing.assert_array_equal(ledger[name], coherence[name])


def test_every_dropped_pair_has_its_reason(coherence, stable):
    ledger = screened(coherence, stable, maximum_std=0.1)
    names = dict(zip(ledger.reason.flag_values, ledger.reason.flag_meanings.split(), strict=True))
    assert [names[code] for code in ledger.reason.values] == [
        "kept",
        "low_stable_coherence",
        "too_few_stable_pixels_seen",
        "spread_too_wide",
        "baseline_too_long",
        "kept",  # exactly 250 m
        "kept",  # unknown
        "kept",
    ]
    np.testing.assert_array_equal(ledger.keep, ledger.reason == 0)
    assert ledger.keep.dtype == bool
    assert ledger.reason.dtype == "uint8"
    assert ledger.attrs["stable_pixels"] == 80
    assert ledger.attrs["kept"] == 4


def test_without_limits_on_spread_and_baseline_these_pairs_stay(coherence, stable):
    ledger = screen_pairs(coherence, stable, max_perpendicular_baseline=None)
    np.testing.assert_array_equal(np.flatnonzero(~ledger.keep), [1, 2])


def test_exactly_the_minimum_is_kept():
    coherence = oracles.series(np.full((3, 6, 6), 0.75))
    stable = xr.ones_like(coherence[0], dtype=bool)
    assert screen_pairs(coherence, stable, minimum=0.75).keep.all()
    assert not screen_pairs(coherence, stable, minimum=0.7500001).keep.any()


def test_half_of_the_stable_pixels_is_enough():
    coherence = oracles.series(np.full((3, 6, 6), 0.9))
    coherence[1, :3] = np.nan  # 18 of 36
    coherence[2, :3], coherence[2, 3, 0] = np.nan, np.nan
    stable = xr.ones_like(coherence[0], dtype=bool)
    ledger = screen_pairs(coherence, stable, max_perpendicular_baseline=None)
    assert ledger.keep.values.tolist() == [True, True, False]


def test_a_date_without_any_stable_pixel_is_dropped(coherence, stable):
    coherence[0] = np.nan
    ledger = screened(coherence, stable)
    assert np.isnan(ledger.stable_mean[0])
    assert ledger.reason[0] == REASONS["too_few_stable_pixels_seen"]


def test_chunks_do_not_matter(coherence, stable):
    coherence[0, 3, 3], coherence[7, 1, 2] = np.inf, -np.inf  # as unknown as NaN
    plain = screened(coherence, stable)
    chunked = screened(coherence.chunk(pair=3, y=4, x=5), stable.chunk(x=3))
    xr.testing.assert_allclose(chunked, plain, rtol=1e-12)
    assert plain.stable_mean[0] == pytest.approx(0.9, abs=0.02)
    assert all(variable.chunks is None for variable in chunked.variables.values())


@pytest.mark.parametrize("chunks", [None, {"pair": 2, "y": 7}])
def test_too_few_stable_pixels_says_what_would_be_enough(rng, chunks):
    coherence = oracles.series(np.clip(rng.normal(0.7, 0.05, (6, 20, 20)), 0, 1))
    coherence[:, :2, :2] = 0.9
    coherence = coherence if chunks is None else coherence.chunk(chunks)
    stable = stable_pixels(coherence)
    with pytest.raises(TooFewStablePixels, match=r"min_pixels=30.*got 4 .*min_pixels=4") as caught:
        screen_pairs(coherence, stable)
    assert isinstance(caught.value, ValueError)
    advice = str(caught.value).partition("stable_pixels(minimum=")[2]
    minimum, _, rest = advice.partition(")")
    found = stable_pixels(coherence, minimum=float(minimum))
    assert f"would find {int(found.sum())}" in rest
    assert found.sum() >= 30
    assert stable_pixels(coherence, minimum=float(minimum) + 0.01).sum() < 30
    screen_pairs(coherence, found, minimum=0.6)


def test_where_nothing_helps_it_says_so(rng):
    coherence = oracles.series(rng.random((6, 10, 10)))
    with pytest.raises(TooFewStablePixels, match=r"only . pixels are that steady; use a larger"):
        screen_pairs(coherence, stable_pixels(coherence, maximum_std=0.02))
    mine = xr.zeros_like(coherence[0], dtype=bool)
    with pytest.raises(TooFewStablePixels, match="got 0; give a mask with more pixels"):
        screen_pairs(coherence, mine)
    inside = stable_pixels(coherence, maximum_std=0.5, within=xr.ones_like(mine))
    with pytest.raises(TooFewStablePixels, match="over the whole scene"):
        screen_pairs(coherence, inside)


def test_the_reasons_are_told_when_nothing_is_left(coherence, stable):
    ledger = screened(coherence, stable, minimum=0.99)
    with pytest.raises(
        ValueError, match=r"none of the 8 pairs \(6 low stable coherence, 1 too few"
    ):
        tai(coherence, ledger, threshold=0.2)
