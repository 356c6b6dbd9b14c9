"""Boosted trees: what they learn, and that they keep and come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch import learn


def drawn(n: int, seed: int) -> tuple[xr.Dataset, np.ndarray]:
    """Two unit Gaussians two apart: the best classifier is right in .841 of all cases."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 2, n)
    values = rng.normal(size=n) + 2 * true
    coords = {"label": ("sample", true), "polygon": ("sample", np.arange(n) // 10)}
    return xr.Dataset({"s1_vv": ("sample", values.astype("f4"))}, coords), true


@pytest.mark.slow
def test_boosting_comes_near_the_best_classifier_and_repeats() -> None:
    samples, _ = drawn(4000, seed=1)
    test, right = drawn(4000, seed=2)
    model = learn.fit_boosting(samples)
    said = model.predict(learn.frame(test))
    assert (said == right).mean() > 0.841 - 0.02  # two errors of 4,000 draws, and what trees miss
    again = learn.fit_boosting(samples).predict_proba(learn.frame(test))
    npt.assert_array_equal(again, model.predict_proba(learn.frame(test)))


def test_weights_count_as_copies_do() -> None:
    """Where a class weighs nine times as much it is mapped where the densities say."""
    samples, true = drawn(8000, seed=3)
    heavy = samples.assign_coords(weight=("sample", np.where(true == 1, 9.0, 1.0)))
    grid = np.linspace(-2, 4, 601, dtype="f4")
    table = learn.frame(xr.Dataset({"s1_vv": ("sample", grid)}, {"label": ("sample", grid * 0)}))
    border = grid[learn.fit_boosting(heavy, trees=40).predict(table) == 1].min()
    # Densities of weight 9 and 1 meet at 1 - ln(9)/2 = -0.1.
    assert border == pytest.approx(1 - np.log(9) / 2, abs=0.5)


def test_it_knows_its_domain_and_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("skops")
    samples, _ = drawn(400, seed=4)
    model = learn.fit_boosting(samples, trees=10)
    assert model.training_domain_.loc["s1_vv", "min"] == samples.s1_vv.min()
    learn.save_model(model, tmp_path / "student.skops", provenance={"teacher": "mines"})
    back = learn.load_model(tmp_path / "student.skops")
    table = learn.frame(samples)
    npt.assert_array_equal(back.predict_proba(table), model.predict_proba(table))
    assert back.provenance_ == {"teacher": "mines"}


@pytest.mark.parametrize("wrong", [{"trees": 0}, {"min_leaf": 0}, {"rate": 0.0}])
def test_numbers_that_mean_nothing_are_told(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"use 100, 20 and 0\.1"):
        learn.fit_boosting(drawn(40, seed=0)[0], **wrong)
