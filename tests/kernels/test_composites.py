from __future__ import annotations

import warnings

import numpy as np
import numpy.testing as npt
import pytest

from minewatch.kernels import nanmedian, nanquantile
from minewatch.kernels.composites import LONGEST, comparators


def _expected(series):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "All-NaN slice"
        return np.nanmedian(series.astype(np.float64), axis=-1).astype(np.float32)


@pytest.mark.parametrize("size", [*range(1, 35), 63, 64, 65, 100])
def test_median_is_numpys(rng, size):
    series = rng.normal(size=(300, size)).astype(np.float32)
    series[rng.uniform(size=series.shape) < rng.uniform(size=(300, 1))] = np.nan
    npt.assert_array_equal(nanmedian(series), _expected(series))


def test_ties_and_infinities_are_values():
    inf, nan = np.inf, np.nan
    series = np.array(
        [
            [inf, inf, nan, 1],
            [inf, 1, nan, nan],
            [-inf, 1, 2, nan],
            [2, 2, 2, 5],
            [3e38, 3e38, nan, nan],
        ],
        np.float32,
    )
    npt.assert_array_equal(nanmedian(series), np.array([inf, inf, 1, 2, 3e38], np.float32))


def test_nothing_known_gives_nan():
    assert np.isnan(nanmedian(np.full((4, 3), np.nan, np.float32))).all()
    assert np.isnan(nanmedian(np.empty((4, 0), np.float32))).all()
    assert nanmedian(np.empty((0, 4), np.float32)).shape == (0,)


def test_long_series_are_sorted_one_by_one(rng):
    series = rng.normal(size=(3, LONGEST + 1)).astype(np.float32)
    series[0, ::2] = np.nan
    series[1] = np.nan
    npt.assert_array_equal(nanmedian(series), _expected(series))


def test_shape_and_memory_may_be_anything(rng):
    cube = rng.normal(size=(5, 6, 7)).astype(np.float32)
    npt.assert_array_equal(nanmedian(np.moveaxis(cube, 0, -1)), np.median(cube, axis=0))
    npt.assert_array_equal(nanmedian(cube[:, ::2, 1:]), np.median(cube[:, ::2, 1:], axis=-1))
    assert nanmedian(cube[0, 0]) == np.median(cube[0, 0])


def test_plain_loop_says_what_the_compiled_one_says(rng):
    series = rng.normal(size=(130, 6)).astype(np.float32)
    series[rng.uniform(size=series.shape) < 0.3] = np.nan
    plain = np.empty(130, np.float32)
    nanmedian.py_func(series.T, plain)
    npt.assert_array_equal(nanmedian(series), plain)


@pytest.mark.parametrize("size", range(1, 13))
def test_the_network_sorts_its_lower_half_for_every_zero_one_input(size):
    # Knuth's zero-one principle: what holds for all inputs of 0 and 1 holds for all inputs.
    values = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    got = values.copy()
    for i, j in comparators(size, size // 2 + 1):
        got[:, [i, j]] = np.sort(got[:, [i, j]], axis=1)
    half = size // 2 + 1
    npt.assert_array_equal(got[:, :half], np.sort(values, axis=1)[:, :half])


@pytest.mark.parametrize("share", [0, 0.05, 0.25, 1 / 3, 0.5, 0.9, 1])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 33, 40])
def test_quantile_is_numpys(rng, size, share):
    series = rng.normal(size=(300, size)).astype(np.float32)
    series[rng.uniform(size=series.shape) < rng.uniform(size=(300, 1))] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "All-NaN slice"
        expected = np.nanquantile(series.astype(np.float64), share, axis=-1)
    # One rounding to float32.
    npt.assert_allclose(nanquantile(series, share), expected, rtol=1e-7, atol=1e-7)


def test_infinities_pull_the_quantiles_beside_them():
    inf = np.inf
    series = np.array([[inf, inf, 1], [-inf, -inf, 3]], np.float32)
    npt.assert_array_equal(nanquantile(series, 0.75), np.array([inf, -inf], np.float32))
    npt.assert_array_equal(nanquantile(series, 0), np.array([1, -inf], np.float32))


def test_a_share_outside_its_range_gives_nan(rng):
    series = rng.normal(size=(3, 5)).astype(np.float32)
    for share in (-0.1, 1.1, np.nan):
        assert np.isnan(nanquantile(series, share)).all()


def test_quantile_of_a_long_series_and_the_plain_loop(rng):
    long = rng.normal(size=(2, LONGEST + 1)).astype(np.float32)
    expected = np.quantile(long.astype(np.float64), 0.1, axis=-1)
    npt.assert_allclose(nanquantile(long, 0.1), expected, rtol=1e-7)
    series = rng.normal(size=(130, 6)).astype(np.float32)
    plain = np.empty(130, np.float32)
    nanquantile.py_func(series.T, 0.3, plain)
    npt.assert_array_equal(nanquantile(series, 0.3), plain)


@pytest.mark.parametrize("share", [0.0, 0.37, 0.5, 1.0])
@pytest.mark.parametrize(("size", "pixels"), [(0, 2), (1, 1), (2, 129), (5, 128), (13, 3)])
def test_no_place_outside_is_addressed(rng, size, pixels, share):
    """Plain numpy refuses what lies beyond flat memory, where compiled code would read it."""
    series = rng.choice([np.nan, np.inf, -np.inf, -0.0, 1, 2], size=(size, pixels))
    series = series.astype(np.float32)
    plain = np.full(pixels, 7, np.float32)
    with np.errstate(all="ignore"):
        nanquantile.py_func(series, share, plain)
    npt.assert_array_equal(nanquantile(series.T, share), plain)
    assert np.isnan(plain[np.isnan(series).all(axis=0)]).all()
