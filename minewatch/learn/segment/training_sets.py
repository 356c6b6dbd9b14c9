"""What training sees: standardised images, places of labels, and how much each pixel counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.learn.segment.architecture import step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

__all__ = [
    "ClassCodes",
    "TrainingSet",
    "balanced",
    "class_codes",
    "moments",
    "standardised",
    "training_set",
]


@dataclass(frozen=True)
class ClassCodes:
    """Codes of the classes, in the order of the network's outputs, and their names, if any.

    Parameters
    ----------
    codes : tuple of int
        As labels hold them.
    names : tuple of str
        As many, or none.
    """

    codes: tuple[int, ...]
    names: tuple[str, ...] = ()


def class_codes(classes: Mapping[str, int] | Sequence[int]) -> ClassCodes:
    """Classes as they are given: codes, or name → code.

    Raises
    ------
    ValueError
        If there are fewer than two, or one comes twice, or one is no code from 0 to 254.

    Examples
    --------
    >>> class_codes({"mine": 2, "forest": 1})
    ClassCodes(codes=(2, 1), names=('mine', 'forest'))
    """
    named = hasattr(classes, "keys")
    codes = [int(code) for code in (classes.values() if named else classes)]  # type: ignore[union-attr]
    sound = all(0 <= code < 255 for code in codes)
    if len(codes) < 2 or len(set(codes)) < len(codes) or not sound:
        message = f"fit_unet needs two or more different codes from 0 to 254, got {codes}; "
        message += "use e.g. classes={'other': 0, 'mine': 1}"
        raise ValueError(message)
    return ClassCodes(tuple(codes), tuple(str(name) for name in classes) if named else ())


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Images and labels of one size.

    Parameters
    ----------
    images : array of float32, shape (n, channels, y, x)
        Standardised, unknown pixels 0.
    target : array of int64, shape (n, y, x)
        Place of the label among the classes; 0 where it does not count.
    weights : array of float32, shape (n, y, x)
        What each pixel counts; 0 where the label or the image is unknown.
    left_out : int
        Chips in which nothing counts.
    """

    images: npt.NDArray[np.float32]
    target: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    left_out: int

    def __len__(self) -> int:
        return len(self.images)


