"""Displacement and maps: closed forms, and the agreement that exact thresholds have."""

from __future__ import annotations

import json

import numpy as np
import oracles_activity as oracles
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score

from minewatch.activity import (
    coherence_threshold,
    coincidence,
    compare_displacement,
    compare_maps,
    tai,
)
from minewatch.conventions import crs_of

UTM = "EPSG:32735"


def on_map(values: np.ndarray) -> xr.DataArray:
    rows, columns = values.shape[-2:]
    coords = {"y": 7e6 - 20.0 * np.arange(rows), "x": 5e5 + 20.0 * np.arange(columns)}
    dims = ("year", "y", "x")[-values.ndim :]
    return xr.DataArray(values, coords, dims).rio.write_crs(UTM)


@pytest.fixture
def index(rng) -> xr.DataArray:
    values = (rng.integers(0, 7, (30, 40)) / 6).astype("f4")
    values[rng.random(values.shape) < 0.1] = np.nan
    return on_map(values)


@pytest.fixture
def displacement(rng, index) -> xr.DataArray:
    values = rng.normal(0, 0.002, index.shape) - 0.05 * (rng.random(index.shape) < index.values)
    values[rng.random(values.shape) < 0.1] = np.nan
    return on_map(values.astype("f4")).assign_attrs(units="m")


# --- displacement -------------------------------------------------------------------------------


def test_displacement_is_ranked_as_scipy_and_scikit_learn_do(index, displacement):
    got = compare_displacement(index, displacement, level=0.01)
    known = np.isfinite(index.values) & np.isfinite(displacement.values)
    share, size = index.values[known], np.abs(displacement.values[known])
    moved = size > 0.01
    assert got.attrs["spearman"] == pytest.approx(stats.spearmanr(share, size).statistic)
    assert got.attrs["auc"] == pytest.approx(roc_auc_score(moved, share))
    assert got.attrs["moved_called_stable"] == pytest.approx((share[moved] == 0).mean())
    assert got.attrs["active_precision"] == pytest.approx(moved[share >= 0.5].mean())
    assert got.attrs["pixels"] == known.sum()
    assert int(got.confusion.sum()) == known.sum()
    np.testing.assert_array_equal(got.moved == 255, np.isnan(displacement))
    assert crs_of(got) == crs_of(index)
    json.dumps(got.attrs, allow_nan=False)


def test_creeping_ground_that_is_called_stable_is_told():
    """A slope that moves 3 cm and stays coherent: a third of what moves."""
    share = on_map(np.float32([[0, 0, 0, 0.2, 0.9, 1.0]]))
    moved = on_map(np.float32([[0, 0.001, -0.03, 0, 0.05, -0.04]]))
    got = compare_displacement(share, moved, level=0.01)
    assert got.attrs["moved_called_stable"] == pytest.approx(1 / 3)
    assert got.attrs["active_precision"] == 1
    assert got.attrs["active_recall"] == pytest.approx(2 / 3)
    np.testing.assert_array_equal(got.confusion, [[2, 1], [1, 0], [0, 2]])


def test_the_level_of_noise_comes_from_stable_ground(rng, index, displacement):
    got = compare_displacement(index, displacement)
    quiet = displacement.values[(index.values == 0) & np.isfinite(displacement.values)]
    expected = 1.96 * stats.median_abs_deviation(quiet.astype("f8"), scale="normal")
    assert got.attrs["level"] == pytest.approx(expected, rel=1e-4)
    stable = on_map(np.broadcast_to(np.arange(40) < 20, (30, 40)).copy())
    some = displacement.values[stable.values & np.isfinite(displacement.values)].astype("f8")
    chosen = compare_displacement(index, displacement, stable=stable)
    expected = 1.96 * stats.median_abs_deviation(some, scale="normal")
    assert chosen.attrs["level"] == pytest.approx(expected, rel=1e-4)


def test_displacement_is_blind_to_chunks(index, displacement):
    expected = compare_displacement(index, displacement)
    got = compare_displacement(index.chunk(y=7, x=9), displacement.chunk(y=4, x=33))
    xr.testing.assert_identical(got, expected)


def test_displacement_says_what_it_needs(index, displacement):
    with pytest.raises(ValueError, match=r"minewatch\.grids\.resample"):
        compare_displacement(index, displacement.isel(x=slice(5)))
    with pytest.raises(ValueError, match=r"got units 'mm'; use \(layer \* 0\.001\)"):
        compare_displacement(index, displacement.assign_attrs(units="mm"))
    with pytest.raises(ValueError, match=r"above 0, got -1; e\.g\. level=0\.1"):
        compare_displacement(index, displacement, level=-1)
    with pytest.raises(ValueError, match=r"got 0; pass level=0\.01"):
        compare_displacement(index * 0 + 1, displacement)
    with pytest.raises(TypeError, match="floating"):
        compare_displacement(index, (displacement > 0).astype("uint8"))


# --- maps ---------------------------------------------------------------------------------------


