"""Moving-window sums without drift: rows are added afresh for every output row, never subtracted.

A running sum that adds the entering sample and subtracts the leaving one is fast and wrong: in
floating point the rounding of one bright target stays in it for the rest of its row. Here nothing
is ever taken away again. The quantities to be summed ("planes": a product, a power, a 0/1 count)
of the last few image rows rest in a ring, for a tile of columns that fits the cache. For each
output row the ring is added up from top to bottom, then along the columns by shifted additions in
powers of two: neighbours make pairs, pairs make fours, until one last loop can add up what remains
(ten columns are five pairs, seven are three pairs and one). Few loops over the tile, each adding
much, are what counts: memory is slower than arithmetic. The order of additions depends on the place
within the window alone, so a block and a whole image agree to the last bit.

Each step is one flat loop over contiguous memory, which the compiler turns into vector code. A
sample that is missing or lies outside is zero in every plane and needs no branch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["TILE", "WINDOW_HELPERS", "reach", "samples_inside", "whole_vectors", "window_sums"]

LAST = 5
"""So many terms are added up in the last loop along a row."""

VECTOR = 64
"""What the widest vector code takes of float32 in a step."""

TILE = 4096
"""Columns worked on at a time: the ring of a common window stays in the second cache."""


def reach(size: Any, extent: Any) -> Any:
    """How far a window of `size` sees before and after its centre, within `extent` samples.

    The centre is :func:`scipy.ndimage.uniform_filter`'s: output i sees i - size // 2 to
    i + size - 1 - size // 2.
    """
    return min(size // 2, extent), min(size - 1 - size // 2, extent)


def whole_vectors(places: Any) -> Any:
    """At least `places`, and a multiple of what vector code takes at a time.

    What is left over of a row is done one by one, and takes as long as half of the row.
    """
    return (places + VECTOR - 1) // VECTOR * VECTOR


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
    scratch : (3, m) array
        Working memory, m at least ``used + span``.

    Returns
    -------
    (used,) array
        One of the scratch rows; the last ``span - 1`` places of each plane are meaningless.
    """
    slots, rows = len(ring), bottom - top
    # What is sliced is counted as used, at a price; places in flat memory are not. They are
    # unsigned: of a number that could be negative it is asked whether it is.
    stored, total = ring.reshape(-1), scratch.reshape(-1)
    n, count = np.uint64(ring.shape[1]), np.uint64(used)
    first = np.uint64(top % slots) * n
    second, next_one = np.uint64((top + 1) % slots) * n, np.uint64((top + 2) % slots) * n
    if rows == 1:
        copy(stored, first, total, count)
    elif rows % 2 == 0:
        begin_two(stored, first, second, total, count)
    else:
        begin_three(stored, first, second, next_one, total, count)
    for row in range(top + 2 + rows % 2, bottom, 2):
        first, second = np.uint64(row % slots) * n, np.uint64((row + 1) % slots) * n
        add_two(stored, first, second, total, count)
    return sums_along(scratch, used, span)


def sums_along(scratch: Any, used: Any, span: Any) -> Any:
    """Give x[k] + … + x[k + span - 1] of the first `used` places of scratch row 0.

    Parameters
    ----------
    scratch : (3, m) array
        All three rows are used up; m is at least ``used + span``.
    used, span : int
        Places to work on; how many to add.

    Returns
    -------
    (used,) array
        One of the rows; its last ``span - 1`` places are meaningless.
    """
    x, count = scratch.reshape(-1), np.uint64(used)
    width = scratch.shape[1]
    rows = (np.uint64(0), np.uint64(width), np.uint64(2 * width))
    # From `level` on, `power` neighbours are one sum; `terms` of them are left to add, and what did
    # not pair, which is found from `rest` on.
    row, kept = 0, -1
    level, rest, power, terms = np.uint64(0), np.uint64(0), np.uint64(1), span
    while terms + (kept >= 0) > LAST:
        free = third(row, kept)
        if terms % 2:
            odd = level + np.uint64(terms - 1) * power
            if kept < 0:
                kept, rest = row, odd
                free = third(row, kept)
            else:
                sum_two(x, rest, odd, rows[free], count)
                kept, rest, free = free, rows[free], kept
        sum_two(x, level, level + power, rows[free], count)
        row, level, power, terms = free, rows[free], power + power, terms // 2
    if kept < 0:
        kept, rest, terms = row, level + np.uint64(terms - 1) * power, terms - 1
    free = third(row, kept)
    total = rows[free]
    if terms == 0:
        return scratch[kept, :used]
    if terms == 1:
        sum_two(x, level, rest, total, count)
    elif terms == 2:
        sum_three(x, level, power, rest, total, count)
    elif terms == 3:
        sum_four(x, level, power, rest, total, count)
    else:
        sum_five(x, level, power, rest, total, count)
    return scratch[free, :used]


def third(row: Any, other: Any) -> Any:
    """Of rows 0, 1 and 2 the first that is neither."""
    for free in range(2):
        if free not in (row, other):
            return free
    return 2


def copy(ring: Any, a: Any, total: Any, count: Any) -> None:
    """Write a ring row."""
    for k in range(count):
        total[k] = ring[a + k]


def begin_two(ring: Any, a: Any, b: Any, total: Any, count: Any) -> None:
    """Write the sum of two ring rows."""
    for k in range(count):
        total[k] = ring[a + k] + ring[b + k]


def begin_three(ring: Any, a: Any, b: Any, c: Any, total: Any, count: Any) -> None:
    """Write the sum of three ring rows."""
    for k in range(count):
        total[k] = (ring[a + k] + ring[b + k]) + ring[c + k]


def add_two(ring: Any, a: Any, b: Any, total: Any, count: Any) -> None:
    """Add a ring row, then another."""
    for k in range(count):
        total[k] = (total[k] + ring[a + k]) + ring[b + k]


def sum_two(x: Any, a: Any, b: Any, total: Any, count: Any) -> None:
    """Write two terms."""
    for k in range(count):
        x[total + k] = x[a + k] + x[b + k]


def sum_three(x: Any, a: Any, step: Any, rest: Any, total: Any, count: Any) -> None:
    """Write two terms, a step apart, and the rest."""
    b = a + step
    for k in range(count):
        x[total + k] = (x[a + k] + x[b + k]) + x[rest + k]


def sum_four(x: Any, a: Any, step: Any, rest: Any, total: Any, count: Any) -> None:
    """Write three terms and the rest."""
    b = a + step
    c = b + step
    for k in range(count):
        x[total + k] = (x[a + k] + x[b + k]) + (x[c + k] + x[rest + k])


def sum_five(x: Any, a: Any, step: Any, rest: Any, total: Any, count: Any) -> None:
    """Write four terms and the rest."""
    b = a + step
    c = b + step
    d = c + step
    for k in range(count):
        x[total + k] = ((x[a + k] + x[b + k]) + (x[c + k] + x[d + k])) + x[rest + k]


WINDOW_HELPERS = (
    reach,
    whole_vectors,
    samples_inside,
    window_sums,
    sums_along,
    third,
    copy,
    begin_two,
    begin_three,
    add_two,
    sum_two,
    sum_three,
    sum_four,
    sum_five,
)
"""What a window kernel passes to ``gufunc`` besides its own helpers."""
