"""Whether probabilities mean what they say: of what is called 70 % likely, 70 % should be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch.learn.samples import weights_of
from minewatch.metrics import precision_recall

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["brier_score", "calibration_error", "reliability", "threshold_for_precision"]


def reliability(probability: xr.DataArray, *, positive: int = 1, bins: int = 10) -> pd.DataFrame:
    r"""Predicted and observed share of a class, in bins of its probability. Computes.

    The expected calibration error is the mean distance of the two, with the weight of the bins:

    .. math:: \mathrm{ECE} = \sum_b \frac{w_b}{w} \left| \bar o_b - \bar p_b \right|

    Samples count by their weight. It is 0 for probabilities that are right, but for chance: with n
    independent samples in a bin, observed shares scatter by √(p (1 − p) / n).

    Parameters
    ----------
    probability : xarray.DataArray
        Dims (sample, class) with the coordinate ``label`` and, where they have one, ``weight``; of
        samples that the model has not seen, as :func:`out_of_fold` gives it.
    positive : int
        The class that is looked for.
    bins : int
        Number of bins of equal width.

    Returns
    -------
    pandas.DataFrame
        A row for each bin that holds a sample: ``low``, ``high`` (low ≤ p < high, the last one with
        1), ``predicted``, ``observed``, ``weight`` (share of all) and ``samples``. ``attrs``:
        ``calibration_error`` (ECE), ``largest_gap`` and ``brier``.

    Raises
    ------
    ValueError
        If there is no such class or label, or no bin.

    See Also
    --------
    calibrate : makes probabilities right.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks. https://arxiv.org/abs/1706.04599

    Examples
    --------
    >>> proba = xr.DataArray(
    ...     [[0.8, 0.2], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9]],
    ...     {"class": [0, 1], "label": ("sample", [0, 1, 1, 1])},
    ...     ("sample", "class"),
    ... )
    >>> table = reliability(proba)
    >>> table[["low", "predicted", "observed", "samples"]]
       low  predicted  observed  samples
    0  0.2        0.2       0.5        2
    1  0.9        0.9       1.0        2
    >>> table.attrs["calibration_error"]
    0.2
    """
    if bins < 1:
        message = f"reliability needs at least one bin, got bins={bins}; use 10"
        raise ValueError(message)
    chance, truth, weight = of_class(probability, positive, by="reliability")
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, chance, side="right") - 1, 0, bins - 1)
    load, number = np.bincount(place, weight, bins), np.bincount(place, minlength=bins)
    kept = load > 0
    predicted, observed = (
        np.bincount(place, weight * value, bins)[kept] / load[kept] for value in (chance, truth)
    )
    table = pd.DataFrame(
        {
            "low": edges[:-1][kept],
            "high": edges[1:][kept],
            "predicted": predicted,
            "observed": observed,
            "weight": load[kept] / load.sum(),
            "samples": number[kept],
        }
    )
    gap = (table["observed"] - table["predicted"]).abs()
    table.attrs = {
        "calibration_error": float((gap * table["weight"]).sum()),
        "largest_gap": float(gap.max()),
        "brier": float(np.average((chance - truth) ** 2, weights=weight)),
        "positive": int(positive),
    }
    return table


def calibration_error(probability: xr.DataArray, *, positive: int = 1, bins: int = 10) -> float:
    """Expected calibration error: how far probabilities are from what they say, on average.

    Parameters
    ----------
    probability, positive, bins
        As in :func:`reliability`.

    Returns
    -------
    float
        0 if they are right, up to 1.

    Raises
    ------
    ValueError
        As in :func:`reliability`.

    See Also
    --------
    reliability : bin by bin, and the equation.

    Examples
    --------
    >>> coords = {"class": [0, 1], "label": ("sample", [0, 1])}
    >>> calibration_error(xr.DataArray([[0.5, 0.5], [0.5, 0.5]], coords, ("sample", "class")))
    0.0
    """
    table = reliability(probability, positive=positive, bins=bins)
    return float(table.attrs["calibration_error"])


def brier_score(probability: xr.DataArray, *, positive: int = 1) -> float:
    """Mean squared distance of a probability from what turned out, 1 or 0.

    Unlike the calibration error it also rewards probabilities that tell samples apart: whoever says
    the same of all is calibrated, and useless.

    Parameters
    ----------
    probability, positive
        As in :func:`reliability`.

    Returns
    -------
    float
        0 for a clairvoyant, 0.25 for one who always says one half.

    Raises
    ------
    ValueError
        As in :func:`reliability`.

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability.
    https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2

    Examples
    --------
    >>> coords = {"class": [0, 1], "label": ("sample", [0, 1])}
    >>> brier_score(xr.DataArray([[0.5, 0.5], [0.5, 0.5]], coords, ("sample", "class")))
    0.25
    """
    chance, truth, weight = of_class(probability, positive, by="brier_score")
    return float(np.average((chance - truth) ** 2, weights=weight))


def threshold_for_precision(
    probability: xr.DataArray, *, precision: float, positive: int = 1
) -> float:
    """The threshold that finds most while so much of what it maps is right. Computes.

    Parameters
    ----------
    probability : xarray.DataArray
        As in :func:`reliability`.
    precision : float
        Share of what is mapped that is to be right, above 0 up to 1.
    positive : int
        The class that is looked for.

    Returns
    -------
    float
        The lowest threshold at or above which the precision is reached; use it with
        :func:`predict`.

    Raises
    ------
    ValueError
        If no threshold reaches the precision.

    See Also
    --------
    minewatch.metrics.best_threshold : the one with the largest F.

    Examples
    --------
    >>> proba = xr.DataArray(
    ...     [[0.1, 0.9], [0.3, 0.7], [0.4, 0.6], [0.8, 0.2]],
    ...     {"class": [0, 1], "label": ("sample", [1, 1, 0, 0])},
    ...     ("sample", "class"),
    ... )
    >>> threshold_for_precision(proba, precision=0.9)
    0.7
    """
    chance, truth, weight = of_class(probability, positive, by="threshold_for_precision")
    curve = precision_recall(chance, truth, weight=weight)
    reached = np.flatnonzero(curve["precision"].values >= precision - 1e-12)
    if not len(reached) or not 0 < precision <= 1:
        best = float(curve["precision"].max())
        message = (
            f"no threshold reaches a precision of {precision}, the best one {best:.3g}; ask for "
            "less, or for the largest F (minewatch.metrics.best_threshold)"
        )
        raise ValueError(message)
    return float(curve["threshold"].values[reached[-1]])


def of_class(
    probability: xr.DataArray, positive: int, *, by: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Probability of one class, whether it is there, and the weight of each sample.

    Raises
    ------
    ValueError
        If dims, class or labels are lacking, or a probability is none.
    """
    values, label, weight = labelled(probability, by=by)
    classes = probability["class"].values.tolist()
    if positive not in classes:
        message = f"{by} was asked for class {positive}, the probabilities are of {classes}"
        raise ValueError(message + "; set positive= to one of them")
    return values[:, classes.index(positive)], (label == positive).astype(np.float64), weight


def labelled(
    probability: Any, *, by: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Probabilities (sample, class), labels and weights.

    Raises
    ------
    ValueError
        If dims or labels are lacking, or a probability is none.
    """
    is_array = isinstance(probability, xr.DataArray)
    if (
        not is_array
        or set(probability.dims) != {"sample", "class"}
        or "label" not in probability.coords
    ):
        message = (
            f"{by} needs probabilities with dims ('sample', 'class') and the coordinate 'label', "
            f"got {type(probability).__name__}{probability.dims if is_array else ''}; use "
            "minewatch.learn.out_of_fold(samples)"
        )
        raise ValueError(message)
    ordered = probability.transpose("sample", "class")
    values = ordered.values.astype(np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        message = (
            f"{by} needs probabilities from 0 to 1, got some outside or NaN; drop those samples"
        )
        raise ValueError(message)
    return values, ordered["label"].values, weights_of(ordered)
