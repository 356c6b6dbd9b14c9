"""Probabilities that mean what they say, learnt on polygons that the model has not seen.

A forest's share of votes is no probability: it is drawn towards one half, and on its own training
pixels it is drawn to 0 and 1. What it is worth shows on unseen polygons only, so the curve from
votes to probabilities is fitted to predictions out of fold. After Platt (1999), Probabilistic
outputs for support vector machines, and Zadrozny and Elkan (2002), Transforming classifier scores
into accurate multiclass probability estimates, https://doi.org/10.1145/775047.775151
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch.learn.calibrated import CalibratedModel, Curves
from minewatch.learn.reliability_tables import brier_score, calibration_error, labelled
from minewatch.learn.splits import PolygonSplit

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Calibration", "calibrate"]


@dataclass(frozen=True)
class Calibration:
    """What :func:`calibrate` finds: the curves, and what they are worth.

    Parameters
    ----------
    curves : Curves
        From a model's probabilities to calibrated ones.
    held_out : xarray.DataArray
        Dims (sample, class): calibrated probability of each sample by curves that were fitted to
        other folds, for :func:`reliability`, :func:`minewatch.metrics.best_threshold` and
        :func:`threshold_for_precision`.
    figures : pandas.DataFrame
        Rows ``before`` and ``after`` (held out), columns ``calibration_error`` and ``brier``.

    See Also
    --------
    calibrate : makes it.
    """

    curves: Curves
    held_out: xr.DataArray
    figures: pd.DataFrame

    def of(self, model: Any) -> CalibratedModel:
        """Put the curves behind a model.

        Parameters
        ----------
        model : object
            Fitted as those were whose predictions were calibrated, with the same classes.

        Returns
        -------
        CalibratedModel
            For :func:`predict_proba`, :func:`predict` and, if `model` is a forest,
            :func:`save_model`.

        Raises
        ------
        ValueError
            If it has other classes.
        """
        return CalibratedModel(model, self.curves)


def calibrate(
    probability: xr.DataArray, *, method: str = "isotonic", positive: int | None = None
) -> Calibration:
    r"""Fit the curve from a model's probabilities to those that mean what they say. Computes.

    Isotonic: the rising step-wise linear curve of least squares. Platt: the logistic curve
    :math:`1 / (1 + e^{-(a p + b)})` of greatest likelihood, with Platt's smoothed labels; two
    numbers, hence for fewer than some thousand samples or some fifty polygons, and less apt where a
    class is rare and most votes are 0. Of more than two
    classes each is calibrated against the rest, and they are made to add up to 1. Samples count by
    their weight.

    A calibrated model is judged as any other, by :func:`cross_validate` with a `fit` that holds all
    of it: ``lambda samples: calibrate(out_of_fold(samples)).of(fit_forest(samples))``.

    Parameters
    ----------
    probability : xarray.DataArray
        From :func:`out_of_fold`: dims (sample, class), with the coordinates ``label``, ``fold`` (or
        else ``polygon``) and, where they have one, ``weight``. Never the model's predictions on
        samples that it was fitted to.
    method : {"isotonic", "platt"}
        Kind of curve.
    positive : int, optional
        Class of the figures; the last one without it.

    Returns
    -------
    Calibration
        Its ``figures`` are held out: each fold is calibrated by curves fitted to the other folds.

    Raises
    ------
    ValueError
        If the method is unknown, coordinates are lacking, or there are not two folds that hold two
        classes each.

    See Also
    --------
    reliability : the table before and after.

    References
    ----------
    Niculescu-Mizil and Caruana (2005), Predicting good probabilities with supervised learning.
    https://doi.org/10.1145/1102351.1102430

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> votes = rng.random(4000)
    >>> label = (rng.random(4000) < votes**2).astype(int)
    >>> coords = {"class": [0, 1], "label": ("sample", label)}
    >>> coords["fold"] = ("sample", np.arange(4000) % 5)
    >>> proba = xr.DataArray(np.stack([1 - votes, votes], 1), coords, ("sample", "class"))
    >>> found = calibrate(proba)
    >>> found.figures.round(2)
            calibration_error  brier
    before               0.17   0.17
    after                0.01   0.14
    >>> found.curves(np.array([[0.3, 0.7]])).round(1)
    array([[0.5, 0.5]])
    """
    if method not in FITS:
        message = (
            f"calibrate knows the methods {list(FITS)}, got {method!r}; 'platt' for few samples"
        )
        raise ValueError(message)
    values, label, weight = labelled(probability, by="calibrate")
    ordered = probability.transpose("sample", "class")
    classes = ordered["class"].values
    if len(classes) < 2:
        message = f"calibrate needs two classes, got {classes.tolist()}; draw samples of the other"
        raise ValueError(message)
    fold = _folds(ordered)
    held = np.empty_like(values)
    for number in np.unique(fold):
        rest = fold != number
        _require_classes(label[rest], classes)
        held[~rest] = _fitted(values[rest], label[rest], weight[rest], classes, method)(
            values[~rest]
        )
    attrs = {"long_name": "calibrated probability of each class, held out", "units": "1"}
    held_out = ordered.copy(data=held).assign_attrs(attrs, method=method)
    target = int(classes[-1]) if positive is None else positive
    figures = pd.DataFrame(
        {
            "calibration_error": [
                calibration_error(p, positive=target) for p in (ordered, held_out)
            ],
            "brier": [brier_score(p, positive=target) for p in (ordered, held_out)],
        },
        index=pd.Index(["before", "after"]),
    )
    return Calibration(_fitted(values, label, weight, classes, method), held_out, figures)


def _folds(probability: xr.DataArray) -> npt.NDArray[np.int64]:
    for name in ("fold", "test_fold"):
        if name in probability.coords:
            found: npt.NDArray[np.int64] = probability[name].values.astype(np.int64)
            if len(np.unique(found)) < 2:
                message = "calibrate needs two folds or more, got one; use out_of_fold(samples)"
                raise ValueError(message)
            return found
    if "polygon" not in probability.coords:
        message = (
            "calibrate needs to know the fold or the polygon of each sample, got coordinates "
            f"{[str(name) for name in probability.coords]}; use "
            "minewatch.learn.out_of_fold(samples)"
        )
        raise ValueError(message)
    fold = np.zeros(probability.sizes["sample"], np.int64)
    groups = probability["polygon"].values
    split = PolygonSplit(min(5, len(np.unique(groups))))
    for number, (_, test) in enumerate(split.split(fold, probability["label"].values, groups)):
        fold[test] = number
    return fold


def _require_classes(label: npt.NDArray[Any], classes: npt.NDArray[Any]) -> None:
    if lacking := set(classes.tolist()) - set(label.tolist()):
        message = (
            "calibrate needs every class in every set of all folds but one, class "
            f"{sorted(lacking)} is in one fold only; add polygons of it or use fewer folds"
        )
        raise ValueError(message)


def _fitted(values: Any, label: Any, weight: Any, classes: Any, method: str) -> Curves:
    # Of two classes one curve does: the other is what is left of 1.
    calibrated = range(1, 2) if len(classes) == 2 else range(len(classes))
    fit = FITS[method]
    knots = [fit(values[:, at], label == classes[at], weight) for at in calibrated]
    return Curves(method, classes, tuple(knots))


def _isotonic(score: Any, truth: Any, weight: Any) -> tuple[Any, Any]:
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    curve.fit(score, truth.astype(np.float64), sample_weight=weight)
    return (
        np.asarray(curve.X_thresholds_, np.float64),
        np.asarray(curve.y_thresholds_, np.float64),
    )


def _platt(score: Any, truth: Any, weight: Any) -> tuple[Any, Any]:
    """Slope and intercept of the logit of greatest likelihood, by Newton's method."""
    mass = [float(weight[truth].sum()), float(weight[~truth].sum())]
    # Platt's labels: as if each side had been seen once more, wrongly.
    scale = len(weight) / weight.sum()
    above, below = ((scale * part + 1) / (scale * part + 2) for part in mass)
    wanted = np.where(truth, above, 1 - below)
    columns = np.stack([score, np.ones_like(score)], axis=1)
    found = np.array([0.0, float(np.log(mass[0] / mass[1]))])
    loss = _log_loss(columns @ found, wanted, weight)
    for _ in range(100):
        chance = _logistic(columns @ found)
        slope = columns.T @ (weight * (chance - wanted))
        bend = columns.T @ (columns * (weight * chance * (1 - chance))[:, None])
        step, *_ = np.linalg.lstsq(bend, slope, rcond=None)
        for _ in range(30):  # halve a step that overshoots
            better = _log_loss(columns @ (found - step), wanted, weight)
            if better <= loss:
                break
            step = step / 2
        found, change, loss = found - step, loss - better, better
        if change <= 1e-14 * abs(loss):
            break
    return found[:1], found[1:]


def _logistic(logit: Any) -> Any:
    from scipy.special import expit

    return expit(logit)


def _log_loss(logit: Any, wanted: Any, weight: Any) -> float:
    return float(weight @ (np.logaddexp(0, logit) - wanted * logit))


FITS = {"isotonic": _isotonic, "platt": _platt}
