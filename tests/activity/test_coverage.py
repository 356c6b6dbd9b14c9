"""Do the intervals cover? On independent dates by summation, on simulated images by counting.

Pairs of a chain share acquisitions, and speckle that persists makes the estimates of one pixel
alike for longer. Where ground is either dug up or left alone that does not matter: the dates of
work decide, and the interval keeps its promise. Where quiet ground lies so near the threshold that
chance decides, it does not: the figures below are what was found.
"""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import xarray as xr
from scipy import optimize, stats

from minewatch import insar, simulate
from minewatch.activity import screen_pairs, tai
from minewatch.activity.intervals import clopper_pearson, wilson

PAIRS, WINDOW, SIDE = 20, (5, 6), 60
LOOKS = 30.0  # samples of the images below are independent: each one is a look
SHARES = np.linspace(0.0005, 0.9995, 1000)


def coverage(interval, n: int, p: np.ndarray | float) -> np.ndarray:
    """Probability that the interval of n independent draws holds p: an exact sum."""
    e = np.arange(n + 1)[:, None]
    lower, upper = interval(e, n)
    return np.where((lower <= p) & (p <= upper), stats.binom.pmf(e, n, p), 0).sum(0)


@pytest.mark.parametrize("n", [3, 5, 8, 11, 20, 43, 100, 400])
def test_coverage_on_independent_dates(n):
    assert coverage(clopper_pearson, n, SHARES).min() >= 0.95
    # Wilson's falls below for some shares; on average over all of them it is right.
    assert coverage(wilson, n, SHARES).mean() == pytest.approx(0.95, abs=0.015)
    assert coverage(wilson, n, SHARES).mean() < coverage(clopper_pearson, n, SHARES).mean()


def imaged(truth: np.ndarray, rng: np.random.Generator) -> xr.DataArray:
    """Coherence of blocks that do not overlap, from images of white speckle."""
    rows, columns = WINDOW
    rho = oracles.series(truth.repeat(rows, 1).repeat(columns, 2))
    slc = simulate.slc_stack(
        rho, bandwidth=(1.0, 1.0), perpendicular_baseline=0 * np.arange(len(truth) + 1.0), seed=rng
    )
    return insar.coherence(slc, insar.select_pairs(slc), window=WINDOW, mode="multilook")


def covered(index: xr.Dataset, share: float) -> float:
    return float(((index.lower <= share) & (share <= index.upper)).mean())


@pytest.mark.parametrize("chance", [0.1, 0.4, 0.7, 0.9])
def test_where_work_decides_the_interval_covers_on_images_too(rng, chance):
    """Each block is worked on some dates of its own: 3600 series of 20 pairs in a chain."""
    working = rng.random((PAIRS, SIDE, SIDE)) < chance
    truth = np.where(working, 0.09, 0.9)
    coherence = imaged(truth, rng)
    level, threshold = float(insar.expected_coherence(0.9, LOOKS)), 0.19
    index = tai(coherence, oracles.ledger(coherence, level), threshold=threshold)
    limit = level * (1 - threshold) / (1 + threshold)
    active, quiet = insar.coherence_cdf(limit, [0.09, 0.9], LOOKS)
    share = chance * active + (1 - chance) * quiet
    # The index of the whole patch is that of theory: 72 000 draws, five standard deviations.
    spread = np.sqrt(share * (1 - share) / (PAIRS * SIDE**2))
    assert float(index.tai.mean()) == pytest.approx(share, abs=5 * spread)
    # Found: 0.989, 0.962, 0.975, 0.986 of the blocks; what independent dates give, within noise.
    expected = float(coverage(clopper_pearson, PAIRS, share)[0])
    noise = np.sqrt(expected * (1 - expected)) / SIDE
    assert covered(index, share) == pytest.approx(expected, abs=4 * noise + 0.003)
    assert covered(index, share) >= 0.95


@pytest.mark.parametrize(
    ("true", "found"),
    [
        # share of dates beyond the threshold by chance: 0.05, 0.2, 0.5
        (0.3, (0.98, 0.97, 0.95)),
        (0.6, (0.98, 0.96, 0.93)),
        (0.8, (0.95, 0.90, 0.84)),
        (0.9, (0.93, 0.83, 0.72)),
    ],
)
def test_where_chance_decides_it_covers_less_than_it_says(rng, true, found):
    """Quiet ground at the threshold: the more coherent, the longer its speckle persists."""
    coherence = imaged(np.full((PAIRS, SIDE, SIDE), true), rng)
    for share, expected in zip((0.05, 0.2, 0.5), found, strict=True):
        limit = optimize.brentq(
            lambda v, share=share: insar.coherence_cdf(v, true, LOOKS) - share, 0.001, 0.999
        )
        ledger = oracles.ledger(coherence, limit * 1.2 / 0.8)
        index = tai(coherence, ledger, threshold=0.2)
        # Neighbouring dates are alike, so the mean of the patch scatters more than draws would.
        assert float(index.tai.mean()) == pytest.approx(share, abs=0.01)
        # 3600 blocks: two standard deviations are at most 0.015.
        assert covered(index, share) == pytest.approx(expected, abs=0.025)


def test_dates_of_rain_are_found_exactly_and_the_rest_is_pooled(rng):
    """Seasons of unequal length: the pooled index is of all dates, not the mean of seasons."""
    truth = np.full((PAIRS, SIDE, SIDE), 0.93)
    truth[:, :, 40:] = np.where(rng.random((PAIRS, SIDE, 20)) < 0.4, 0.09, 0.93)
    rain = [3, 9, 10]
    truth[rain] *= 0.75
    coherence = imaged(truth, rng)
    stable = xr.zeros_like(coherence[0], dtype=bool)
    stable[:, :40] = True
    ledger = screen_pairs(coherence, stable)
    np.testing.assert_array_equal(np.flatnonzero(~ledger.keep), rain)
    seasons = tai(coherence, ledger, threshold=0.19, by="season", min_count=1)
    pooled = tai(coherence, ledger, threshold=0.19)
    assert len(set(seasons.attrs["pairs"])) > 1
    exceeded, observed = (seasons[name].sum("season") for name in ("exceeded", "observed"))
    np.testing.assert_array_equal(pooled.exceeded, exceeded)
    np.testing.assert_allclose(pooled.tai, exceeded / observed, rtol=1e-6)
    assert float(abs(seasons.tai.mean("season") - pooled.tai).max()) > 0.05


@pytest.mark.parametrize(
    ("true", "looks", "rate"),
    [
        (0.80, 14.3, 0.055),
        (0.80, 30, 0.0144),
        (0.85, 14.3, 0.0083),
        (0.85, 30, 0.0004),
        (0.75, 14.3, 0.170),
        (0.75, 30, 0.108),
    ],
)
def test_false_alarms_of_quiet_ground(rng, true, looks, rate):
    """The null model at γ* = 0.68: how often chance alone takes quiet ground below it."""
    assert insar.coherence_cdf(0.68, true, looks) == pytest.approx(rate, abs=5e-4)
    coherence = oracles.series(oracles.drawn(np.full((50, 40, 50), true), looks, rng))
    level = 0.68 * (1 + 0.13) / (1 - 0.13)
    index = tai(coherence, oracles.ledger(coherence, level), threshold=0.13)
    rate = float(insar.coherence_cdf(0.68, true, looks))
    got = float(index.exceeded.sum() / index.observed.sum())
    assert got == pytest.approx(rate, abs=5 * np.sqrt(rate / 100_000))
