r"""The refined Lee filter: Lee's weight in that half of the window which no edge crosses.

Nine sub-windows of 3 × 3 lie in a window of 7 × 7, their centres two pixels apart. They say three
things about it: how noisy it is (the mean of the five smallest of their :math:`s^2/\bar z^2`), in
which of four directions it changes most, and to which side of that change its centre belongs.
Where the window varies more than speckle would let it, mean and variance come from the 28 pixels
of that side; else from all that is known. The weight is that of ``mmse`` in
:mod:`minewatch.kernels.speckle`, with the noise found in place of :math:`C_u^2`.

Sums are float64, in which the square of a float32 is exact. They are added in an order that
depends on the place within the window alone, so a block and a whole image agree to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc
from minewatch.kernels.composites import comparators

__all__ = ["refined_lee"]

NAN = np.float32(np.nan)
WINDOW, HALF, SUB = 7, 3, 3
QUIET = 5
"""Of nine sub-windows, those that are taken to hold speckle and nothing else."""

RIGHT, UPPER_RIGHT, UPPER, UPPER_LEFT = (0, 1), (-1, 1), (-1, 0), (-1, -1)


def padded(power: Any, rim: Any) -> Any:
    """Power with zeros for what is missing or beyond the edge, and where it is known."""
    height, width = power.shape
    level = np.zeros((height + 2 * rim, width + 2 * rim), np.float32)
    known = np.zeros((height + 2 * rim, width + 2 * rim), np.float32)
    for i in range(height):
        source, row, flags = power[i], level[i + rim], known[i + rim]
        for k in range(width):
            finite = np.isfinite(source[k])
            row[k + rim] = source[k] if finite else np.float32(0)
            flags[k + rim] = np.float32(finite)
    return level, known


def add_rows(level: Any, known: Any, moments: Any) -> None:
    """Count, Σz and Σz² of some rows, column by column."""
    # By index: an array that is unpacked no longer promises contiguous rows.
    count, total, square = moments[0], moments[1], moments[2]
    count[:], total[:], square[:] = 0.0, 0.0, 0.0
    for i in range(len(level)):
        row, flags = level[i], known[i]
        for k in range(len(row)):
            z = np.float64(row[k])
            count[k] += np.float64(flags[k])
            total[k] += z
            square[k] += z * z


def add_columns(source: Any, span: Any, out: Any) -> None:
    """Σ of `span` neighbours from each place on."""
    out[:] = source[: len(out)]
    for offset in range(1, span):
        shifted = source[offset : offset + len(out)]
        for k in range(len(out)):
            out[k] += shifted[k]


def sums(level: Any, known: Any, down: Any, across: Any) -> None:
    """Count, Σz and Σz² of a square window, from each place of a row on."""
    add_rows(level, known, down)
    for moment in range(3):
        add_columns(down[moment], len(level), across[moment])


def describe(across: Any, mean: Any, noise: Any) -> None:
    """Mean of whole sub-windows, else NaN; their s²/z̄² where that is positive, else +inf."""
    count, total, square = across[0], across[1], across[2]
    n = np.float64(SUB * SUB)
    for k in range(len(mean)):
        whole = count[k] == n
        spread = (square[k] * n - total[k] * total[k]) / (total[k] * total[k]) * (n / (n - 1.0))
        mean[k] = total[k] / n if whole else np.nan
        noise[k] = max(spread, 0.0) if whole & (total[k] > 0.0) else np.inf


def exchange(low: Any, high: Any) -> None:
    """Bring each lane's smaller value to `low`, its larger to `high`."""
    for k in range(len(low)):
        a, b = low[k], high[k]
        low[k] = a if a < b else b
        high[k] = b if a < b else a


def quiet_noise(lanes: Any, network: Any, fallback: Any, out: Any) -> None:
    """Mean of the five smallest of nine, or of as many as there are; all nine are reordered."""
    for i in range(len(network)):
        exchange(lanes[network[i, 0]], lanes[network[i, 1]])
    for k in range(len(out)):
        total, count = 0.0, 0.0
        for rank in range(QUIET):
            finite = lanes[rank, k] < np.inf
            total += lanes[rank, k] if finite else 0.0
            count += 1.0 if finite else 0.0
        out[k] = total / count if count > 0.0 else fallback


def change(means: Any, side: Any, k: Any) -> Any:
    """How much more three sub-windows on one side have than the three opposite them."""
    total = 0.0
    for j in range(-1, 2):
        for i in range(-1, 2):
            along = j * side[0] + i * side[1]
            total += along_sign(along) * means[j + 1, k + 2 * (i + 1)]
    return abs(total)


def along_sign(along: Any) -> Any:
    """1, 0 or -1."""
    return np.float64((along > 0) - (along < 0))


