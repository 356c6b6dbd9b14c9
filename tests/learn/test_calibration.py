"""Calibrated probabilities mean what they say, on polygons that nobody has seen."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from chains import covariates
from laziness import nothing_computes
from numpy import testing as npt
from oracles_learn import clustered, scene, sites
from scipy.optimize import minimize
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression

from minewatch.learn import (
    CalibratedModel,
    brier_score,
    calibrate,
    calibration_error,
    draw,
    fit_forest,
    frame,
    load_model,
    out_of_fold,
    persistence,
    predict,
    predict_proba,
    save_model,
)
from minewatch.learn.calibrated import Curves
from minewatch.simulate import mine_world

forest = functools.partial(fit_forest, trees=40, min_leaf=3)


def votes(
    rng: np.random.Generator, n: int = 4000, *, classes: int = 2, power: float = 2.0
) -> xr.DataArray:
    """Votes whose classes are drawn with probability ∝ vote^power: too timid by a known law."""
    share = rng.dirichlet(np.ones(classes), n)
    chance = share**power / (share**power).sum(axis=1, keepdims=True)
    label = (rng.random(n)[:, None] > chance.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)
    return xr.DataArray(
        share,
        {
            "class": range(classes),
            "label": ("sample", label),
            "fold": ("sample", rng.integers(0, 5, n)),
            "weight": ("sample", rng.uniform(0.5, 2, n)),
        },
        ("sample", "class"),
    )


def seen_by(model: object, samples: xr.Dataset) -> xr.DataArray:
    """What a model says of samples."""
    coords = {"class": model.classes_, **samples.coords}
    return xr.DataArray(model.predict_proba(frame(samples)), coords, ("sample", "class"))


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_the_law_is_found(rng: np.random.Generator, method: str) -> None:
    """P(1) = p²/(p² + (1 − p)²), a logistic curve in the logit; 20,000 votes know it to 0.02."""
    proba = votes(rng, 20_000)
    curves = calibrate(proba, method=method).curves
    p = np.linspace(0.05, 0.95, 19)
    truth = p**2 / (p**2 + (1 - p) ** 2)
    found = curves(np.stack([1 - p, p], axis=1))
    npt.assert_allclose(found.sum(axis=1), 1)
    # Steps of an isotonic curve scatter by n^(-1/3) = 0.04; Platt's logit is straight in p, the
    # true one is not.
    npt.assert_allclose(found[:, 1], truth, atol=0.1)
    assert np.abs(found[:, 1] - truth).mean() < 0.03


def test_the_curves_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    proba = votes(rng, 600)
    score, label, weight = proba.values[:, 1], proba.label.values, proba.weight.values
    grid = np.linspace(0, 1, 101)
    rows = np.stack([1 - grid, grid], axis=1)
    isotonic = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    expected = isotonic.fit(score, label, sample_weight=weight).predict(grid)
    npt.assert_allclose(calibrate(proba).curves(rows)[:, 1], expected, atol=1e-12)

    above, below = (
        (weight[side].sum() * 600 / weight.sum() + 1)
        / (weight[side].sum() * 600 / weight.sum() + 2)
        for side in (label == 1, label == 0)
    )
    wanted = np.where(label == 1, above, 1 - below)

    def loss(ab: np.ndarray) -> float:
        logit = ab[0] * score + ab[1]
        return float(weight @ (np.logaddexp(0, logit) - wanted * logit))

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-8}).x
    expected = 1 / (1 + np.exp(-(best[0] * grid + best[1])))
    npt.assert_allclose(calibrate(proba, method="platt").curves(rows)[:, 1], expected, atol=1e-6)


@pytest.mark.parametrize(("method", "theirs"), [("isotonic", "isotonic"), ("platt", "sigmoid")])
def test_a_forest_is_calibrated_as_scikit_learn_does_it(method: str, theirs: str) -> None:
    """With several classes too: each against the rest, made to add up to 1."""
    for classes in (2, 3):
        samples = clustered(np.random.default_rng(classes), polygons=30, pixels=10)
        samples = samples.assign_coords(label=("sample", samples.polygon.values % classes))
        train, test = samples.isel(sample=slice(0, 150)), samples.isel(sample=slice(150, None))
        model = RandomForestClassifier(20, min_samples_leaf=5, random_state=0)
        model.fit(frame(train), train.label.values)
        oracle = CalibratedClassifierCV(FrozenEstimator(model), method=theirs, cv=2)
        oracle.fit(frame(test), test.label.values)
        proba = seen_by(model, test.drop_vars("weight", errors="ignore"))
        found = calibrate(proba, method=method).of(model)
        # Theirs stops its search for the logistic curve a little earlier.
        npt.assert_allclose(
            found.predict_proba(frame(train)), oracle.predict_proba(frame(train)), atol=2e-3
        )


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_unseen_polygons_get_what_they_were_promised(method: str) -> None:
    """A forest on polygons whose pixels are alike, judged on new ones.

    Where twenty features tell a little each, vote shares are too timid by 0.12. Calibrated, the
    expected error is at most 0.03. 4,000 test pixels of 2,000 polygons know it to about 0.01.
    """
    make = functools.partial(clustered, features=20, icc=0.3, shift=2.0)
    train = make(np.random.default_rng(1), polygons=400, pixels=5)
    test = make(np.random.default_rng(101), polygons=2000, pixels=2)
    found = calibrate(out_of_fold(train, fit=forest), method=method)
    plain = forest(train)
    before, after = seen_by(plain, test), seen_by(found.of(plain), test)
    assert calibration_error(before) > 0.1
    assert calibration_error(after) <= 0.03
    assert brier_score(after) <= brier_score(before) - 0.01
    # What was promised without new polygons is what they show.
    figures = found.figures
    assert figures.calibration_error["after"] <= 0.03
    assert figures.brier["after"] <= figures.brier["before"]
    assert figures.brier["after"] == pytest.approx(brier_score(after), abs=0.015)


@pytest.mark.slow
def test_another_simulated_world_gets_what_was_promised() -> None:
    """Mines are rare, and nearly bare soil to optics: learnt on one world, judged on another."""
    quick = functools.partial(fit_forest, trees=50)
    optical = []
    for seed in (42, 7):
        world = mine_world(seed, size=192)
        samples = draw(covariates(world, None), world.polygons, max_per_polygon=30)
        optical.append(samples[[name for name in samples.data_vars if name.startswith("s2_")]])
    here, there = optical
    plain = quick(here)
    before = seen_by(plain, there.drop_vars("spatial_ref"))
    model = calibrate(out_of_fold(here, fit=quick)).of(plain)
    after = seen_by(model, there.drop_vars("spatial_ref"))
    assert calibration_error(after) <= 0.03
    assert brier_score(after) <= brier_score(before)


def test_where_nothing_is_to_be_gained_nothing_is_lost() -> None:
    """A forest on five features that tell is calibrated as it is: Brier's score stays to 0.002."""
    make = functools.partial(clustered, features=5, icc=0.3, shift=2.0)
    train = make(np.random.default_rng(1), polygons=400, pixels=5)
    test = make(np.random.default_rng(101), polygons=2000, pixels=2)
    plain = forest(train)
    before = brier_score(seen_by(plain, test))
    for method in ("isotonic", "platt"):
        model = calibrate(out_of_fold(train, fit=forest), method=method).of(plain)
        assert brier_score(seen_by(model, test)) < before + 0.002
        assert calibration_error(seen_by(model, test)) < 0.04


