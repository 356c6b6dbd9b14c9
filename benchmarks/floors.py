"""What no kernel can undercut: reading every input once and writing the output once.

The loops are compiled as the kernels are, on the same arrays, into memory that was there before.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["add_up", "jit", "read_one", "read_pair", "read_series"]

TILE = 8192
"""Pixels of a stack whose results stay in the cache while date after date is read."""


@cache
def jit(function: Callable[..., None]) -> Any:
    """Compile without the GIL."""
    import numba

    return numba.njit(fastmath={"contract", "nsz", "arcp"}, nogil=True)(function)


def read_pair(a: Any, b: Any, out: Any) -> None:
    """Read two complex images, seen as twice as many floats, and write one float a pixel."""
    for i in range(len(out)):
        row, first, second = out[i], a[i], b[i]
        n = len(row)
        a1, a2, b1, b2 = first[:n], first[n:], second[:n], second[n:]
        for k in range(n):
            row[k] = (a1[k] + a2[k]) + (b1[k] + b2[k])


def read_one(a: Any, out: Any) -> None:
    """Read one image and write one."""
    for i in range(len(out)):
        row, source = out[i], a[i]
        for k in range(len(row)):
            row[k] = source[k] + np.float32(1)


def read_series(cube: Any, out: Any) -> None:
    """Read (date, pixel) date by date and keep one number a pixel, a tile of pixels at a time."""
    for start in range(0, len(out), TILE):
        total = out[start : start + TILE]
        total[:] = np.float32(0)
        for t in range(len(cube)):
            layer = cube[t, start : start + TILE]
            for k in range(len(total)):
                total[k] += layer[k]


def add_up(steps: int) -> float:
    """Touch no memory: how much faster two threads can be at best."""
    total = 0.0
    for step in range(steps):
        total += step * total + 1.0
    return total
