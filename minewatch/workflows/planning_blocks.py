"""Work done block by block: how fast a block goes, and how long the busiest thread works."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dask

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from odc.geo.geobox import GeoBox

__all__ = ["SMALLEST", "BlockRate", "Cut", "block_rate"]

PROBE = 512
"""Rows and columns of the block that is run through."""

SMALLEST = 64
"""Of the one that tells what a block takes however small it is."""


@dataclass(frozen=True)
class BlockRate:
    """What one core needs.

    Parameters
    ----------
    start : float
        Seconds until libraries are loaded and all code is compiled, once.
    fixed : float
        Seconds of a block however small it is: files are opened, a store is begun.
    pixel : float
        Seconds of a pixel.
    """

    start: float
    fixed: float
    pixel: float


def block_rate(work: Callable[[GeoBox], object], box: GeoBox, least: int) -> BlockRate:
    """Do some work in the middle of a grid, with one thread.

    Parameters
    ----------
    work : callable
        What is done with a part of the grid. It opens the images on that part: of an image that
        lies in larger blocks already, whole blocks would be read.
    box : odc.geo.geobox.GeoBox
        The grid.
    least : int
        Fewest rows and columns that it can be done with.

    Returns
    -------
    BlockRate
        The rate.
    """
    with dask.config.set(scheduler="threads", num_workers=1):
        small, large = (_middle(box, max(side, least)) for side in (SMALLEST, PROBE))
        first, few, many = (_seconds(work, part) for part in (small, small, large))
    less, pixels = (math.prod(part.shape) for part in (small, large))
    slope = max(many - few, 0.0) / max(pixels - less, 1)
    return BlockRate(max(first - few, 0.0), max(few - slope * less, 0.0), slope)


def _middle(box: GeoBox, side: int) -> GeoBox:
    first = [max(0, (size - side) // 2) for size in box.shape]
    return box[tuple(slice(at, at + side) for at in first)]


def _seconds(work: Callable[[GeoBox], object], part: GeoBox) -> float:
    began = time.perf_counter()
    work(part)
    return time.perf_counter() - began


@dataclass(frozen=True)
class Cut:
    """Pixels of the blocks that an image is computed in.

    Parameters
    ----------
    blocks : tuple of int
        Pixels of each.
    """

    blocks: tuple[int, ...]

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        side: int,
        *,
        touched: Collection[tuple[int, int]] | None = None,
    ) -> Cut:
        """Cut an image.

        Parameters
        ----------
        shape : (int, int)
            Its rows and columns.
        side : int
            Rows and columns of a block.
        touched : collection of (int, int), optional
            Row and column of the blocks that are computed; all if not given.

        Returns
        -------
        Cut
            The blocks.

        Examples
        --------
        >>> Cut.of((5, 8), 4).blocks
        (16, 16, 4, 4)
        >>> Cut.of((5, 8), 4, touched={(1, 0)}).blocks
        (4,)
        """
        heights, widths = (
            [min(side, size - first) for first in range(0, size, side)] for size in shape
        )
        return cls(
            tuple(
                height * width
                for row, height in enumerate(heights)
                for column, width in enumerate(widths)
                if touched is None or (row, column) in touched
            )
        )

    def seconds(self, rate: BlockRate, lanes: int) -> float:
        """Seconds of the busiest of some lanes, each of which takes the next block when it is free.

        Parameters
        ----------
        rate : BlockRate
            Of one core.
        lanes : int
            Threads of all processes; more than there are blocks have nothing to do.

        Returns
        -------
        float
            Seconds.

        Examples
        --------
        >>> rate = BlockRate(start=9.0, fixed=1.0, pixel=0.5)
        >>> [Cut.of((5, 8), 4).seconds(rate, lanes) for lanes in (1, 2, 4, 8)]
        [24.0, 12.0, 9.0, 9.0]
        """
        busy = [0.0] * lanes
        for pixels in self.blocks:
            at = busy.index(min(busy))
            busy[at] += rate.fixed + rate.pixel * pixels
        return max(busy)