def moments(images: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of each channel over its known pixels.

    Parameters
    ----------
    images : array, shape (n, channels, y, x)
        NaN unknown.

    Returns
    -------
    mean, std : array of float64, shape (channels,)
        A standard deviation of 0 is given as 1.

    Raises
    ------
    ValueError
        If a channel has no known pixel.

    Examples
    --------
    >>> moments(np.array([[[[1.0, 3.0]], [[5.0, np.nan]]]]))
    (array([2., 5.]), array([1., 1.]))
    """
    mean, std = np.empty(images.shape[1]), np.empty(images.shape[1])
    for channel in range(images.shape[1]):
        layer = images[:, channel]
        known = layer[np.isfinite(layer)].astype(np.float64)
        if not known.size:
            message = f"channel {channel} of the chips has no known pixel; leave it out"
            raise ValueError(message)
        mean[channel], std[channel] = known.mean(), known.std()
    return mean, np.where(std > 0, std, 1.0)


def standardised(
    images: npt.NDArray[Any], mean: npt.NDArray[np.float64], std: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """What the network sees, and which pixels are known.

    A pixel that lacks a channel is 0, the mean, in every channel: the network sees nothing there,
    as it sees nothing beyond the edge of an image.

    Parameters
    ----------
    images : array, shape (..., channels, y, x)
        NaN or infinite unknown.
    mean, std : array, shape (channels,)
        Of each channel.

    Returns
    -------
    images : array of float32
        Of the same shape.
    known : array of bool, shape (..., y, x)
        Where no channel lacks.

    Examples
    --------
    >>> standardised(np.array([[[3.0, np.nan]]]), np.array([1.0]), np.array([2.0]))
    (array([[[1., 0.]]], dtype=float32), array([[ True, False]]))
    """
    known = np.isfinite(images).all(axis=-3)
    scaled = (images - mean[:, None, None]) / std[:, None, None]
    seen = np.where(known[..., None, :, :], scaled, 0)
    return seen.astype(np.float32), known


def training_set(
    chips: xr.DataArray | npt.ArrayLike,
    labels: xr.DataArray | npt.ArrayLike,
    weights: xr.DataArray | npt.ArrayLike | None,
    *,
    classes: ClassCodes,
    ignore: int,
    mean: npt.NDArray[np.float64],
    std: npt.NDArray[np.float64],
    levels: int,
) -> TrainingSet:
    """Chips, labels and weights as training takes them. Computes.

    Parameters
    ----------
    chips : array, shape (n, channels, y, x)
        NaN unknown.
    labels : array of int, shape (n, y, x)
        Codes.
    weights : array, shape (n, y, x), optional
        What each pixel counts, NaN nothing.
    classes : ClassCodes
        What the labels may be.
    ignore : int
        What else they may be, and then do not count.
    mean, std : array, shape (channels,)
        Of each channel.
    levels : int
        Resolutions of the network.

    Returns
    -------
    TrainingSet
        Without the chips in which nothing counts.

    Raises
    ------
    ValueError
        If shapes do not fit, a label is no class, a weight is negative, or nothing counts.
    """
    images, codes = np.asarray(chips), np.asarray(labels)
    if images.ndim != 4 or codes.shape != (len(images), *images.shape[2:]):
        message = (
            "fit_unet needs chips (n, channels, y, x) and labels (n, y, x) of one size, got "
            f"{images.shape} and {codes.shape}; cut both with minewatch.learn.segment.chips"
        )
        raise ValueError(message)
    if images.shape[1] != len(mean):
        message = (
            f"the network learns from {len(mean)} channels, other chips have {images.shape[1]}; "
            "cut both from the same channels"
        )
        raise ValueError(message)
    if any(size % step(levels) for size in codes.shape[1:]):
        message = (
            f"a network of {levels} levels needs rows and columns in multiples of {step(levels)}, "
            f"got {codes.shape[1:]}; use e.g. chips of 128"
        )
        raise ValueError(message)
    seen, known = standardised(images, mean, std)
    target, counts = _places(codes, classes.codes, ignore)
    load = (counts & known).astype(np.float32)
    if weights is not None:
        given = np.asarray(weights, np.float32)
        given = np.where(np.isnan(given), np.float32(0), given)
        if given.shape != codes.shape or not (given >= 0).all() or not np.isfinite(given).all():
            message = (
                f"weights must be 0 or more, of the shape of the labels {codes.shape}; got shape "
                f"{given.shape}, from {given.min() if given.size else 0:g}; use e.g. probabilities"
            )
            raise ValueError(message)
        load = load * given
    kept = load.any(axis=(1, 2))
    if not kept.any():
        message = (
            "no pixel of the chips has both a label and an image; check labels, weights and "
            f"ignore={ignore}"
        )
        raise ValueError(message)
    return TrainingSet(seen[kept], target[kept], load[kept], int((~kept).sum()))


def balanced(
    target: npt.NDArray[np.int64], weights: npt.NDArray[np.float32], *, power: float
) -> npt.NDArray[np.float32]:
    """Weights by which rare classes count for more.

    Parameters
    ----------
    target : array of int64
        Places of the labels among the classes.
    weights : array of float32
        What each pixel counts, of the same shape.
    power : float
        A class counts by its share of all to the power of minus this: 0 leaves weights as they
        are, with 1 all classes count the same together.

    Returns
    -------
    array of float32
        Of the same shape.

    Examples
    --------
    >>> balanced(np.array([0, 0, 0, 0, 1]), np.ones(5, "float32"), power=0.5)
    array([1., 1., 1., 1., 2.], dtype=float32)
    """
    load = np.bincount(target.ravel(), weights.ravel())
    factor = np.ones(len(load))
    factor[load > 0] = (load.max() / load[load > 0]) ** power
    return weights * factor[target].astype(np.float32)


def _places(
    codes: npt.NDArray[Any], wanted: tuple[int, ...], ignore: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The place of each label among the classes, 0 where it does not count, and where it does."""
    unknown = np.isnan(codes) if np.issubdtype(codes.dtype, np.floating) else codes == ignore
    unknown |= codes == ignore
    place = np.full(codes.shape, -1, np.int64)
    for position, code in enumerate(wanted):
        place[(codes == code) & ~unknown] = position
    stray = (place < 0) & ~unknown
    if stray.any():
        found = np.unique(codes[stray])[:5].tolist()
        message = (
            f"labels hold {found}, which are no class of {list(wanted)} and not ignore={ignore}; "
            "add them to classes or set them to ignore"
        )
        raise ValueError(message)
    return np.where(unknown, 0, place), ~unknown
