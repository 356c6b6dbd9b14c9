"""Random forests on samples, and which features they use.

The settings are those with which Random Forests mapped artisanal gold mines in S1 and S2 data: 100
trees, each on 60 % of the samples, the square root of the number of features tried at each split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minewatch.learn.samples import frame
from minewatch.learn.thread_warnings import kept_warnings

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["domain_table", "fit_forest", "importances", "select_features"]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Of each feature in training, kept with the model: where a map leaves them, it extrapolates."""


def fit_forest(
    samples: xr.Dataset,
    *,
    trees: int = 100,
    bag: float = 0.6,
    min_leaf: int = 1,
    max_features: str | int | float | None = "sqrt",
    mode: Literal["sklearn", "smile"] = "sklearn",
    seed: int = 0,
    n_jobs: int = 1,
) -> Any:
    """Fit a random forest. Computes.

    Parameters
    ----------
    samples : xarray.Dataset
        From :func:`draw`; their weights are used, so that each polygon counts by its area.
    trees : int
        Number of trees.
    bag : float
        Samples drawn for each tree, as a share of all: above 0, up to 1.
    min_leaf : int
        Fewest samples in a leaf.
    max_features : {"sqrt", "log2"}, int, float or None
        Features tried at each split: a rule, a number, a share, or all.
    mode : {"sklearn", "smile"}
        How a tree draws its samples. ``"sklearn"``: with replacement, the more often the more they
        weigh. ``"smile"``: without, as the Smile library of Google Earth Engine does; all are as
        likely to be drawn, and weigh within the tree. The same `bag` then holds more distinct
        samples, and trees resemble each other more.
    seed : int
        Makes the forest repeatable.
    n_jobs : int
        Trees fitted at once; does not change the result.

    Returns
    -------
    sklearn.ensemble.RandomForestClassifier
        Fitted, in mode ``"smile"`` a subclass of it, with ``feature_names_in_`` and besides
        scikit-learn's attributes ``training_domain_``: a table with minimum, quantiles and maximum
        of each feature.

    Raises
    ------
    ValueError
        If `bag` is not in (0, 1] or leaves no sample for a tree, or the mode is unknown.

    See Also
    --------
    search_forest : which numbers of trees and bags do best.
    cross_validate : what it is worth.
    predict_proba : map it.

    References
    ----------
    Breiman (2001), Random forests. https://doi.org/10.1023/A:1010933404324

    Examples
    --------
    >>> import xarray as xr
    >>> samples = xr.Dataset(
    ...     {"s2_ndvi": ("sample", np.array([0.1, 0.2, 0.7, 0.8], "f4"))},
    ...     {"label": ("sample", [1, 1, 0, 0])},
    ... )
    >>> forest = fit_forest(samples, trees=10, bag=1.0)
    >>> forest.predict(frame(samples)), list(forest.feature_names_in_)
    (array([1, 1, 0, 0]), ['s2_ndvi'])
    """
    table = frame(samples)
    per_tree = round(bag * len(table)) if 0 < bag <= 1 else 0
    if per_tree < 1:
        message = (
            f"fit_forest needs a share of the {len(table)} samples for each tree, above 0 and up "
            f"to 1, that leaves at least one; got bag={bag}; use 0.6"
        )
        raise ValueError(message)
    forest = _kind(mode)(
        n_estimators=trees,
        bootstrap=mode == "sklearn",
        max_samples=per_tree,
        min_samples_leaf=min_leaf,
        max_features=max_features,
        random_state=seed,
        n_jobs=n_jobs,
    )
    with kept_warnings():
        forest.fit(table, samples["label"].values, sample_weight=_weights(samples))
    forest.training_domain_ = domain_table(table)
    return forest


def _kind(mode: str) -> Any:
    if mode == "sklearn":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier
    if mode == "smile":
        from minewatch.learn.subsampling import SubsampledForest

        return SubsampledForest
    message = f"fit_forest draws samples as 'sklearn' or 'smile' does, got mode={mode!r}"
    raise ValueError(message)


def _weights(samples: xr.Dataset) -> Any:
    """Weights with a mean of 1; none where all are alike."""
    if "weight" not in samples.coords:
        return None
    weight = samples["weight"].values
    return None if (weight == weight[0]).all() else weight / weight.mean()


def domain_table(table: pd.DataFrame) -> pd.DataFrame:
    """Minimum, quantiles and maximum of each feature in training.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`minewatch.learn.frame`.

    Returns
    -------
    pandas.DataFrame
        A row for each feature.
    """
    import pandas as pd

    # Gaps are left out.
    levels = table.astype(np.float64).quantile([0, *QUANTILES, 1]).T
    names = ["min", *(f"q{round(100 * q):02d}" for q in QUANTILES), "max"]
    return levels.set_axis(pd.Index(names), axis="columns")


def importances(model: Any) -> pd.Series[float]:
    """How much each feature lowers the impurity of a forest's leaves, in percent of all.

    Impurity favours features with many distinct values; where that matters, measure the loss of
    accuracy on unseen polygons instead.

    Parameters
    ----------
    model : object
        A fitted forest, or any model with ``feature_importances_`` and ``feature_names_in_``.

    Returns
    -------
    pandas.Series
        Percent, adding up to 100, largest first; index the features.

    Raises
    ------
    TypeError
        If the model has no importances.

    See Also
    --------
    select_features : those that are worth keeping.

    Examples
    --------
    >>> class Model:
    ...     feature_names_in_ = ["s1_vv", "s2_ndvi"]
    ...     feature_importances_ = [0.2, 0.8]
    >>> importances(Model()).to_dict()
    {'s2_ndvi': 80.0, 's1_vv': 20.0}
    """
    import pandas as pd

    if not hasattr(model, "feature_importances_") or not hasattr(model, "feature_names_in_"):
        message = (
            f"{type(model).__name__} has no feature_importances_ and feature_names_in_; fit a "
            "forest with minewatch.learn.fit_forest"
        )
        raise TypeError(message)
    share = np.asarray(model.feature_importances_, dtype=np.float64)
    percent = pd.Series(
        100 * share / share.sum(), index=pd.Index(model.feature_names_in_), name="importance"
    )
    return percent.sort_values(ascending=False, kind="stable")


def select_features(
    importance: pd.Series[float], *, minimum: float = 2.5, at_most: int = 25
) -> list[str]:
    """Features worth keeping: those above a percentage, and not too many.

    Parameters
    ----------
    importance : pandas.Series
        Percent, from :func:`importances`; the mean over several forests is steadier.
    minimum : float
        Percent that a feature must exceed.
    at_most : int
        If more do, the best so many are kept; if none does, too.

    Returns
    -------
    list of str
        Names, most important first.

    Raises
    ------
    ValueError
        If the importances are no percentages.

    Examples
    --------
    >>> import pandas as pd
    >>> select_features(pd.Series({"s1_vv": 20.0, "s2_ndvi": 78.0, "dem_slope": 2.0}))
    ['s2_ndvi', 's1_vv']
    """
    total = float(importance.sum())
    if not abs(total - 100) < 1e-3:
        message = (
            f"select_features needs importances in percent, which add up to 100, got {total:g}; "
            "use minewatch.learn.importances(model)"
        )
        raise ValueError(message)
    ranked = importance.sort_values(ascending=False, kind="stable")
    kept = ranked[ranked > minimum]
    chosen = kept if 0 < len(kept) <= at_most else ranked.iloc[:at_most]
    return [str(name) for name in chosen.index]
