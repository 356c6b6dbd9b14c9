"""A forest as arrays is scikit-learn's forest, in threads, in other processes, in little memory."""

from __future__ import annotations

import copy
import pickle
import threading
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import testing as npt
from oracles_learn import clustered
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from minewatch.learn import Forest, fit_forest, stored
from minewatch.learn.ensembles import obstacle

NAMES = list("abcdef")


@pytest.fixture
def samples() -> xr.Dataset:
    return clustered(np.random.default_rng(0), polygons=30)


def model(kind: str, trees: int, depth: int | None, seed: int) -> Any:
    tree = DecisionTreeClassifier(max_features="sqrt", max_depth=depth, random_state=seed)
    settings_ = {"max_depth": depth, "random_state": seed}
    return {
        "random": RandomForestClassifier(trees, max_samples=0.6, **settings_),
        "extra": ExtraTreesClassifier(trees, **settings_),
        "smile": BaggingClassifier(
            tree, trees, max_samples=0.6, bootstrap=False, random_state=seed
        ),
        "subspace": BaggingClassifier(tree, trees, max_features=0.5, random_state=seed),
        "few": BaggingClassifier(tree, trees, max_samples=3, random_state=seed),
        "tree": tree,
    }[kind]


@settings(max_examples=50, deadline=None)
@given(
    kind=st.sampled_from(["random", "extra", "smile", "subspace", "few", "tree"]),
    trees=st.integers(1, 6),
    depth=st.sampled_from([None, 1, 3]),
    classes=st.integers(2, 4),
    seed=st.integers(0, 1000),
)
def test_it_equals_every_kind_of_forest(
    kind: str, trees: int, depth: int | None, classes: int, seed: int
) -> None:
    """A bag of three samples does not hold all classes; a subspace not all features."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(80, 6)).round(1), columns=NAMES)
    label = 10 * rng.integers(0, classes, 80)
    fitted = model(kind, trees, depth, seed).fit(table, label)
    assert obstacle(fitted) is None
    forest = Forest.of(fitted)
    found = pd.DataFrame(rng.normal(size=(50, 6)).round(1), columns=NAMES).astype("f4")
    npt.assert_array_equal(forest.predict_proba(found), fitted.predict_proba(found))
    npt.assert_array_equal(forest.predict(found), fitted.predict(found))
    share = forest.feature_importances_
    npt.assert_allclose(share.sum(), 1.0 if share.any() else 0.0, atol=1e-12)


def test_importances_of_bags_are_the_mean_over_their_trees() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 6)), columns=NAMES)
    bags = model("subspace", 20, None, 0).fit(table, (table["b"] > 0).astype(int))
    expected = np.zeros(6)
    for tree, columns in zip(bags.estimators_, bags.estimators_features_, strict=True):
        for place, column in enumerate(columns):
            expected[column] += tree.feature_importances_[place] / 20
    npt.assert_allclose(Forest.of(bags).feature_importances_, expected, rtol=1e-12)
    assert NAMES[int(expected.argmax())] == "b"


def test_it_is_laid_out_once_and_never_travels(
    samples: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    forest = Forest.of(fit_forest(samples, trees=5))
    table = np.random.default_rng(1).normal(size=(100, 5))
    before = pickle.dumps(forest)
    calls = []
    original = stored.pack_trees

    def counted(**parts: Any) -> Any:
        calls.append(1)
        return original(**parts)

    monkeypatch.setattr(stored, "pack_trees", counted)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(forest.predict_proba(table)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(results) == 8
    for found in results:
        npt.assert_array_equal(found, results[0])
    assert pickle.dumps(forest) == before
    for other in (pickle.loads(before), copy.copy(forest), copy.deepcopy(forest)):
        npt.assert_array_equal(other.predict_proba(table), results[0])


def test_memory_beside_the_result_is_bounded(samples: xr.Dataset) -> None:
    """Ten times the samples take ten times the result, and little besides."""
    forest = Forest.of(fit_forest(samples, trees=3))
    forest.predict_proba(np.zeros((8, 5), "f4"))
    beside = []
    for count in (200_000, 2_000_000):
        table = np.zeros((count, 5), "f4")
        tracemalloc.start()
        result = forest.predict_proba(table)
        beside.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
        tracemalloc.stop()
    assert beside[1] < 1.1 * beside[0] < 4e6


def test_what_is_no_forest_of_trees_is_said(samples: xr.Dataset) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 6)), columns=NAMES)
    label = rng.integers(0, 2, 60)
    gappy = table.mask(rng.random(table.shape) < 0.2)
    cases = {
        "got LogisticRegression; fit one": LogisticRegression().fit(table, label),
        "holds other models": BaggingClassifier(LogisticRegression(), 2).fit(table, label),
        "several things at once": RandomForestClassifier(2).fit(table, np.stack([label] * 2, 1)),
        "learnt where gaps lead": RandomForestClassifier(2).fit(gappy, label),
        "was not fitted": RandomForestClassifier(2),
        "on named features": RandomForestClassifier(2).fit(table.to_numpy(), label),
    }
    for message, each in cases.items():
        with pytest.raises(TypeError, match=message):
            Forest.of(each)
    nameless = cases["on named features"]
    assert list(Forest.of(nameless, features=NAMES).feature_names_in_) == NAMES


def test_nodes_that_share_a_child_are_refused(samples: xr.Dataset) -> None:
    """Levels of shared children could be walked in 2 to the power of their number of ways."""
    forest = Forest.of(fit_forest(samples, trees=1))
    header = {
        "features": [f"f{n}" for n in range(5)],
        "classes": [0, 1],
        "domain": [],
        "provenance": {},
        "versions": {},
    }
    arrays = forest.arrays() | {"domain": np.empty((5, 0))}
    assert Forest.from_arrays(arrays, header).n_features_in_ == 5
    shared = arrays["left"].copy()
    shared[0] = arrays["right"][0]
    with pytest.raises(ValueError, match="do not form trees"):
        Forest.from_arrays(arrays | {"left": shared}, header)


def test_nothing_but_trees_reaches_the_compiled_loop(samples: xr.Dataset) -> None:
    """It follows nodes without looking: arrays by hand, and no features at all, are looked at."""
    forest = Forest.of(fit_forest(samples, trees=2))
    about = {"features": list("abcde"), "classes": [0, 1], "domain": pd.DataFrame()}
    about |= {"provenance": {}, "versions": {}}
    assert Forest(forest.arrays(), **about).n_features_in_ == 5
    for name, value in (("left", 10**9), ("right", -7), ("feature", 10**9)):
        array = forest.arrays()[name].copy()
        array[0] = value
        with pytest.raises(ValueError, match="do not form trees"):
            Forest(forest.arrays() | {name: array}, **about)
    leaf = {"starts": np.array([0, 1]), "threshold": np.zeros(1), "leaf_value": np.ones((1, 2)) / 2}
    leaf |= {name: np.array([-1]) for name in ("left", "right", "feature")}
    with pytest.raises(ValueError, match="do not form trees"):
        Forest(leaf | {"importance": np.zeros(0)}, **about | {"features": []})
