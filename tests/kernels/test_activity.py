from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from minewatch.kernels import count_exceedances, ndai


def test_ndai_is_its_equation_and_its_other_form(rng):
    coherence = rng.uniform(0.01, 1, size=(5, 6)).astype(np.float32)
    expected = np.tanh(0.5 * np.log(0.9 / coherence.astype(np.float64)))
    npt.assert_allclose(ndai(coherence, 0.9), expected, atol=1e-7)


def test_ndai_bounds():
    npt.assert_allclose(ndai(np.array([1, 0.8, 0], np.float32), 0.8), [-1 / 9, 0, 1], atol=2e-8)


@pytest.mark.parametrize("gain", [1e-15, 1e-9, 1e9, 1e15])
def test_ndai_depends_on_the_ratio_alone(rng, gain):
    coherence = rng.uniform(0, 1, size=50).astype(np.float32)
    scaled = coherence * np.float32(gain)
    npt.assert_allclose(ndai(scaled, 0.9 * gain), ndai(coherence, 0.9), atol=1e-6)


def test_ndai_of_what_is_unknown_or_undefined_is_nan():
    coherence = np.array([np.nan, np.inf, -0.5, 0.5, 0.5, 0.5], np.float32)
    stable = np.array([0.9, 0.9, 0.5, np.nan, np.inf, -0.5])
    assert np.isnan(ndai(coherence, stable)).all()
    assert np.isnan(ndai(np.float32(0), 0.0))


def test_ndai_broadcasts_and_keeps_float32(rng):
    coherence = rng.uniform(size=(3, 4, 5)).astype(np.float32)
    stable = np.array([0.8, 0.9, np.nan])
    got = ndai(coherence, stable[:, None, None])
    assert got.dtype == np.float32
    npt.assert_array_equal(got[1], ndai(coherence[1], 0.9))
    assert np.isnan(got[2]).all()


def test_ndai_plain_function_says_what_the_compiled_one_says(rng):
    for coherence in rng.uniform(0, 1, size=20).astype(np.float32):
        npt.assert_allclose(ndai.py_func(coherence, 0.9), ndai(coherence, 0.9), atol=1e-7)
    with np.errstate(invalid="ignore"):
        assert np.isnan(ndai.py_func(np.float32(np.inf), 0.9))


@pytest.fixture
def cube(rng):
    values = rng.uniform(size=(11, 9, 14)).astype(np.float32)
    values[rng.uniform(size=values.shape) < 0.1] = np.nan
    values[3, 0, 0] = -np.inf
    values[4, 0, 0] = np.inf
    return values


def _obvious(cube, limits):
    exceeded = np.zeros(cube.shape[1:], int)
    observed = np.zeros(cube.shape[1:], int)
    for layer, limit in zip(cube.astype(np.float64), limits, strict=True):
        if not np.isnan(limit):
            observed += np.isfinite(layer)
            exceeded += np.isfinite(layer) & (layer < limit)
    return exceeded, observed


@pytest.mark.parametrize("dates", range(12))
def test_counts_are_the_obvious_loop(cube, rng, dates):
    limits = rng.uniform(0.2, 0.8, size=dates)
    limits[::5] = np.nan
    got = count_exceedances(cube[:dates], limits)
    npt.assert_array_equal(got, _obvious(cube[:dates], limits))
    assert {count.dtype for count in got} == {np.dtype("uint32")}


def test_counts_of_more_pixels_than_a_tile(rng):
    cube = rng.uniform(size=(4, 101, 203)).astype(np.float32)
    limits = np.array([0.1, 0.5, 0.9, np.inf])
    npt.assert_array_equal(count_exceedances(cube, limits), _obvious(cube, limits))


def test_plain_loop_says_what_the_compiled_one_says(cube, rng):
    small = cube[:, :3, :4].copy()
    limits = rng.uniform(size=11)
    plain = np.empty((2, 3, 4), np.uint32)
    count_exceedances.py_func(small, limits, plain[0], plain[1])
    npt.assert_array_equal(count_exceedances(small, limits), plain)


def test_the_comparison_is_strict_and_as_fine_as_float64():
    value = np.float32(0.6)
    cube = np.full((1, 1, 1), value)
    exact = float(value)

    def exceeded(limit):
        return int(count_exceedances(cube, np.array([limit]))[0][0, 0])

    assert exceeded(exact) == 0
    assert exceeded(np.nextafter(exact, 1)) == 1  # a limit between two float32
    assert exceeded(np.nextafter(exact, 0)) == 0
    assert exceeded(np.inf) == 1
    assert exceeded(-np.inf) == 0


def test_the_limit_says_what_ndai_above_its_threshold_says(rng):
    coherence = rng.uniform(size=(7, 40, 40)).astype(np.float32)
    stable, threshold = rng.uniform(0.8, 0.95, size=7), 0.19
    exceeded, _ = count_exceedances(coherence, stable * (1 - threshold) / (1 + threshold))
    index = (stable[:, None, None] - coherence) / (stable[:, None, None] + coherence)
    npt.assert_array_equal(exceeded, (index > threshold).sum(axis=0))


def test_partial_counts_add_up(cube, rng):
    limits = rng.uniform(size=11)
    whole = np.stack(count_exceedances(cube, limits))
    parts = [np.stack(count_exceedances(cube[i : i + 4], limits[i : i + 4])) for i in (0, 4, 8)]
    npt.assert_array_equal(sum(parts), whole)


def test_memory_may_lie_as_it_likes(cube, rng):
    limits = rng.uniform(size=11)
    expected = count_exceedances(cube, limits)
    for view in (np.asfortranarray(cube), np.pad(cube, 2)[2:-2, 2:-2, 2:-2]):
        npt.assert_array_equal(count_exceedances(view, limits), expected)
