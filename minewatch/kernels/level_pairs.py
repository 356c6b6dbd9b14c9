r"""Which grey levels lie beside which: the co-occurrence matrix of a patch, and what it says.

Values are cut into levels. Of all pairs of pixels that lie d rows, d columns or d of both apart, in
the four directions and both ways round, a share :math:`p_{ij}` has levels i and j. Then

.. math::

    \text{contrast} = \sum_{ij} p_{ij} (i - j)^2, \qquad
    \text{homogeneity} = \sum_{ij} \frac{p_{ij}}{1 + (i - j)^2}, \qquad
    \text{entropy} = -\sum_{ij} p_{ij} \log_2 p_{ij}.

Pairs are counted in integers, so that the result is the same, to the last bit, for a patch that is
turned by a quarter or mirrored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["cooccurrence"]

LEVELS = 256
"""Most levels."""

NAN = np.float32(np.nan)


def coarse(image: Any, low: Any, high: Any, levels: Any, out: Any) -> None:
    """Level of each value, clipped to [low, high]; the level beyond the last one is missing."""
    for i in range(len(image)):
        row, level = image[i], out[i]
        for j in range(len(row)):
            share = (np.float64(row[j]) - low) / (high - low) * levels
            level[j] = (
                np.int32(min(max(share, 0.0), levels - 1.0)) if np.isfinite(share) else levels
            )


def count(first: Any, second: Any, width: Any, even: Any, odd: Any) -> None:
    """Count pairs of levels, every other one in a table of its own.

    An addition waits for the one before it where both go to one place, as on even ground.
    """
    length = len(first)
    for j in range(0, length - 1, 2):
        even[first[j] * width + second[j]] += 1
        odd[first[j + 1] * width + second[j + 1]] += 1
    if length % 2:
        even[first[length - 1] * width + second[length - 1]] += 1


def summed(counts: Any, levels: Any) -> Any:
    """Pairs, contrast, homogeneity and entropy of a table that has missing in its last line."""
    number, square, near, table = 0, 0, 0.0, 0.0
    for gap in range(levels):
        pairs = 0
        for i in range(levels - gap):
            here = counts[i, i + gap] + (counts[i + gap, i] if gap else 0)
            pairs += here
            if here:
                # Off the diagonal each pair stands in two places, half in each.
                places = 2.0 if gap else 1.0
                table += here * np.log2(here / places)
        number += pairs
        square += pairs * gap * gap
        near += pairs / (1.0 + gap * gap)
    return number, square, near, table


@gufunc(
    ["(float32[:,::1],int64[::1],int64,float64,float64,float32[::1],float32[::1],float32[::1])"],
    "(y,x),(d),(),(),()->(d),(d),(d)",
    helpers=(coarse, count, summed),
)
def cooccurrence(
    image: Any,
    distances: Any,
    levels: Any,
    low: Any,
    high: Any,
    contrast: Any,
    homogeneity: Any,
    entropy: Any,
) -> None:
    """Contrast, homogeneity and entropy of the grey-level co-occurrence matrices of a patch.

    Parameters
    ----------
    image : (..., y, x) array of float32
        Patches. What is not finite takes part in no pair.
    distances : (..., d) array of int
        Pixels between the two of a pair, along rows, columns and both diagonals.
    levels : int
        Equal steps from `low` to `high`, 2 to 256.
    low, high : float
        Range of the values, low < high; those beyond it count as its ends.

    Returns
    -------
    three (..., d) arrays of float32
        Contrast in squared levels, homogeneity in (0, 1], entropy in bits. NaN where there is no
        pair. All NaN for arguments outside their range.

    References
    ----------
    Haralick, Shanmugam & Dinstein (1973), Textural features for image classification, IEEE TSMC
    3(6), doi:10.1109/TSMC.1973.4309314

    Examples
    --------
    >>> import numpy as np
    >>> board = np.indices((8, 8)).sum(axis=0) % 2
    >>> contrast, _, _ = cooccurrence(board.astype(np.float32), np.array([2]), 2, 0.0, 1.0)
    >>> contrast
    array([0.], dtype=float32)
    """
    rows, columns = image.shape
    contrast[:], homogeneity[:], entropy[:] = NAN, NAN, NAN
    if not 2 <= levels <= LEVELS or not low < high or not np.isfinite(high - low):
        return
    width = levels + 1
    level = np.empty((rows, columns), np.int32)
    coarse(image, low, high, levels, level)
    even, odd = np.empty(width * width, np.int64), np.empty(width * width, np.int64)
    for k in range(len(distances)):
        d = distances[k]
        if d < 1:
            continue
        even[:], odd[:] = 0, 0
        for i in range(rows):
            here = level[i]
            count(here[: max(0, columns - d)], here[d:], width, even, odd)
            if i + d < rows:
                below = level[i + d]
                count(here, below, width, even, odd)
                count(here[: max(0, columns - d)], below[d:], width, even, odd)
                count(here[d:], below[: max(0, columns - d)], width, even, odd)
        even += odd
        number, square, near, table = summed(even.reshape(width, width), levels)
        if number > 0:
            contrast[k] = np.float32(square / number)
            homogeneity[k] = np.float32(near / number)
            entropy[k] = np.float32(max(0.0, np.log2(np.float64(number)) - table / number))
