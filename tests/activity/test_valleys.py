"""Valleys of densities: their rules, tails, chance."""

from __future__ import annotations

import numpy as np
import pytest

from minewatch.activity.density import from_counts, from_values, kernel_density
from minewatch.activity.valleys import standard_error, valley, without_tails

WINSORISE = (0.005, 0.995)


def test_the_valley_lies_where_the_densities_cross(rng):
    # Half N(0.05, 0.05²), half N(0.5, 0.08²): the density is least at 0.23209. The kernel widens
    # both modes, the wider one less, and the valley moves up a little.
    values = np.concatenate([rng.normal(0.05, 0.05, 500_000), rng.normal(0.5, 0.08, 500_000)])
    distribution = from_values(values, WINSORISE)
    grid, density = kernel_density(distribution, distribution.bandwidth)
    found = valley(grid, density, low=0, high=0.6, min_depth=0.02)
    assert found.at == pytest.approx(0.23209, abs=0.006)


def test_the_rules_of_the_valley():
    grid = np.linspace(0, 1, 101)

    def bumps(*centres: float, height: float = 1.0) -> np.ndarray:
        shapes = [np.exp(-(((grid - centre) / 0.06) ** 2)) for centre in centres]
        shapes[-1] *= height
        return np.sum(shapes, axis=0)

    settings = {"low": 0.05, "high": 0.95, "min_depth": 0.02}
    assert valley(grid, bumps(0.5), **settings) is None
    assert valley(grid, bumps(0.2, 0.8), **settings).at == pytest.approx(0.5)
    # The depth is that below the lower of the two highest peaks beside it.
    low = valley(grid, bumps(0.2, 0.8, height=0.3), **settings)
    assert low.depth == pytest.approx(0.3, abs=0.01)
    assert valley(grid, bumps(0.2, 0.8, height=0.015), **settings) is None
    # Of several the deepest.
    assert valley(grid, bumps(0.2, 0.35, 0.8), **settings).at > 0.4
    # At an edge none counts.
    assert valley(grid, bumps(0.2, 0.8), **{**settings, "low": 0.6}) is None
    assert valley(grid, bumps(0.2, 0.8), **{**settings, "high": 0.4}) is None


def test_a_valley_must_be_one_of_the_body_too_and_deeper_than_noise():
    grid = np.linspace(0, 1, 101)
    mode = np.exp(-(((grid - 0.3) / 0.1) ** 2))
    spike = np.exp(-(((grid - 0.8) / 0.05) ** 2))
    settings = {"low": 0.05, "high": 0.95, "min_depth": 0.02}
    both = valley(grid, mode + spike, **settings)
    assert grid[both.index] == both.at
    assert valley(grid, mode + spike, body=mode, **settings) is None
    assert valley(grid, mode + spike, body=mode + spike / 2, **settings) == both
    # Half of the spike is what the valley is deep in the body.
    for noise, found in ((0.4, both), (0.6, None)):
        got = valley(grid, mode + spike, body=mode + spike / 2, noise=noise, **settings)
        assert got == found


@pytest.mark.parametrize("streamed", [False, True])
def test_the_body_is_the_density_of_values_that_were_not_replaced(rng, streamed):
    values = np.clip(rng.gamma(2, 0.05, 20_000), 0, 1)
    distribution = from_values(values, WINSORISE)
    if streamed:
        counts, edges = np.histogram(values, 4096, (-1, 1))
        distribution = from_counts(counts, edges, WINSORISE)
    width = distribution.bandwidth
    grid, density = kernel_density(distribution, width)
    kept = values[(values >= distribution.low) & (values <= distribution.high)]
    direct = np.exp(-0.5 * ((grid[::16, None] - kept) / width) ** 2).sum(1)
    direct /= len(values) * width * np.sqrt(2 * np.pi)
    body = without_tails(distribution, grid, density, width)
    # Values are spread over the points of a fine grid, or stand at the centres of bins, of which
    # that which holds a quantile is taken whole: of 20 000 values about 20.
    np.testing.assert_allclose(
        body[::16], direct, atol=(5e-3 if streamed else 1e-4) * density.max()
    )
    assert sum(distribution.tails) == pytest.approx(0.01 * 20_000, abs=120 if streamed else 2)


def test_the_standard_error_is_that_of_repeated_densities(rng):
    n, repeats = 2000, 200
    at = []
    for _ in range(repeats):
        distribution = from_values(rng.normal(size=n), WINSORISE)
        grid, density = kernel_density(distribution, 0.2)
        at.append(np.interp([0.0, 1.0], grid, density))
    # First order in n·bandwidth: the square of the density over n is left out, a tenth of it here.
    predicted = standard_error(np.mean(at, axis=0), n, 0.2)
    np.testing.assert_allclose(np.std(at, axis=0), predicted, rtol=0.25)
