"""A place seen from eight sides: flips and quarter turns of patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["TURNS", "augment", "turned"]

TURNS = 8
"""The symmetries of a square."""


def augment(patches: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Every patch in the eight ways that a square can lie.

    Parameters
    ----------
    patches : array of shape (n, channels, size, size)
        Patches; those of a patch set are ``patch_set.patches.values``.

    Returns
    -------
    array of shape (8 n, channels, size, size)
        All patches as they are, then all of them turned by 90°, 180° and 270° against the clock,
        then these four mirrored left to right. Labels follow with ``np.tile(labels, 8)``.

    Raises
    ------
    ValueError
        If they are no squares.

    See Also
    --------
    turned : another way for each patch.

    Examples
    --------
    >>> patch = np.arange(4.0).reshape(1, 1, 2, 2)
    >>> augment(patch)[[0, 1, 4], 0].tolist()
    [[[0.0, 1.0], [2.0, 3.0]], [[1.0, 3.0], [0.0, 2.0]], [[1.0, 0.0], [3.0, 2.0]]]
    """
    _require_squares(patches, by="augment")
    return np.concatenate([_one(patches, number) for number in range(TURNS)])


def turned(patches: npt.NDArray[Any], ways: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Each patch in one of the eight ways that a square can lie.

    Parameters
    ----------
    patches : array of shape (n, channels, size, size)
        Patches.
    ways : array of n integers
        0 to 7, in the order of :func:`augment`; drawn at random, say.

    Returns
    -------
    array of shape (n, channels, size, size)
        The patches, turned.

    Raises
    ------
    ValueError
        If they are no squares, or there are not as many ways, from 0 to 7, as patches.

    See Also
    --------
    augment : all eight ways of each.

    Examples
    --------
    >>> patch = np.arange(4.0).reshape(1, 1, 2, 2)
    >>> turned(patch, np.array([2]))[0, 0].tolist()
    [[3.0, 2.0], [1.0, 0.0]]
    """
    _require_squares(patches, by="turned")
    ways = np.asarray(ways)
    if ways.shape != patches.shape[:1] or (len(ways) and not 0 <= ways.min() <= ways.max() < TURNS):
        message = (
            f"turned needs a number from 0 to 7 for each of {len(patches)} patches, got an array "
            f"of shape {ways.shape}; use rng.integers(8, size={len(patches)})"
        )
        raise ValueError(message)
    out = np.empty_like(patches)
    for number in np.unique(ways):
        out[ways == number] = _one(patches[ways == number], int(number))
    return out


def _one(patches: npt.NDArray[Any], number: int) -> npt.NDArray[Any]:
    rotated = np.rot90(patches, number % 4, axes=(2, 3))
    return rotated if number < 4 else rotated[..., ::-1]


def _require_squares(patches: npt.NDArray[Any], *, by: str) -> None:
    if np.ndim(patches) != 4 or patches.shape[2] != patches.shape[3]:
        message = (
            f"{by} needs square patches as an array (n, channels, size, size), got shape "
            f"{np.shape(patches)}; use patch_set.patches.values"
        )
        raise ValueError(message)
