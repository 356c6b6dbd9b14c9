r"""Mean, spread and entropy of the values in a moving window, in integers that cannot drift.

A histogram that slides along a row gains the values that enter the window and loses those that
leave it. In floating point the rounding of each change would stay for the rest of the row. Here
all that slides is integer: the counts, the sums of values counted in 1/65535 of the range, and

.. math:: \sum_k t(c_k), \qquad t(c) = \text{round}(2^{40}\, c \log_2 c)

over the counts :math:`c_k` of the levels, from a table. With n values in the window the entropy is
:math:`(t(n) - \sum_k t(c_k)) / (2^{40} n)` bits: to ten digits, 0 to the last bit where there is
but one level, and the same wherever a block begins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc
from minewatch.kernels._windows import reach

__all__ = ["local_texture", "WIDEST"]

WIDEST = 181
"""Largest window whose squared sums fit 64 bits."""

STEPS = 65535
"""Steps of the values that are summed."""

LEVELS = 32767
"""Most levels a histogram may have."""

UNIT = 2.0**40
"""Fixed point of the table of c·log₂ c."""

NAN = np.float32(np.nan)


def quantise(image: Any, low: Any, high: Any, levels: Any, level: Any, step: Any) -> None:
    """Histogram level and fine step of each value, clipped to [low, high]; level -1 is missing."""
    for i in range(len(image)):
        row, coarse, fine = image[i], level[i], step[i]
        for j in range(len(row)):
            coarse[j], fine[j] = -1, 0
            if np.isfinite(row[j]):
                share = (np.float64(row[j]) - low) / (high - low)
                share = min(max(share, 0.0), 1.0)
                coarse[j] = min(np.int64(share * levels), levels - 1)
                fine[j] = np.int64(share * STEPS + 0.5)


def column(
    level: Any, step: Any, top: Any, bottom: Any, at: Any, sign: Any, rises: Any, counts: Any
) -> Any:
    """Let a column of the window enter (sign 1) or leave (-1); changes of n, Σ, Σ² and Σt."""
    number, total, square, table = 0, 0, 0, 0
    for row in range(top, bottom):
        k = level[row, at]
        if k >= 0:
            value = np.int64(step[row, at])
            number += sign
            total += sign * value
            square += sign * value * value
            if sign > 0:
                table += rises[counts[k]]
                counts[k] += 1
            else:
                counts[k] -= 1
                table -= rises[counts[k]]
    return number, total, square, table


@gufunc(
    [
        "(float32[:,::1],int64,int64,float64,float64,float64,"
        "float32[:,::1],float32[:,::1],float32[:,::1])"
    ],
    "(y,x),(),(),(),(),()->(y,x),(y,x),(y,x)",
    helpers=(quantise, column, reach),
)
def local_texture(
    image: Any,
    window: Any,
    levels: Any,
    low: Any,
    high: Any,
    min_valid: Any,
    mean: Any,
    std: Any,
    entropy: Any,
) -> None:
    """Mean, standard deviation and entropy of a square window.

    Windows are truncated at the edges of the array; values that are not finite are left out, those
    beyond `low` and `high` count as these.

    Parameters
    ----------
    image : (..., y, x) array of float32
        Any quantity.
    window : int
        Rows and columns of the window, 1 to 181, centred as in
        :func:`minewatch.kernels.coherence`.
    levels : int
        Equal steps from `low` to `high` of the histogram behind the entropy, 2 to 32767.
    low, high : float
        Range of the values, low < high.
    min_valid : float
        Share of the full window that must be known, 0 to 1.

    Returns
    -------
    three (..., y, x) arrays of float32
        Mean and standard deviation (of the population: n in its denominator) to 1/65535 of the
        range, entropy in bits. NaN where the pixel itself is not finite or too little of the
        window is known. All NaN for arguments outside their range.

    See Also
    --------
    minewatch.indices.texture : the same for a labelled layer.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[0, 0, 0, 1, 0, 1]], np.float32)
    >>> mean, std, entropy = local_texture(image, 3, 2, 0.0, 1.0, 0.2)
    >>> entropy.round(2)  # one of three is 0.92 bits, one of two is 1
    array([[0.  , 0.  , 0.92, 0.92, 0.92, 1.  ]], dtype=float32)
    """
    height, width = image.shape
    ranged = 1 <= window <= WIDEST and 2 <= levels <= LEVELS
    if not ranged or not low < high or not np.isfinite(high - low) or not 0 <= min_valid <= 1:
        mean[:], std[:], entropy[:] = NAN, NAN, NAN
        return
    most = window * window
    need = max(1.0, min_valid * most)
    table = np.zeros(most + 1, np.int64)
    for c in range(2, most + 1):
        table[c] = np.int64(np.rint(UNIT * c * np.log2(np.float64(c))))
    rises = table[1:] - table[:-1]
    level, step = np.empty((height, width), np.int16), np.empty((height, width), np.uint16)
    quantise(image, low, high, levels, level, step)
    above, below = reach(window, height)
    left, right = reach(window, width)
    counts, unit = np.zeros(levels, np.int64), (high - low) / STEPS
    for i in range(height):
        top, bottom = max(0, i - above), min(height, i + below + 1)
        counts[:] = 0
        number, total, square, packed = 0, 0, 0, 0
        for j in range(-right, width):
            if j + right < width:
                n, s, q, t = column(level, step, top, bottom, j + right, 1, rises, counts)
                number, total, square, packed = number + n, total + s, square + q, packed + t
            if j - left > 0:
                n, s, q, t = column(level, step, top, bottom, j - left - 1, -1, rises, counts)
                number, total, square, packed = number + n, total + s, square + q, packed + t
            if j < 0:
                continue
            if number < need or level[i, j] < 0:
                mean[i, j], std[i, j], entropy[i, j] = NAN, NAN, NAN
                continue
            spread = np.float64(number * square - total * total)
            mean[i, j] = np.float32(low + unit * total / number)
            std[i, j] = np.float32(unit * np.sqrt(spread) / number)
            entropy[i, j] = np.float32(np.float64(table[number] - packed) / (UNIT * number))
