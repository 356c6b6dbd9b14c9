"""The median, or another quantile, of each pixel's series.

Many pixels are sorted at once, one in each lane of the processor's vectors, by a network: a fixed
list of "compare these two places and swap", which has no branches and so suits all lanes alike.
Batcher's odd-even merge sort is Algorithm M in Knuth, The Art of Computer Programming, 5.2.2; of
its list only those pairs remain that can reach a rank that is looked up. NaN becomes +inf, which
sorts last, and is not counted; the ranks follow from the count.

The places of a tile lie one behind the other in one flat array, and are addressed by unsigned
numbers: a slice for each pair would cost more than what is done to it, and a number that could be
negative is asked whether it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["nanmedian", "nanquantile"]

LANES = np.uint64(128)
"""Pixels sorted side by side: a series of forty dates takes 20 KiB, within the first cache."""

LONGEST = 1024
"""Longer series are sorted one by one: a network grows faster than its length."""

NAN, INFINITY = np.float32(np.nan), np.float32(np.inf)
ZERO, ONE = np.uint64(0), np.uint64(1)


def comparators(size: Any, ranks: Any) -> Any:
    """Batcher's odd-even merge sort of `size` values as pairs of places.

    Pairs that cannot move a value to one of the lowest `ranks` places are left out.
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
    wanted[:ranks] = True
    network = np.empty((len(pairs), 2), np.uint64)
    first = len(pairs)
    for i, j in pairs[::-1]:
        if wanted[i] or wanted[j]:
            wanted[i] = wanted[j] = True
            first -= 1
            network[first, 0], network[first, 1] = i, j
    return network[first:]


def load(series: Any, start: Any, pixels: Any, lanes: Any, count: Any) -> None:
    """All dates of a tile of pixels; NaN becomes +inf and is not counted."""
    count[:] = 0
    for t in range(np.uint64(len(series))):
        place = t * LANES
        for k in range(pixels):
            value = series[t, start + k]
            known = value == value
            lanes[place + k] = value if known else INFINITY
            count[k] += known


def sort(network: Any, lanes: Any) -> None:
    """Bring each lane's smaller value to the first place of each pair, its larger to the second."""
    for c in range(len(network)):
        low, high = network[c, 0] * LANES, network[c, 1] * LANES
        for k in range(LANES):
            a, b = lanes[low + k], lanes[high + k]
            lanes[low + k] = a if a < b else b
            lanes[high + k] = b if a < b else a


def between(ordered: Any, k: Any, count: Any, share: Any) -> Any:
    """The value at `share` of the way from the least to the greatest of the first `count`."""
    if count == 0:
        return NAN
    place = share * (count - 1)
    rank = np.uint64(place)
    low = np.float64(ordered[rank * LANES + k])
    if place == rank:
        return np.float32(low)
    high = np.float64(ordered[(rank + ONE) * LANES + k])
    return np.float32(low * (1.0 - (place - rank)) + high * (place - rank))


def quantiles(series: Any, share: Any, out: Any) -> None:
    """Sort tile after tile; series too long for a network one by one."""
    size, pixels = series.shape
    if size > LONGEST:
        ordered = np.empty(size * LANES, np.float32)
        for k in range(pixels):
            values = np.sort(series[:, k])  # NaN sorts last
            for t in range(size):
                ordered[np.uint64(t) * LANES] = values[t]
            out[k] = between(ordered, ZERO, np.sum(values == values), share)
        return
    network = comparators(size, min(size, int(share * max(size - 1, 0)) + 2))
    lanes, count = np.zeros(size * LANES, np.float32), np.zeros(LANES, np.int32)
    for start in range(ZERO, np.uint64(pixels), LANES):
        n = min(LANES, np.uint64(pixels) - start)
        load(series, start, n, lanes, count)
        sort(network, lanes)
        for k in range(n):
            out[start + k] = between(lanes, k, count[k], share)


HELPERS = (comparators, load, sort, between, quantiles)


@gufunc(["(float32[:,::1],float32[::1])"], "(n)->()", helpers=HELPERS, batch=True)
def nanmedian(series: Any, out: Any) -> None:
    """Median of the values that are not NaN.

    Parameters
    ----------
    series : (..., n) array of float32
        Any number of values; ±inf are values. Fastest where time comes first in memory, as in a
        cube whose axes were moved; else the series are copied.

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
    quantiles(series, 0.5, out)


@gufunc(["(float32[:,::1],float64,float32[::1])"], "(n),()->()", helpers=HELPERS, batch=True)
def nanquantile(series: Any, share: Any, out: Any) -> None:
    """Quantile of the values that are not NaN, with linear interpolation (type 7).

    Parameters
    ----------
    series : (..., n) array of float32
        As in :func:`nanmedian`.
    share : float
        Which quantile, 0 to 1; one number for all pixels.

    Returns
    -------
    (...) array of float32
        The quantile; NaN where all is NaN. All NaN for a share outside 0 to 1: a gufunc cannot say
        what is wrong with its arguments, the methods that call it do.

    See Also
    --------
    minewatch.composites.composite : quantiles of labelled cubes.

    Examples
    --------
    >>> import numpy as np
    >>> nanquantile(np.array([[3, np.nan, 1, 2], [4, np.nan, 1, np.nan]], np.float32), 0.25)
    array([1.5 , 1.75], dtype=float32)
    """
    if not 0.0 <= share <= 1.0:
        out[:] = NAN
        return
    quantiles(series, share, out)
