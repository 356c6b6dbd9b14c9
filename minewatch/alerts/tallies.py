"""What pairs say of pixels and of patches, read block by block and held as a few bytes a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import xarray as xr

__all__ = ["Tally", "runs", "tally"]

UNIT = 2.0**30
"""Means are of whole multiples of its inverse: sums of such are exact, in whatever order."""
STRIP = 2**20
"""Pixels that are looked at together where the data have no blocks."""


def runs(
    coherence: xr.DataArray, limits: npt.NDArray[np.float64], *, minimum: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint16]]:
    """Pixels whose last pairs exceed, and since which pair. Reads each block once.

    The run of a pixel goes on while at least `minimum` of its observations exceed, and begins anew
    with the next one when they do not: the cumulative sum of Page (1954).

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x), in the order of time.
    limits : numpy.ndarray
        Of each pair: coherence below exceeds.
    minimum : float
        Share, above 0, up to 1.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
        Which pixels are in a run at the end, bool; position of the pair that it began with, uint16.
    """
    open_ = np.zeros(coherence.shape[1:], bool)
    onset = np.zeros(coherence.shape[1:], "u2")
    for place in _places(coherence):
        since = onset[place]
        seen, exceeded = np.zeros_like(since), np.zeros_like(since)
        for pair, values in _images(coherence, place):
            sees = np.isfinite(values)
            over = sees & (exceeded < minimum * seen)
            seen[over], exceeded[over], since[over] = 0, 0, pair
            seen += sees
            exceeded += _exceeds(values, limits[pair])
        open_[place] = (seen > 0) & (exceeded >= minimum * seen)
    return open_, onset


@dataclass(frozen=True)
class Tally:
    """Of each patch: counts of its pixels in each pair, dims (pair, patch), and means."""

    pixels: npt.NDArray[np.int64]
    confirmed: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    exceeded: npt.NDArray[np.int64]
    in_run: npt.NDArray[np.int64]
    coherence: npt.NDArray[np.float64]
    share: npt.NDArray[np.float64]
    share_before: npt.NDArray[np.float64]
    touches: npt.NDArray[np.bool_]


def tally(
    coherence: xr.DataArray,
    limits: npt.NDArray[np.float64],
    patches: npt.NDArray[np.int32],
    onset: npt.NDArray[np.uint16],
    *,
    count: int,
    skipped: int,
    index: xr.DataArray,
    near: npt.NDArray[np.bool_],
) -> Tally:
    """All that pairs say of all patches. Reads each block that holds one once.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x), in the order of time.
    limits : numpy.ndarray
        Of each pair: coherence below exceeds.
    patches : numpy.ndarray
        Number of the patch of each pixel, from 0; `count` where there is none.
    onset : numpy.ndarray
        From :func:`runs`, of the pairs after the first `skipped`.
    count, skipped : int
        How many patches there are, and how many pairs come before those of the runs.
    index : xarray.DataArray
        Of activity before, dims (y, x).
    near : numpy.ndarray
        Pixels that lie at ground that was active.

    Returns
    -------
    Tally
        ``confirmed`` counts pixels that exceed, in their run, in pairs with different later images;
        ``in_run`` those that exceed in a pair, in their run; ``share`` is the mean over the pixels
        of how many observations of their run exceed.
    """
    pairs = coherence.sizes["pair"]
    seen, exceeded, in_run = (np.zeros((pairs, count), "i8") for _ in range(3))
    total = np.zeros((pairs, count))
    pixels, confirmed, touching = (np.zeros(count, "i8") for _ in range(3))
    image = np.unique(coherence.secondary_time.values, return_inverse=True)[1]
    shares, before, known = np.zeros(count), np.zeros(count), np.zeros(count, "i8")
    for place in _places(coherence):
        inside = np.nonzero(patches[place] < count)
        if not inside[0].size:
            continue
        label = patches[place][inside]
        start = onset[place][inside].astype("i8") + skipped
        pixels += np.bincount(label, minlength=count)
        touching += np.bincount(label[near[place][inside]], minlength=count)
        run, over, images = (np.zeros(label.size, "i8") for _ in range(3))
        last = np.full(label.size, -1)
        for pair, block in _images(coherence, place):
            values = block[inside]
            sees, exceeds = np.isfinite(values), _exceeds(values, limits[pair])
            within = start <= pair
            run += sees & within
            counts = exceeds & within
            over += counts
            images += counts & (last != image[pair])
            last[counts] = image[pair]
            seen[pair] += np.bincount(label[sees], minlength=count)
            exceeded[pair] += np.bincount(label[exceeds], minlength=count)
            in_run[pair] += np.bincount(label[counts], minlength=count)
            total[pair] += _summed(label[sees], values[sees], count)
        confirmed += np.bincount(label[images > 1], minlength=count)
        shares += _summed(label, over / run, count)
        was = index[place].values[inside]
        there = np.isfinite(was)
        before += _summed(label[there], was[there], count)
        known += np.bincount(label[there], minlength=count)
    return Tally(
        pixels,
        confirmed,
        seen,
        exceeded,
        in_run,
        _mean(total, seen),
        _mean(shares, pixels),
        _mean(before, known),
        touching > 0,
    )


def _places(coherence: xr.DataArray) -> Iterator[tuple[slice, slice]]:
    """The blocks of a map, as they are stored; strips of rows where there are none."""
    rows, columns = coherence.sizes["y"], coherence.sizes["x"]
    step = max(1, STRIP // max(columns, 1))
    if coherence.chunks is None:
        tall, wide = [min(step, rows - top) for top in range(0, rows, step)], [columns]
    else:
        tall, wide = (list(coherence.chunksizes[name]) for name in ("y", "x"))
    ends, sides = np.cumsum(tall).tolist(), np.cumsum(wide).tolist()
    for bottom, height in zip(ends, tall, strict=True):
        for right, width in zip(sides, wide, strict=True):
            yield slice(bottom - height, bottom), slice(right - width, right)


def _images(
    coherence: xr.DataArray, place: tuple[slice, slice]
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Each pair within a block, read with those that are stored with it."""
    lengths = [1] * coherence.sizes["pair"]
    if coherence.chunks is not None:
        lengths = list(coherence.chunksizes["pair"])
    pair = 0
    for length in lengths:
        part = coherence.isel(pair=slice(pair, pair + length), y=place[0], x=place[1])
        for values in part.values.astype("f4", copy=False):
            yield pair, values
            pair += 1


def _exceeds(values: npt.NDArray[np.float32], limit: float) -> npt.NDArray[np.bool_]:
    """The comparison that the counts of the index are made by."""
    return np.asarray(values.astype("f8") < limit)


def _summed(
    label: npt.NDArray[np.int32], values: npt.NDArray[np.floating], count: int
) -> npt.NDArray[np.float64]:
    weights = np.rint(values.astype("f8") * UNIT)
    total: npt.NDArray[np.float64] = np.bincount(label, weights, count).astype("f8", copy=False)
    return total


def _mean(total: npt.NDArray[np.float64], count: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    mean = np.full(total.shape, np.nan)
    np.divide(total, count * UNIT, out=mean, where=count > 0)
    return mean