def test_figures_are_held_out(rng: np.random.Generator) -> None:
    """Each fold's probabilities come from curves that did not see it."""
    proba = votes(rng, 500)
    found = calibrate(proba)
    for fold in range(5):
        here = proba.fold.values == fold
        alone = calibrate(proba.isel(sample=~here)).curves
        npt.assert_allclose(found.held_out.values[here], alone(proba.values[here]))
    assert found.figures.brier["after"] == brier_score(found.held_out)
    assert found.figures.brier["before"] == brier_score(proba)
    # Judged on what it was fitted to, noise looks like skill.
    noise = proba.assign_coords(label=("sample", rng.integers(0, 2, 500)))
    fitted = noise.copy(data=calibrate(noise).curves(noise.values))
    assert brier_score(fitted) < 0.25 - 1e-3 < brier_score(calibrate(noise).held_out)
    assert set(found.held_out.coords) == set(proba.coords)


def test_a_calibrated_model_is_judged_as_any_other() -> None:
    """Nested: what calibrates is fitted within the training folds alone, and promises the same."""
    samples = clustered(np.random.default_rng(4), polygons=120, pixels=5, features=20, shift=2)
    quick = functools.partial(fit_forest, trees=15, min_leaf=3)
    found = out_of_fold(samples, fit=lambda s: calibrate(out_of_fold(s, fit=quick)).of(quick(s)))
    held_out = calibrate(out_of_fold(samples, fit=quick)).held_out
    assert brier_score(found) == pytest.approx(brier_score(held_out), abs=0.02)
    assert calibration_error(found) < calibration_error(out_of_fold(samples, fit=quick))


