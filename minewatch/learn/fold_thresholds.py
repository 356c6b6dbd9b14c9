"""Thresholds that were chosen on other samples than they judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.metrics.counts import rates

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["best_on_other_folds"]


def best_on_other_folds(
    probability: npt.NDArray[np.float64],
    truth: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64],
    fold: npt.NDArray[np.int64],
    *,
    score: str = "f_beta",
    beta: float = 1.0,
) -> npt.NDArray[np.float64]:
    """For each fold the threshold that is best on all others.

    Parameters
    ----------
    probability : array of float64
        Of the class that is looked for, out of fold.
    truth : array of bool
        Where it is there.
    weight : array of float64
        What each sample counts.
    fold : array of int
        0, 1, ….
    score : str
        What is best, as :func:`minewatch.metrics.counts.rates` names it.
    beta : float
        Of F.

    Returns
    -------
    array of float64
        One a fold, of several equally good ones the highest.

    Examples
    --------
    >>> chance, truth = np.array([0.9, 0.4, 0.6, 0.2]), np.array([True, False, True, False])
    >>> best_on_other_folds(chance, truth, np.ones(4), np.array([0, 0, 1, 1]))
    array([0.6, 0.9])
    """
    found = np.empty(int(fold.max()) + 1)
    for number in range(len(found)):
        others = np.flatnonzero(fold != number)
        order = others[np.argsort(-probability[others], kind="stable")]
        chance, there, load = probability[order], truth[order], weight[order]
        tp, fp = np.cumsum(load * there), np.cumsum(load * ~there)
        counts = np.stack([tp, fp, tp[-1] - tp, fp[-1] - fp], axis=-1)
        last = np.append(chance[1:] != chance[:-1], True)
        gained = np.nan_to_num(rates(counts, score, beta=beta), nan=-np.inf)
        found[number] = chance[np.where(last, gained, -np.inf).argmax()]
    return found
