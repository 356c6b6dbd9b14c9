"""The median of each pixel's series.

Many pixels are sorted at once, one in each lane of the processor's vectors, by a network: a fixed
list of "compare these two places and swap", which has no branches and so suits all lanes alike.
Batcher's odd-even merge sort is Algorithm M in Knuth, The Art of Computer Programming, 5.2.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["nanmedian"]

LANES = 128
"""Pixels sorted side by side, one in each lane of the processor's vectors."""

LONGEST = 1024
"""Longer series are sorted one by one: a network grows faster than its length."""

NAN, INFINITY = np.float32(np.nan), np.float32(np.inf)


def comparators(size: Any) -> Any:
    """Batcher's odd-even merge sort of `size` values as pairs of places.

    Pairs that cannot move a value to the lower half, where the median is looked up, are left out.
    """
    pairs = [(0, 0) for _ in range(0)]
    top = 1
    while 2 * top < size:
        top *= 2
    p = top if size > 1 else 0
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(size - d):
                if (i & p) == r:
                    pairs.append((i, i + d))
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    wanted = np.zeros(size, np.bool_)
    wanted[: size // 2 + 1] = True
    network = np.empty((len(pairs), 2), np.int64)
    first = len(pairs)
    for i, j in pairs[::-1]:
        if wanted[i] or wanted[j]:
            wanted[i] = wanted[j] = True
            first -= 1
            network[first, 0], network[first, 1] = i, j
    return network[first:]


def exchange(low: Any, high: Any) -> None:
    """Bring each lane's smaller value to `low`, its larger to `high`."""
    for k in range(len(low)):
        a, b = low[k], high[k]
        low[k] = a if a < b else b
        high[k] = b if a < b else a


def load(values: Any, lanes: Any, count: Any) -> None:
    """One date of many pixels; NaN becomes +inf and is not counted."""
    for k in range(len(values)):
        known = values[k] == values[k]
        lanes[k] = values[k] if known else INFINITY
        count[k] += known


def middle(ordered: Any, count: Any) -> Any:
    """The middle value, or the mean of the middle two, of the first `count`."""
    if count == 0:
        return NAN
    low, high = np.float64(ordered[(count - 1) // 2]), np.float64(ordered[count // 2])
    return np.float32((low + high) / 2.0)


@gufunc(
    ["(float32[:,:],float32[:])"],
    "(n)->()",
    helpers=(comparators, exchange, load, middle),
    batch=True,
)
def nanmedian(series: Any, out: Any) -> None:
    """Median of the values that are not NaN.

    Parameters
    ----------
    series : (..., n) array of float32
        Any number of values; ±inf are values.

    Returns
    -------
    (...) array of float32
        The middle value, or the mean of the middle two; NaN where all is NaN.

    See Also
    --------
    minewatch.composites.composite : medians of labelled cubes.

    Examples
    --------
    >>> import numpy as np
    >>> nanmedian(np.array([[3, np.nan, 1, 2], [4, np.nan, 1, np.nan]], np.float32))
    array([2. , 2.5], dtype=float32)
    """
    pixels, size = series.shape
    if size > LONGEST:
        for k in range(pixels):
            values = np.sort(series[k])  # NaN sorts last
            out[k] = middle(values, np.sum(values == values))
        return
    network = comparators(size)
    lanes, count = np.empty((size, LANES), np.float32), np.empty(LANES, np.int32)
    for start in range(0, pixels, LANES):
        stop = min(start + LANES, pixels)
        n = stop - start
        count[:] = 0
        for t in range(size):
            load(series[start:stop, t], lanes[t, :n], count[:n])
        for k in range(len(network)):
            exchange(lanes[network[k, 0]], lanes[network[k, 1]])
        for k in range(n):
            out[start + k] = middle(lanes[:, k], count[k])
