"""The regression over baselines against printed p-values and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from minewatch.activity import baseline_regression


def correlated(r: float, n: int, rng) -> xr.Dataset:
    """A ledger whose correlation is exactly r."""
    x = rng.uniform(5, 200, n)
    noise = rng.normal(size=n)
    x_unit = (x - x.mean()) / x.std()
    noise -= noise.mean() + x_unit * (noise * x_unit).mean()
    y = r * x_unit + np.sqrt(1 - r**2) * noise / noise.std()
    signs = np.where(np.arange(n) % 2, 1, -1)
    return xr.Dataset(
        {"stable_mean": ("pair", 0.87 + 0.01 * y)},
        coords={"perpendicular_baseline": ("pair", signs * x)},
    )


@pytest.mark.parametrize(
    ("r", "n", "p", "interval"),
    [(-0.39, 43, 0.00973, (-0.618, -0.102)), (-0.33, 70, 0.00527, None)],
)
def test_printed_significances(rng, r, n, p, interval):
    got = baseline_regression(correlated(r, n, rng))
    assert float(got.r) == pytest.approx(r, abs=1e-10)
    assert float(got.p) == pytest.approx(p, abs=1e-5)
    assert int(got.n) == n
    if interval:
        assert (float(got.r_lower), float(got.r_upper)) == pytest.approx(interval, abs=1e-3)


def test_the_line_is_that_of_numpy(rng):
    ledger = correlated(-0.5, 30, rng)
    got = baseline_regression(ledger)
    slope, intercept = np.polyfit(abs(ledger.perpendicular_baseline), ledger.stable_mean, 1)
    assert float(got.slope) == pytest.approx(slope)
    assert float(got.intercept) == pytest.approx(intercept)
    assert got.slope.attrs["units"] == "m-1"


def test_unknown_values_are_left_out_and_other_variables_can_be_asked(rng):
    ledger = correlated(-0.5, 30, rng)
    more = xr.concat([ledger, xr.full_like(ledger.isel(pair=[0]), np.nan)], "pair")
    xr.testing.assert_identical(baseline_regression(more), baseline_regression(ledger))
    ledger["mean_ndai"] = -ledger.stable_mean
    assert baseline_regression(ledger, variable="mean_ndai").r == pytest.approx(0.5)


def test_what_is_not_defined_is_unknown():
    def of(baselines: list[float], means: list[float]) -> xr.Dataset:
        return baseline_regression(
            xr.Dataset(
                {"stable_mean": ("pair", means)},
                coords={"perpendicular_baseline": ("pair", baselines)},
            )
        )

    for nothing in (of([1.0, 2.0], [0.9, 0.8]), of([5.0, -5.0, 5.0], [0.9, 0.8, 0.7])):
        assert np.isnan(nothing.r)
        assert np.isnan(nothing.p)
    three = of([1.0, 2.0, 4.0], [0.9, 0.8, 0.7])
    assert np.isfinite(three.r)
    assert np.isnan(three.r_lower)
    with pytest.raises(KeyError, match="assign_coords"):
        baseline_regression(xr.Dataset({"stable_mean": ("pair", [0.9])}))
