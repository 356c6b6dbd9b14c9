"""Precision, recall, F and Matthews' coefficient, from a table of confusion or from counts.

Counts are Python integers wherever they are multiplied: the four factors under the root of
Matthews' coefficient pass 64 bits at about 10⁵ pixels a cell.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minewatch.metrics.tables import as_table

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

__all__ = ["object_scores", "scores"]


def scores(
    confusion: xr.DataArray | npt.ArrayLike | None = None,
    *,
    tp: float | None = None,
    fp: float | None = None,
    fn: float | None = None,
    tn: float | None = None,
    positive: int = 1,
    beta: float = 0.5,
    zero_division: float = math.nan,
) -> dict[str, float]:
    r"""Precision, recall and their like for one class against the rest.

    .. math:: F_\beta = \frac{(1+\beta^2) P R}{\beta^2 P + R}, \quad
              MCC = \frac{TP \cdot TN - FP \cdot FN}
                         {\sqrt{(TP+FP)(TP+FN)(TN+FP)(TN+FN)}}

    Parameters
    ----------
    confusion : xarray.DataArray or array, optional
        Square table, rows the reference, columns the map: from :func:`confusion`, or bare with the
        classes 0, 1, … in order.
    tp, fp, fn, tn : float, optional
        The four counts instead of a table: true and false positives, false and true negatives.
    positive : int
        The class that is looked for (1 is mine); all others are the rest.
    beta : float
        Above 1 recall weighs more, below 1 precision does.
    zero_division : float
        Value of a fraction without a denominator, NaN or 0.

    Returns
    -------
    dict
        ``precision, recall, specificity, npv, accuracy, f_beta, f1, mcc`` and ``mcc_defined``:
        where a factor under the root is 0, Matthews' coefficient is 0 by convention and this is
        False.

    Raises
    ------
    ValueError
        If counts are incomplete or negative, or the table is not square.
    KeyError
        If the table does not hold the class `positive`.

    References
    ----------
    Matthews (1975), Comparison of the predicted and observed secondary structure of T4 phage
    lysozyme. https://doi.org/10.1016/0005-2795(75)90109-9

    Examples
    --------
    >>> found = scores(tp=387597, fp=66403, fn=58545, tn=170901)
    >>> round(found["precision"], 6), round(found["f_beta"], 6), round(found["mcc"], 6)
    (0.853738, 0.856704, 0.593747)
    """
    if confusion is not None:
        if any(count is not None for count in (tp, fp, fn, tn)):
            message = "scores takes a table or the four counts tp, fp, fn, tn, got both; drop one"
            raise ValueError(message)
        tp, fp, fn, tn = _one_against_rest(confusion, positive)
    if tp is None or fp is None or fn is None or tn is None:
        message = "scores needs a table of confusion or all of tp=, fp=, fn=, tn="
        raise ValueError(message)
    tp, fp, fn, tn = (_count(value) for value in (tp, fp, fn, tn))

    def share(part: float, whole: float) -> float:
        return float(part / whole) if whole else zero_division

    precision, recall = share(tp, tp + fp), share(tp, tp + fn)

    def f(weight: float) -> float:
        return share((1 + weight) * precision * recall, weight * precision + recall)

    under = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return {
        "precision": precision,
        "recall": recall,
        "specificity": share(tn, tn + fp),
        "npv": share(tn, tn + fn),
        "accuracy": share(tp + tn, tp + fp + fn + tn),
        "f_beta": f(beta * beta),
        "f1": f(1.0),
        "mcc": (tp * tn - fp * fn) / math.sqrt(under) if under else 0.0,
        "mcc_defined": bool(under),
    }


def _count(value: float) -> float:
    """A count as a Python number, which does not overflow."""
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        message = f"scores needs counts of 0 or more, got {value}"
        raise ValueError(message)
    return int(value) if number.is_integer() else number


def _one_against_rest(confusion: Any, positive: int) -> tuple[float, float, float, float]:
    table, codes = as_table(confusion, by="scores")
    if positive not in codes:
        message = f"the table of confusion has no class {positive}; it has {codes}: set positive="
        raise KeyError(message)
    at = codes.index(positive)
    tp = table[at, at].item()
    fp = sum(table[:, at].tolist()) - tp
    fn = sum(table[at].tolist()) - tp
    return tp, fp, fn, sum(table.ravel().tolist()) - tp - fp - fn


def object_scores(
    tp: float,
    fp: float,
    fn: float,
    *,
    zero_division: float = math.nan,
) -> dict[str, float]:
    """Precision, recall and F1 of detected objects, of which there are no true negatives.

    Parameters
    ----------
    tp : float
        Detections that meet a reference object.
    fp : float
        Detections that meet none.
    fn : float
        Reference objects that no detection meets.
    zero_division : float
        Value of a fraction without a denominator, NaN or 0.

    Returns
    -------
    dict
        ``precision`` (NaN without detections), ``recall`` (NaN without reference) and ``f1``.

    Raises
    ------
    ValueError
        If a count is negative.

    See Also
    --------
    scores : with true negatives.

    Examples
    --------
    >>> object_scores(tp=8, fp=2, fn=8)
    {'precision': 0.8, 'recall': 0.5, 'f1': 0.615...}
    """
    found = scores(tp=tp, fp=fp, fn=fn, tn=0, zero_division=zero_division)
    return {name: found[name] for name in ("precision", "recall", "f1")}
