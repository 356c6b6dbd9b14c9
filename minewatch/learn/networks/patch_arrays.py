"""Patch sets as arrays that a network can learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.learn.networks.layers import SMALLEST

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["arrays_of", "moments"]

DIMS = ("patch", "channel", "row", "column")
SLICE = 64
"""Patches at a time."""


def arrays_of(
    patches: xr.Dataset, *, padding: str, by: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], tuple[str, ...]]:
    """Patches, labels and names of channels, checked.

    Parameters
    ----------
    patches : xarray.Dataset
        A patch set: ``patches`` with dims (patch, channel, row, column) and coordinate ``label``.
    padding : {"same", "valid"}
        Of the network.
    by : str
        Who asks, for the message.

    Returns
    -------
    values : numpy.ndarray
        (n, channels, size, size), float32.
    labels : numpy.ndarray
        (n,), 0 or 1.
    channels : tuple of str
        Names.

    Raises
    ------
    TypeError
        If it is no Dataset with patches.
    ValueError
        If they lack labels or are no squares, are too small for the network, hold unknown pixels or
        other labels than 0 and 1.
    """
    if not isinstance(patches, xr.Dataset) or "patches" not in patches:
        message = f"{by} needs a patch set, got {type(patches).__name__}; make one with "
        message += "minewatch.learn.patches.extract"
        raise TypeError(message)
    stack = patches["patches"]
    if stack.dims != DIMS or "label" not in stack.coords:
        message = f"{by} needs patches with dims {DIMS} and the coordinate label, got dims "
        message += f"{stack.dims} with {sorted(map(str, stack.coords))}; make them with "
        message += "minewatch.learn.patches.extract"
        raise ValueError(message)
    values = np.ascontiguousarray(stack.values, np.float32)
    labels = np.asarray(stack["label"].values)
    if values.shape[2] != values.shape[3] or values.shape[2] < SMALLEST[padding]:
        message = f"{by} needs squares of {SMALLEST[padding]} pixels or more with "
        message += f"padding={padding!r}, got {values.shape[2:]}; the paper's are 104 × 104"
        raise ValueError(message)
    if not len(labels) or not np.isin(labels, (0, 1)).all():
        message = f"{by} needs patches with label 1 (a mine) or 0, got {len(labels)} patches with "
        message += f"{np.unique(labels)[:5].tolist()}; label them so"
        raise ValueError(message)
    holes = sum(
        int((~np.isfinite(values[at : at + SLICE]).all(axis=(1, 2, 3))).sum())
        for at in range(0, len(values), SLICE)
    )
    if holes:
        message = f"{holes} of {len(values)} patches hold unknown pixels, from which {by} cannot "
        message += "learn; extract them with max_nodata=0"
        raise ValueError(message)
    names = stack["channel"].values if "channel" in stack.coords else range(values.shape[1])
    return values, labels.astype(np.int64), tuple(str(name) for name in names)


def moments(
    values: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of each channel over all pixels of all patches.

    Parameters
    ----------
    values : numpy.ndarray
        (n, channels, size, size).

    Returns
    -------
    mean, std : numpy.ndarray
        (channels,) float64. A standard deviation of 0 becomes 1.

    Examples
    --------
    >>> mean, std = moments(np.array([[[[1.0]], [[5]]], [[[3]], [[5]]]], "float32"))
    >>> mean.tolist(), std.tolist()
    ([2.0, 5.0], [1.0, 1.0])
    """
    pixels = values.size / values.shape[1]
    slices: list[Any] = [values[at : at + SLICE] for at in range(0, len(values), SLICE)]
    mean = sum(part.sum(axis=(0, 2, 3), dtype=np.float64) for part in slices) / pixels
    apart = (part - mean[:, None, None] for part in slices)
    std = np.sqrt(sum(np.square(part).sum(axis=(0, 2, 3)) for part in apart) / pixels)
    return mean, np.where(std > 0, std, 1.0)
