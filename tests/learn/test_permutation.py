"""A feature is worth what is lost without it, on polygons that the model has not seen."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_learn import clustered
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from minewatch.learn import (
    PolygonSplit,
    fit_forest,
    frame,
    importances,
    permutation_importances,
)

small = functools.partial(fit_forest, trees=20, min_leaf=3)


def known(rng: np.random.Generator, polygons: int = 60, pixels: int = 8) -> xr.Dataset:
    """One feature that tells, its twin, one that tells a little, and one that never does."""
    polygon = np.repeat(np.arange(polygons), pixels)
    label = polygon % 2
    n = len(label)
    telling = 3.0 * label + rng.normal(size=n)
    # A noisy feature that is alike within polygons: it tells polygons apart, not labels.
    layers = {
        "s2_bsi": telling,
        "s2_twin": telling + 0.05 * rng.normal(size=n),
        "s1_vv": 1.0 * label + rng.normal(size=n),
        "dem_noise": rng.normal(size=polygons)[polygon],
    }
    return xr.Dataset(
        {name: ("sample", values.astype("f4")) for name, values in layers.items()},
        {
            "label": ("sample", label),
            "polygon": ("sample", polygon),
            "weight": ("sample", np.ones(n)),
        },
    )


def logistic(samples: xr.Dataset) -> LogisticRegression:
    return LogisticRegression(max_iter=1000).fit(frame(samples), samples.label.values)


def test_losses_agree_with_scikit_learn(rng: np.random.Generator) -> None:
    """The same folds and models; shuffles differ, so their means over 60 are compared."""
    samples = known(rng)
    table, label = frame(samples), samples.label.values
    found = permutation_importances(samples, fit=logistic, split=GroupKFold(3), repeats=60)
    means = []
    for train, test in GroupKFold(3).split(table, label, samples.polygon.values):
        model = LogisticRegression(max_iter=1000).fit(table.iloc[train], label[train])
        theirs = permutation_importance(
            model, table.iloc[test], label[test], n_repeats=60, random_state=1
        )
        means.append(theirs.importances_mean)
    # 160 samples, 60 shuffles, 3 folds: a mean loss is known to about 0.003.
    npt.assert_allclose(found.loss[table.columns], np.mean(means, axis=0), atol=0.012)
    npt.assert_allclose(found.loss_std[table.columns], np.std(means, axis=0, ddof=1), atol=0.02)
    assert found.gini.isna().all()
    assert found.attrs["folds"] == 3


def test_noise_that_a_forest_uses_is_worth_nothing(rng: np.random.Generator) -> None:
    """Gini counts what tells polygons apart in training; unseen ones do not miss it."""
    samples = known(rng).drop_vars(["s2_bsi", "s2_twin"])
    table = permutation_importances(samples, fit=small)
    assert table.index.tolist() == ["s1_vv", "dem_noise"]
    assert table.gini["dem_noise"] > 30
    assert table.loss["dem_noise"] < 0.3 * table.loss["s1_vv"]
    assert table.gini.sum() == pytest.approx(100)
    models = [small(samples.isel(sample=train)) for train, _ in PolygonSplit().split(samples)]
    expected = pd.concat([importances(model) for model in models], axis=1).mean(axis=1)
    npt.assert_allclose(table.gini, expected[table.index])


def test_twins_are_worth_more_together(rng: np.random.Generator) -> None:
    samples = known(rng)
    alone = permutation_importances(samples, fit=small)
    sensors = {"s2": ["s2_bsi", "s2_twin"], "s1": ["s1_vv"], "dem": ["dem_noise"]}
    together = permutation_importances(samples, fit=small, together=sensors)
    assert together.index[0] == "s2"
    assert together.loss["s2"] > 1.3 * alone.loss[["s2_bsi", "s2_twin"]].sum()
    assert together.gini["s2"] == pytest.approx(alone.gini[["s2_bsi", "s2_twin"]].sum())
    # Without what tells, every second guess is right.
    assert together.attrs["unshuffled"] > 0.9


@pytest.mark.parametrize("score", ["accuracy", "mcc", "brier"])
def test_every_score_finds_what_tells(rng: np.random.Generator, score: str) -> None:
    samples = known(rng, polygons=24).drop_vars("s2_twin")
    table = permutation_importances(samples, fit=small, score=score, repeats=2)
    assert table.index[0] == "s2_bsi"
    assert table.loss["s2_bsi"] > 0.1
    assert table.folds_lost["s2_bsi"] == 1
    assert table.attrs["score"] == score


def test_it_is_repeatable_and_weights_count() -> None:
    samples = clustered(np.random.default_rng(3), polygons=20, pixels=6)
    run = functools.partial(permutation_importances, fit=logistic, repeats=2)
    pd.testing.assert_frame_equal(run(samples, seed=1), run(samples, seed=1))
    assert not run(samples, seed=1).loss.equals(run(samples, seed=2).loss)
    # Only the samples of one polygon in ten count: what is lost is lost on them.
    load = np.where(samples.polygon.values % 10 < 2, 1.0, 1e-9)
    few = run(samples.assign_coords(weight=("sample", load)), seed=1)
    assert not np.allclose(few.loss, run(samples, seed=1).loss)


def test_what_cannot_be_shuffled_is_said() -> None:
    samples = clustered(np.random.default_rng(3), polygons=20, pixels=2)
    with pytest.raises(ValueError, match="use 'accuracy' and 5"):
        permutation_importances(samples, score="auc")
    with pytest.raises(ValueError, match="use 'accuracy' and 5"):
        permutation_importances(samples, repeats=0)
    with pytest.raises(ValueError, match="leave out together="):
        permutation_importances(samples, together={"s1": []})
    with pytest.raises(KeyError, match="s9_hh"):
        permutation_importances(samples, together={"s9": ["s9_hh"]})
    with pytest.raises(ValueError, match="set positive= to one of them"):
        permutation_importances(samples, score="mcc", positive=5)
