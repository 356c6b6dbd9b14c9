"""Rank statistics against scipy and scikit-learn, ties and all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, roc_auc_score

from minewatch.activity.ranking import (
    against_movement,
    area_under_curve,
    confusion_of,
    nmad,
    spearman,
)


def shares(rng, size: int = 500) -> np.ndarray:
    """TAI of 6 dates: seven values, hence many ties."""
    return (rng.integers(0, 7, size) / 6).astype("f4")


def test_spearman_is_that_of_scipy(rng):
    index = shares(rng)
    other = index + rng.normal(size=index.size)
    assert spearman(index, other) == pytest.approx(stats.spearmanr(index, other).statistic)
    assert spearman(index, index**3) == pytest.approx(1)
    assert spearman(index, -index) == pytest.approx(-1)
    assert np.isnan(spearman(index, np.zeros(index.size)))
    assert np.isnan(spearman(index[:1], other[:1]))


def test_the_area_is_that_of_scikit_learn(rng):
    index = shares(rng)
    positive = rng.random(index.size) < index
    assert area_under_curve(index, positive) == pytest.approx(roc_auc_score(positive, index))
    assert area_under_curve(np.zeros(9), np.arange(9) < 4) == 0.5  # nothing but ties
    assert np.isnan(area_under_curve(index, np.zeros(index.size, bool)))
    assert np.isnan(area_under_curve(index, np.ones(index.size, bool)))


def test_the_area_counts_pairs(rng):
    """The share of (positive, negative) pairs in the right order, ties one half."""
    index, positive = shares(rng, 60), rng.random(60) < 0.3
    difference = index[positive][:, None] - index[~positive]
    expected = np.mean((difference > 0) + 0.5 * (difference == 0))
    assert area_under_curve(index, positive) == pytest.approx(expected)


def test_the_normalised_deviation_is_that_of_normal_noise_and_blind_to_outliers(rng):
    noise = rng.normal(0.7, 0.3, 200_001)
    noise[:1000] = 1e6
    middle, size = nmad(noise)
    # 4 standard errors of a median (1.2533 s/√n) and of an NMAD (1.17 s/√n), and 0.5 % outliers.
    assert middle == pytest.approx(0.7, abs=0.006)
    assert size == pytest.approx(0.3, abs=0.006)
    expected = stats.median_abs_deviation(noise, scale="normal")
    assert size == pytest.approx(expected, rel=1e-5)  # 1.4826 has five digits


def test_the_table_is_both_confusions(rng):
    index, moved = shares(rng), rng.random(500) < 0.4
    table = confusion_of(index, moved, active_minimum=0.5)
    assert table.called.attrs["flag_meanings"] == "zero between active"
    assert table.movement.attrs["flag_meanings"] == "still moved"
    active = np.stack([table[:2].sum("called"), table[2]])
    np.testing.assert_array_equal(active.T, confusion_matrix(moved, index >= 0.5))
    zero = np.stack([table[1:].sum("called"), table[0]])
    np.testing.assert_array_equal(zero.T, confusion_matrix(moved, index == 0))


def test_what_is_unknown_does_not_count(rng):
    index, movement = shares(rng), rng.normal(size=500)
    whole = against_movement(index, movement, level=0.5, active_minimum=0.5)
    gaps = [np.append(values, more) for values, more in ((index, np.nan), (movement, 99.0))]
    gaps = [np.append(values, more) for values, more in zip(gaps, (1.0, np.nan), strict=True)]
    table, numbers = against_movement(*gaps, level=0.5, active_minimum=0.5)
    np.testing.assert_array_equal(table, whole[0])
    assert numbers == whole[1]
    assert numbers["pixels"] == 500
    nothing = against_movement(index * np.nan, movement, level=0.5, active_minimum=0.5)[1]
    assert nothing["pixels"] == 0
    assert np.isnan([nothing["auc"], nothing["spearman"], nothing["active_recall"]]).all()
