"""Stable ground and good pairs that agree with each other."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import xarray as xr
from laziness import nothing_computes

from minewatch.activity import TooFewStablePixels, screen_pairs, settle_pairs, stable_pixels


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    """Rock at 0.82 to 0.9, forest beside it, and rain on four dates of fifteen."""
    rock = np.broadcast_to(np.linspace(0.82, 0.9, 20), (15, 20, 20)) + rng.normal(
        0, 0.005, (15, 20, 20)
    )
    rock = rock - 0.25 * np.isin(np.arange(15), [2, 5, 6, 11])[:, None, None]
    return oracles.series(np.concatenate([rock, rng.uniform(0.05, 0.4, (15, 20, 10))], 2))


def by_hand(coherence: xr.DataArray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    series = coherence.values[keep].astype("float64")
    stable = (series.mean(0) > 0.8) & (series.std(0, ddof=1) < 0.2)
    return stable, coherence.values[:, stable].mean(1) >= 0.8


def test_it_is_where_neither_changes(coherence):
    stable, ledger = settle_pairs(coherence)
    keep = ledger.keep.values
    np.testing.assert_array_equal(np.flatnonzero(~keep), [2, 5, 6, 11])
    expected, again = by_hand(coherence, keep)
    np.testing.assert_array_equal(stable, expected)
    np.testing.assert_array_equal(keep, again)
    xr.testing.assert_equal(ledger, screen_pairs(coherence, stable))
    # Once through, rock fails as stable ground because of rain that is dropped afterwards.
    first = stable_pixels(coherence)
    assert first.sum() < 0.8 * stable.sum()
    assert (ledger.attrs["rounds"], ledger.attrs["settled"]) == (2, 1)
    assert (stable.attrs["rounds"], stable.attrs["settled"]) == (2, 1)


def test_one_round_is_the_bare_procedure(coherence):
    stable, ledger = settle_pairs(coherence, max_rounds=1)
    first = stable_pixels(coherence)
    np.testing.assert_array_equal(stable, first)
    xr.testing.assert_equal(ledger, screen_pairs(coherence, first))
    assert ledger.attrs["settled"] == 0


def test_a_steady_series_settles_at_once(rng):
    steady = oracles.series(rng.normal(0.9, 0.01, (6, 8, 8)))
    _, ledger = settle_pairs(steady)
    assert (ledger.attrs["rounds"], ledger.attrs["settled"]) == (1, 1)


def test_long_baselines_do_not_find_stable_ground(coherence):
    long = coherence.copy(data=coherence.where(coherence.pair > 7, 0.0))
    baselines = np.where(np.arange(15) <= 7, -300.0, 40.0)
    long = long.assign_coords(perpendicular_baseline=("pair", baselines))
    stable, ledger = settle_pairs(long, max_rounds=1)
    np.testing.assert_array_equal(stable, stable_pixels(long[8:]))
    assert (ledger.reason[:8] == 4).all()


def test_a_baseline_of_just_the_limit_finds_stable_ground():
    """Three pairs are needed, and two of them lie at the limit."""
    series = oracles.series(np.full((4, 6, 6), 0.9), baselines=np.array([0.0, 250, -250, 250.1]))
    _, ledger = settle_pairs(series)
    assert ledger.keep.values.tolist() == [True, True, True, False]
    with pytest.raises(ValueError, match="keeps 1 of 4 pairs"):
        settle_pairs(series, max_perpendicular_baseline=249.9)


@pytest.mark.parametrize("chunks", [{"pair": 4, "y": 7, "x": 30}, {"pair": 1}])
def test_it_is_blind_to_chunks(coherence, chunks):
    coherence[3, 2:5] = np.nan
    coherence[:, 0, 0] = np.nan
    before = coherence.copy(deep=True)
    plain = settle_pairs(coherence)
    lazy = settle_pairs(coherence.chunk(chunks))
    assert lazy[0].chunks is not None
    xr.testing.assert_equal(lazy[0].compute(), plain[0])
    xr.testing.assert_allclose(lazy[1], plain[1], rtol=1e-12)
    xr.testing.assert_identical(coherence, before)
    assert not plain[0][0, 0]


def test_settings_reach_their_function(coherence):
    within = xr.zeros_like(coherence[0], dtype=bool)
    within[:, 5:] = True
    stable, ledger = settle_pairs(
        coherence,
        minimum=0.81,
        within=within,
        pair_minimum=0.7,
        pair_maximum_std=0.05,
        max_perpendicular_baseline=None,
        min_pixels=10,
    )
    assert not stable[:, :5].any()
    assert stable.attrs["minimum"] == 0.81
    assert ledger.attrs["minimum"] == 0.7
    assert ledger.attrs["maximum_std"] == 0.05
    assert "max_perpendicular_baseline" not in ledger.attrs


def test_a_circle_is_noticed():
    # Half of the pixels are seen just often enough as long as the first pair counts, which they
    # spoil; the other half, alone without it, takes it back.
    values = np.full((6, 1, 4), 0.9)
    values[3:, 0, :2] = np.nan
    values[0, 0, :2] = 0.65
    coherence = oracles.series(values)
    told = r"in a circle: the last round judges 1 pairs otherwise \(2022-05-13\).*max_rounds=1"
    with pytest.warns(UserWarning, match=told):
        stable, ledger = settle_pairs(coherence, min_pixels=1)
    assert (ledger.attrs["rounds"], ledger.attrs["settled"]) == (2, 0)
    xr.testing.assert_equal(ledger, screen_pairs(coherence, stable, min_pixels=1))


def test_rounds_that_do_not_suffice_are_told():
    # The fifth pair fails only by pixels that are found when three others have gone.
    values = [
        [0.66, 0.64],
        [0.72, 0.72],
        [0.86, 0.86],
        [0.91, 0.84],
        [0.81, 0.95],
        [0.82, 0.74],
        [0.71, 0.61],
        [0.93, 0.86],
    ]
    coherence = oracles.series(np.array(values)[:, None])
    _, ledger = settle_pairs(coherence, min_pixels=1)
    assert (ledger.attrs["rounds"], ledger.attrs["settled"]) == (3, 1)
    np.testing.assert_array_equal(np.flatnonzero(ledger.keep), [2, 3, 4, 7])
    with pytest.warns(UserWarning, match=r"has not settled: .* judges 1 pairs .* \(2022-07-12\)"):
        settle_pairs(coherence, max_rounds=2, min_pixels=1)


def test_the_most_coherent_stand_in(rng):
    dull = rng.uniform(0.3, 0.7, (1, 60, 50)) + rng.normal(0, 0.01, (8, 60, 50))
    dull[::2, :, 40:] += 0.25  # coherent now and then, but not steady
    dull[::2, :, 40:] -= rng.uniform(0, 0.7, (4, 60, 10))
    coherence = oracles.series(dull)
    with pytest.raises(TooFewStablePixels, match="needs min_pixels=15 stable pixels, got"):
        settle_pairs(coherence, pair_minimum=0.5, min_pixels=15)
    for cube in (coherence, coherence.chunk(pair=3, y=25)):
        with pytest.warns(UserWarning, match=r"0.5 % most coherent of the steady pixels"):
            stable, _ = settle_pairs(cube, pair_minimum=0.5, min_pixels=10, fallback="top_k")
        mean, std = dull.mean(0), dull.std(0, ddof=1)
        steady = std < 0.2
        order = np.sort(mean[steady])
        share = 0.005 * steady.sum()
        # As many as asked for, up to those within a step of a histogram of 10,000.
        assert share <= stable.sum() <= share + 2
        np.testing.assert_array_equal(stable, steady & (mean >= order[-int(stable.sum())] - 1e-6))
        assert stable.attrs["fallback"] == "top_k"
        assert stable.attrs["minimum"] <= order[-int(stable.sum())] + 1e-6
    with pytest.raises(TooFewStablePixels), pytest.warns(UserWarning, match="most coherent"):
        settle_pairs(coherence, pair_minimum=0.5, min_pixels=60, fallback="top_k")


def test_what_cannot_settle_is_told(coherence):
    with pytest.raises(ValueError, match=r"keeps 0 of 15 pairs.*lower pair_minimum"):
        settle_pairs(coherence, pair_minimum=0.99)
    with pytest.raises(ValueError, match="max_rounds=0; 5 is usual"):
        settle_pairs(coherence, max_rounds=0)
    with pytest.raises(ValueError, match="one grid"):
        settle_pairs(coherence, within=coherence[0, 1:] > 0)


def test_unknown_baselines_are_told_once(coherence, recwarn):
    settle_pairs(coherence.drop_vars("perpendicular_baseline"))
    assert [str(each.message)[:26] for each in recwarn] == ["screen_pairs does not know"]
    with nothing_computes(), pytest.raises(ValueError, match="max_rounds"):
        settle_pairs(coherence.chunk(), max_rounds=0)
