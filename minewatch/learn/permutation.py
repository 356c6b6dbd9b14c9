"""What a model loses on unseen polygons when a feature is shuffled.

Gini importances count how often a forest used a feature on its own training pixels, and favour
features with many values, noise included. Here a feature is worth what is lost without it, where it
counts: on polygons that the model has not seen. After Breiman (2001), Random forests,
https://doi.org/10.1023/A:1010933404324, and Strobl et al. (2007), Bias in random forest variable
importance measures, https://doi.org/10.1186/1471-2105-8-25
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from minewatch.learn.forest import fit_forest, importances
from minewatch.learn.samples import frame, weights_of
from minewatch.learn.splits import PolygonSplit
from minewatch.learn.thread_warnings import kept_warnings
from minewatch.learn.validation import folds_of
from minewatch.metrics import confusion, scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt
    import xarray as xr

    from minewatch.learn.validation import Splitter

__all__ = ["permutation_importances"]

SCORES = ("accuracy", "mcc", "brier")


def permutation_importances(
    samples: xr.Dataset,
    *,
    fit: Callable[[xr.Dataset], Any] = fit_forest,
    split: Splitter | None = None,
    score: str = "accuracy",
    positive: int = 1,
    together: Mapping[str, Sequence[str]] | None = None,
    repeats: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Loss of a score on unseen polygons when a feature is shuffled among them. Computes.

    Of features that say the same, each seems worth little: the model still has the other. Shuffle
    them `together`, e.g. all of one sensor, to see what they are worth to it. Samples count by
    their weight.

    Parameters
    ----------
    samples, fit, split
        As in :func:`out_of_fold`.
    score : {"accuracy", "mcc", "brier"}
        What is lost: of the likeliest class, or of the probability of `positive` (Brier's score
        turned round, so that a loss is positive in every case).
    positive : int
        The class that is looked for; of no matter for the accuracy.
    together : mapping, optional
        Name → features to be shuffled as one. Without it each feature by itself.
    repeats : int
        Shuffles of each; their mean is taken.
    seed : int
        Makes the shuffles repeatable.

    Returns
    -------
    pandas.DataFrame
        A row for each feature or set, the largest loss first: ``loss`` (mean over the folds),
        ``loss_std`` (from fold to fold, n − 1), ``folds_lost`` (share of the folds in which it was
        above 0) and ``gini`` (percent, mean over the folds, as :func:`importances` gives it; NaN if
        the model has none). ``attrs``: ``score``, ``unshuffled`` (mean over the folds), ``folds``,
        ``repeats``.

    Raises
    ------
    ValueError
        If the score or its class is unknown, or there is nothing to shuffle.
    KeyError
        If there is no such feature.

    See Also
    --------
    importances : Gini's.
    select_features : what to keep.

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(0)
    >>> label, polygon = np.repeat([0, 1] * 4, 10), np.repeat(np.arange(8), 10)
    >>> telling = label + 0.1 * rng.random(80)
    >>> samples = xr.Dataset(
    ...     {"s1_vv": ("sample", rng.random(80)), "s2_bsi": ("sample", telling)},
    ...     {"label": ("sample", label), "polygon": ("sample", polygon)},
    ... )
    >>> table = permutation_importances(samples, split=PolygonSplit(2))
    >>> table["loss"].round(1).to_dict()
    {'s2_bsi': 0.5, 's1_vv': 0.0}
    """
    if score not in SCORES or repeats < 1:
        message = (
            f"permutation_importances knows the scores {list(SCORES)} and repeats from 1, got "
            f"score={score!r}, repeats={repeats}; use 'accuracy' and 5"
        )
        raise ValueError(message)
    table, label = frame(samples), samples["label"].values
    if score != "accuracy" and positive not in label:
        message = (
            f"permutation_importances was asked for class {positive}, the samples are of "
            f"{np.unique(label).tolist()}; set positive= to one of them"
        )
        raise ValueError(message)
    sets = _sets(list(table.columns), together)
    weight = weights_of(samples)
    splitter = PolygonSplit() if split is None else split
    rng = np.random.default_rng(seed)
    losses, ginis, bases = [], [], []
    for train, test in folds_of(samples, splitter):
        model = fit(samples.isel(sample=train))
        rows = table.iloc[test].reset_index(drop=True)
        judge = _Judge(model, label[test], weight[test], score, positive)
        bases.append(judge(rows))
        losses.append(
            [bases[-1] - judge.shuffled(rows, names, repeats, rng) for names in sets.values()]
        )
        ginis.append(_gini(model, sets))
    found = np.array(losses)
    spread = found.std(axis=0, ddof=1) if len(found) > 1 else np.full(len(sets), np.nan)
    result = pd.DataFrame(
        {
            "loss": found.mean(axis=0),
            "loss_std": spread,
            "folds_lost": (found > 0).mean(axis=0),
            "gini": np.array(ginis).mean(axis=0),
        },
        index=pd.Index(list(sets), name="feature"),
    ).sort_values("loss", ascending=False, kind="stable")
    result.attrs = {
        "score": score,
        "unshuffled": float(np.mean(bases)),
        "folds": len(bases),
        "repeats": repeats,
    }
    return result


def _sets(
    features: list[str], together: Mapping[str, Sequence[str]] | None
) -> dict[str, list[str]]:
    sets = {name: [name] for name in features} if together is None else together
    kept = {str(name): list(members) for name, members in sets.items()}
    if not kept or not all(kept.values()):
        message = "permutation_importances needs features to shuffle, got an empty set"
        raise ValueError(message + "; leave out together= to shuffle each")
    if lacking := [name for members in kept.values() for name in members if name not in features]:
        message = f"the samples have the features {features}; together= names {lacking} besides"
        raise KeyError(message)
    return kept


def _gini(model: Any, sets: Mapping[str, list[str]]) -> list[float]:
    if not hasattr(model, "feature_importances_") or not hasattr(model, "feature_names_in_"):
        return [float("nan")] * len(sets)
    percent = importances(model)
    return [float(percent[members].sum()) for members in sets.values()]


class _Judge:
    """A model's score on the samples of a fold."""

    def __init__(self, model: Any, label: Any, weight: Any, score: str, positive: int) -> None:
        self.model, self.label, self.weight = model, label, weight
        self.score, self.positive = score, positive

    def __call__(self, rows: pd.DataFrame) -> float:
        with kept_warnings():
            proba = np.asarray(self.model.predict_proba(rows))
        classes = np.asarray(self.model.classes_)
        if self.score == "brier":
            chance = proba[:, classes == self.positive].sum(axis=1)
            return -float(
                np.average((chance - (self.label == self.positive)) ** 2, weights=self.weight)
            )
        mapped = classes[proba.argmax(axis=1)]
        if self.score == "accuracy":
            return float(np.average(mapped == self.label, weights=self.weight))
        codes = np.unique(np.concatenate([classes, self.label])).tolist()
        counts = confusion(self.label, mapped, classes=codes, weight=self.weight)
        return float(scores(counts, positive=self.positive)["mcc"])

    def shuffled(
        self, rows: pd.DataFrame, names: list[str], repeats: int, rng: np.random.Generator
    ) -> float:
        """Mean score with some features shuffled, each row keeping theirs together."""
        found: list[float] = []
        changed = rows.copy()
        values: npt.NDArray[np.float32] = rows[names].to_numpy()
        for _ in range(repeats):
            changed[names] = values[rng.permutation(len(rows))]
            found.append(self(changed))
        return float(np.mean(found))
