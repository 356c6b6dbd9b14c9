"""The estimator against theory on simulated images: means, spreads, distributions, fringes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate

from minewatch import insar, simulate

BLOCKS = (100, 100)
KNOWN_SPREAD = {(0.0, 14): 0.11966, (0.3, 14): 0.14425, (0.6, 30): 0.08228, (0.9, 14): 0.03774}
"""Standard deviations of the estimate, by 2·10⁵ draws: right to about 3e-4."""


def estimates(true: float, window: tuple[int, int], bandwidth: tuple[float, float]) -> xr.DataArray:
    """Coherence of 10⁴ blocks of an image pair whose true coherence is known."""
    shape = (BLOCKS[0] * window[0], BLOCKS[1] * window[1])
    times = pd.date_range("2022-06-01", periods=2, freq="12D")
    truth = xr.DataArray(
        np.full((1, *shape), true),
        dims=("pair", "y", "x"),
        coords={"reference_time": ("pair", times[:1]), "secondary_time": ("pair", times[1:])},
    )
    slc = simulate.slc_stack(truth, bandwidth=bandwidth, seed=int(1000 * true) + window[1])
    pairs = insar.select_pairs(slc, max_perpendicular_baseline=None)
    return insar.coherence(slc, pairs, window=window, mode="multilook")


def spread(true: float, looks: float) -> float:
    """Standard deviation of the estimate, from its distribution."""
    square, _ = integrate.quad(
        lambda d: 2 * d * (1 - insar.coherence_cdf(d, true, looks)), 0, 1, limit=200
    )
    return float(np.sqrt(square - insar.expected_coherence(true, looks) ** 2))


@pytest.mark.parametrize(
    ("true", "window"),
    [
        (0.0, (2, 7)), (0.3, (2, 7)), (0.9, (2, 7)), (0.0, (3, 10)), (0.6, (3, 10)),
        (0.8, (3, 10)), (0.5, (2, 2)), (0.95, (4, 5)), (0.7, (1, 7)),
    ],
)  # fmt: skip
def test_independent_pixels_give_the_distribution_of_theory(true, window):
    looks = window[0] * window[1]
    gamma = estimates(true, window, (1.0, 1.0)).values.ravel()
    expected, deviation = insar.expected_coherence(true, looks), spread(true, looks)
    if (true, looks) in KNOWN_SPREAD:
        assert deviation == pytest.approx(KNOWN_SPREAD[true, looks], abs=5e-4)
    # Blocks are independent draws: four standard errors of a mean, of a spread, of a share.
    error = deviation / np.sqrt(gamma.size)
    assert gamma.mean() == pytest.approx(expected, abs=4 * error)
    assert gamma.std() == pytest.approx(deviation, abs=4 * error)
    for value in expected + deviation * np.array([-1, 0, 1]):
        share = float(insar.coherence_cdf(value, true, looks))
        error = np.sqrt(share * (1 - share) / gamma.size)
        assert (gamma < value).mean() == pytest.approx(share, abs=4 * error)


@pytest.mark.parametrize("true", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("window", [(3, 10), (2, 7)])
def test_correlated_pixels_follow_their_effective_looks(true, window):
    bandwidth = (0.62, 0.75)
    looks = insar.effective_looks(window, spacing=bandwidth, resolution=(1, 1))
    gamma = estimates(true, window, bandwidth).values
    # Fewer equal looks stand for many unequal ones: a model that is right to a hundredth.
    assert gamma.mean() == pytest.approx(insar.expected_coherence(true, looks), abs=0.01)
    assert gamma.std() == pytest.approx(spread(true, looks), rel=0.08)


@pytest.mark.parametrize("looks", [9.3, 18.14])
def test_debiased_estimates_come_closer_to_the_truth(looks):
    window = {9.3: (2, 7), 18.14: (3, 10)}[looks]
    for true in (0.3, 0.6):
        gamma = estimates(true, window, (0.624, 0.7516))
        raw, corrected = (
            abs(float(g.mean()) - true) for g in (gamma, insar.debias(gamma, looks=looks))
        )
        assert corrected < raw
        assert corrected < 0.03
