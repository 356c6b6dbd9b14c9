"""A model over a scene gives what it gives row by row, lazily, anywhere, and is sent once."""

from __future__ import annotations

import cloudpickle
import dask
import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from oracles_learn import NAMES, scene, sites
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from minewatch.cluster import connect
from minewatch.conventions import crs_of
from minewatch.learn import (
    CalibratedModel,
    Forest,
    draw,
    fit_forest,
    frame,
    predict,
    predict_proba,
)
from minewatch.learn.calibrated import Curves

CHUNKS = [{"y": 7, "x": 11}, {"y": -1, "x": 13}, {"y": 20, "x": 20}]


def holes(features: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    for name in features:
        values = features[name].values
        values[rng.random(values.shape) < 0.05] = np.nan
    features["s1_vv"][0, 0] = np.inf
    return features


def rows(features: xr.Dataset) -> tuple[object, np.ndarray]:
    table = frame(
        xr.Dataset(
            {name: ("sample", features[name].values.ravel()) for name in NAMES},
            {"label": ("sample", np.zeros(features["s1_vv"].size, int))},
        )
    )
    complete = np.isfinite(table).all(axis=1).to_numpy()
    return table[complete], complete


def models(samples: xr.Dataset) -> dict[str, object]:
    table, label = frame(samples), samples.label.values
    return {
        "forest": fit_forest(samples, trees=10),
        "boosting": HistGradientBoostingClassifier(max_iter=5).fit(table, label),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(table, label),
        "nameless": RandomForestClassifier(5, random_state=0).fit(table.to_numpy(), label),
    }


@pytest.mark.parametrize("kind", ["forest", "boosting", "pipeline", "nameless"])
@pytest.mark.parametrize("chunks", CHUNKS)
def test_a_map_is_the_model_row_by_row(
    rng: np.random.Generator, kind: str, chunks: dict[str, int]
) -> None:
    features = scene(rng)
    model = models(draw(features, sites()))[kind]
    features = holes(features, rng)
    table, complete = rows(features)
    values = table.to_numpy() if kind == "nameless" else table
    expected = np.full((2, complete.size), np.nan, "f4")
    expected[:, complete] = model.predict_proba(values).T
    lazy = features.chunk(chunks)
    with nothing_computes():
        proba, classes = predict_proba(model, lazy), predict(model, lazy)
    assert proba.dims == ("class", "y", "x")
    assert proba.dtype == np.float32
    assert proba.chunks[1:] == classes.chunks == lazy["s1_vv"].chunks
    assert crs_of(proba) == crs_of(classes) == crs_of(features)
    assert proba["class"].values.tolist() == [0, 1]
    npt.assert_array_equal(proba, expected.reshape(proba.shape))
    xr.testing.assert_identical(proba.compute(), predict_proba(model, features))
    codes = np.full(complete.size, 255, "u1")
    codes[complete] = model.predict(values)
    assert classes.dtype == np.uint8
    npt.assert_array_equal(classes, codes.reshape(classes.shape))
    xr.testing.assert_identical(classes.compute(), predict(model, features))


def test_order_and_further_variables_do_not_matter(rng: np.random.Generator) -> None:
    features = scene(rng)
    forest = fit_forest(draw(features, sites()), trees=5)
    turned = features[[*reversed(NAMES)]].assign(other=features.s1_vv * np.nan)
    xr.testing.assert_identical(predict_proba(forest, turned), predict_proba(forest, features))


def test_lazy_and_loaded_layers_mix(rng: np.random.Generator) -> None:
    features = scene(rng)
    forest = fit_forest(draw(features, sites()), trees=5)
    mixed = features.assign(
        s1_vv=features.s1_vv.chunk(y=9, x=80), s2_bsi=features.s2_bsi.chunk(y=60, x=17)
    )
    xr.testing.assert_identical(
        predict_proba(forest, mixed).compute(), predict_proba(forest, features)
    )


def test_a_stack_of_scenes_is_mapped_too(rng: np.random.Generator) -> None:
    features = scene(rng)
    forest = fit_forest(draw(features, sites()), trees=5)
    years = xr.concat([features, features + 1], "year").chunk(year=1, y=30)
    found = predict_proba(forest, years)
    assert found.dims == ("class", "year", "y", "x")
    npt.assert_array_equal(found.isel(year=0), predict_proba(forest, features))


def test_a_threshold_maps_what_is_at_or_above_it(rng: np.random.Generator) -> None:
    features = holes(scene(rng), rng)
    forest = fit_forest(draw(features, sites()), trees=10)
    chance = predict_proba(forest, features).sel({"class": 1})
    found = predict(forest, features.chunk(y=13), threshold=0.3)
    # Ten trees of pure leaves: the chance is a multiple of 0.1, of which 0.3 is one.
    expected = xr.where(chance.isnull(), 255, chance >= np.float32(0.3))
    npt.assert_array_equal(found, expected)
    assert found.attrs["threshold"] == 0.3
    inverse = predict(forest, features, threshold=0.7000001, positive=0)
    npt.assert_array_equal(inverse, expected)


def test_big_blocks_are_worked_in_batches(rng: np.random.Generator) -> None:
    """300 × 300 pixels are more than one batch of 65,536."""
    features = holes(scene(rng, 300, 300), rng)
    forest = fit_forest(draw(features, sites()), trees=3)
    table, complete = rows(features)
    found = predict(forest, features).values.ravel()
    npt.assert_array_equal(found[complete], forest.predict(table))
    assert (found[~complete] == 255).all()


def test_the_model_is_in_the_graph_once(rng: np.random.Generator) -> None:
    features = scene(rng).chunk(y=6, x=8)  # 100 blocks
    forest = fit_forest(draw(features, sites()), trees=50, n_jobs=2)
    size = len(cloudpickle.dumps(Forest.of(forest)))
    (found,) = dask.optimize(predict_proba(forest, features))
    tasks = dict(found.__dask_graph__())
    heavy = [key for key, task in tasks.items() if len(cloudpickle.dumps(task)) > size / 2]
    assert len(heavy) == 1
    assert len(cloudpickle.dumps(tasks)) < 2 * size + 3000 * len(tasks)


def test_a_task_uses_one_core_and_the_users_model_is_untouched(rng: np.random.Generator) -> None:
    features = scene(rng)
    samples = draw(features, sites())
    # One that learnt where gaps lead predicts by itself.
    table = frame(samples).mask(rng.random((samples.sizes["sample"], len(NAMES))) < 0.1)
    forest = RandomForestClassifier(4, n_jobs=2, random_state=0).fit(table, samples.label.values)
    nested = make_pipeline(StandardScaler(), RandomForestClassifier(3, n_jobs=2))
    nested.fit(frame(samples), samples.label.values)
    for model in (forest, nested):
        found = predict_proba(model, features.chunk(y=30))
        shared = [
            value
            for layer in found.__dask_graph__().layers.values()
            for task in layer.values()
            if isinstance(value := getattr(task, "value", None), type(model))
        ]
        assert len(shared) == 1
        jobs = {k: v for k, v in shared[0].get_params().items() if k.endswith("n_jobs")}
        assert set(jobs.values()) <= {1, None}
        assert 2 in model.get_params().values()


@pytest.mark.slow
def test_a_map_is_made_by_other_processes(rng: np.random.Generator) -> None:
    features = holes(scene(rng), rng)
    forest = fit_forest(draw(features, sites()), trees=5)
    lazy = features.chunk(y=20, x=30)
    with connect("local:2"):
        proba, classes = dask.compute(predict_proba(forest, lazy), predict(forest, lazy))
    xr.testing.assert_identical(proba, predict_proba(forest, features))
    xr.testing.assert_identical(classes, predict(forest, features))


def test_prediction_says_what_it_needs(rng: np.random.Generator) -> None:
    features = scene(rng)
    samples = draw(features, sites())
    forest, table, label = fit_forest(samples, trees=3), frame(samples), samples.label.values
    with pytest.raises(KeyError, match=r"fitted on \['s2_ndvi', .*; the features lack \['s1_vv'\]"):
        predict_proba(forest, features.drop_vars("s1_vv"))
    nameless = RandomForestClassifier(3).fit(table.to_numpy(), label)
    with pytest.raises(
        ValueError, match=r"got 3: .*; select them, in its order, with features\[\["
    ):
        predict_proba(nameless, features.drop_vars("s1_vv"))
    machine = LinearSVC().fit(table, label)
    with pytest.raises(TypeError, match="gives no probabilities; use predict"):
        predict_proba(machine, features)
    assert set(np.unique(predict(machine, features))) <= {0, 1}
    with pytest.raises(TypeError, match="fit it first, as a classifier"):
        predict(RandomForestClassifier(), features)
    words = RandomForestClassifier(3).fit(table, np.where(label == 1, "mine", "other"))
    with pytest.raises(ValueError, match=r"knows \['mine', 'other'\]; fit it on codes"):
        predict(words, features)
    with pytest.raises(ValueError, match="leave out threshold= or set positive="):
        predict(forest, features, threshold=0.5, positive=7)
    with pytest.raises(ValueError, match=r"from 0 to 1, got 30; use e\.g\. 0\.5"):
        predict(forest, features, threshold=30)
    with pytest.raises(ValueError, match="needs features of the same dims"):
        predict(forest, features.assign(s1_vv=features.s1_vv.expand_dims("time")))
    with pytest.raises(ValueError, match=r"\.transpose"):
        predict(forest, features.transpose("x", "y"))


def test_all_kinds_of_forests_run_as_arrays(rng: np.random.Generator) -> None:
    """Also calibrated, and those that draw without putting back; the map is scikit-learn's."""
    features = scene(rng)
    samples = draw(features, sites())
    table, label = frame(samples), samples.label.values
    features = holes(features, rng)
    every, complete = rows(features)
    tree = DecisionTreeClassifier(max_features="sqrt", random_state=0)
    kinds = [
        ExtraTreesClassifier(5, random_state=0).fit(table, label),
        BaggingClassifier(tree, 5, max_samples=0.6, bootstrap=False).fit(table, label),
        BaggingClassifier(tree, 5, max_features=2).fit(table, label),
        tree.fit(table, label),
        fit_forest(samples, trees=5, mode="smile"),
    ]
    curves = Curves("isotonic", np.array([0, 1]), (([0.0, 0.4, 1.0], [0.1, 0.2, 0.9]),))
    for model in [*kinds, CalibratedModel(kinds[0], curves)]:
        found = predict_proba(model, features.chunk(y=20))
        shared = [
            getattr(task, "value", None)
            for layer in found.__dask_graph__().layers.values()
            for task in layer.values()
        ]
        arrays = [each for each in shared if isinstance(each, Forest | CalibratedModel)]
        assert len(arrays) == 1
        assert isinstance(getattr(arrays[0], "model", arrays[0]), Forest)
        expected = np.full((2, complete.size), np.nan, "f4")
        expected[:, complete] = model.predict_proba(every).T
        npt.assert_array_equal(found, expected.reshape(found.shape))
        assert found.attrs["model"] == type(model).__name__


def test_a_subclass_that_predicts_otherwise_predicts_by_itself(rng: np.random.Generator) -> None:
    class Certain(RandomForestClassifier):
        def predict_proba(self, X: object) -> np.ndarray:
            return np.tile([0.0, 1.0], (len(X), 1))

    features = scene(rng)
    samples = draw(features, sites())
    model = Certain(3).fit(frame(samples), samples.label.values)
    assert (predict_proba(model, features).sel({"class": 1}) == 1).all()


def test_gaps_are_unknown_or_the_models_own_matter(rng: np.random.Generator) -> None:
    features = scene(rng)
    samples = draw(features, sites())
    table, label = frame(samples), samples.label.values
    gappy = table.mask(rng.random(table.shape) < 0.2)
    features = holes(features, rng)
    for name in NAMES:
        features[name][7, 7] = np.nan
    every = frame(
        xr.Dataset(
            {name: ("sample", features[name].values.ravel()) for name in NAMES},
            {"label": ("sample", np.zeros(features["s1_vv"].size, int))},
        )
    )
    complete = np.isfinite(every).all(axis=1).to_numpy()
    told = (~every.isna().all(axis=1) & ~np.isinf(every).any(axis=1)).to_numpy()
    assert complete.sum() < told.sum() < len(told)
    for model in (
        RandomForestClassifier(5, random_state=0).fit(gappy, label),
        HistGradientBoostingClassifier(max_iter=5).fit(gappy, label),
    ):
        for gaps, known in (("unknown", complete), ("model", told)):
            expected = np.full((2, known.size), np.nan, "f4")
            expected[:, known] = model.predict_proba(every[known]).T
            found = predict_proba(model, features.chunk(y=13), gaps=gaps)
            npt.assert_array_equal(found, expected.reshape(found.shape))
            codes = np.where(known, 0, 255).reshape(found.shape[1:])
            npt.assert_array_equal(predict(model, features, gaps=gaps) == 255, codes == 255)
    with pytest.raises(ValueError, match=r"leave out gaps='model'"):
        predict_proba(Forest.of(fit_forest(samples, trees=2)), features, gaps="model")
    with pytest.raises(ValueError, match="gaps are 'unknown' or left to the 'model'"):
        predict_proba(model, features, gaps="zero")
