"""The normalised difference activity index, and how often it is exceeded.

Kavats, Khramov & Sergieieva (2025), doi:10.1144/gslspecpub2023-216, eqs 4 and 7.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["count_exceedances", "ndai"]

TILE = 8192
"""Pixels worked on at a time: their counters and three dates stay in the second cache."""

INFINITY = np.float32(np.inf)


@gufunc(["float32(float32,float64)"], "(),()->()")
def ndai(coherence: Any, stable_mean: Any) -> Any:
    r"""Normalised difference activity index: how far coherence lies below that of stable ground.

    .. math:: NDAI = (g - \gamma) / (g + \gamma)

    Parameters
    ----------
    coherence : array of float32
        γ of the pixel.
    stable_mean : array of float64
        g, mean coherence of the stable pixels on the same date; broadcasts against `coherence`.

    Returns
    -------
    array of float32
        0 on ground as coherent as the stable pixels, 1 where nothing is left of it. NaN where the
        denominator is exactly 0 or anything is not finite.

    See Also
    --------
    minewatch.activity.ndai : the same for labelled cubes.

    Examples
    --------
    >>> import numpy as np
    >>> ndai(np.array([0.9, 0.3, 0.0, np.nan], np.float32), 0.9).round(6)
    array([0. , 0.5, 1. , nan], dtype=float32)
    """
    total = stable_mean + coherence
    if total == 0.0 or not np.isfinite(total):
        return np.nan
    return (stable_mean - coherence) / total


def round_up(limit: Any) -> Any:
    """The smallest float32 that is not below `limit`: γ < both or γ < neither."""
    near = np.float32(limit)
    return near if np.float64(near) >= limit else np.nextafter(near, INFINITY)


def tally(a: Any, limit: Any, exceeded: Any, observed: Any) -> None:
    """Count one date."""
    for k in range(len(a)):
        exceeded[k] += (a[k] < limit) & (a[k] > -INFINITY)
        observed[k] += abs(a[k]) < INFINITY


def tally_three(
    a: Any,
    b: Any,
    c: Any,
    limit_a: Any,
    limit_b: Any,
    limit_c: Any,
    exceeded: Any,
    observed: Any,
) -> None:
    """Count three dates in one pass over the counters."""
    for k in range(len(a)):
        x, y, z = a[k], b[k], c[k]
        exceeded[k] += (
            np.uint32((x < limit_a) & (x > -INFINITY))
            + np.uint32((y < limit_b) & (y > -INFINITY))
            + np.uint32((z < limit_c) & (z > -INFINITY))
        )
        observed[k] += (
            np.uint32(abs(x) < INFINITY)
            + np.uint32(abs(y) < INFINITY)
            + np.uint32(abs(z) < INFINITY)
        )


@gufunc(
    ["(float32[:,:,::1],float64[:],uint32[:,::1],uint32[:,::1])"],
    "(t,y,x),(t)->(y,x),(y,x)",
    helpers=(round_up, tally, tally_three),
)
def count_exceedances(coherence: Any, limits: Any, exceeded: Any, observed: Any) -> None:
    """How often coherence fell below each date's limit, and how often it was observed.

    With the limit g (1 - th) / (1 + th) of a date whose stable ground has coherence g, γ < limit
    says exactly that NDAI > th, without a division for each sample. The comparison is strict and
    made as if in float64.

    Parameters
    ----------
    coherence : (..., t, y, x) array of float32
        Coherence of each date.
    limits : (..., t) array of float64
        Coherence threshold of each date; NaN leaves the date out of both counts.

    Returns
    -------
    exceeded, observed : (..., y, x) arrays of uint32
        Dates with finite γ below the limit; dates with finite γ.

    See Also
    --------
    minewatch.activity.tai : the ratio of the two, with an interval.

    Examples
    --------
    >>> import numpy as np
    >>> coherence = np.array([[[0.3, 0.8]], [[0.4, np.nan]], [[0.1, 0.1]]], np.float32)
    >>> exceeded, observed = count_exceedances(coherence, np.array([0.5, 0.4, np.nan]))
    >>> exceeded, observed
    (array([[1, 0]], dtype=uint32), array([[2, 1]], dtype=uint32))
    """
    exceeded[:] = 0
    observed[:] = 0
    pixels = exceeded.size
    series = coherence.reshape(len(coherence), pixels)
    over, seen = exceeded.reshape(pixels), observed.reshape(pixels)
    dates = np.flatnonzero(~np.isnan(limits))
    level = np.empty(len(limits), np.float32)
    for t in dates:
        level[t] = round_up(limits[t])
    for start in range(0, pixels, TILE):
        piece = slice(start, min(start + TILE, pixels))
        for k in range(0, len(dates) - 2, 3):
            i, j, m = dates[k], dates[k + 1], dates[k + 2]
            tally_three(
                series[i, piece],
                series[j, piece],
                series[m, piece],
                level[i],
                level[j],
                level[m],
                over[piece],
                seen[piece],
            )
        for k in range(len(dates) - len(dates) % 3, len(dates)):
            tally(series[dates[k], piece], level[dates[k]], over[piece], seen[piece])
