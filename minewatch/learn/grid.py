"""Which number of trees and which bag do best on unseen polygons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from minewatch.learn.forest import fit_forest
from minewatch.learn.samples import frame, weights_of
from minewatch.learn.splits import PolygonSplit
from minewatch.learn.validation import folds_of
from minewatch.metrics.counts import RATES, counted, rates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt
    import xarray as xr

    from minewatch.learn.validation import Splitter

__all__ = ["BAGS", "TREES", "Search", "search_forest"]

TREES = tuple(range(10, 151, 20))
BAGS = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
SCORES = ("accuracy", "mcc", "f_beta")


@dataclass(frozen=True)
class Search:
    """What :func:`search_forest` found.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a run: ``trees``, ``bag``, ``accuracy``, ``mcc``, ``f_beta``, ``precision``,
        ``recall`` of all folds together, and ``spread``: standard deviation of the chosen score
        from fold to fold (n - 1; NaN of one fold). ``attrs`` hold the settings.
    best : dict
        ``trees`` and ``bag`` of the best run, as :func:`fit_forest` takes them.
    importances : pandas.Series
        Percent, mean over all runs and folds, largest first: what :func:`select_features` takes.
    """

    table: pd.DataFrame
    best: dict[str, Any]
    importances: pd.Series[float]


def search_forest(
    samples: xr.Dataset,
    *,
    trees: Sequence[int] = TREES,
    bags: Sequence[float] = BAGS,
    mode: Literal["sklearn", "smile"] = "sklearn",
    min_leaf: int = 1,
    split: Splitter | None = None,
    score: str = "accuracy",
    positive: int = 1,
    beta: float = 1.0,
    seed: int = 0,
    n_jobs: int = 1,
    notify: Callable[[int, int], None] | None = None,
) -> Search:
    """Try forests of several sizes and bags on polygons that they have not seen. Computes.

    The trees of a small forest are the first ones of a large forest of the same seed, so that only
    the largest is grown for each bag and fold, and scored as it grows: the 72 runs cost 9. Samples
    count by their weight, in fitting and in scores.

    The best of many runs looks better than it is: score the forest that is fitted with it on
    polygons that had no part in the search. Compare ``spread`` with the gaps between runs, which
    are often far smaller.

    Parameters
    ----------
    samples : xarray.Dataset
        From :func:`draw`.
    trees : sequence of int
        Numbers of trees.
    bags : sequence of float
        Shares of the samples drawn for each tree.
    mode, min_leaf
        As in :func:`fit_forest`.
    split : splitter, optional
        ``PolygonSplit(5)`` without it. It need not test every sample: one pass of scikit-learn's
        ``GroupShuffleSplit`` holds out polygons once, as Nursamsi et al. (2024) did.
    score : {"accuracy", "mcc", "f_beta"}
        What the best run is best in: accuracy is the share of samples of the right class; the
        other two, and precision and recall, are of the class `positive` against the rest.
    positive : int
        The class that is looked for.
    beta : float
        Of F: above 1 recall weighs more, below 1 precision does.
    seed : int
        Makes the forests repeatable.
    n_jobs : int
        Trees grown at once; does not change the result.
    notify : callable, optional
        Called with the forests grown and their number, after each.

    Returns
    -------
    Search
        Table, best run and importances. Of equally good runs the one of fewest trees is best, then
        that of the smallest bag: it costs least.

    Raises
    ------
    ValueError
        If the score or mode is unknown, there is nothing to try, or a bag leaves no sample.
    KeyError
        If no sample is of the class.

    See Also
    --------
    select_features : what to keep, from the importances.

    References
    ----------
    Nursamsi et al. (2024), Multi-spectral and radar data fusion for mapping artisanal small-scale
    mining: 10 to 150 trees on a tenth to nine tenths of the samples.
    https://doi.org/10.1016/j.jag.2024.104015

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(0)
    >>> label, polygon = np.repeat([0, 1] * 4, 10), np.repeat(np.arange(8), 10)
    >>> samples = xr.Dataset(
    ...     {"s2_bsi": ("sample", label + rng.normal(size=80))},
    ...     {"label": ("sample", label), "polygon": ("sample", polygon)},
    ... )
    >>> found = search_forest(samples, trees=(5, 10), bags=(0.3, 0.6), split=PolygonSplit(2))
    >>> len(found.table), sorted(found.best), found.importances.to_dict()
    (4, ['bag', 'trees'], {'s2_bsi': 100.0})
    """
    if score not in SCORES or not len(trees) or not len(bags) or min(trees) < 1:
        message = (
            f"search_forest knows the scores {list(SCORES)} and needs numbers of trees from 1 and "
            f"bags, got score={score!r}, trees={list(trees)}, bags={list(bags)}"
        )
        raise ValueError(message)
    if positive not in samples["label"].values:
        found = np.unique(samples["label"].values).tolist()
        message = f"search_forest was asked for class {positive}, the samples are of {found}"
        raise KeyError(message + "; set positive= to one of them")
    sizes = sorted({int(number) for number in trees})
    shares = sorted({float(bag) for bag in bags})
    splitter = PolygonSplit() if split is None else split
    table = frame(samples)
    judge = _Judge(samples, positive)
    folds = folds_of(samples, splitter)
    counts = np.zeros((len(shares), len(folds), len(sizes), 6))
    percent = np.zeros(table.shape[1])
    for done in range(len(shares) * len(folds)):
        at, fold = divmod(done, len(folds))
        train, test = folds[fold]
        forest = fit_forest(
            samples.isel(sample=train),
            trees=sizes[-1],
            bag=shares[at],
            min_leaf=min_leaf,
            mode=mode,
            seed=seed,
            n_jobs=n_jobs,
        )
        rows = table.iloc[test].to_numpy(np.float32)
        for run, (proba, share) in enumerate(_growing(forest, rows, sizes)):
            counts[at, fold, run] = judge(forest.classes_[proba.argmax(axis=1)], test)
            percent += 100 * share
        if notify is not None:
            notify(done + 1, len(shares) * len(folds))
    result = _table(counts, sizes, shares, score, beta)
    result.attrs = {
        "score": score,
        "positive": int(positive),
        "beta": float(beta),
        "mode": mode,
        "folds": len(folds),
        "seed": seed,
    }
    gained = percent.sum()
    importance = pd.Series(
        100 * percent / gained if gained else np.full(len(percent), 100 / len(percent)),
        index=pd.Index([str(name) for name in table.columns]),
        name="importance",
    ).sort_values(ascending=False, kind="stable")
    return Search(result, _best(result, score), importance)


def _growing(
    forest: Any, rows: npt.NDArray[np.float32], sizes: list[int]
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Probabilities of the first so many trees, and shares of importance, size by size."""
    total = np.zeros((len(rows), len(forest.classes_)))
    gained = np.zeros(forest.n_features_in_)
    for number, tree in enumerate(forest.estimators_, start=1):
        total += tree.predict_proba(rows, check_input=False)
        gained += tree.feature_importances_
        if number in sizes:
            whole = gained.sum()
            yield total / number, gained / whole if whole else gained


