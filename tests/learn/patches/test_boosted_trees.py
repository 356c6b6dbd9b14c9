"""Boosted trees as arrays say what scikit-learn says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy import testing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from minewatch.learn.patches.boosted_trees import margin_forest


@pytest.fixture
def table(rng: np.random.Generator) -> pd.DataFrame:
    values = rng.normal(0, 1, (300, 4)).astype("f4")
    return pd.DataFrame(values, columns=["vv_sd", "vh_sd", "vv_p5", "pa_mean"])


@pytest.mark.parametrize("rounds", [1, 30])
@pytest.mark.parametrize("smallest", [5, 200])
def test_they_say_what_the_booster_says(table, rounds: int, smallest: int) -> None:
    """Trees of many leaves, and trees of one."""
    label = np.where(table.vv_sd * table.vh_sd + 0.3 * table.pa_mean > 0, 1, 0)
    booster = HistGradientBoostingClassifier(max_iter=rounds, min_samples_leaf=smallest)
    booster.fit(table, label)
    trees, start = margin_forest(booster)
    assert len(trees.starts) == rounds + 1
    # Edges of bins, and beyond them all.
    asked = pd.concat([table, table.round(1), table * 9], ignore_index=True).astype("f4")
    odds = start + rounds * trees.predict_proba(asked)[:, 0]
    # Sums of at most 30 float64 numbers of size 1, in another order.
    npt.assert_allclose(odds, booster.decision_function(asked), rtol=0, atol=1e-13)


def test_importances_are_shares_of_the_gain(table) -> None:
    booster = HistGradientBoostingClassifier(max_iter=5).fit(table, table.vh_sd > 0)
    trees, _ = margin_forest(booster)
    npt.assert_allclose(trees.feature_importances_, [0, 1, 0, 0], atol=0.01)
    npt.assert_allclose(trees.feature_importances_.sum(), 1)


def test_what_are_no_numbers_of_two_classes_is_refused(table) -> None:
    three = HistGradientBoostingClassifier(max_iter=2).fit(table, np.arange(300) % 3)
    kinds = table.assign(kind=(np.arange(300) % 5).astype("f4"))
    label = np.arange(300) % 5 == 1
    booster = HistGradientBoostingClassifier(max_iter=2, categorical_features=["kind"])
    for model in (three, booster.fit(kinds, label)):
        with pytest.raises(TypeError, match="categor"):
            margin_forest(model)
