from __future__ import annotations

import numpy as np
import numpy.testing as npt
import oracles_speckle as oracles
import pytest

from minewatch.kernels import lee, sigma_filter, strong_targets

LIMITS = (0.3982, 2.0243, 0.3801)  # 4.4 looks, ξ = 0.9
# Ratios and their sums are float32: 81 terms of 6e-8 each, and ten times that in the difference
# that makes a variance.
CLOSE = {"rtol": 2e-5, "atol": 0}


@pytest.fixture
def power(rng):
    """Speckle over a step in brightness, with targets and gaps."""
    image = rng.gamma(4.4, 1 / 4.4, size=(30, 35))
    image[:, 17:] *= 12
    image[5:8, 5:8] = 200
    image[20, 5] = 300
    image[14:17, 4:9] = np.nan
    image[10, 20:24] = np.inf
    image[25, 30] = 0
    image[22:, :8] -= 1.5  # as noise subtracted from faint backscatter leaves it
    return image.astype(np.float32)


@pytest.fixture
def prior(power):
    return lee(power, 3, 3, 4.4, 0)


@pytest.mark.parametrize("window", [1, 3, 7, 9])
def test_sigma_filter_is_the_obvious_loop(power, prior, window):
    expected = oracles.sigma_filter(power, prior, window, *LIMITS)
    npt.assert_allclose(sigma_filter(power, prior, window, *LIMITS), expected, **CLOSE)


def test_the_plain_loops_say_what_the_compiled_ones_say(power, prior):
    image, guess = power[:12, :14].copy(), prior[:12, :14].copy()
    plain = np.empty_like(image)
    with np.errstate(all="ignore"):
        sigma_filter.py_func(image, guess, 5, *LIMITS, plain)
    npt.assert_allclose(sigma_filter(image, guess, 5, *LIMITS), plain, **CLOSE)
    codes = np.empty(image.shape, np.uint8)
    strong_targets.py_func(image, 100.0, 3, 7, codes)
    npt.assert_array_equal(strong_targets(image, 100.0, 3, 7), codes)


def test_nothing_in_the_range_leaves_the_guess():
    image = np.full((9, 9), 1, np.float32)
    guess = np.full((9, 9), 7, np.float32)
    guess[4, 4] = 0
    guess[4, 5] = np.nan
    filtered = sigma_filter(image, guess, 3, *LIMITS)
    npt.assert_array_equal(filtered[1:-1, 1:-1], guess[1:-1, 1:-1])


def test_one_neighbour_in_the_range_is_the_result():
    image = np.array([[1, 50, 1]] * 3, np.float32)
    image[1, 1] = 2
    npt.assert_allclose(sigma_filter(image, image * 0 + 2, 3, 0.6, 2.0, 0.4)[1, 1], 2, rtol=1e-6)


def test_a_range_without_spread_leaves_the_pixel(power, prior):
    """Whatever varies in the range is then backscatter."""
    filtered = sigma_filter(power, power, 5, 0.0, 1e6, 0.0)
    known = np.isfinite(filtered) & (power > 0)
    npt.assert_allclose(filtered[known], power[known], rtol=2e-4)  # of windows that vary by 1e3


@pytest.mark.parametrize("gain", [1e-30, 1e-9, 1e9, 1e30])
def test_a_gain_comes_out_as_it_went_in(power, prior, gain):
    factor = np.float32(gain)
    expected = sigma_filter(power, prior, 7, *LIMITS).astype(float) * np.float64(factor)
    scaled = sigma_filter(power * factor, prior * factor, 7, *LIMITS)
    npt.assert_allclose(scaled, expected, **CLOSE)


def test_a_block_and_the_whole_agree_to_the_last_bit(rng):
    image = rng.gamma(4, 0.25, size=(24, 2100)).astype(np.float32)  # more columns than a tile
    image[10:12, 1000:1300] = np.nan
    guess = lee(image, 3, 3, 4.0, 0)
    whole = sigma_filter(image, guess, 9, *LIMITS)
    for rows, cols in [(slice(3, 20), slice(3, 1500)), (slice(5, 24), slice(1017, 2090))]:
        block = sigma_filter(image[rows, cols], guess[rows, cols], 9, *LIMITS)
        npt.assert_array_equal(block[4:-4, 4:-4], whole[rows, cols][4:-4, 4:-4])


@pytest.mark.parametrize(("window", "min_bright"), [(3, 7), (3, 1), (5, 4), (3, 9)])
def test_strong_targets_are_the_obvious_loop(rng, window, min_bright):
    image = rng.gamma(1, 1, size=(30, 30)).astype(np.float32)
    image[4:8, 10:15] += 5
    image[20, 20] = np.nan
    image[25, 3] = np.inf
    got = strong_targets(image, 1.5, window, min_bright)
    npt.assert_array_equal(got, oracles.strong_targets(image, 1.5, window, min_bright))
    assert 0 < got.sum() < got.size


def test_a_target_is_whole_and_a_lone_bright_pixel_is_none():
    image = np.ones((12, 12), np.float32)
    image[4:7, 4:7] = 9
    image[10, 10] = 9
    wanted = np.zeros(image.shape)
    wanted[4:7, 4:7] = 1
    npt.assert_array_equal(strong_targets(image, 9.0, 3, 7), wanted)  # the level itself is bright
    for level in (9.1, np.inf, np.nan):
        assert not strong_targets(image, level, 3, 7).any()


@pytest.mark.parametrize(
    ("window", "low", "high", "spread"),
    [(0, *LIMITS), (4, *LIMITS), (7, -0.1, 2, 0.4), (7, 2, 1, 0.4), (7, 0.4, 2, np.nan)],
)
def test_arguments_out_of_range_give_nan(power, prior, window, low, high, spread):
    assert np.isnan(sigma_filter(power, prior, window, low, high, spread)).all()
