"""From simulated images to classes: the whole chain against the truth that made them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from minewatch import insar, simulate
from minewatch.activity import mean_ndai, ndai_threshold, screen_pairs, stable_pixels, tai

ALWAYS = (slice(60, 120), slice(40, 140))
SOMETIMES = (slice(60, 120), slice(200, 300))
FOREST = (slice(150, 240), slice(0, 480))
RAIN = [3, 9]
WINDOW = (3, 10)
BANDWIDTH = (0.624, 0.752)


@pytest.fixture(scope="module")
def mine() -> tuple[xr.DataArray, np.ndarray]:
    """Fourteen images of rock, forest and two patches of a pit, and when the second was active."""
    rng = np.random.default_rng(42)
    dates = pd.date_range("2022-05-01", periods=14, freq="12D")
    orbit = rng.normal(0, 60, 14)
    active = rng.random(13) < 0.4
    rho = np.empty((13, 240, 480))
    for k, each in enumerate(rho):
        common = {
            "perpendicular_baseline": orbit[k + 1] - orbit[k],
            "weather": 0.75 if k in RAIN else 1.0,
        }
        rock = {"initial": 0.93, "time_constant": 400.0, **common}
        each[:] = simulate.decorrelation(12.0, **rock)
        each[ALWAYS] = simulate.decorrelation(12.0, active=1.0, **rock)
        each[SOMETIMES] = simulate.decorrelation(12.0, active=float(active[k]), **rock)
        each[FOREST] = simulate.decorrelation(12.0, initial=0.55, time_constant=15.0, **common)
    truth = xr.DataArray(
        rho,
        dims=("pair", "y", "x"),
        coords={"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])},
    )
    slc = simulate.slc_stack(truth, bandwidth=BANDWIDTH, perpendicular_baseline=orbit, seed=rng)
    return slc, active


def inside(layer: xr.DataArray, area: tuple[slice, slice]) -> xr.DataArray:
    """The blocks that lie wholly within an area and a block from its rim."""
    rows, columns = (
        slice(part.start // step + 1, part.stop // step - 1)
        for part, step in zip(area, WINDOW, strict=True)
    )
    return layer.isel(y=rows, x=columns)


def test_the_chain_finds_what_was_simulated(mine):
    slc, active = mine
    pairs = insar.select_pairs(slc)
    coherence = insar.coherence(slc.chunk(y=100, x=170), pairs, window=WINDOW, mode="multilook")
    coherence = coherence.compute()
    looks = coherence.attrs["looks"]
    stable = stable_pixels(coherence)
    ledger = screen_pairs(coherence, stable)
    kept = ledger.keep.values
    np.testing.assert_array_equal(np.flatnonzero(~kept), RAIN)

    # The mean of stable ground is that of rock seen with so many looks. Chosen pixels read a
    # little high, and effective looks are a good model, not an exact one.
    rock = simulate.decorrelation(
        12.0,
        initial=0.93,
        time_constant=400.0,
        perpendicular_baseline=ledger.perpendicular_baseline.values,
        weather=np.where(kept, 1.0, 0.75),
    )
    expected = insar.expected_coherence(rock, looks)
    np.testing.assert_allclose(ledger.stable_mean, expected, atol=0.006)

    index = mean_ndai(coherence, ledger)
    threshold = ndai_threshold(index)
    assert threshold.attrs["method_used"] == "kde_valley"
    assert 0.05 < float(threshold) < 0.45  # between rock and forest

    # Over the mine alone, without the forest, the valley moves: the domain must be told.
    mine_only = xr.zeros_like(index, dtype=bool)
    mine_only[: FOREST[0].start // WINDOW[0]] = True
    moved = ndai_threshold(index, domain=mine_only)
    assert moved.attrs["method_used"] == "kde_valley"
    assert 0.05 < float(moved) < 0.1 < float(threshold)
    assert moved.attrs["domain"] == "given by domain"
    assert threshold.attrs["domain"] == "the whole scene"

    result = tai(coherence, ledger, threshold=0.19)
    quiet = (slice(0, 45), slice(0, 480))
    assert float(inside(result.tai, ALWAYS).mean()) == pytest.approx(1, abs=0.01)
    assert float(inside(result.tai, quiet).mean()) == pytest.approx(0, abs=0.002)
    assert float(inside(result.tai, FOREST).mean()) == pytest.approx(1, abs=0.03)
    often = active[kept].mean()
    assert float(inside(result.tai, SOMETIMES).mean()) == pytest.approx(often, abs=0.02)
    assert (inside(result.activity, ALWAYS) == 2).mean() > 0.98
    assert (inside(result.activity, quiet) == 1).mean() > 0.98
