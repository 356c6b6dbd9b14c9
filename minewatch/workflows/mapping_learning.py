"""What a mapping run learns from its samples: a forest, its probabilities, where to cut them."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import learn, metrics
from minewatch.workflows.mapping_checks import threshold_rule

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pandas as pd
    import xarray as xr

    from minewatch.workflows.mapping_settings import MappingSettings
    from minewatch.workflows.outputs import Notify

__all__ = ["Learnt", "learn_from", "mapped_unseen", "threshold_of"]


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was learnt from the samples of a run.

    Parameters
    ----------
    samples : xarray.Dataset
        Samples, with the covariates that the forest uses.
    left_out : list of str
        Covariates that were too unimportant.
    trees, bag : int, float
        The forest's, as set or as searched for.
    model : object
        The forest, with its calibration if there is one.
    votes, probability : xarray.DataArray
        Dims (sample, class): of forests that have not seen the polygon, before calibration and
        after, by curves that have not seen it either.
    told : xarray.DataArray
        The votes as the map tells them, by curves that were fitted to all folds.
    threshold : float
        Probability from which a pixel is a mine, on the scale of `told`.
    mapped : array of bool
        Whether each sample is, by thresholds that were chosen on other folds.
    importances : pandas.Series
        Percent of the impurity.
    permutation : pandas.DataFrame or None
        What shuffling each covariate costs on unseen polygons.
    search : Search or None
        The forests that were tried.
    figures : dict
        Calibration error and Brier score, ``before`` and ``after``.
    """

    samples: xr.Dataset
    left_out: list[str]
    trees: int
    bag: float
    model: Any
    votes: xr.DataArray
    probability: xr.DataArray
    told: xr.DataArray
    threshold: float
    mapped: npt.NDArray[np.bool_]
    importances: pd.Series[float]
    permutation: pd.DataFrame | None = None
    search: Any = None
    figures: dict[str, dict[str, float]] = field(default_factory=dict)


def learn_from(
    samples: xr.Dataset, settings: MappingSettings, *, step: Any, notify: Notify
) -> Learnt:
    """Search, select, cross-validate, calibrate, cut and fit. Computes.

    What is told of unseen polygons is so of every part: covariates are selected anew within each
    fold, each fold is calibrated by the others, and cut where the others want it. Only the number
    of trees and the bag of a search are chosen on all of them, and the covariates that permutation
    importances are told of.

    Parameters
    ----------
    samples : xarray.Dataset
        From :func:`minewatch.learn.draw`.
    settings : MappingSettings
        The run.
    step : callable
        ``with step(name):`` tells of a stage.
    notify : callable
        Is told how stages get on.

    Returns
    -------
    Learnt
        What was learnt.

    Raises
    ------
    ValueError
        If there are too few polygons for the folds, or no threshold reaches the precision.
    """
    split = learn.PolygonSplit(settings.folds, seed=settings.seed, blocks=settings.block)
    search, trees, bag = None, settings.trees, settings.bag
    if settings.search:
        with step("search of forests"):
            search = learn.search_forest(
                samples,
                mode=settings.mode,
                split=split,
                beta=settings.beta,
                seed=settings.seed,
                n_jobs=-1,
                notify=lambda done, total: notify("search of forests", done, total),
            )
        trees, bag = int(search.best["trees"]), float(search.best["bag"])
    fit = functools.partial(
        learn.fit_forest, trees=trees, bag=bag, mode=settings.mode, seed=settings.seed, n_jobs=-1
    )
    with step("cross-validation"):
        thorough = functools.partial(_selecting, fit) if settings.select else fit
        counted = _counted(thorough, settings.folds, notify)
        votes = learn.out_of_fold(samples, fit=counted, split=split)
    probability, figures, calibration, told = votes, {"before": _figures(votes)}, None, votes
    if settings.calibration != "none":
        with step("calibration"):
            calibration = learn.calibrate(votes, method=settings.calibration)
            probability = calibration.held_out
            figures["after"] = _figures(probability)
            # As the map will tell it: by the curves of all folds, flat where they are.
            told = votes.transpose("sample", "class")
            told = told.copy(data=calibration.curves(told.values))
    threshold = threshold_of(told, settings)
    left_out: list[str] = []
    chosen = samples
    with step("forest"):
        if settings.select:
            every = learn.importances(fit(samples)) if search is None else search.importances
            kept = learn.select_features(every)
            left_out = [str(name) for name in samples.data_vars if name not in kept]
            chosen = samples.drop_vars(left_out)
        forest = fit(chosen)
    permutation = None
    if settings.permutation:
        with step("permutation importances"):
            permutation = learn.permutation_importances(
                chosen,
                fit=_counted(fit, settings.folds, notify, "permutation importances"),
                split=split,
                score="mcc",
                repeats=settings.permutation,
                seed=settings.seed,
            )
    return Learnt(
        samples=chosen,
        left_out=left_out,
        trees=trees,
        bag=bag,
        model=forest if calibration is None else calibration.of(forest),
        votes=votes,
        probability=probability,
        told=told,
        threshold=threshold,
        mapped=mapped_unseen(votes, probability, settings),
        importances=learn.importances(forest),
        permutation=permutation,
        search=search,
        figures=figures,
    )


