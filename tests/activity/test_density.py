"""Densities against scipy, histograms against values, splits against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from minewatch.activity.density import from_counts, from_values, kernel_density, otsu

WINSORISE = (0.005, 0.995)


@pytest.fixture
def two_modes(rng) -> np.ndarray:
    return np.concatenate([rng.normal(0.05, 0.05, 10_000), rng.normal(0.5, 0.08, 10_000)])


def counted(values: np.ndarray):
    counts, edges = np.histogram(values, 4096, (-1, 1))
    return from_counts(counts, edges, WINSORISE)


def test_moments_are_those_of_the_winsorised_values(two_modes):
    got = from_values(two_modes, WINSORISE)
    low, high = np.quantile(two_modes, WINSORISE)
    clipped = np.clip(two_modes, low, high)
    assert (got.low, got.high, got.n) == (low, high, 20_000)
    assert got.std == pytest.approx(clipped.std(ddof=1), rel=1e-12)
    assert got.iqr == pytest.approx(np.subtract(*np.quantile(clipped, [0.75, 0.25])))
    assert got.mass.sum() == pytest.approx(20_000)
    # bw.nrd0 of R
    spread = min(clipped.std(ddof=1), got.iqr / 1.34)
    assert got.bandwidth == pytest.approx(0.9 * spread * 20_000**-0.2)


@pytest.mark.parametrize("adjust", [0.75, 1, 2])
def test_the_density_is_that_of_scipy(two_modes, adjust):
    some = two_modes[::10]
    distribution = from_values(some, WINSORISE)
    bandwidth = distribution.bandwidth * adjust
    grid, density = kernel_density(distribution, bandwidth)
    clipped = np.clip(some, distribution.low, distribution.high)
    peer = stats.gaussian_kde(clipped, bandwidth / clipped.std(ddof=1))
    assert len(grid) == 512
    assert grid[0] == pytest.approx(distribution.low - 3 * bandwidth)
    # Spreading values over points 1/4095 of the range apart costs (step / bandwidth)² / 8.
    np.testing.assert_allclose(density, peer(grid), atol=1e-4 * density.max())


def test_a_histogram_gives_the_same_to_a_bin(two_modes):
    exact, streamed = from_values(two_modes, WINSORISE), counted(two_modes)
    for name in ("low", "high", "iqr"):
        assert getattr(streamed, name) == pytest.approx(getattr(exact, name), abs=2 / 4096)
    assert streamed.std == pytest.approx(exact.std, rel=1e-4)
    assert streamed.bandwidth == pytest.approx(exact.bandwidth, rel=1e-4)
    assert streamed.mass.sum() == streamed.n == exact.n
    density = kernel_density(exact, exact.bandwidth)[1]
    near = kernel_density(streamed, streamed.bandwidth)[1]
    np.testing.assert_allclose(near, density, atol=2e-3 * density.max())


def test_a_histogram_of_one_value_has_no_spread():
    counts = np.zeros(4096, int)
    counts[2100] = 500
    alone = from_counts(counts, np.linspace(-1, 1, 4097), WINSORISE)
    assert alone.n == 500
    assert alone.std < 1e-9 or alone.high - alone.low <= 1 / 2048


def test_otsu_is_the_split_of_least_variance_within(rng):
    values = np.concatenate([rng.normal(0.1, 0.1, 3000), rng.normal(0.7, 0.1, 1000)])
    got, separability = otsu(from_values(values, WINSORISE))
    counts, edges = np.histogram(values, 256)
    centres = (edges[:-1] + edges[1:]) / 2
    within = []
    for k in range(1, 256):
        parts = (counts[:k], centres[:k]), (counts[k:], centres[k:])
        within.append(
            sum(((c - np.average(c, weights=n)) ** 2 * n).sum() for n, c in parts if n.sum())
        )
    best = int(np.argmin(within))
    assert got == pytest.approx(centres[best], abs=1e-12)
    total = ((centres - np.average(centres, weights=counts)) ** 2 * counts).sum()
    assert separability == pytest.approx(1 - within[best] / total)
