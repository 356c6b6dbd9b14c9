r"""Lee's adaptive speckle filter in a moving window.

.. math:: \hat x = \bar z + b (z - \bar z), \qquad
          b = \frac{s^2 - \bar z^2 C_u^2}{\alpha s^2 + \beta \bar z^2}, \qquad C_u^2 = 1/L

with window mean and variance (n - 1 in its denominator) and L looks:

=======  ===============================================  =========  ======
variant  source                                           α          β
=======  ===============================================  =========  ======
0        minimum mean square error, Kuan et al. (1985),   1 + Cu²    0
         doi:10.1109/TPAMI.1985.4767641
1        SNAP; Lopes et al. (1990), doi:10.1109/36.62623  1          0
2        Lee (1980), doi:10.1109/TPAMI.1980.4766994       1          Cu⁴
=======  ===============================================  =========  ======

The sums are float64, in which the square of a float32 is exact: the variance is then a plain
difference of sums, and keeps its digits beside a target a million times as bright. How they are
formed is told in :mod:`minewatch.kernels._windows`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc
from minewatch.kernels._windows import (
    TILE,
    WINDOW_HELPERS,
    reach,
    samples_inside,
    sums_along,
    whole_vectors,
    window_sums,
)

__all__ = ["lee"]

ZERO, ONE, NAN = np.float32(0), np.float32(1), np.float32(np.nan)


def load_power(power: Any, level: Any, valid: Any) -> Any:
    """Give z and 1 where z is finite, else 0 and 0; return how many are not."""
    missing = 0
    for k in range(len(power)):
        finite = np.isfinite(power[k])
        level[k] = power[k] if finite else ZERO
        valid[k] = ONE if finite else ZERO
        missing += not finite
    return missing


def moments_down(ring: Any, top: Any, bottom: Any, sums: Any) -> None:
    """Σz and, behind it, Σz² of ring rows `top` to `bottom` (exclusive), always from top to bottom.

    Four rows a loop, the zeros of the last slot for those that there are not: each loop reads and
    writes both sums.
    """
    slots = len(ring) - 1
    stored, n = ring.reshape(-1), np.uint64(ring.shape[1])
    for row in range(top, bottom, 4):
        a = np.uint64(row % slots) * n
        b = np.uint64((row + 1) % slots if row + 1 < bottom else slots) * n
        c = np.uint64((row + 2) % slots if row + 2 < bottom else slots) * n
        d = np.uint64((row + 3) % slots if row + 3 < bottom else slots) * n
        if row == top:
            first_moments(stored, a, b, c, d, sums, n)
        else:
            add_moments(stored, a, b, c, d, sums, n)


def first_moments(ring: Any, a: Any, b: Any, c: Any, d: Any, sums: Any, n: Any) -> None:
    """Write Σz and Σz² of four rows."""
    for k in range(n):
        w, x = np.float64(ring[a + k]), np.float64(ring[b + k])
        y, z = np.float64(ring[c + k]), np.float64(ring[d + k])
        sums[k] = (w + x) + (y + z)
        sums[n + k] = (w * w + x * x) + (y * y + z * z)


def add_moments(ring: Any, a: Any, b: Any, c: Any, d: Any, sums: Any, n: Any) -> None:
    """Add Σz and Σz² of four rows."""
    for k in range(n):
        w, x = np.float64(ring[a + k]), np.float64(ring[b + k])
        y, z = np.float64(ring[c + k]), np.float64(ring[d + k])
        sums[k] += (w + x) + (y + z)
        sums[n + k] += (w * w + x * x) + (y * y + z * z)


def shrink(power: Any, total: Any, square: Any, count: Any, settings: Any, out: Any) -> None:
    """Write z̄ + b (z - z̄) of one row piece, b in [0, 1]; NaN where too few samples are known."""
    need, times, noise, alpha, beta = settings
    for k in range(len(out)):
        z, n = np.float64(power[k]), count[k] * times
        mean = total[k] / n
        # Variance and squared mean, both n² (n - 1) times too large, which their ratio forgets.
        variance = (n * square[k] - total[k] * total[k]) * n
        level = total[k] * total[k] * (n - 1.0)
        weight = (variance - noise * level) / (alpha * variance + beta * level)
        value = mean + min(max(weight, 0.0), 1.0) * (z - mean)
        value = value if (mean > 0.0) & (variance > 0.0) else mean
        out[k] = np.float32(value) if (n >= need) & np.isfinite(z) else NAN


@gufunc(
    ["(float32[:,::1],int64,int64,float64,int64,float32[:,::1])"],
    "(y,x),(),(),(),()->(y,x)",
    helpers=(
        load_power,
        moments_down,
        first_moments,
        add_moments,
        shrink,
        *WINDOW_HELPERS,
    ),
)
def lee(power: Any, rows: Any, cols: Any, looks: Any, variant: Any, out: Any) -> None:
    """Lee speckle filter of linear power.

    Windows are truncated at the edges of the array; samples that are not finite are left out.

    Parameters
    ----------
    power : (..., y, x) array of float32
        Backscatter, linear power, not decibels.
    rows, cols : int
        Window size along y and x, centred as in :func:`minewatch.kernels.coherence`.
    looks : float
        Equivalent number of looks L of the input, greater than 0.
    variant : int
        0 mmse, 1 snap, 2 lee1980; see the module.

    Returns
    -------
    (..., y, x) array of float32
        Filtered power. The window mean where it is not positive or the window is constant; NaN
        where the pixel itself is not finite or less than half the window (or fewer than two
        samples) is known. All NaN for arguments outside their range: a gufunc cannot say what is
        wrong with them, the methods that call it do.

    See Also
    --------
    minewatch.speckle.lee : the same for labelled backscatter.

    Examples
    --------
    >>> import numpy as np
    >>> power = np.array([[1, 1, 1, 9, 1, 1]], np.float32)
    >>> lee(power, 1, 3, 4.0, 0).round(1)  # four looks hardly explain the peak: it stays
    array([[1. , 1. , 1.9, 7.3, 1.9, 1. ]], dtype=float32)
    >>> lee(power, 1, 3, 0.5, 0).round(1)  # less than one look explains anything
    array([[1. , 1. , 3.7, 3.7, 3.7, 1. ]], dtype=float32)
    """
    height, width = power.shape
    known_variant = 0 <= variant <= 2
    if rows < 1 or cols < 1 or rows * cols < 2 or not looks > 0.0 or not known_variant:
        out[:] = NAN
        return
    need = max(2.0, rows * cols / 2.0)
    noise = 1.0 / looks
    alpha = 1.0 + noise if variant == 0 else 1.0
    beta = noise * noise if variant == 2 else 0.0
    above, below = reach(rows, height)
    left, right = reach(cols, width)
    slots, span = above + 1 + below, left + 1 + right
    missing = np.zeros(slots, np.int64)
    for start in range(0, width, TILE):
        stop = min(start + TILE, width)
        first, last = max(0, start - left), min(width, stop + right)
        begin, end = first - start + left, last - start + left
        n = stop - start
        length = whole_vectors(n + span - 1)
        inside = samples_inside(start, stop, left, right, width)
        # The last slot stays empty.
        ring = np.zeros((slots + 1, length), np.float32)
        valid, counting = np.zeros_like(ring[:slots]), np.zeros((3, length + span), np.float32)
        scratch = np.zeros((3, 2 * length + span))
        for entering in range(height + below):
            if entering < height:
                slot = entering % slots
                missing[slot] = load_power(
                    power[entering, first:last],
                    ring[slot, begin:end],
                    valid[slot, begin:end],
                )
            i = entering - below
            if i >= 0:
                top, bottom = max(0, i - above), min(height, entering + 1)
                moments_down(ring, top, bottom, scratch[0])
                sums = sums_along(scratch, 2 * length, span)
                # Where nothing is missing the count is known without adding it up.
                count, times = inside, float(bottom - top)
                if missing.max() > 0:
                    count = window_sums(valid, top, bottom, span, length, counting)[:n]
                    times = 1.0
                settings = (need, times, noise, alpha, beta)
                total, square = sums[:n], sums[length : length + n]
                shrink(
                    power[i, start:stop],
                    total,
                    square,
                    count,
                    settings,
                    out[i, start:stop],
                )
