"""Forests are scikit-learn's, and their importances are read as the paper reads them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy import testing as npt
from oracles_learn import NAMES, clustered, scene, sites
from sklearn.ensemble import RandomForestClassifier

from minewatch.learn import draw, fit_forest, frame, importances, select_features


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


def test_a_forest_knows_its_domain(rng: np.random.Generator) -> None:
    samples = draw(scene(rng), sites())
    domain = fit_forest(samples, trees=2).training_domain_
    assert list(domain.index) == list(NAMES)
    assert list(domain.columns) == ["min", "q01", "q05", "q25", "q50", "q75", "q95", "q99", "max"]
    npt.assert_allclose(domain["q25"], [np.quantile(samples[n], 0.25) for n in NAMES], rtol=1e-6)
    npt.assert_allclose(domain["max"], [samples[n].max() for n in NAMES])


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
