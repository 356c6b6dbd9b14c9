"""What is told of unseen polygons is so: against other ways to the same numbers, and leaks."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch import learn, metrics
from minewatch.learn.fold_thresholds import best_on_other_folds
from minewatch.workflows import MappingSettings
from minewatch.workflows.mapping_learning import Learnt, learn_from, mapped_unseen, threshold_of
from minewatch.workflows.outputs import quiet


@contextlib.contextmanager
def silent(name: str) -> Iterator[None]:
    del name
    yield


def settings(**given: Any) -> MappingSettings:
    return MappingSettings(catalog="", reference="", **{"trees": 20, **given})


def samples(polygons: int = 60, pixels: int = 12) -> xr.Dataset:
    """Polygons that differ as wholes, so that their pixels are far from independent."""
    rng = np.random.default_rng(7)
    label = np.arange(polygons) % 3 == 0
    own = label[:, None] * 1.2 + rng.normal(size=(polygons, 6))
    values = np.repeat(own, pixels, axis=0) + 0.4 * rng.normal(size=(polygons * pixels, 6))
    names = ("s2_bsi", "s2_ndvi", "l8_bsi", "s1_vv", "s1_vh", "palsar_hh")
    return xr.Dataset(
        {name: ("sample", values[:, at].astype("f4")) for at, name in enumerate(names)},
        {
            "label": ("sample", np.repeat(label.astype(int), pixels)),
            "polygon": ("sample", np.repeat(np.arange(polygons), pixels)),
            "weight": ("sample", np.repeat(rng.uniform(0.5, 2, polygons), pixels)),
        },
    )


def learnt(drawn: xr.Dataset, **given: Any) -> Learnt:
    return learn_from(drawn, settings(**given), step=silent, notify=quiet)


@pytest.fixture(scope="module")
def plain() -> Learnt:
    return learnt(samples())


def test_samples_are_cut_where_the_other_folds_want_it(plain: Learnt) -> None:
    votes = plain.votes
    chance, fold = votes.sel({"class": 1}).values, votes["fold"].values
    truth, weight = votes["label"].values == 1, votes["weight"].values
    cut = best_on_other_folds(chance, truth, weight, fold)
    npt.assert_array_equal(plain.mapped, chance >= cut[fold])


def test_calibration_is_judged_on_folds_that_its_curve_has_not_seen(plain: Learnt) -> None:
    found = learn.calibrate(plain.votes)
    npt.assert_array_equal(plain.probability, found.held_out)
    for when in ("before", "after"):
        assert plain.figures[when]["brier"] == pytest.approx(found.figures.loc[when, "brier"])
        error = found.figures.loc[when, "calibration_error"]
        assert plain.figures[when]["calibration_error"] == pytest.approx(error)
    # Fold by fold: its probabilities do not change with its own labels.
    first = plain.votes["fold"].values == 0
    label = np.where(first, 1 - plain.votes["label"].values, plain.votes["label"].values)
    other = learn.calibrate(plain.votes.assign_coords(label=("sample", label)))
    npt.assert_array_equal(other.held_out[first], found.held_out[first])


def test_the_model_maps_what_its_threshold_says(plain: Learnt) -> None:
    """On the scale of the map the threshold parts the votes exactly where F is best."""
    votes = plain.votes
    chance, label = votes.sel({"class": 1}).values, votes["label"].values
    best = metrics.best_threshold(chance, label, weight=votes["weight"].values)
    told = plain.told.sel({"class": 1}).values
    npt.assert_array_equal(told >= plain.threshold, chance >= best)
    assert isinstance(plain.model, learn.CalibratedModel)
    table = learn.frame(plain.samples)
    raw = plain.model.model.predict_proba(table)
    npt.assert_allclose(plain.model.predict_proba(table), plain.model.curves(raw))


def test_without_calibration_votes_are_told_as_they_are() -> None:
    found = learnt(samples(), calibration="none", threshold="0.5")
    assert not isinstance(found.model, learn.CalibratedModel)
    assert found.probability is found.votes
    assert found.threshold == 0.5
    npt.assert_array_equal(found.mapped, found.votes.sel({"class": 1}).values >= 0.5)
    assert set(found.figures) == {"before"}


def test_a_precision_that_is_asked_for_is_reached() -> None:
    wanted = settings(threshold="precision:0.9")
    found = learn_from(samples(), wanted, step=silent, notify=quiet)
    told, label = found.told.sel({"class": 1}).values, found.told["label"].values
    weight = found.told["weight"].values
    chosen = told >= found.threshold
    assert np.average(label[chosen], weights=weight[chosen]) >= 0.9
    assert threshold_of(found.told, wanted) == found.threshold


def test_a_precision_out_of_reach_maps_nothing_in_its_fold(plain: Learnt) -> None:
    label = plain.votes["label"].values.copy()
    label[:] = 0
    label[plain.votes["fold"].values == 0] = 1  # mines are in one fold only, and never voted for
    chance = np.where(label == 1, 0.1, 0.9)
    votes = plain.votes.assign_coords(label=("sample", label)).copy(
        data=np.stack([1 - chance, chance], 1)
    )
    wanted = settings(threshold="precision:0.9")
    with pytest.raises(ValueError, match=r"no threshold reaches a precision of 0\.9"):
        threshold_of(votes, wanted)
    with pytest.raises(ValueError, match="needs a positive element"):
        mapped_unseen(votes, votes, settings())
    assert not mapped_unseen(votes, votes, wanted).any()


def test_covariates_are_selected_within_the_folds() -> None:
    """Noise that is selected on all samples looks telling; within the folds it does not."""
    rng = np.random.default_rng(11)
    polygons, pixels, covariates = 40, 3, 150
    label = np.repeat(rng.permutation(polygons) % 2, pixels)
    values = np.repeat(rng.normal(size=(polygons, covariates)), pixels, axis=0)
    noise = xr.Dataset(
        {f"s2_{at}": ("sample", values[:, at].astype("f4")) for at in range(covariates)},
        {
            "label": ("sample", label),
            "polygon": ("sample", np.repeat(np.arange(polygons), pixels)),
        },
    )
    honest = learnt(noise, select=True, trees=60)
    assert 0 < len(honest.samples.data_vars) <= 25
    assert len(honest.left_out) + len(honest.samples.data_vars) == covariates
    fit = functools.partial(learn.fit_forest, trees=60)
    leaky = learn.out_of_fold(honest.samples, fit=fit, split=learn.PolygonSplit(5))

    def right(votes: xr.DataArray) -> float:
        return float(np.mean((votes.sel({"class": 1}).values > 0.5) == label))

    # 40 polygons of coin tosses: 0.5 with a standard deviation of 0.08.
    assert right(honest.votes) < 0.7
    assert right(leaky) > right(honest.votes) + 0.1
    assert list(honest.model.feature_names_in_) == list(honest.samples.data_vars)


@pytest.mark.slow
def test_a_search_is_taken_and_its_importances_select() -> None:
    drawn = samples(30, 4)
    found = learnt(drawn, search=True, select=True, permutation=1, folds=3, mode="smile")
    assert len(found.search.table) == 72
    assert {"trees": found.trees, "bag": found.bag} == found.search.best
    assert list(found.samples.data_vars) == [
        name for name in drawn.data_vars if name in learn.select_features(found.search.importances)
    ]
    assert len(found.model.estimators_) == found.trees
    assert set(found.permutation.index) == set(found.samples.data_vars)
