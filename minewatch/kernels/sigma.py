r"""The inner loops of the improved Lee sigma filter.

A pixel is averaged with those of its neighbours that are likely speckle of the same backscatter:
whose ratio :math:`u = z / \tilde x` to a first guess of that backscatter lies in the sigma range.
What is in the range differs from pixel to pixel, so there are no sums to share between windows;
but all pixels of a row look at the same neighbour at the same time, which is one flat loop for
each place in the window. The sums of :math:`u - 1` and of its square are float32: in the range,
these are small numbers of a narrow spread, whatever the unit of power.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc
from minewatch.kernels._windows import TILE

__all__ = ["sigma_filter", "strong_targets"]

ZERO, ONE, NAN = np.float32(0), np.float32(1), np.float32(np.nan)


def add_ratios(
    power: Any, inverse: Any, low: Any, high: Any, count: Any, total: Any, square: Any
) -> None:
    """Add one neighbour of each pixel where it is in the range: 1, u - 1 and its square."""
    for k in range(len(inverse)):
        u = power[k] * inverse[k]
        inside = (u >= low) & (u <= high)
        d = u - ONE if inside else ZERO
        count[k] += ONE if inside else ZERO
        total[k] += d
        square[k] += d * d


def add_known(power: Any, known: Any) -> None:
    """Count what is finite of one neighbour of each pixel."""
    for k in range(len(known)):
        known[k] += ONE if np.isfinite(power[k]) else ZERO


def blend(power: Any, prior: Any, sums: Any, known: Any, need: Any, noise: Any, out: Any) -> None:
    """z̄ + b (z - z̄) of what is in the range, the first guess where nothing is."""
    # By index: an array that is unpacked no longer promises contiguous rows.
    count, total, square = sums[0], sums[1], sums[2]
    for k in range(len(out)):
        n, s, q = np.float64(count[k]), np.float64(total[k]), np.float64(square[k])
        guess, z = np.float64(prior[k]), np.float64(power[k])
        mean = 1.0 + s / n
        variance = (q - s * s / n) / (n - 1.0)
        b = (variance - noise * mean * mean) / (variance * (1.0 + noise))
        varies = (n > 1.0) & (variance > 0.0)
        value = mean + (min(max(b, 0.0), 1.0) * (z / guess - mean) if varies else 0.0)
        value = value * guess if n > 0.0 else guess
        out[k] = np.float32(value) if (known[k] >= need) & np.isfinite(z) else NAN


@gufunc(
    ["(float32[:,::1],float32[:,::1],int64,float64,float64,float64,float32[:,::1])"],
    "(y,x),(y,x),(),(),(),()->(y,x)",
    helpers=(add_ratios, add_known, blend),
)
def sigma_filter(
    power: Any, prior: Any, window: Any, low: Any, high: Any, spread: Any, out: Any
) -> None:
    """Minimum mean square error among the neighbours within the sigma range of a first guess.

    Windows are truncated at the edges of the array; samples that are not finite are left out.

    Parameters
    ----------
    power : (..., y, x) array of float32
        Backscatter z, linear power, not decibels.
    prior : (..., y, x) array of float32
        First guess x̃ of the backscatter without speckle.
    window : int
        Rows and columns of the square window, odd.
    low, high : float
        The sigma range I1, I2, in units of x̃.
    spread : float
        Standard deviation η′ over mean of speckle within the range.

    Returns
    -------
    (..., y, x) array of float32
        Filtered power; x̃ where no neighbour is in its range; NaN where the pixel or its guess is
        not finite or less than half the window is known. All NaN for arguments outside their
        range.

    See Also
    --------
    minewatch.speckle.lee_sigma : the whole filter for labelled backscatter.

    Examples
    --------
    >>> import numpy as np
    >>> power = np.array([[1.0, 9.0, 2.0]] * 3, np.float32)
    >>> guess = np.full((3, 3), 1.5, np.float32)
    >>> sigma_filter(power, guess, 3, 0.4, 2.0, 0.4)[1]  # the bright column is not in the range
    array([1. , 1.5, 2. ], dtype=float32)
    """
    height, width = power.shape
    if window < 1 or window % 2 == 0 or not (low >= 0.0 and high > low and spread >= 0.0):
        out[:] = NAN
        return
    half = window // 2
    need, noise = np.float32(window * window / 2.0), spread * spread
    first, last = np.float32(low), np.float32(high)
    for start in range(0, width, TILE):
        stop = min(start + TILE, width)
        n = stop - start
        # The tile and what lies beside it; beyond the image nothing is known.
        ring = np.full((window, n + 2 * half), NAN, np.float32)
        left, right = max(0, start - half), min(width, stop + half)
        at = left - (start - half)
        sums = np.empty((3, n), np.float32)
        count, total, square = sums[0], sums[1], sums[2]
        known, inverse = np.empty(n, np.float32), np.empty(n, np.float32)
        for entering in range(height + half):
            slot = entering % window
            ring[slot] = NAN
            if entering < height:
                for k in range(right - left):
                    z = power[entering, left + k]
                    ring[slot, at + k] = z if np.isfinite(z) else NAN
            i = entering - half
            if i < 0:
                continue
            sums[:] = ZERO
            known[:] = ZERO
            for k in range(n):
                guess = prior[i, start + k]
                inverse[k] = ONE / guess if guess > ZERO else NAN
            # Always from top to bottom, from left to right.
            for row in range(i - half, i + half + 1):
                for offset in range(window):
                    neighbour = ring[row % window, offset : offset + n]
                    add_ratios(neighbour, inverse, first, last, count, total, square)
                    add_known(neighbour, known)
            blend(
                power[i, start:stop], prior[i, start:stop], sums, known, need, noise,
                out[i, start:stop],
            )  # fmt: skip


@gufunc(
    ["(float32[:,::1],float64,int64,int64,uint8[:,::1])"],
    "(y,x),(),(),()->(y,x)",
)
def strong_targets(power: Any, level: Any, window: Any, min_bright: Any, out: Any) -> None:
    """Bright pixels that stand close together.

    Where a bright pixel has at least `min_bright` bright ones in the window around it, itself
    counted, all of these are strong targets.

    Parameters
    ----------
    power : (..., y, x) array of float32
        Backscatter.
    level : float
        Power from which on a pixel is bright.
    window : int
        Rows and columns of the square window, odd.
    min_bright : int
        Bright pixels that make a target.

    Returns
    -------
    (..., y, x) array of uint8
        1 for strong targets, else 0; also where power is not finite.

    See Also
    --------
    minewatch.speckle.lee_sigma : leaves them unfiltered.

    Examples
    --------
    >>> import numpy as np
    >>> power = np.float32([[9, 9, 1, 9], [9, 9, 1, 1]])
    >>> strong_targets(power, 9.0, 3, 4)
    array([[1, 1, 0, 0], [1, 1, 0, 0]], dtype=uint8)
    """
    height, width = power.shape
    half = window // 2
    out[:] = 0
    for i in range(height):
        for k in range(width):
            if not (np.isfinite(power[i, k]) and power[i, k] >= level):
                continue
            top, bottom = max(0, i - half), min(height, i + half + 1)
            left, right = max(0, k - half), min(width, k + half + 1)
            bright = 0
            for row in range(top, bottom):
                for column in range(left, right):
                    z = power[row, column]
                    bright += np.isfinite(z) and z >= level
            if bright < min_bright:
                continue
            for row in range(top, bottom):
                for column in range(left, right):
                    z = power[row, column]
                    if np.isfinite(z) and z >= level:
                        out[row, column] = 1
