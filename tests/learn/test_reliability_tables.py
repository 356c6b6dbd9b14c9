"""Tables of reliability are what a loop over bins gives; thresholds keep their promise."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from minewatch.learn import (
    brier_score,
    calibration_error,
    reliability,
    threshold_for_precision,
)
from minewatch.metrics import confusion, scores


def predictions(rng: np.random.Generator, n: int = 3000, *, weighted: bool = True) -> xr.DataArray:
    chance = rng.beta(0.7, 0.9, n)
    label = (rng.random(n) < chance).astype(int)
    coords = {"class": [0, 1], "label": ("sample", label)}
    if weighted:
        coords["weight"] = ("sample", rng.uniform(0.2, 3, n))
    return xr.DataArray(np.stack([1 - chance, chance], axis=1), coords, ("sample", "class"))


def test_the_table_is_that_of_a_loop(rng: np.random.Generator) -> None:
    proba = predictions(rng)
    table = reliability(proba, bins=7)
    chance, label, weight = proba.values[:, 1], proba.label.values, proba.weight.values
    error = 0.0
    for row in table.itertuples():
        here = (chance >= row.low) & ((chance < row.high) | (row.high == 1))
        assert row.samples == here.sum()
        assert row.predicted == pytest.approx(np.average(chance[here], weights=weight[here]))
        assert row.observed == pytest.approx(np.average(label[here], weights=weight[here]))
        assert row.weight == pytest.approx(weight[here].sum() / weight.sum())
        error += row.weight * abs(row.observed - row.predicted)
    assert table.samples.sum() == 3000
    assert calibration_error(proba, bins=7) == pytest.approx(error)
    assert table.attrs["largest_gap"] == pytest.approx(
        (table.observed - table.predicted).abs().max()
    )
    squares = np.average((chance - label) ** 2, weights=weight)
    assert brier_score(proba) == table.attrs["brier"] == pytest.approx(squares)


def test_right_probabilities_are_calibrated_and_wrong_ones_are_not(
    rng: np.random.Generator,
) -> None:
    proba = predictions(rng, 20_000, weighted=False)
    # 20,000 samples in 10 bins: each share is known to 0.01.
    assert calibration_error(proba) < 0.012
    # E (p − y)² = E p (1 − p) where they are right.
    p = proba.values[:, 1]
    assert brier_score(proba) == pytest.approx((p * (1 - p)).mean(), abs=0.005)
    wrong = proba.copy(data=proba.values[:, ::-1])
    assert calibration_error(wrong) > 0.4
    # The other class of two has the same error and score.
    assert calibration_error(proba, positive=0) == pytest.approx(calibration_error(proba), abs=2e-3)
    assert brier_score(proba, positive=0) == pytest.approx(brier_score(proba))


def test_dims_come_in_any_order_and_empty_bins_are_left_out() -> None:
    proba = xr.DataArray(
        [[0.0, 1.0, 0.45], [1.0, 0.0, 0.55]],
        {"class": [0, 1], "label": ("sample", [1, 0, 1])},
        ("class", "sample"),
    )
    table = reliability(proba)
    assert table.low.tolist() == pytest.approx([0.0, 0.5, 0.9])
    assert table.high.iloc[-1] == 1
    assert table.observed.tolist() == [0, 1, 1]


def test_a_threshold_keeps_the_precision_and_finds_most(rng: np.random.Generator) -> None:
    proba = predictions(rng)
    chance, label, weight = proba.values[:, 1], proba.label.values, proba.weight.values

    def at(threshold: float) -> dict[str, float]:
        return scores(confusion(label, (chance >= threshold).astype(int), weight=weight))

    for wanted in (0.6, 0.8, 0.9):
        found = threshold_for_precision(proba, precision=wanted)
        assert at(found)["precision"] >= wanted
        # Any lower threshold that changes the map misses it.
        for lower in np.unique(chance)[np.unique(chance) < found][-30:]:
            assert at(lower)["precision"] < wanted


def test_what_cannot_be_judged_is_said(rng: np.random.Generator) -> None:
    proba = predictions(rng, 50)
    with pytest.raises(ValueError, match="use 10"):
        reliability(proba, bins=0)
    with pytest.raises(ValueError, match="set positive= to one of them"):
        brier_score(proba, positive=2)
    with pytest.raises(ValueError, match=r"out_of_fold\(samples\)"):
        reliability(proba.values)
    with pytest.raises(ValueError, match="drop those samples"):
        reliability(proba.where(proba < 0.5))
    wrong = proba.assign_coords(label=("sample", (proba.values[:, 1] < 0.5).astype(int)))
    with pytest.raises(ValueError, match="best_threshold"):
        threshold_for_precision(wrong, precision=0.99)
