"""The rate of false change: the worked example, drawn maps, and what cannot be a rate."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch import changes, metrics

PRIORS = np.array([0.5, 0.3, 0.2])
OPTICAL = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]])
RADAR = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]])


def draw(rows: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a map that errs by these rows calls each pixel."""
    return (rng.random(truth.shape)[..., None] > np.cumsum(rows, axis=1)[truth]).sum(axis=-1)


def test_the_worked_example() -> None:
    assert changes.false_change_rate(OPTICAL, RADAR, PRIORS) == pytest.approx(0.340, abs=1e-12)


def test_drawn_maps_differ_as_often(rng: np.random.Generator) -> None:
    truth = rng.choice(3, p=PRIORS, size=(1000, 1000))
    one, other = (draw(rows, truth, rng) for rows in (OPTICAL, RADAR))
    # Four standard errors of a share of 0.34 among 10^6 pixels: 4·sqrt(0.34·0.66/10^6) = 0.0019.
    assert (one != other).mean() == pytest.approx(0.340, abs=0.0019)
    maps = [
        xr.DataArray(
            (np.arange(3)[:, None, None] == each).astype("f4"),
            {"class": [0, 1, 2]},
            ("class", "y", "x"),
        )
        for each in (one, other)
    ]
    # Maps that are sure of their class change where the class does, and nowhere else.
    npt.assert_array_equal(changes.class_change(*maps).change, one != other)


def test_measured_tables_of_confusion_tell_the_rate(rng: np.random.Generator) -> None:
    truth = rng.choice(3, p=PRIORS, size=200_000)
    maps = [draw(rows, truth, rng) for rows in (OPTICAL, RADAR)]
    tables = [metrics.confusion(truth, each) for each in maps]
    rates = [table / table.sum("predicted") for table in tables]
    priors = np.bincount(truth) / truth.size
    found = changes.false_change_rate(*rates, priors)
    # The rates of some 40,000 pixels of the rarest class have errors of 0.0025, and they average.
    assert found == pytest.approx(0.340, abs=0.006)
    turned = [rate.transpose("predicted", "reference") for rate in rates]
    assert changes.false_change_rate(*turned, priors) == pytest.approx(found, abs=1e-12)


def test_the_ends() -> None:
    sure = np.eye(3)
    assert changes.false_change_rate(sure, sure, PRIORS) == 0
    # Against a perfect map the rate is what the other map errs.
    expected = 1 - PRIORS @ np.diag(RADAR)
    assert changes.false_change_rate(sure, RADAR, PRIORS) == pytest.approx(expected)
    blind = np.full((3, 3), 1 / 3)
    assert changes.false_change_rate(blind, RADAR, PRIORS) == pytest.approx(2 / 3)
    rounded = np.full((3, 3), 0.333)
    assert changes.false_change_rate(rounded, sure, PRIORS) == pytest.approx(0.667)


def test_what_is_no_table_of_rates_is_refused() -> None:
    with pytest.raises(ValueError, match=r"table / table\.sum"):
        changes.false_change_rate([[9, 1], [0, 5]], np.eye(2), [0.5, 0.5])
    with pytest.raises(ValueError, match="add up to 1 along each row"):
        changes.false_change_rate([[1.5, -0.5], [0, 1]], np.eye(2), [0.5, 0.5])
    with pytest.raises(ValueError, match=r"priors with \[0\.9\].*counts"):
        changes.false_change_rate(np.eye(2), np.eye(2), [0.5, 0.4])
    with pytest.raises(ValueError, match="priors with"):
        changes.false_change_rate(np.eye(2), np.eye(2), [np.nan, 0.4])
    with pytest.raises(ValueError, match="a prior for each"):
        changes.false_change_rate(np.eye(2), np.eye(2), [0.5, 0.3, 0.2])
    with pytest.raises(ValueError, match="square"):
        changes.false_change_rate(np.ones((2, 3)) / 3, np.eye(2), [0.5, 0.5])
    one = metrics.confusion([0, 1], [0, 1])
    other = metrics.confusion([0, 2], [0, 2])
    with pytest.raises(ValueError, match=r"same classes.*\[0, 1\].*\[0, 2\]"):
        changes.false_change_rate(one, other, [0.5, 0.5])
