"""Boosted trees of scikit-learn as plain arrays, so that they can be kept and run without it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.learn.stored import Forest

__all__ = ["MARGIN", "margin_forest"]

MARGIN = "margin"
"""The one column of such a forest."""


def margin_forest(model: Any) -> tuple[Forest, float]:
    r"""The trees of a fitted two-class booster, whose leaves hold margins instead of shares.

    The log-odds of the second class are :math:`b + T \bar m`, with the mean :math:`\bar m` over T
    trees of the margins in the leaves that a sample falls into.

    Parameters
    ----------
    model : sklearn.ensemble.HistGradientBoostingClassifier
        Fitted on named numbers, two classes, without categories.

    Returns
    -------
    (Forest, float)
        The trees, whose ``predict_proba`` gives :math:`\bar m` in its one column, and b.

    Raises
    ------
    TypeError
        If it knows categories or more than two classes.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> table = pd.DataFrame({"vv_sd": np.arange(40.0)})
    >>> booster = HistGradientBoostingClassifier(max_iter=2).fit(table, table.vv_sd > 19)
    >>> trees, start = margin_forest(booster)
    >>> odds = start + 2 * trees.predict_proba(table[-1:])[0, 0]
    >>> float(1 / (1 + np.exp(-odds)) - booster.predict_proba(table[-1:])[0, 1])
    0.0
    """
    import pandas as pd

    trees = [tree.nodes for group in model._predictors for tree in group]
    if len(model.classes_) != 2 or any(tree["is_categorical"].any() for tree in trees):
        message = (
            "only boosted trees of two classes, of numbers without categories, can be kept as "
        )
        message += "arrays; leave out categorical_features"
        raise TypeError(message)
    names = [str(name) for name in model.feature_names_in_]
    starts = np.concatenate([[0], np.cumsum([len(tree) for tree in trees])]).astype(np.int64)
    nodes = np.concatenate(trees)
    first = np.repeat(starts[:-1], np.diff(starts))
    leaf = nodes["is_leaf"].astype(bool)
    gain = np.where(leaf, 0.0, nodes["gain"])
    importance = np.bincount(nodes["feature_idx"], gain, len(names))
    arrays = {
        "starts": starts,
        "left": np.where(leaf, -1, nodes["left"] + first).astype(np.int32),
        "right": np.where(leaf, -1, nodes["right"] + first).astype(np.int32),
        "feature": np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32),
        "threshold": np.where(leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
        "leaf_value": nodes["value"][leaf].astype(np.float64)[:, None],
        "importance": importance / max(importance.sum(), np.finfo(float).tiny),
    }
    forest = Forest(
        arrays,
        features=names,
        classes=[MARGIN],
        domain=pd.DataFrame(index=pd.Index(names)),
        provenance={},
        versions={},
    )
    return forest, float(np.ravel(model._baseline_prediction)[0])