class _Judge:
    """Weighed counts of right and wrong on some of the samples."""

    def __init__(self, samples: xr.Dataset, positive: int) -> None:
        self.label, self.positive = samples["label"].values, positive
        self.weight = weights_of(samples)

    def __call__(self, mapped: npt.NDArray[Any], test: npt.NDArray[np.int64]) -> Any:
        """tp, fp, fn, tn; of all classes: right, all."""
        label, weight = self.label[test], self.weight[test]
        counts = counted(mapped == self.positive, label == self.positive, weight)
        return np.append(counts, [weight[mapped == label].sum(), weight.sum()])


def _table(
    counts: npt.NDArray[np.float64],
    sizes: list[int],
    shares: list[float],
    score: str,
    beta: float,
) -> pd.DataFrame:
    """A row for each size and bag from counts (bag, fold, size, [tp, fp, fn, tn, right, all])."""

    def figures(total: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        if name == "accuracy":
            return np.asarray(total[..., 4] / total[..., 5])
        return rates(total[..., :4], name, beta=beta)

    by_fold = figures(counts, score)
    several = counts.shape[1] > 1
    spread = by_fold.std(axis=1, ddof=1) if several else np.full(by_fold[:, 0].shape, np.nan)
    whole = counts.sum(axis=1)
    bag, size = np.meshgrid(shares, sizes, indexing="ij")
    columns: dict[str, Any] = {"trees": size, "bag": bag}
    columns |= {name: figures(whole, name) for name in ("accuracy", "mcc", "f_beta", *RATES[:2])}
    columns["spread"] = spread
    table = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    return table.sort_values(["trees", "bag"], ignore_index=True)


def _best(table: pd.DataFrame, score: str) -> dict[str, Any]:
    # Rows stand in the order of preference; sums of the same weights may differ in the last bit.
    at = int(table[score].fillna(-np.inf).round(12).to_numpy().argmax())
    return {"trees": int(table["trees"].iloc[at]), "bag": float(table["bag"].iloc[at])}