def test_coincidence_is_accuracy_over_what_both_know(rng):
    one, other = (rng.choice(np.uint8([0, 1, 2, 255]), (30, 40)) for _ in range(2))
    known = (one != 255) & (other != 255)
    expected = accuracy_score(one[known], other[known])
    assert coincidence(on_map(one), on_map(other)) == pytest.approx(expected)
    floats = [on_map(np.where(each == 255, np.nan, each)) for each in (one, other)]
    assert coincidence(*floats) == pytest.approx(expected)
    assert coincidence(floats[0], on_map(other)) == pytest.approx(expected)
    assert coincidence(on_map(one).chunk(y=7, x=9), on_map(other)) == pytest.approx(expected)
    assert coincidence(on_map(one), on_map(one)) == 1
    both = on_map(np.stack([one, one]))
    assert coincidence(both, both) == 1
    assert np.isnan(coincidence(on_map(one), on_map(np.full_like(one, 255))))
    assert coincidence(on_map(one == 1), on_map(one != 1)) == 0


def test_coincidence_says_what_it_needs():
    one = on_map(np.zeros((2, 3, 4), "u1"))
    with pytest.raises(ValueError, match=r"minewatch\.grids\.resample"):
        coincidence(one, one.isel(x=slice(2)))
    with pytest.raises(ValueError, match=r"needs dims \('year', 'y', 'x'\)"):
        coincidence(one, one[0])
    with pytest.raises(ValueError, match=r"a\.sel\(year=b\.year\)"):
        coincidence(one, one[:1])


@pytest.mark.parametrize(
    ("mean", "threshold"), [(0.8832, 0.13), (0.8668, 0.19), (0.9, 0.2), (0.75, 0.2), (0.845, 0.05)]
)
def test_the_two_maps_of_a_date_are_one(rng, mean, threshold):
    """Agreement is 100 % with the unrounded limit (99.7 % was published), on 10⁶ pixels."""
    gamma = oracles.drawn(np.full((1000, 1000), 0.7), 18, rng)
    gamma[rng.random(gamma.shape) < 0.01] = np.nan
    got = compare_maps(on_map(gamma), mean, threshold=threshold)
    assert got.attrs["coincidence"] == 1
    assert got.attrs["coherence_threshold"] == coherence_threshold(mean, threshold)
    assert got.attrs["pixels"] == np.isfinite(gamma).sum()
    np.testing.assert_array_equal(got.by_ndai == 255, np.isnan(gamma))
    assert 0.01 < float((got.by_ndai == 1).mean()) < 0.99


def test_ground_at_the_threshold_is_quiet_by_both():
    """g = 3/4 and th = 1/2 make the limit 1/4, all exact in binary: both limits are strict."""
    quarter = np.float32(0.25)
    gamma = np.array([[quarter, *np.nextafter(quarter, np.float32([0, 1]))]])
    got = compare_maps(on_map(gamma), 0.75, threshold=0.5)
    assert got.by_ndai.values.tolist() == got.by_coherence.values.tolist() == [[0, 1, 0]]


def test_no_setting_that_people_type_is_a_tie():
    """Stable means and thresholds of two to three decimals, and the float32 next to each limit."""
    mean, threshold = np.meshgrid(np.arange(500, 1000) / 1000, np.arange(1, 80) / 100)
    limit = mean * ((1 - threshold) / (1 + threshold))
    gamma = limit.astype("f4").astype("f8")
    exceeds = mean - gamma > threshold * (mean + gamma)
    np.testing.assert_array_equal(exceeds, gamma < limit)


def test_a_rounded_limit_costs_what_lies_between(rng):
    """γ < 0.68 for NDAI > 0.13: pixels between 0.68 and the exact limit are all that differ."""
    gamma = oracles.drawn(np.full((400, 400), 0.7), 18, rng)
    got = compare_maps(on_map(gamma), 0.8900, threshold=0.13, limit=0.68)
    exact = coherence_threshold(0.89, 0.13)
    between = ((gamma >= 0.68) & (gamma < exact)).mean()
    assert got.attrs["coincidence"] == pytest.approx(1 - between, abs=1e-12)
    assert got.attrs["coincidence"] < 1


def test_the_maps_are_those_of_tai(rng):
    """One pass over coherence counts what the map by NDAI shows."""
    coherence = oracles.series(oracles.drawn(np.full((3, 40, 50), 0.75), 18, rng))
    coherence = coherence.rio.write_crs(UTM)
    means = [0.86, 0.9, 0.83]
    counted = tai(coherence, oracles.ledger(coherence, means), threshold=0.13).exceeded
    maps = [
        compare_maps(image.chunk(y=9), mean, threshold=0.13)
        for image, mean in zip(coherence, means, strict=True)
    ]
    for name in ("by_ndai", "by_coherence"):
        np.testing.assert_array_equal(counted, sum(each[name].astype(int) for each in maps))


def test_maps_need_a_threshold_of_ndai(index):
    with pytest.raises(ValueError, match="between -1 and 1, got 2"):
        compare_maps(index, 0.9, threshold=2)
    with pytest.raises(ValueError, match=r"needs dims \('y', 'x'\)"):
        compare_maps(index.expand_dims("pair"), 0.9, threshold=0.2)
