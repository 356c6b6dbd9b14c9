"""The trees of scikit-learn's ensembles, and what keeps them from being plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels.forest import too_large

__all__ = ["obstacle", "tree_arrays"]

LEAF = -1


def obstacle(model: Any) -> str | None:
    """Why a model cannot be told as arrays, if so.

    Parameters
    ----------
    model : object
        Any estimator.

    Returns
    -------
    str or None
        One line; None for a fitted forest, bagged trees or a tree, which can.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> obstacle(RandomForestClassifier())
    'the forest was not fitted; use minewatch.learn.fit_forest'
    """
    from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

    forests = (RandomForestClassifier, ExtraTreesClassifier, BaggingClassifier)
    trees = (DecisionTreeClassifier, ExtraTreeClassifier)
    if not any(_predicts_as(model, kind) for kind in (*forests, *trees)):
        return (
            f"a forest can be told as arrays, got {type(model).__name__}; "
            "fit one with minewatch.learn.fit_forest"
        )
    if not hasattr(model, "classes_"):
        return "the forest was not fitted; use minewatch.learn.fit_forest"
    members = [tree for tree, _ in _members(model)]
    if not all(any(_predicts_as(tree, kind) for kind in trees) for tree in members):
        return "the ensemble holds other models than decision trees; predict with it as it is"
    if any(tree.n_outputs_ != 1 for tree in members):
        return "the forest predicts several things at once; fit one for each"
    if any(_learnt_gaps(tree.tree_) for tree in members):
        return "the forest learnt where gaps lead, which arrays do not hold; predict with it as is"
    starts = np.cumsum([0, *(tree.tree_.node_count for tree in members)])
    if too_large(starts, model.n_features_in_):
        return "the forest's trees are too large for the compiled loop; predict with it as it is"
    return None


def tree_arrays(model: Any) -> dict[str, Any]:
    """The nodes of all trees, one after another.

    Parameters
    ----------
    model : object
        One without an :func:`obstacle`.

    Returns
    -------
    dict of str to array
        As :class:`minewatch.learn.Forest` takes them.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> model = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])
    >>> tree_arrays(model)["feature"]
    array([ 0, -1, -1], dtype=int32)
    """
    members = list(_members(model))
    trees = [tree.tree_ for tree, _ in members]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    leaf = np.concatenate([tree.children_left for tree in trees]) == LEAF
    shift = np.repeat(starts[:-1], np.diff(starts))
    # A leaf asks for no feature: it holds a negative number, which may stand for any.
    asked = [columns[np.maximum(tree.tree_.feature, 0)] for tree, columns in members]
    values = [_values(tree, len(model.classes_)) for tree, _ in members]
    nodes = {
        "left": np.concatenate([tree.children_left for tree in trees]) + shift,
        "right": np.concatenate([tree.children_right for tree in trees]) + shift,
        "feature": np.concatenate(asked),
    }
    return {
        "starts": starts,
        **{name: np.where(leaf, LEAF, each).astype(np.int32) for name, each in nodes.items()},
        "threshold": np.where(leaf, 0.0, np.concatenate([tree.threshold for tree in trees])),
        "leaf_value": np.concatenate(values)[leaf],
        "importance": _importances(model, members),
    }


def _predicts_as(model: Any, kind: Any) -> bool:
    """Whether a model is of a kind, and no subclass of it that predicts otherwise."""
    return isinstance(model, kind) and all(
        getattr(type(model), name) is getattr(kind, name) for name in ("predict", "predict_proba")
    )


def _members(model: Any) -> Any:
    """The trees, and the columns of the whole table that each one was fitted on."""
    trees = getattr(model, "estimators_", [model])
    everything = np.arange(model.n_features_in_)
    columns = getattr(model, "estimators_features_", [everything] * len(trees))
    return zip(trees, map(np.asarray, columns), strict=True)


def _values(tree: Any, classes: int) -> Any:
    """Class shares of the nodes of one tree; it may never have seen some of the classes."""
    shares = tree.tree_.value[:, 0, : len(tree.classes_)]
    if shares.shape[1] == classes:
        return shares
    all_shares = np.zeros((len(shares), classes))
    all_shares[:, np.asarray(tree.classes_, np.int64)] = shares
    return all_shares


def _importances(model: Any, members: Any) -> Any:
    """Mean over the trees that split at all, as scikit-learn's forests have it."""
    if hasattr(model, "feature_importances_"):
        return np.asarray(model.feature_importances_, np.float64)
    total = np.zeros(model.n_features_in_)
    for tree, columns in members:
        np.add.at(total, columns, tree.feature_importances_)
    return total / total.sum() if total.any() else total


def _learnt_gaps(tree: Any) -> bool:
    """Whether a tree was fitted on samples with gaps: without, they go with the larger part."""
    inner = tree.children_left != LEAF
    size = tree.n_node_samples
    larger = size[tree.children_left[inner]] > size[tree.children_right[inner]]
    led = tree.missing_go_to_left[inner].astype(bool)
    return bool((led != larger).any() or np.isinf(tree.threshold[inner]).any())
