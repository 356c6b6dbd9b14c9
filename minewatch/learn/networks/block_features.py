"""Features of a block, a tile at a time, and their means over windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

__all__ = ["STRIDE", "window_means"]

STRIDE = 4
"""Pixels from feature to feature: two poolings by 2."""
REACH = 18
"""Pixels to a side that an unpadded feature sees."""
TILE = 64
"""Features to a side of a tile: the largest layer within is 9 MB."""


def window_means(
    block: npt.NDArray[Any],
    known: npt.NDArray[np.bool_],
    features: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]],
    *,
    span: int,
    step: int,
    filling: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Means of unpadded features over every window of a block that ends where its last window does.

    Feature i of a block sees pixels 4i to 4i + 17 and nothing else, so tiles give the features of
    the whole.

    Parameters
    ----------
    block : numpy.ndarray
        (channels, y, x).
    known : numpy.ndarray
        (y, x), False where a pixel is unknown. Features that see one are left for the caller to
        ignore.
    features : callable
        (1, channels, y, x) float32 → (1, filters, v, u) float32.
    span : int
        Features to a side of a window.
    step : int
        Features from window to window.
    filling : numpy.ndarray
        Of each channel, for pixels that are unknown.

    Returns
    -------
    numpy.ndarray
        (rows, columns, filters) float32.

    Examples
    --------
    >>> image = np.arange(26.0)[:, None] + np.zeros(22)
    >>> every_fourth = lambda image: image[:, :, : -REACH + 1 : STRIDE, : -REACH + 1 : STRIDE]
    >>> one, sure = np.zeros(1), np.ones((26, 22), bool)
    >>> window_means(image[None], sure, every_fourth, span=2, step=1, filling=one)[..., 0].tolist()
    [[2.0], [6.0]]
    """
    high, wide = (
        (side - (span - 1) * STRIDE - REACH) // STRIDE // step * step + span for side in known.shape
    )
    rows, columns = ((side - span) // step + 1 for side in (high, wide))
    strips = []
    for top in range(0, high, TILE):
        count = min(TILE, high - top)
        tiles = [
            _tile(block, known, features, (top, left), (count, min(TILE, wide - left)), filling)
            for left in range(0, wide, TILE)
        ]
        strips.append(_means(np.concatenate(tiles, axis=2), columns, span, step))
    # Side by side in memory, so that sums go in one order however wide the block is.
    along = np.ascontiguousarray(np.concatenate(strips, axis=1).transpose(0, 2, 1))
    return _means(along, rows, span, step).transpose(2, 1, 0)


def _tile(
    block: npt.NDArray[Any],
    known: npt.NDArray[np.bool_],
    features: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]],
    first: tuple[int, int],
    count: tuple[int, int],
    filling: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Features (filters, v, u) from the first on, so many."""
    window = tuple(
        slice(STRIDE * start, STRIDE * (start + number - 1) + REACH)
        for start, number in zip(first, count, strict=True)
    )
    image, seen = block[:, *window], known[window]
    if not seen.all():
        image = np.where(seen, image, filling[:, None, None])
    found: npt.NDArray[np.float32] = features(np.ascontiguousarray(image[None], np.float32))[0]
    return found


def _means(
    values: npt.NDArray[np.float32], count: int, span: int, step: int
) -> npt.NDArray[np.float32]:
    """Means of windows along the last axis."""
    windows = [values[..., i * step : i * step + span].mean(axis=-1) for i in range(count)]
    means: npt.NDArray[np.float32] = np.stack(windows, axis=-1)
    return means
