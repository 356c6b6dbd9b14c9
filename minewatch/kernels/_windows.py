"""Moving-window sums without drift: rows are added afresh for every output row, never subtracted.

A running sum that adds the entering sample and subtracts the leaving one is fast and wrong: in
floating point the rounding of one bright target stays in it for the rest of its row. Here nothing
is ever taken away again. The quantities to be summed ("planes": a product, a power, a 0/1 count)
of the last few image rows rest in a ring, for a tile of columns that fits the cache. For each
output row the ring is added up from top to bottom, then along the columns by shifted additions in
powers of two (ten columns are sums of 2, of 4, of 8, then 2 + 8). The order of additions depends
on the place within the window alone, so a block and a whole image agree to the last bit.

Each step is one flat loop over contiguous memory, which the compiler turns into vector code. A
sample that is missing or lies outside is zero in every plane and needs no branch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["TILE", "WINDOW_HELPERS", "reach", "samples_inside", "window_sums"]

TILE = 2048
"""Columns worked on at a time: the ring of a common window stays in the second cache."""


def reach(size: Any, extent: Any) -> Any:
    """How far a window of `size` sees before and after its centre, within `extent` samples.

    The centre is :func:`scipy.ndimage.uniform_filter`'s: output i sees i - size // 2 to
    i + size - 1 - size // 2.
    """
    return min(size // 2, extent), min(size - 1 - size // 2, extent)


def samples_inside(start: Any, stop: Any, before: Any, after: Any, extent: Any) -> Any:
    """How many samples of the window around each place from `start` to `stop` exist."""
    inside = np.empty(stop - start, np.float32)
    for k in range(start, stop):
        inside[k - start] = min(extent, k + after + 1) - max(0, k - before)
    return inside


def window_sums(ring: Any, top: Any, bottom: Any, span: Any, used: Any, scratch: Any) -> Any:
    """Add ring rows `top` to `bottom` (exclusive), then `span` columns from each place on.

    Parameters
    ----------
    ring : (slots, n) array
        Image row r rests in slot ``r % slots``; all planes of a row lie one behind the other.
    top, bottom : int
        Image rows to add, in this order.
    span : int
        Columns to add.
    used : int
        How many of the n places to work on.
    scratch : (3, n) array
        Working memory.

    Returns
    -------
    (n,) array
        One of the scratch rows; the last ``span - 1`` places of each plane are meaningless.
    """
    slots, rows = len(ring), bottom - top
    total = scratch[0, :used]
    first = ring[top % slots, :used]
    if rows == 1:
        copy(first, total)
    elif rows % 2 == 0:
        add(first, ring[(top + 1) % slots, :used], total)
    else:
        add_three(first, ring[(top + 1) % slots, :used], ring[(top + 2) % slots, :used], total)
    for row in range(top + 2 + rows % 2, bottom, 2):
        add_two(total, ring[row % slots, :used], ring[(row + 1) % slots, :used])
    return sums_along(total, span, scratch[1, :used], scratch[2, :used])


def sums_along(level: Any, span: Any, spare: Any, other: Any) -> Any:
    """Give level[k] + … + level[k + span - 1]; all three arrays are used up."""
    size, offset, power = len(level), 0, 1
    room = size - span + 1
    total = level
    while True:
        if span & power:
            if offset == 0:
                total = level
            else:
                add_one(total[:room], level[offset : offset + room])
            offset += power
        if offset == span:
            return total
        # A level holds sums of `power` neighbours; two or four of them, shifted, make the next.
        fold = 2 if span & (2 * power) or span < 4 * power else 4
        count = size - fold * power + 1
        a, b = level[:count], level[power : power + count]
        if fold == 2:
            add(a, b, spare[:count])
        else:
            c, d = level[2 * power : 2 * power + count], level[3 * power : 3 * power + count]
            add_pairs(a, b, c, d, spare[:count])
        # The level that holds the lowest bit of span has become the total and must stay.
        level, spare = spare, (other if offset == power else level)
        power *= fold


def copy(a: Any, total: Any) -> None:
    """Write a."""
    for k in range(len(total)):
        total[k] = a[k]


def add(a: Any, b: Any, total: Any) -> None:
    """Write a + b."""
    for k in range(len(total)):
        total[k] = a[k] + b[k]


def add_three(a: Any, b: Any, c: Any, total: Any) -> None:
    """Write a + b + c."""
    for k in range(len(total)):
        total[k] = (a[k] + b[k]) + c[k]


def add_pairs(a: Any, b: Any, c: Any, d: Any, total: Any) -> None:
    """Write (a + b) + (c + d), as two levels in one would."""
    for k in range(len(total)):
        total[k] = (a[k] + b[k]) + (c[k] + d[k])


def add_one(total: Any, a: Any) -> None:
    """Add a to the total."""
    for k in range(len(total)):
        total[k] += a[k]


def add_two(total: Any, a: Any, b: Any) -> None:
    """Add a, then b, to the total."""
    for k in range(len(total)):
        total[k] = (total[k] + a[k]) + b[k]


WINDOW_HELPERS = (
    reach,
    samples_inside,
    window_sums,
    sums_along,
    copy,
    add,
    add_three,
    add_pairs,
    add_one,
    add_two,
)
"""What a window kernel passes to ``gufunc`` besides its own helpers."""
