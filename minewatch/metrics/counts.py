"""The scores of one table, of many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["OVERLAPS", "RATES", "counted", "rates", "require_rate"]

RATES = ("precision", "recall", "accuracy", "f_beta", "mcc")
OVERLAPS = ("iou", "mean_iou")


def rates(
    counts: npt.NDArray[np.float64], statistic: str, *, beta: float = 1.0
) -> npt.NDArray[np.float64]:
    """One score of each of many sets of counts.

    Parameters
    ----------
    counts : array of float64, shape (..., 4)
        True positives, false positives, false negatives, true negatives.
    statistic : {"precision", "recall", "accuracy", "f_beta", "mcc", "iou", "mean_iou"}
        As :func:`scores` defines it, but F is 0, not NaN, where nothing is mapped though something
        is there; intersection over union of the class, and its mean with that of the rest.
    beta : float
        Of F.

    Returns
    -------
    array of float64, shape (...)
        NaN without a denominator; Matthews' coefficient is 0 there.

    Raises
    ------
    ValueError
        If there is no such score.

    Examples
    --------
    >>> rates(np.array([[8.0, 2, 8, 82], [0, 0, 16, 84]]), "f_beta")
    array([0.615, 0.   ])
    """
    require_rate(statistic, by="rates")
    tp, fp, fn, tn = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    if statistic == "mcc":
        # Two roots: the product of all four passes the largest float less soon.
        under = np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))
        return _share(tp * tn - fp * fn, under, 0.0)
    if statistic in OVERLAPS:
        own, rest = _share(tp, tp + fp + fn, np.nan), _share(tn, tn + fp + fn, np.nan)
        # A side that is nowhere is left out of the mean, as mean_iou does.
        mean = np.where(np.isnan(rest), own, np.where(np.isnan(own), rest, (own + rest) / 2))
        return own if statistic == "iou" else np.asarray(mean, np.float64)
    more = beta * beta
    part, whole = {
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "f_beta": ((1 + more) * tp, (1 + more) * tp + more * fn + fp),
    }[statistic]
    return _share(part, whole, np.nan)


def _share(
    part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64], empty: float
) -> npt.NDArray[np.float64]:
    out: npt.NDArray[np.float64] = np.full(np.shape(part), empty)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def counted(
    mapped: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Weight of what is mapped rightly and wrongly.

    Parameters
    ----------
    mapped, truth : array of bool
        Where the class is mapped, and where it is there.
    weight : array of float64
        What each element counts.

    Returns
    -------
    array of float64, shape (4,)
        True positives, false positives, false negatives, true negatives.

    Examples
    --------
    >>> counted(np.array([True, True, False]), np.array([True, False, False]), np.ones(3))
    array([1., 1., 0., 1.])
    """
    cell = np.where(truth, np.where(mapped, 0, 2), np.where(mapped, 1, 3))
    return np.bincount(cell, weight, 4).astype(np.float64)


def require_rate(statistic: str, *, by: str) -> None:
    """Refuse a score that is not known.

    Raises
    ------
    ValueError
        If there is no such score.
    """
    if statistic not in RATES + OVERLAPS:
        message = f"{by} knows the scores {[*RATES, *OVERLAPS]}, got {statistic!r}; use 'f_beta'"
        raise ValueError(message)
