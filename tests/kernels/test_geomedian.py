from __future__ import annotations

import numpy as np
import numpy.testing as npt
import oracles_kernels as oracles
import pytest

from minewatch.kernels import geometric_median
from minewatch.kernels.geomedian import LANES


def cube(rng, layers, dates, pixels, missing=0.4):
    """Reflectances; in some places one layer alone is missing."""
    spectra = (0.3 + 0.05 * rng.normal(size=(layers, dates, pixels))).astype(np.float32)
    spectra[:, rng.random((dates, pixels)) < missing] = np.nan
    spectra[0, rng.random((dates, pixels)) < missing / 8] = np.inf
    return spectra


def expected(spectra, min_count):
    pixels = np.moveaxis(spectra, 2, 0)
    return np.array([oracles.geometric_median(pixel, min_count) for pixel in pixels]).T


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("dates", [1, 2, 3, 12, 37])
def test_it_is_the_obvious_loop(rng, layers, dates):
    spectra = cube(rng, layers, dates, 150)
    for min_count in (1, 4):
        median, count = geometric_median(spectra, min_count)
        npt.assert_array_equal(count, np.isfinite(spectra).all(axis=0).sum(axis=0))
        # Same steps in float64, sums in another order; then rounded to float32, half of 6e-8.
        npt.assert_allclose(median, expected(spectra, min_count), rtol=1e-6)


def test_no_pixel_sees_another(rng):
    # More pixels than lanes, of which many are stopped early or refused: lanes are handed on.
    spectra = cube(rng, 3, 9, 3 * LANES + 5, missing=0.7)
    whole, count = geometric_median(spectra, 2)
    assert 0.1 < (count < 2).mean() < 0.9
    for part in (slice(7), slice(1, 1 + LANES), slice(5, None, 3)):
        npt.assert_array_equal(geometric_median(spectra[:, :, part], 2)[0], whole[:, part])
    backwards = geometric_median(spectra[:, :, ::-1], 2)[0]
    npt.assert_array_equal(backwards[:, ::-1], whole)
    more = np.stack((spectra, spectra + np.float32(0.25)))
    npt.assert_array_equal(geometric_median(more, 2)[0][0], whole)


def test_missing_dates_are_as_if_they_were_not_there(rng):
    spectra = cube(rng, 4, 5, 80, missing=0)
    gaps = np.full((4, 9, 80), np.nan, np.float32)
    gaps[:, [0, 2, 3, 6, 7]] = spectra
    for ours, theirs in zip(geometric_median(gaps, 1), geometric_median(spectra, 1), strict=True):
        npt.assert_array_equal(ours, theirs)


def test_known_answers():
    nan = np.nan
    series = np.array(
        [
            # (date, layer): the Fermat point of 120 degrees, one of equals, the middle, two, none
            [[0, 0], [1, 0], [0.5, 0.9], [0.5, 0.3]],
            [[2, 3], [2, 3], [2, 3], [nan, 3]],
            [[0, 0], [0, 1], [1, 0], [1, 1]],
            [[5, 1], [nan, 2], [7, 1], [3, nan]],
            [[nan, 0], [0, nan], [nan, nan], [np.inf, 0]],
        ],
        np.float32,
    )
    median, count = geometric_median(np.ascontiguousarray(series.transpose(2, 1, 0)), 1)
    # Of two dates all points between are equally near: the first date is taken.
    wanted = [[0.5, 0.3], [2, 3], [0.5, 0.5], [5, 1], [nan, nan]]
    # The middle of the square is reached step by step, the others are dates.
    npt.assert_allclose(median.T, np.array(wanted, np.float32), atol=1e-6)
    npt.assert_array_equal(median.T[[0, 1, 3]], np.array(wanted, np.float32)[[0, 1, 3]])
    npt.assert_array_equal(count, [4, 3, 4, 2, 0])


def test_turning_the_axes_turns_the_answer(rng):
    spectra = cube(rng, 2, 11, 60, missing=0)
    median, _ = geometric_median(spectra, 1)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    turned, _ = geometric_median(np.einsum("ij,jtp->itp", turn, spectra).astype(np.float32), 1)
    # float32 rounds what goes in (6e-8 of 0.6), and the last step is 1e-6 of a spread of 0.06.
    npt.assert_allclose(turned, turn @ median, atol=1e-6)


def test_a_single_layer_has_its_median(rng):
    series = cube(rng, 1, 9, 70, missing=0)
    npt.assert_array_equal(geometric_median(series, 1)[0][0], np.median(series[0], axis=0))


@pytest.mark.parametrize("shape", [(3, 0, 5), (3, 4, 0), (0, 4, 5)])
def test_nothing_gives_nothing(shape):
    median, count = geometric_median(np.zeros(shape, np.float32), 1)
    assert median.shape == (shape[0], shape[2])
    assert np.isnan(median).all()
    npt.assert_array_equal(count, np.full(shape[2], shape[1]))


def test_plain_loop_says_what_the_compiled_one_says(rng):
    spectra = cube(rng, 4, 5, 6)
    median, count = np.empty((4, 6), np.float32), np.empty(6, np.float32)
    geometric_median.py_func(spectra, 2, median, count)
    for ours, theirs in zip(geometric_median(spectra, 2), (median, count), strict=True):
        npt.assert_array_equal(ours, theirs)
