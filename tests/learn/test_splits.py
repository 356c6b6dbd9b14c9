"""Folds never split a polygon, and hold every label where they can."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_learn import clustered, scene, sites
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, cross_val_predict

from minewatch.learn import PolygonSplit, draw, frame


@pytest.mark.parametrize("n_splits", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_folds_partition_the_samples_by_polygon(n_splits: int, seed: int) -> None:
    samples = clustered(np.random.default_rng(seed), polygons=24, pixels=3)
    tested = np.zeros(72, int)
    for train, test in PolygonSplit(n_splits, seed=seed).split(samples):
        tested[test] += 1
        npt.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(72))
        polygon, label = samples.polygon.values, samples.label.values
        assert not set(polygon[train]) & set(polygon[test])
        assert set(label[train]) == set(label[test]) == {0, 1}
        # Twelve polygons a label: dealt evenly.
        for value in (0, 1):
            count = len(set(polygon[test][label[test] == value]))
            assert count in (12 // n_splits, -(-12 // n_splits))
    assert (tested == 1).all()


def test_each_fold_gets_the_rare_label() -> None:
    """Three polygons of 30 are mines, two of them with both labels: each of 3 folds gets one."""
    polygon = np.repeat(np.arange(30), 4)
    label = np.zeros(120, int)
    label[:4], label[4:6], label[8:10] = 1, 1, 1
    for seed in range(20):
        folds = PolygonSplit(3, seed=seed).split(np.zeros((120, 1)), label, polygon)
        for _, test in folds:
            assert set(label[test]) == {0, 1}
            assert len(set(polygon[test])) == 10


def test_a_split_is_repeatable_and_seeds_matter() -> None:
    samples = clustered(np.random.default_rng(0), polygons=24, pixels=3)

    def tests(seed: int) -> list[list[int]]:
        return [test.tolist() for _, test in PolygonSplit(4, seed=seed).split(samples)]

    assert tests(1) == tests(1)
    assert tests(1) != tests(2)


def test_neighbours_stay_together(rng: np.random.Generator) -> None:
    """Blocks of 250 m: pairs of squares 200 m apart fall into one block."""
    samples = draw(scene(rng), sites())
    x, y = samples.x.values, samples.y.values
    centre = {
        n: (x[samples.polygon == n].mean(), y[samples.polygon == n].mean()) for n in range(12)
    }
    block = {n: (at[0] // 250, at[1] // 250) for n, at in centre.items()}
    assert len(set(block.values())) < 12
    for train, test in PolygonSplit(3, blocks=250).split(samples):
        polygon = samples.polygon.values
        assert not {block[n] for n in polygon[train]} & {block[n] for n in polygon[test]}


def test_it_is_a_splitter_of_scikit_learn() -> None:
    samples = clustered(np.random.default_rng(0), polygons=24, pixels=3)
    table, label, polygon = frame(samples), samples.label.values, samples.polygon.values
    split = PolygonSplit(4)
    assert split.get_n_splits(table, label, polygon) == 4
    assert repr(split) == "PolygonSplit(4, seed=0, blocks=None)"
    predicted = cross_val_predict(DummyClassifier(), table, label, groups=polygon, cv=split)
    assert predicted.shape == (72,)
    search = GridSearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=split)
    assert search.fit(table, label, groups=polygon).n_splits_ == 4


def test_a_split_says_what_it_needs(rng: np.random.Generator) -> None:
    samples = clustered(rng, polygons=6, pixels=2)
    with pytest.raises(ValueError, match="got n_splits=1; use 5"):
        PolygonSplit(1)
    with pytest.raises(ValueError, match=r"side of a block in metres, got 0; use e\.g\. 5000"):
        PolygonSplit(blocks=0)
    with pytest.raises(ValueError, match=r"split\(X, label, polygon\), or samples"):
        next(PolygonSplit(2).split(np.zeros((4, 1))))
    with pytest.raises(ValueError, match="got 6; use n_splits=6"):
        next(PolygonSplit(7).split(samples))
    with pytest.raises(ValueError, match=r"to test on; add polygons$"):
        next(PolygonSplit(2).split(np.zeros((3, 1)), [0, 0, 1], [0, 1, 2]))
    with pytest.raises(ValueError, match="pass the samples of draw as X"):
        next(PolygonSplit(2, blocks=100).split(samples))
    degrees = xr.Dataset({"a": ("sample", np.zeros(12))}, samples.coords).assign_coords(
        x=("sample", np.arange(12.0)), y=("sample", np.arange(12.0))
    )
    with pytest.raises(ValueError, match="draw from features on a projected grid"):
        next(PolygonSplit(2, blocks=100).split(degrees.rio.write_crs("EPSG:4326")))