def test_without_folds_polygons_make_them(rng: np.random.Generator) -> None:
    samples = clustered(rng, polygons=30)
    proba = out_of_fold(samples, fit=forest)
    assert calibrate(proba).figures.equals(calibrate(proba.drop_vars("fold")).figures)
    folds = calibrate(proba.rename(fold="test_fold")).figures
    assert calibrate(proba).figures.equals(folds)


def test_weights_count_as_copies(rng: np.random.Generator) -> None:
    proba = votes(rng, 300)
    times = rng.integers(1, 4, 300)
    weighted = proba.assign_coords(weight=("sample", times.astype(float)))
    copied = proba.drop_vars("weight").isel(sample=np.repeat(np.arange(300), times))
    grid = np.linspace(0, 1, 21)
    rows = np.stack([1 - grid, grid], axis=1)
    npt.assert_allclose(calibrate(weighted).curves(rows), calibrate(copied).curves(rows))
    npt.assert_allclose(
        calibrate(weighted).figures["brier"], calibrate(copied).figures["brier"], rtol=1e-9
    )


def test_a_calibrated_forest_maps_a_scene(rng: np.random.Generator, tmp_path: Path) -> None:
    features = scene(rng)
    samples = draw(features, sites())
    model = calibrate(out_of_fold(samples, fit=forest), method="platt").of(forest(samples))
    features["s1_vv"][3, 4] = np.nan
    lazy = features.chunk(y=17, x=80)
    with nothing_computes():
        proba, mapped = predict_proba(model, lazy), predict(model, lazy, threshold=0.6)
    assert np.isnan(proba.values[:, 3, 4]).all()
    assert mapped.values[3, 4] == 255
    plain = predict_proba(model.model, features).values.astype("f8")
    known = ~np.isnan(plain[0])
    expected = model.curves(plain[:, known].T).T
    npt.assert_allclose(proba.values[:, known], expected, atol=1e-6)
    npt.assert_array_equal(mapped.values[known], proba.values[1][known] >= 0.6)

    save_model(model, tmp_path / "mines.npz", provenance={"region": "Tapajós"})
    loaded = load_model(tmp_path / "mines.npz")
    assert isinstance(loaded, CalibratedModel)
    assert loaded.provenance_ == {"region": "Tapajós"}
    table = frame(samples)
    npt.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))
    npt.assert_array_equal(loaded.predict(table), model.predict(table))
    npt.assert_array_equal(predict_proba(loaded, lazy), proba)
    save_model(loaded, tmp_path / "again.npz")
    assert (tmp_path / "mines.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()


@pytest.mark.parametrize("classes", [2, 3])
def test_curves_of_a_file_are_kept_and_altered_ones_refused(
    rng: np.random.Generator, tmp_path: Path, classes: int
) -> None:
    samples = clustered(rng, polygons=30)
    samples = samples.assign_coords(label=("sample", samples.polygon.values % classes))
    model = calibrate(out_of_fold(samples, fit=forest)).of(forest(samples))
    file = tmp_path / "mines.npz"
    save_model(model, file)
    loaded = load_model(file)
    npt.assert_array_equal(
        loaded.predict_proba(frame(samples)), model.predict_proba(frame(samples))
    )
    with np.load(file) as archive:
        assert {archive[name].dtype.kind for name in archive} <= {"u", "i", "f"}
        packed = {name: archive[name] for name in archive}
    for change in (
        {"calibration_y": packed["calibration_y"][::-1] - 1},
        {"calibration_starts": packed["calibration_starts"][:1]},
    ):
        altered = packed | change
        np.savez_compressed(file, **altered)
        with pytest.raises(ValueError, match="altered or damaged"):
            load_model(file)
        altered["digest"] = np.frombuffer(persistence._digest(altered), np.uint8)
        np.savez_compressed(file, **altered)
        with pytest.raises(ValueError, match="calibrate anew"):
            load_model(file)
    # Without its curves it is not taken for a forest that has none.
    bare = {name: array for name, array in packed.items() if not name.startswith("calibration")}
    bare["digest"] = np.frombuffer(persistence._digest(bare), np.uint8)
    np.savez_compressed(file, **bare)
    with pytest.raises(ValueError, match="is no model that"):
        load_model(file)


def test_all_cores_are_not_taken_within_a_task(rng: np.random.Generator) -> None:
    """As any model's, its n_jobs is 1 on lazy features, and the user's stays as it was."""
    features = scene(rng)
    samples = draw(features, sites())
    busy = fit_forest(samples, trees=3, n_jobs=2)
    model = calibrate(out_of_fold(samples, fit=forest)).of(busy)
    npt.assert_array_equal(
        predict_proba(model, features.chunk(y=30)).values, predict_proba(model, features).values
    )
    assert busy.n_jobs == 2
    assert model.model is busy


def test_a_pixel_without_features_has_no_class(rng: np.random.Generator) -> None:
    curves = Curves("isotonic", np.array([0, 1]), (([0.2, 0.8], [0.0, 1.0]),))
    found = curves(np.array([[np.nan, np.nan], [0.5, 0.5]]))
    npt.assert_allclose(found, [[np.nan] * 2, [0.5] * 2])
    three = Curves("isotonic", np.arange(3), (([0.2, 0.8], [0.0, 1.0]),) * 3)
    found = three(np.array([[0.1, 0.1, 0.1], [np.nan] * 3, [0.8, 0.1, 0.1]]))
    npt.assert_allclose(found, [[1 / 3] * 3, [np.nan] * 3, [1, 0, 0]])

    class Model:
        classes_ = np.array([0, 1])

        def predict_proba(self, table: np.ndarray) -> np.ndarray:
            return table

    with pytest.raises(ValueError, match=r"minewatch\.learn\.predict"):
        CalibratedModel(Model(), curves).predict(np.full((1, 2), np.nan))
    assert repr(CalibratedModel(Model(), curves)).endswith("isotonic)")


def test_what_cannot_be_calibrated_is_said(rng: np.random.Generator) -> None:
    proba = votes(rng, 100)
    with pytest.raises(ValueError, match="'platt' for few samples"):
        calibrate(proba, method="beta")
    with pytest.raises(ValueError, match=r"out_of_fold\(samples\)"):
        calibrate(proba.drop_vars("label"))
    with pytest.raises(ValueError, match=r"out_of_fold\(samples\)"):
        calibrate(proba.drop_vars("fold"))
    with pytest.raises(ValueError, match=r"out_of_fold\(samples\)"):
        calibrate(proba.assign_coords(fold=("sample", np.zeros(100))))
    with pytest.raises(ValueError, match="add polygons of it"):
        calibrate(proba.assign_coords(fold=("sample", proba.label.values)))
    with pytest.raises(ValueError, match="draw samples of the other"):
        calibrate(proba.isel({"class": [1]}))
    with pytest.raises(ValueError, match="drop those samples"):
        calibrate(proba * np.nan)
    with pytest.raises(ValueError, match="set positive="):
        calibrate(proba, positive=7)
    with pytest.raises(ValueError, match="same kind of model"):
        calibrate(votes(rng, 100, classes=3)).of(type("Model", (), {"classes_": [0, 1]})())
    with pytest.raises(ValueError, match="calibrate anew"):
        Curves("isotonic", np.array([0, 1]), (([0.5, 0.2], [0.0, 1.0]),))