class _Narrow:
    """A forest that picks its own covariates out of a table of more."""

    def __init__(self, forest: Any) -> None:
        self.forest, self.classes_ = forest, forest.classes_

    def predict_proba(self, table: pd.DataFrame) -> Any:
        return self.forest.predict_proba(table[list(self.forest.feature_names_in_)])


def _selecting(fit: Callable[[xr.Dataset], Any], samples: xr.Dataset) -> _Narrow:
    """Select and fit on the same samples, so that those left out have no say in either."""
    kept = learn.select_features(learn.importances(fit(samples)))
    return _Narrow(fit(samples[kept]))


def _counted(
    fit: Callable[[xr.Dataset], Any],
    folds: int,
    notify: Notify,
    name: str = "cross-validation",
) -> Callable[[xr.Dataset], Any]:
    """Tell after each fold."""
    done = itertools.count(1)

    def fit_and_tell(samples: xr.Dataset) -> Any:
        model = fit(samples)
        at = next(done)
        if at < folds:  # the last one is told when the stage ends
            notify(name, at, folds)
        return model

    return fit_and_tell


def _figures(probability: xr.DataArray) -> dict[str, float]:
    table = learn.reliability(probability)
    return {
        "calibration_error": table.attrs["calibration_error"],
        "brier": table.attrs["brier"],
    }


def threshold_of(probability: xr.DataArray, settings: MappingSettings) -> float:
    """The probability from which a pixel is a mine. Computes.

    Parameters
    ----------
    probability : xarray.DataArray
        Dims (sample, class), of polygons that were not seen.
    settings : MappingSettings
        With ``threshold`` and ``beta``.

    Returns
    -------
    float
        As set, or the best on these samples.

    Raises
    ------
    ValueError
        If none reaches the precision that is asked for.
    """
    rule, value = threshold_rule(settings.threshold)
    if rule == "fixed":
        return value
    if rule == "precision":
        return learn.threshold_for_precision(probability, precision=value)
    weight = probability["weight"].values if "weight" in probability.coords else None
    return metrics.best_threshold(
        probability.sel({"class": 1}).values,
        probability["label"].values,
        weight=weight,
        beta=settings.beta,
    )


def mapped_unseen(
    votes: xr.DataArray, probability: xr.DataArray, settings: MappingSettings
) -> npt.NDArray[np.bool_]:
    """Whether each sample is mapped as a mine, by the threshold that the other folds call for.

    A threshold that is looked for is one of votes: calibrated probabilities of two folds come from
    two curves, and a threshold of the one means little to the other. The order of the samples is
    the same. Where no threshold reaches the precision on the other folds, nothing is mapped.

    Parameters
    ----------
    votes, probability : xarray.DataArray
        Before and after calibration, held out; dims (sample, class), with the coordinate ``fold``.
    settings : MappingSettings
        With ``threshold`` and ``beta``.

    Returns
    -------
    array of bool, shape (sample,)
        What the scores of a cross-validation are made of.
    """
    rule, value = threshold_rule(settings.threshold)
    if rule == "fixed":
        return np.asarray(probability.sel({"class": 1}).values >= value)
    fold, chance = votes["fold"].values, votes.sel({"class": 1}).values
    mapped = np.zeros(len(fold), dtype=bool)
    for number in np.unique(fold):
        at = fold == number
        try:
            threshold = threshold_of(votes.isel(sample=~at), settings)
        except ValueError:
            if rule != "precision":
                raise
            continue  # out of reach
        mapped[at] = chance[at] >= threshold
    return mapped
