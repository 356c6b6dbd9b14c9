"""Tiles that overlap, and how much each says of a pixel: shares that add up to one.

Tiles stand on a lattice that begins at the upper left corner of the scene, whatever its chunks. In
the strip that two of them share, one fades out as the other fades in; near its rim a tile knows
less, because it sees only one side.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Blended", "fade", "require_tiling", "tile_count"]


def require_tiling(tile: int, overlap: int, multiple: int) -> None:
    """Refuse tiles that do not fit the network, or of which more than two lie over each other.

    Raises
    ------
    ValueError
        If so.
    """
    fits = tile > 0 and tile % multiple == 0 and (tile - overlap) % multiple == 0
    if not fits or not 0 <= 2 * overlap <= tile:
        message = (
            f"predict_segments needs a tile and an overlap in multiples of {multiple}, the overlap "
            f"at most half the tile, got {tile} and {overlap}; use tile=256, overlap=64"
        )
        raise ValueError(message)


def tile_count(size: int, *, tile: int, overlap: int) -> int:
    """Tiles along an axis: as many as cover it.

    Examples
    --------
    >>> [tile_count(size, tile=256, overlap=64) for size in (10, 256, 257, 448, 449)]
    [1, 1, 2, 2, 3]
    """
    return 1 + max(0, math.ceil((size - tile) / (tile - overlap)))


def fade(
    tile: int, overlap: int, *, first: bool = False, last: bool = False
) -> npt.NDArray[np.float64]:
    """What a tile counts along one axis: squares of sines, that of the next tile is one less this.

    Parameters
    ----------
    tile, overlap : int
        Pixels of a tile, and those it shares with the next.
    first, last : bool
        Whether it has none before it, none behind it: there it counts fully to its end.

    Returns
    -------
    array of float64, shape (tile,)
        From 0 to 1.

    Examples
    --------
    >>> fade(6, 2, first=True).round(2)
    array([1.  , 1.  , 1.  , 1.  , 0.85, 0.15])
    """
    shares = np.ones(tile)
    if overlap:
        rising = np.sin(np.pi * (np.arange(overlap) + 0.5) / (2 * overlap)) ** 2
        if not first:
            shares[:overlap] = rising
        if not last:
            shares[tile - overlap :] = 1 - rising
    return shares


class Blended:
    """Answers of a network for tiles, weighed for their sum.

    Parameters
    ----------
    counts : (int, int)
        Tiles along y and x.
    overlap : int
        Pixels shared with the next tile.
    flips : bool
        Whether each tile is looked at four times.
    """

    def __init__(self, counts: tuple[int, int], overlap: int, *, flips: bool) -> None:
        self.counts, self.overlap, self.flips = counts, overlap, flips

    def __call__(self, segmenter: Any, tile: npt.NDArray[Any], row: int, column: int) -> Any:
        """A tile (channel, y, x), NaN beyond the scene → (class, y, x), NaN unknown."""
        (found,) = segmenter.predict_proba(tile[None], flips=self.flips)
        down, right = (
            fade(size, self.overlap, first=place == 0, last=place == count - 1)
            for size, place, count in zip(tile.shape[1:], (row, column), self.counts, strict=True)
        )
        return found * (down[:, None] * right).astype(np.float32)
