"""The grid finds what the obvious loop of cold-fitted forests finds, for a ninth of the trees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_learn import clustered
from sklearn.metrics import accuracy_score, fbeta_score, matthews_corrcoef
from sklearn.model_selection import GroupShuffleSplit

from minewatch.learn import (
    PolygonSplit,
    fit_forest,
    frame,
    importances,
    search_forest,
    select_features,
)
from minewatch.learn.grid import BAGS, TREES


@pytest.fixture
def samples() -> xr.Dataset:
    rng = np.random.default_rng(3)
    found = clustered(rng, polygons=24, pixels=8, icc=0.3, shift=1.5)
    return found.assign_coords(weight=("sample", rng.uniform(0.5, 2, found.sizes["sample"])))


def test_the_grid_is_that_of_the_paper() -> None:
    assert TREES == (10, 30, 50, 70, 90, 110, 130, 150)
    npt.assert_allclose(BAGS, np.arange(1, 10) / 10)
    assert len(TREES) * len(BAGS) == 72


@pytest.mark.parametrize("mode", ["sklearn", "smile"])
def test_every_run_is_a_cold_fitted_forest(samples: xr.Dataset, mode: str) -> None:
    """Prefixes of one forest equal smaller forests of the same seed, fitted by themselves."""
    split, trees, bags = PolygonSplit(3), (1, 4, 9), (0.3, 0.8)
    found = search_forest(
        samples, trees=trees, bags=bags, mode=mode, split=split, beta=0.5, seed=7, score="mcc"
    )
    table, label, weight = frame(samples), samples.label.values, samples.weight.values
    rows, percent = [], []
    for number in trees:
        for bag in bags:
            mapped, by_fold = np.full(len(label), -1), []
            for train, test in split.split(samples):
                cold = fit_forest(
                    samples.isel(sample=train), trees=number, bag=bag, mode=mode, seed=7
                )
                mapped[test] = cold.predict(table.iloc[test])
                percent.append(importances(cold))
                by_fold.append(
                    matthews_corrcoef(label[test], mapped[test], sample_weight=weight[test])
                )
            rows.append(
                {
                    "trees": number,
                    "bag": bag,
                    "accuracy": accuracy_score(label, mapped, sample_weight=weight),
                    "mcc": matthews_corrcoef(label, mapped, sample_weight=weight),
                    "f_beta": fbeta_score(label, mapped, beta=0.5, sample_weight=weight),
                    "spread": np.std(by_fold, ddof=1),
                }
            )
    expected = pd.DataFrame(rows)
    pd.testing.assert_frame_equal(found.table[list(expected)], expected, check_exact=False)
    mean = pd.concat(percent, axis=1).mean(axis=1)
    assert found.importances.to_dict() == pytest.approx(mean.to_dict())
    assert found.importances.is_monotonic_decreasing
    assert len(select_features(found.importances)) == 5  # percent, so that the rule applies
    best = expected.iloc[expected["mcc"].argmax()]
    assert found.best == {"trees": best["trees"], "bag": best["bag"]}
    fit_forest(samples, **found.best)


def test_one_held_out_split_does(samples: xr.Dataset) -> None:
    """As the paper did it: polygons held out once, the others learnt from."""
    split = GroupShuffleSplit(1, test_size=0.36, random_state=0)
    found = search_forest(samples, trees=(3, 5), bags=(0.5,), split=split)
    train, test = next(split.split(samples.label, samples.label, samples.polygon))
    forest = fit_forest(samples.isel(sample=train), trees=5, bag=0.5)
    mapped = forest.predict(frame(samples).iloc[test])
    weight = samples.weight.values[test]
    right = np.average(mapped == samples.label.values[test], weights=weight)
    assert found.table["accuracy"].iloc[-1] == pytest.approx(right)
    assert found.table["spread"].isna().all()
    assert found.table.attrs["folds"] == 1


def test_of_equal_runs_the_cheapest_is_best() -> None:
    """One feature tells all: every forest is right, so fewest trees and the smallest bag win."""
    label, polygon = np.repeat([0, 1] * 6, 10), np.repeat(np.arange(12), 10)
    rng = np.random.default_rng(0)
    clear = xr.Dataset(
        {"f0": ("sample", label + 0.1 * rng.random(120))},
        {
            "label": ("sample", label),
            "polygon": ("sample", polygon),
            "weight": ("sample", rng.random(120)),
        },
    )
    found = search_forest(clear, trees=(9, 5), bags=(0.6, 0.4), split=PolygonSplit(2))
    assert (found.table["accuracy"] > 1 - 1e-12).all()
    assert found.best == {"trees": 5, "bag": 0.4}
    assert list(found.table["trees"]) == [5, 5, 9, 9]


def test_three_classes_and_progress(samples: xr.Dataset) -> None:
    third = samples.assign_coords(label=("sample", samples.polygon.values % 3))
    seen: list[tuple[int, int]] = []
    found = search_forest(
        third,
        trees=(5,),
        bags=(0.5, 0.9),
        split=PolygonSplit(2),
        positive=2,
        notify=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    total, weight = 0.0, samples.weight.values
    for train, test in PolygonSplit(2).split(third):
        forest = fit_forest(third.isel(sample=train), trees=5, bag=0.5)
        right = forest.predict(frame(third).iloc[test]) == third.label.values[test]
        total += (weight[test] * right).sum()
    # Of all classes, not of one against the rest.
    assert found.table["accuracy"].iloc[0] == pytest.approx(total / weight.sum())


def test_cores_do_not_change_the_search(samples: xr.Dataset) -> None:
    one, two = (
        search_forest(samples, trees=(4, 8), bags=(0.5,), split=PolygonSplit(2), n_jobs=n)
        for n in (1, 2)
    )
    pd.testing.assert_frame_equal(one.table, two.table)


@pytest.mark.parametrize(
    "wrong", [{"score": "kappa"}, {"trees": ()}, {"bags": ()}, {"trees": (0, 5)}]
)
def test_the_search_says_what_it_needs(samples: xr.Dataset, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needs numbers of trees from 1"):
        search_forest(samples, **wrong)
    with pytest.raises(KeyError, match=r"class 2, the samples are of \[0, 1\]; set positive="):
        search_forest(samples, positive=2)
