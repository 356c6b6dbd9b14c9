"""Coherence series with a known truth, drawn straight from the distribution of the estimate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr


def drawn(true: np.ndarray, looks: float, rng: np.random.Generator) -> np.ndarray:
    """Coherence estimates: K ~ NegBin(L, 1 - D²), then the root of Beta(K + 1, L - 1)."""
    k = np.where(true > 0, rng.negative_binomial(looks, 1 - true**2), 0)
    return np.sqrt(rng.beta(k + 1, looks - 1)).astype("float32")


def series(values: np.ndarray, *, start: str = "2022-05-01", days: int = 12, baselines=0.0):
    """(pair, y, x) values as the coherence of consecutive pairs on a UTM grid of 20 m."""
    count, height, width = values.shape
    dates = pd.date_range(start, periods=count + 1, freq=f"{days}D")
    return xr.DataArray(
        values.astype("float32"),
        dims=("pair", "y", "x"),
        name="coherence",
        coords={
            "pair": np.arange(count),
            "reference_time": ("pair", dates[:-1]),
            "secondary_time": ("pair", dates[1:]),
            "temporal_baseline": ("pair", np.full(count, float(days))),
            "perpendicular_baseline": ("pair", np.broadcast_to(baselines, count).astype(float)),
            "y": 9e6 - 10 - 20.0 * np.arange(height),
            "x": 4e5 + 10 + 20.0 * np.arange(width),
        },
        attrs={"window": [3, 10], "looks": 18.0},
    )


def ledger(coherence: xr.DataArray, means: object, keep: object = True) -> xr.Dataset:
    """A ledger that says what it is told."""
    count = coherence.sizes["pair"]
    return xr.Dataset(
        {
            "stable_mean": ("pair", np.broadcast_to(means, count).astype(float)),
            "keep": ("pair", np.broadcast_to(np.asarray(keep, bool), count)),
        },
        coords={
            name: coord.variable
            for name, coord in coherence.coords.items()
            if coord.dims == ("pair",)
        },
    )
