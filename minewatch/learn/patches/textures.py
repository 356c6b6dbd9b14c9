"""A patch in numbers: how bright its channels are, how they vary, which levels lie side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["DISTANCES", "LEVELS", "level_range", "statistic_names", "texture_statistics"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DISTANCES = (1, 2, 4)
"""Pixels between the two of a pair: 10, 20 and 40 m at 10 m."""
LEVELS = 16
"""Grey levels: 43,000 pairs of a patch of 104 pixels are enough to fill their 256 places."""
AT_ONCE = 32
"""Patches worked on at a time, so that what is sorted stays in the processor's cache."""


def statistic_names(
    channels: Sequence[str], *, distances: Sequence[int] = DISTANCES
) -> tuple[str, ...]:
    """What the columns of :func:`texture_statistics` are called.

    Parameters
    ----------
    channels : sequence of str
        Names of the channels.
    distances : sequence of int
        As in :func:`texture_statistics`.

    Returns
    -------
    tuple of str
        Channel by channel.

    Examples
    --------
    >>> statistic_names(["vv"], distances=[1])
    ('vv_mean', 'vv_sd', 'vv_p5', 'vv_p25', 'vv_p50', 'vv_p75', 'vv_p95', 'vv_contrast_1',
     'vv_homogeneity_1', 'vv_entropy_1', 'vv_gradient')
    """
    each = ["mean", "sd", *(f"p{round(100 * q)}" for q in QUANTILES)]
    each += [
        f"{name}_{distance}"
        for name in ("contrast", "homogeneity", "entropy")
        for distance in distances
    ]
    return tuple(f"{channel}_{name}" for channel in channels for name in [*each, "gradient"])


def level_range(patches: npt.NDArray[Any]) -> tuple[list[float], list[float]]:
    """The range of each channel that is cut into grey levels: 98 % of its values lie in it.

    Parameters
    ----------
    patches : array of shape (n, channels, rows, columns)
        Patches, all of them known.

    Returns
    -------
    (list of float, list of float)
        Lowest and highest value of each channel; half a unit on both sides of the value of a
        channel that has but one.

    Examples
    --------
    >>> level_range(np.full((1, 1, 2, 2), -10.0))
    ([-10.5], [-9.5])
    """
    low, high = [], []
    for channel in range(patches.shape[1]):
        bottom, top = (float(v) for v in np.percentile(patches[:, channel], (1, 99)))
        flat = not bottom < top
        low.append(bottom - 0.5 if flat else bottom)
        high.append(top + 0.5 if flat else top)
    return low, high


def texture_statistics(
    patches: npt.NDArray[Any],
    *,
    low: Sequence[float],
    high: Sequence[float],
    distances: Sequence[int] = DISTANCES,
    levels: int = LEVELS,
) -> npt.NDArray[np.float32]:
    r"""Statistics of each channel of each patch, which no flip or quarter turn changes.

    Mean, standard deviation, percentiles 5, 25, 50, 75 and 95; contrast, homogeneity and entropy of
    the co-occurrence matrices at each distance; and the gradient energy, the mean of
    :math:`(\Delta_x z)^2` plus that of :math:`(\Delta_y z)^2` between neighbours.

    Parameters
    ----------
    patches : array of shape (n, channels, rows, columns)
        Patches, in dB.
    low, high : sequence of float
        Range of each channel that is cut into grey levels, from :func:`level_range`.
    distances : sequence of int
        Pixels between the two of a pair.
    levels : int
        Grey levels, 2 to 256.

    Returns
    -------
    array of float32 of shape (n, statistics)
        Columns as :func:`statistic_names` has them. All NaN for a patch in which anything is
        unknown.

    See Also
    --------
    minewatch.kernels.cooccurrence : the matrices.

    Examples
    --------
    >>> ramp = np.tile(np.arange(4.0), (1, 1, 4, 1))
    >>> texture_statistics(ramp, low=[0], high=[4], distances=[1], levels=4).round(2)
    array([[1.5 , 1.12, 0.  , 0.75, 1.5 , 2.25, 3.  , 0.71, 0.64, 3.28, 1.  ]],
          dtype=float32)
    """
    count, channels = patches.shape[:2]
    width = 2 + len(QUANTILES) + 3 * len(distances) + 1
    out = np.full((count, channels, width), np.nan, np.float32)
    at = np.asarray(distances, np.int64)
    ends = np.asarray(low, np.float64), np.asarray(high, np.float64)
    for start in range(0, count, AT_ONCE):
        part = np.asarray(patches[start : start + AT_ONCE], np.float32)
        known = np.isfinite(part).all(axis=(1, 2, 3))
        if not known.any():
            continue
        part = part[known]
        shape = out[start : start + AT_ONCE][known].shape
        found = np.empty(shape, np.float32)
        found[..., :7] = _levels_of(part)
        pairs = kernels.cooccurrence(part, at, levels, *ends)
        found[..., 7:-1] = np.concatenate(pairs, axis=-1)
        found[..., -1] = _gradient_energy(part)
        out[start : start + AT_ONCE][known] = found
    return out.reshape(count, channels * width)


def _levels_of(patches: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Mean, standard deviation and percentiles; of sorted values, so that order is no matter."""
    values = np.sort(patches.reshape(*patches.shape[:2], -1), axis=-1)
    mean = values.mean(axis=-1, dtype=np.float64)
    spread = values.std(axis=-1, dtype=np.float64, mean=mean[..., None])
    place = np.array(QUANTILES) * (values.shape[-1] - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, values.shape[-1] - 1)
    first, second = (values[..., here].astype(np.float64) for here in (below, above))
    quantiles = first + (second - first) * (place - below)
    return np.concatenate([mean[..., None], spread[..., None], quantiles], axis=-1)


def _gradient_energy(patches: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    total = np.zeros(patches.shape[:2])
    for axis in (2, 3):
        if patches.shape[axis] > 1:
            step = np.diff(patches, axis=axis)
            total += np.mean(step * step, axis=(2, 3), dtype=np.float64)
    return total
