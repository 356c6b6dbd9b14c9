"""The difference activity index and its exceedance counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["count_exceedances", "ndai"]


@gufunc(["(float32,float64,float32[:])"], "(),()->()")
def ndai(coherence: Any, stable_mean: Any, out: Any) -> None:
    """Normalised difference activity index (g - γ) / (g + γ)."""
    total = stable_mean + coherence
    if total != 0 and np.isfinite(total):
        out[0] = (stable_mean - coherence) / total
    else:
        out[0] = np.nan


@gufunc(["(float32[:,:,:],float64[:],uint32[:,:],uint32[:,:])"], "(t,y,x),(t)->(y,x),(y,x)")
def count_exceedances(coherence: Any, limits: Any, exceeded: Any, observed: Any) -> None:
    """How often coherence fell below each date's limit, and how often it was observed."""
    exceeded[:] = 0
    observed[:] = 0
    dates, height, width = coherence.shape
    for t in range(dates):
        if np.isnan(limits[t]):
            continue
        for i in range(height):
            for j in range(width):
                value = coherence[t, i, j]
                if np.isfinite(value):
                    observed[i, j] += 1
                    if value < limits[t]:
                        exceeded[i, j] += 1