def quieter_side(means: Any, k: Any) -> Any:
    """The side to which the centre belongs, across the strongest of four changes."""
    side, strongest = RIGHT, change(means, RIGHT, k)
    for other in (UPPER_RIGHT, UPPER, UPPER_LEFT):
        found = change(means, other, k)
        if found > strongest:
            side, strongest = other, found
    here = means[1, k + 2]
    near = abs(means[1 + side[0], k + 2 + 2 * side[1]] - here)
    far = abs(means[1 - side[0], k + 2 - 2 * side[1]] - here)
    return side if near <= far else (-side[0], -side[1])


def half_window(level: Any, side: Any, k: Any) -> Any:
    """Count, Σz and Σz² of the 28 pixels on one side and on the line between both."""
    count, total, square = 0.0, 0.0, 0.0
    for j in range(WINDOW):
        for i in range(WINDOW):
            if (j - HALF) * side[0] + (i - HALF) * side[1] >= 0:
                z = np.float64(level[j, k + i])
                count += 1.0
                total += z
                square += z * z
    return count, total, square


def weighted(z: Any, noise: Any, count: Any, total: Any, square: Any) -> Any:
    """z̄ + b (z - z̄), b in [0, 1]; z̄ where it is not positive or nothing varies."""
    mean = total / count
    variance = (count * square - total * total) * count
    if not (mean > 0.0 and variance > 0.0):
        return mean
    level = total * total * (count - 1.0)
    b = (variance - noise * level) / (variance * (1.0 + noise))
    return mean + min(max(b, 0.0), 1.0) * (z - mean)


@gufunc(
    ["(float32[:,::1],float64,float64,float32[:,::1])"],
    "(y,x),(),()->(y,x)",
    helpers=(
        padded,
        add_rows,
        add_columns,
        sums,
        describe,
        comparators,
        exchange,
        quiet_noise,
        along_sign,
        change,
        quieter_side,
        half_window,
        weighted,
    ),
)
def refined_lee(power: Any, looks: Any, edge: Any, out: Any) -> None:
    """Refined Lee speckle filter of linear power, 7 × 7.

    Windows are truncated at the edges of the array; samples that are not finite are left out.
    Sides are only looked for where all 49 pixels are known.

    Parameters
    ----------
    power : (..., y, x) array of float32
        Backscatter, linear power, not decibels.
    looks : float
        Equivalent number of looks, greater than 0: the noise is 1/looks where no sub-window is
        complete.
    edge : float
        Relative variance s²/z̄² of the window from which on it holds an edge.

    Returns
    -------
    (..., y, x) array of float32
        Filtered power; NaN where the pixel itself is not finite or less than half the window is
        known. All NaN for arguments outside their range.

    See Also
    --------
    minewatch.speckle.refined_lee : the same for labelled backscatter.

    Examples
    --------
    >>> import numpy as np
    >>> step = np.ones((9, 14), np.float32)
    >>> step[:, 7:] = 9
    >>> refined_lee(step, 4.0, 0.4)[4, 4:10]  # each pixel is the mean of its own side
    array([1., 1., 1., 9., 9., 9.], dtype=float32)
    """
    height, width = power.shape
    if not (looks > 0.0 and edge >= 0.0):
        out[:] = NAN
        return
    level, known = padded(power, HALF)
    network = comparators(9, QUIET)
    # The centres of sub-windows reach two pixels beyond those of windows: five rows are kept.
    length = width + 4
    down = np.empty((3, width + 2 * HALF))
    across = np.empty((3, length))
    mean_ring = np.empty((5, length))
    noise_ring = np.empty((5, length))
    means = np.empty((3, length))
    lanes = np.empty((9, width))
    noise = np.empty(width)
    for entering in range(-2, height + 2):
        slot = entering % 5
        top = entering + HALF - 1
        sums(level[top : top + SUB], known[top : top + SUB], down, across)
        describe(across, mean_ring[slot], noise_ring[slot])
        i = entering - 2
        if i < 0:
            continue
        for j in range(3):
            source = (i + 2 * j - 2) % 5
            means[j] = mean_ring[source]
            for lane in range(3):
                lanes[3 * j + lane] = noise_ring[source, 2 * lane : 2 * lane + width]
        quiet_noise(lanes, network, 1.0 / looks, noise)
        around = level[i : i + WINDOW]
        sums(around, known[i : i + WINDOW], down, across[:, :width])
        centre, row = power[i], out[i]
        for k in range(width):
            n, total, square = across[0, k], across[1, k], across[2, k]
            if not np.isfinite(centre[k]) or 2.0 * n < WINDOW * WINDOW:
                row[k] = NAN
                continue
            variance = (n * square - total * total) * n
            whole = n == WINDOW * WINDOW
            if whole and total > 0.0 and variance >= edge * total * total * (n - 1.0):
                n, total, square = half_window(around, quieter_side(means, k), k)
            row[k] = np.float32(weighted(np.float64(centre[k]), noise[k], n, total, square))
