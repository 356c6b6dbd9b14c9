"""Read an image between its pixels, whatever of it is missing.

Places are fractional rows and columns, pixel centres at whole numbers, NaN where there is nothing
to read; they broadcast, so that a row vector and a column vector make a grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["inside", "mean_over", "mean_within", "overlaps", "sample"]


STRIP = 128
"""Rows of rectangles that are averaged at a time: bounds the memory of the work arrays."""


def sample(part: Any, row: Floats, column: Floats, method: str, missing: float) -> Any:
    """Read an image at places.

    Parameters
    ----------
    part : array
        Dims (..., y, x).
    row, column : array of float64
        Where, within the image.
    method : {"nearest", "bilinear", "cubic"}
        How.
    missing : float
        Value where there is nothing to read.

    Returns
    -------
    array
        Dims (..., y, x) of the places, dtype of `part`.
    """
    outside = np.isnan(row) | np.isnan(column)
    row, column = np.where(np.isnan(row), 0, row), np.where(np.isnan(column), 0, column)
    height, width = part.shape[-2:]
    at = _whole(row + 0.5, height), _whole(column + 0.5, width)
    nearest = part[..., at[0], at[1]]
    if method == "nearest":
        return np.where(outside, np.asarray(missing, part.dtype), nearest)
    above, left = np.floor(row).astype(int), np.floor(column).astype(int)
    steps = (0, 1) if method == "bilinear" else (-1, 0, 1, 2)
    kernel = _tent if method == "bilinear" else _keys
    total = np.zeros(nearest.shape)
    weight = np.zeros(nearest.shape)
    for down in steps:
        share_down = kernel(row - above - down)
        for right in steps:
            i, j = above + down, left + right
            share = share_down * kernel(column - left - right)
            share = np.where((i >= 0) & (i < height) & (j >= 0) & (j < width), share, 0.0)
            value = part[..., _whole(i, height), _whole(j, width)]
            seen = ~np.isnan(value)
            total += np.where(seen, value, 0) * share
            weight += seen * share
    with np.errstate(invalid="ignore", divide="ignore"):
        found = total / weight
    return np.where(outside | np.isnan(nearest), missing, found).astype(part.dtype)


def _whole(place: Any, size: int) -> Any:
    return np.clip(np.floor(place).astype(int), 0, size - 1)


def _tent(distance: Floats) -> Floats:
    return np.asarray(np.maximum(1 - np.abs(distance), 0))


def _keys(distance: Floats) -> Floats:
    """Cubic convolution, a = −0.5 (Keys 1981, doi:10.1109/TASSP.1981.1163711)."""
    s = np.abs(distance)
    near = (1.5 * s - 2.5) * s**2 + 1
    far = ((-0.5 * s + 2.5) * s - 4) * s + 2
    return np.asarray(np.where(s <= 1, near, np.where(s < 2, far, 0.0)), "float64")


def overlaps(edges: Floats, size: int) -> Any:
    """How much of each pixel lies within each interval between edges, along one axis.

    Parameters
    ----------
    edges : array of float64
        Bounds of the intervals in pixels, pixel i reaching from i to i + 1.
    size : int
        How many pixels there are.

    Returns
    -------
    scipy.sparse.csr_array
        (interval, pixel).
    """
    from scipy.sparse import csr_array

    low, high = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    first = np.floor(low).astype(int)
    reach = int(np.ceil((high - low).max())) + 1
    pixel = first[:, None] + np.arange(reach)
    share = np.minimum(high[:, None], pixel + 1) - np.maximum(low[:, None], pixel)
    # Less than this of a pixel is rounding, which must not decide whether it counts.
    use = (share > 1e-6) & (pixel >= 0) & (pixel < size)
    interval = np.broadcast_to(np.arange(len(low))[:, None], pixel.shape)
    return csr_array((share[use], (interval[use], pixel[use])), shape=(len(low), size))


def mean_over(part: Any, down: Any, across: Any) -> Any:
    """Mean over rectangles, each pixel weighted by its share in them; missing ones left out.

    Parameters
    ----------
    part : array of floats
        Dims (..., y, x).
    down, across : scipy.sparse.csr_array
        From :func:`overlaps`.

    Returns
    -------
    array
        Dims (..., row of rectangles, column of rectangles), dtype of `part`.
    """
    result = np.empty((*part.shape[:-2], down.shape[0], across.shape[0]), part.dtype)
    for start in range(0, down.shape[0], STRIP):
        some = down[start : start + STRIP]
        # The rows of the image that these rectangles touch; the others are not copied.
        rows = slice(*((some.indices.min(), some.indices.max() + 1) if some.nnz else (0, 0)))
        some = some[:, rows]
        for plane in np.ndindex(part.shape[:-2]):
            values = part[plane][rows]
            seen = ~np.isnan(values)
            total, weight = (
                (across @ (some @ each.astype("float64")).T).T
                for each in (np.where(seen, values, 0), seen)
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                strip = total / np.where(weight > 0, weight, np.nan)
            result[(*plane, slice(start, start + STRIP))] = strip
    return result


def mean_within(part: Any, row: Floats, column: Floats, points: int) -> Any:
    """Mean over pixels of any shape, by evenly spread points.

    Parameters
    ----------
    part : array of floats
        Dims (..., y, x).
    row, column : array of float64
        Places of the corners, one row and one column more than there are pixels.
    points : int
        How many along each side.

    Returns
    -------
    array
        Dtype of `part`; NaN where no point meets a value.
    """
    offsets = (np.arange(points) + 0.5) / points
    total = np.zeros((*part.shape[:-2], row.shape[0] - 1, row.shape[1] - 1))
    count = np.zeros(total.shape)
    height, width = part.shape[-2:]
    for down in offsets:
        for right in offsets:
            i = inside(_blend(row, down, right), height)
            j = inside(_blend(column, down, right), width)
            value = sample(part, i, j, "nearest", np.nan)
            seen = ~np.isnan(value)
            total += np.where(seen, value, 0)
            count += seen
    return (total / np.where(count > 0, count, np.nan)).astype(part.dtype)


def _blend(field: Floats, down: float, right: float) -> Floats:
    upper = (1 - right) * field[:-1, :-1] + right * field[:-1, 1:]
    lower = (1 - right) * field[1:, :-1] + right * field[1:, 1:]
    return np.asarray((1 - down) * upper + down * lower)


def inside(place: Floats, size: int) -> Floats:
    """NaN outside the image, whose border pixels reach half a pixel out."""
    return np.where((place >= -0.5) & (place < size - 0.5), place, np.nan)
