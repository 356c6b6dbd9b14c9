"""Forests whose trees see a share of the samples, each sample once, as Earth Engine draws them.

Imported where such a forest is fitted: scikit-learn is loaded with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.random import sample_without_replacement
from sklearn.utils.validation import validate_data

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["SubsampledForest"]

HIGHEST = np.iinfo(np.int32).max


class SubsampledForest(RandomForestClassifier):  # type: ignore[misc]
    """A random forest whose trees draw their samples without replacement.

    Where all weights are alike it equals, to the last bit, ``BaggingClassifier`` around
    ``DecisionTreeClassifier(max_features="sqrt")`` with ``bootstrap=False`` and the same seed.
    That class uses weights as chances of being drawn, which without replacement bends them: at a
    bag of 1 they would not count at all. Here every sample is as likely to be drawn, and weights
    enter the impurity and the leaves of the trees.

    Takes the parameters of ``RandomForestClassifier``; ``max_samples`` must be a whole number, and
    ``class_weight``, ``oob_score`` and ``warm_start`` are of no effect.

    Examples
    --------
    >>> forest = SubsampledForest(n_estimators=5, bootstrap=False, max_samples=2, random_state=0)
    >>> forest.fit([[0.0], [0.1], [0.9], [1.0]], [0, 0, 1, 1]).predict([[0.0], [1.0]])
    array([0, 1])
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SubsampledForest:
        """Grow the trees.

        Parameters
        ----------
        X : pandas.DataFrame or array
            A row per sample.
        y : array
            Its class.
        sample_weight : array, optional
            What it counts in the trees that draw it.

        Returns
        -------
        SubsampledForest
            Itself.
        """
        rows = validate_data(self, X, dtype=np.float32, order="C")
        self.classes_, code = np.unique(np.asarray(y), return_inverse=True)
        self.n_classes_, self.n_outputs_ = len(self.classes_), 1
        self.estimator_ = DecisionTreeClassifier()
        weight = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight, float)
        seeds: Any = np.random.RandomState(self.random_state)
        seeds = seeds.randint(HIGHEST, size=self.n_estimators)
        self.estimators_ = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._grown)(rows, code.astype(np.float64), weight, seed) for seed in seeds
        )
        return self

    def _grown(
        self,
        rows: npt.NDArray[np.float32],
        code: npt.NDArray[np.float64],
        weight: npt.NDArray[np.float64],
        seed: int,
    ) -> Any:
        """One tree on its own samples."""
        settings = {name: getattr(self, name) for name in self.estimator_params}
        settings["random_state"] = np.random.RandomState(seed).randint(HIGHEST)
        rng = np.random.RandomState(seed)
        # BaggingClassifier draws features first, all of them, from the same numbers.
        sample_without_replacement(rows.shape[1], rows.shape[1], random_state=rng)
        drawn = sample_without_replacement(len(rows), self.max_samples, random_state=rng)
        counted = np.zeros(len(rows))
        counted[drawn] = weight[drawn]
        tree = DecisionTreeClassifier(**settings)
        return tree.fit(rows, code, sample_weight=counted, check_input=False)
