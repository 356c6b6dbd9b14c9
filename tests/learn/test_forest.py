"""Forests are scikit-learn's, and their importances are read as the paper reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy import testing as npt
from oracles_learn import NAMES, clustered, scene, sites
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from minewatch.learn import (
    Forest,
    draw,
    fit_forest,
    frame,
    importances,
    load_model,
    save_model,
    select_features,
)


def test_a_forest_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    samples = draw(scene(rng), sites())
    ours = fit_forest(samples, seed=5)
    # The settings of the paper: 100 trees, 60 % of the samples each, sqrt(p) features a split.
    theirs = RandomForestClassifier(100, max_samples=0.6, max_features="sqrt", random_state=5)
    theirs.fit(frame(samples), samples.label.values)
    npt.assert_array_equal(ours.predict_proba(frame(samples)), theirs.predict_proba(frame(samples)))
    assert list(ours.feature_names_in_) == list(NAMES)
    assert ours.classes_.tolist() == [0, 1]


def test_cores_do_not_change_a_forest(rng: np.random.Generator) -> None:
    samples = draw(scene(rng), sites())
    one, two = (fit_forest(samples, trees=8, n_jobs=n) for n in (1, 2))
    npt.assert_array_equal(one.feature_importances_, two.feature_importances_)


def test_weights_count() -> None:
    """Two labels that nothing tells apart: the share in the leaves is the share of the weight."""
    rng = np.random.default_rng(0)
    samples = clustered(rng, shift=0, icc=0, polygons=40, pixels=50)
    weight = np.where(samples.label == 1, 3.0, 1.0)
    heavy = samples.assign_coords(weight=("sample", weight))
    plain, weighted = (fit_forest(s, trees=20, min_leaf=200) for s in (samples, heavy))
    table = frame(samples)
    assert plain.predict_proba(table)[:, 1].mean() == pytest.approx(0.5, abs=0.02)
    assert weighted.predict_proba(table)[:, 1].mean() == pytest.approx(0.75, abs=0.02)
    scaled = samples.assign_coords(weight=("sample", 10 * weight))
    again = fit_forest(scaled, trees=20, min_leaf=200)
    npt.assert_array_equal(again.predict_proba(table), weighted.predict_proba(table))


@pytest.mark.parametrize("bag", [0.3, 1.0])
def test_smile_draws_as_scikit_learn_bags_without_replacement(
    rng: np.random.Generator, bag: float
) -> None:
    samples = draw(scene(rng), sites())
    ours = fit_forest(samples, trees=12, bag=bag, mode="smile", seed=5)
    tree = DecisionTreeClassifier(max_features="sqrt")
    theirs = BaggingClassifier(tree, 12, max_samples=bag, bootstrap=False, random_state=5)
    # An array: their trees would warn that names are lost on the way.
    rows = frame(samples).to_numpy()
    theirs.fit(rows, samples.label.values)
    npt.assert_array_equal(ours.predict_proba(frame(samples)), theirs.predict_proba(rows))
    again = fit_forest(samples, trees=12, bag=bag, mode="smile", seed=5, n_jobs=2)
    npt.assert_array_equal(ours.feature_importances_, again.feature_importances_)


def weighed(icc: float, heavy: float) -> object:
    samples = clustered(np.random.default_rng(0), shift=0, icc=icc, polygons=40, pixels=50)
    weight = np.where(samples.label == 1, heavy, 1.0)
    return samples.assign_coords(weight=("sample", weight))


@pytest.mark.parametrize("bag", [0.6, 1.0])
def test_weights_steer_the_trees_of_smile(bag: float) -> None:
    """Nothing tells the labels apart: the share in the leaves is the share of the weight.

    At a bag of 1 every tree draws all samples, so that weights as chances would be lost.
    """
    samples = weighed(0, 3.0)
    forest = fit_forest(samples, trees=20, bag=bag, min_leaf=200, mode="smile")
    chance = forest.predict_proba(frame(samples))[:, 1].mean()
    # Leaves of 200 samples: as in test_weights_count.
    assert chance == pytest.approx(0.75, abs=0.02)


def test_each_tree_of_smile_sees_a_sample_once() -> None:
    samples = weighed(0.5, 2.0)
    relative = samples.weight.values / samples.weight.values.mean()
    forest = fit_forest(samples, trees=7, bag=0.25, mode="smile")
    for tree in forest.estimators_:
        assert isinstance(tree, DecisionTreeClassifier)
        assert tree.tree_.n_node_samples[0] == len(relative) // 4  # none twice
        share = tree.tree_.weighted_n_node_samples[0] / len(relative)
        # A quarter of the weight: 500 weights of 0.67 or 1.33 have a mean within 0.05 of 1.
        assert share == pytest.approx(0.25, abs=0.0125)
    # All samples and one feature leave nothing to chance.
    same = fit_forest(samples[["f0"]], trees=2, bag=1.0, mode="smile").estimators_
    npt.assert_array_equal(same[0].tree_.threshold, same[1].tree_.threshold)


def test_a_forest_of_smile_is_kept_like_any_other(rng: np.random.Generator, tmp_path: Path) -> None:
    samples = draw(scene(rng), sites())
    forest = fit_forest(samples, trees=9, mode="smile")
    assert list(forest.feature_names_in_) == list(NAMES)
    assert list(forest.training_domain_.index) == list(NAMES)
    mean = np.mean([tree.feature_importances_ for tree in forest.estimators_], axis=0)
    assert importances(forest).to_dict() == pytest.approx(
        dict(zip(NAMES, 100 * mean / mean.sum(), strict=True))
    )
    table = frame(samples)
    npt.assert_allclose(
        Forest.of(forest).predict_proba(table), forest.predict_proba(table), atol=1e-12
    )
    save_model(forest, tmp_path / "smile.npz")
    npt.assert_allclose(
        load_model(tmp_path / "smile.npz").predict_proba(table),
        forest.predict_proba(table),
        atol=1e-12,
    )
    assert "bootstrap=False" in repr(forest)


def test_other_modes_are_refused(rng: np.random.Generator) -> None:
    samples = draw(scene(rng), sites())
    with pytest.raises(ValueError, match="as 'sklearn' or 'smile' does, got mode='weka'"):
        fit_forest(samples, mode="weka")
    with pytest.raises(ValueError, match=r"leaves at least one; got bag=1e-06"):
        fit_forest(samples, mode="smile", bag=1e-6)


def test_a_forest_knows_its_domain(rng: np.random.Generator) -> None:
    samples = draw(scene(rng), sites())
    domain = fit_forest(samples, trees=2).training_domain_
    assert list(domain.index) == list(NAMES)
    assert list(domain.columns) == ["min", "q01", "q05", "q25", "q50", "q75", "q95", "q99", "max"]
    npt.assert_allclose(domain["q25"], [np.quantile(samples[n], 0.25) for n in NAMES], rtol=1e-6)
    npt.assert_array_equal(domain["max"], [samples[n].max() for n in NAMES])
    # A gap does not hide what the others span.
    samples["s1_vv"][3] = np.nan
    gappy = fit_forest(samples, trees=2).training_domain_
    assert gappy.loc["s1_vv", "min"] == np.nanmin(samples["s1_vv"])
    npt.assert_array_equal(gappy.drop("s1_vv"), domain.drop("s1_vv"))


@pytest.mark.parametrize("bag", [0, -1, 1.1, 1e-6, np.nan])
def test_a_bag_must_hold_a_sample(rng: np.random.Generator, bag: float) -> None:
    with pytest.raises(ValueError, match=r"above 0 and up to 1.*use 0\.6"):
        fit_forest(draw(scene(rng), sites()), bag=bag)


def test_importances_are_percent_in_order(rng: np.random.Generator) -> None:
    forest = fit_forest(draw(scene(rng), sites()))
    found = importances(forest)
    assert found.sum() == pytest.approx(100)
    assert found.is_monotonic_decreasing
    assert list(found.index[:2]) == ["s2_bsi", "s2_ndvi"]  # the two that tell the labels apart
    by_name = dict(zip(NAMES, 100 * forest.feature_importances_, strict=True))
    assert found.to_dict() == pytest.approx(by_name)
    with pytest.raises(TypeError, match=r"fit a forest with minewatch\.learn\.fit_forest"):
        importances(object())


def percent(*values: float) -> pd.Series:
    rest = 100 - sum(values)
    return pd.Series({**{f"f{n}": value for n, value in enumerate(values)}, "rest": rest})


def test_selection_is_the_rule_of_the_paper() -> None:
    """Above 2.5 percent; if more than 25 the best 25; if none the best 25."""
    assert select_features(percent(2.5, 2.6, 40)) == ["rest", "f2", "f1"]
    many = pd.Series({f"f{n:02d}": 1.0 for n in range(45)}) * 100 / 45  # 2.22 percent each
    assert select_features(many) == [f"f{n:02d}" for n in range(25)]
    thirty = pd.Series({f"f{n:02d}": 100 / 30 for n in range(30)})
    assert len(select_features(thirty)) == 25
    assert len(select_features(thirty, at_most=7)) == 7
    assert select_features(percent(30, 20), minimum=25) == ["rest", "f0"]
    with pytest.raises(ValueError, match=r"use minewatch\.learn\.importances\(model\)"):
        select_features(many / 100)
