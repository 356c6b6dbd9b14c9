"""A forest as plain arrays, which predicts through the compiled loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.kernels import forest_proba
from minewatch.kernels.forest import pack_trees, too_large
from minewatch.learn.calibrated import likeliest
from minewatch.learn.ensembles import obstacle, tree_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd

__all__ = ["Forest"]

LEAF = -1
ROWS = 65_536
"""Samples worked at once: bounds the memory beside the result."""


class Forest:
    """A fitted forest as :func:`load_model` gives it: it predicts, it cannot be fitted.

    Its trees are laid out for the compiled loop when it first predicts; copies of it that travel to
    other processes do so for themselves.

    Parameters
    ----------
    arrays : mapping
        The nodes of all trees one after another, as :meth:`arrays` returns them.
    features : list of str
        Names of the features.
    classes : list
        The classes.
    domain : pandas.DataFrame
        Minimum, quantiles and maximum of each feature in training.
    provenance : mapping
        Where it comes from.
    versions : mapping
        Versions of the libraries that it was fitted with.

    Attributes
    ----------
    classes_ : array
        The classes, in the order of the columns of :meth:`predict_proba`.
    feature_names_in_ : array of str
        The features, in the order of the columns that it takes.
    n_features_in_ : int
        Their number.
    feature_importances_ : array of float64
        Shares that add up to 1.
    training_domain_ : pandas.DataFrame
        Minimum, quantiles and maximum of each feature in training.
    provenance_ : dict
        What was saved with it.
    versions_ : dict
        Versions of the libraries that it was fitted with.

    Raises
    ------
    ValueError
        If the nodes do not form trees: the compiled loop follows them without looking.

    See Also
    --------
    save_model : into a file.
    load_model : out of one.

    Examples
    --------
    >>> import xarray as xr
    >>> from minewatch.learn import fit_forest
    >>> samples = xr.Dataset(
    ...     {"s2_ndvi": ("sample", np.array([0.1, 0.2, 0.7, 0.8], "f4"))},
    ...     {"label": ("sample", [1, 1, 0, 0])},
    ... )
    >>> forest = Forest.of(fit_forest(samples, trees=10, bag=1.0))
    >>> forest.predict([[0.15], [0.75]])
    array([1, 0])
    """

    def __init__(
        self,
        arrays: Mapping[str, Any],
        *,
        features: list[str],
        classes: list[Any],
        domain: pd.DataFrame,
        provenance: Mapping[str, object],
        versions: Mapping[str, str],
    ) -> None:
        _require_trees(arrays, len(features), len(classes))
        self.starts, self.left, self.right = arrays["starts"], arrays["left"], arrays["right"]
        self.feature, self.threshold = arrays["feature"], arrays["threshold"]
        self.leaf_value = arrays["leaf_value"]
        self.feature_importances_ = arrays["importance"]
        self.feature_names_in_ = np.array(features, dtype=object)
        self.n_features_in_ = len(features)
        self.classes_ = np.array(classes)
        self.training_domain_ = domain
        self.provenance_, self.versions_ = dict(provenance), dict(versions)
        self._packed: Any = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return (
            f"Forest({len(self.starts) - 1} trees, {len(self.feature)} nodes, "
            f"{self.n_features_in_} features, classes {self.classes_.tolist()})"
        )

    @classmethod
    def of(cls, model: Any, *, features: list[str] | None = None) -> Forest:
        """Take the arrays out of a forest of scikit-learn.

        Parameters
        ----------
        model : sklearn.ensemble.RandomForestClassifier
            Fitted on a table with named columns. Extremely randomised trees, bagged decision trees
            and a single decision tree do as well.
        features : list of str, optional
            Names for its features, if it was fitted on a table without.

        Returns
        -------
        Forest
            The same forest.

        Raises
        ------
        TypeError
            If it is no fitted forest of classification trees with named features, or learnt from
            samples with gaps where those lead.
        ValueError
            If its nodes do not form trees, as those of a forged file may not.
        """
        import pandas as pd

        problem = obstacle(model)
        if problem:
            raise TypeError(problem)
        named = getattr(model, "feature_names_in_", features)
        if named is None:
            message = "the forest was not fitted on named features; use minewatch.learn.fit_forest"
            raise TypeError(message)
        names = [str(name) for name in named]
        domain = getattr(model, "training_domain_", pd.DataFrame(index=pd.Index(names)))
        return cls(
            tree_arrays(model),
            features=names,
            classes=model.classes_.tolist(),
            domain=domain,
            provenance=getattr(model, "provenance_", {}),
            versions=getattr(model, "versions_", {}),
        )

    def arrays(self) -> dict[str, Any]:
        """What a file holds of it."""
        return {
            "starts": self.starts,
            "left": self.left,
            "right": self.right,
            "feature": self.feature,
            "threshold": self.threshold,
            "leaf_value": self.leaf_value,
            "importance": self.feature_importances_,
            "domain": self.training_domain_.to_numpy(np.float64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], header: Mapping[str, Any]) -> Forest:
        """Build it from what a file holds.

        Raises
        ------
        ValueError
            If the nodes do not form trees.
        """
        import pandas as pd

        features = [str(name) for name in header["features"]]
        columns = pd.Index([str(name) for name in header["domain"]])
        domain = pd.DataFrame(arrays["domain"], index=pd.Index(features), columns=columns)
        return cls(
            arrays,
            features=features,
            classes=header["classes"],
            domain=domain,
            provenance=header["provenance"],
            versions=header["versions"],
        )

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Mean over the trees of the class shares in the leaf that a sample falls into.

        Parameters
        ----------
        X : pandas.DataFrame or array
            A row per sample; a table by column name, an array in the order of
            ``feature_names_in_``. Compared as float32, as scikit-learn does.

        Returns
        -------
        array of float64
            Dims (sample, class); NaN for samples that lack a feature.

        Raises
        ------
        KeyError
            If the table lacks a feature.
        ValueError
            If an array has another number of columns.
        """
        rows = self._rows(X)
        proba = np.empty((len(rows), len(self.classes_)))
        packed = self._ready()
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            found = forest_proba(part, *packed)
            found[~np.isfinite(part).all(axis=1)] = np.nan
            proba[start : start + ROWS] = found
        return proba

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of each sample, the first of several.

        Parameters
        ----------
        X : pandas.DataFrame or array
            As in :meth:`predict_proba`, complete.

        Returns
        -------
        array
            Classes.

        Raises
        ------
        ValueError
            If a sample lacks a feature: it has no class.
        """
        return likeliest(self.predict_proba(X), self.classes_)

    def _rows(self, X: Any) -> npt.NDArray[np.float32]:
        names = list(self.feature_names_in_)
        if hasattr(X, "columns"):
            lacking = [name for name in names if name not in X.columns]
            if lacking:
                message = f"the forest was fitted on {names}; the table lacks {lacking}"
                raise KeyError(message)
            X = X[names]
        rows = np.ascontiguousarray(X, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != len(names):
            message = f"the forest takes {len(names)} columns, got shape {rows.shape}: {names}"
            raise ValueError(message)
        return rows

    def _ready(self) -> Any:
        """The forest as the compiled loop reads it."""
        if self._packed is None:
            with self._lock:
                if self._packed is None:
                    self._packed = pack_trees(
                        starts=self.starts,
                        left=self.left,
                        right=self.right,
                        feature=self.feature,
                        threshold=self.threshold,
                        leaf_value=self.leaf_value,
                        features=self.n_features_in_,
                    )
        return self._packed


def _require_trees(arrays: Mapping[str, Any], features: int, classes: int) -> None:
    """Refuse nodes that lead out of their tree, or in circles."""
    starts, feature = arrays["starts"], arrays["feature"]
    nodes, inner = len(feature), feature != LEAF
    here = np.flatnonzero(inner)
    sound = (
        starts.ndim == feature.ndim == 1
        and len(starts) > 1
        and min(features, classes) > 0
        and starts[0] == 0
        and starts[-1] == nodes
        and bool((np.diff(starts) > 0).all())
        and all(arrays[name].shape == (nodes,) for name in ("left", "right", "threshold"))
        and arrays["leaf_value"].shape == (nodes - len(here), classes)
        and arrays["importance"].shape == (features,)
        and bool(((feature >= LEAF) & (feature < features)).all())
        and bool(np.isfinite(arrays["threshold"]).all())
        and bool(np.isfinite(arrays["leaf_value"]).all())
    )
    if sound:
        # Children stand behind their parent and before the next tree.
        end = starts[np.searchsorted(starts, here, side="right")]
        children = [arrays[name][here] for name in ("left", "right")]
        sound = all(bool(((child > here) & (child < end)).all()) for child in children)
        # Each node but the roots is the child of one: a shared one could be reached in 2**n ways.
        once = np.ones(nodes, np.int64)
        once[starts[:-1]] = 0
        if sound:
            found = np.bincount(np.concatenate(children), minlength=nodes)
            sound = bool((found == once).all()) and not too_large(starts, features)
    if not sound:
        message = "its nodes do not form trees"
        raise ValueError(message)
