from __future__ import annotations

import numpy as np
import numpy.testing as npt
import oracles_kernels as oracles
import pytest

from minewatch.kernels import lee

# Sums are float64; what is left is the one rounding of the result to float32.
CLOSE = {"rtol": 1e-6, "atol": 0}

VARIANTS = [0, 1, 2]


@pytest.fixture
def power(rng):
    """Four-look speckle over a step in brightness, with gaps."""
    image = rng.gamma(4, 0.25, size=(24, 31)).astype(np.float32)
    image[:, 15:] *= 20
    image[3:6, 4:9] = np.nan
    image[10, 20:24] = np.inf
    image[18, 3] = 0
    return image


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("rows", "cols"), [(7, 7), (3, 3), (2, 5), (4, 4), (1, 9), (8, 1)])
def test_lee_is_the_obvious_loop(power, rows, cols, variant):
    expected = oracles.lee(power, rows, cols, 4.4, variant)
    npt.assert_allclose(lee(power, rows, cols, 4.4, variant), expected, **CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("rows", "cols"), [(7, 7), (2, 5)])
def test_the_plain_loop_says_what_the_compiled_one_says(power, rows, cols, variant):
    image = power[:9, :12].copy()
    plain = np.empty_like(image)
    with np.errstate(all="ignore"):
        lee.py_func(image, rows, cols, 4.4, variant, plain)
    npt.assert_allclose(lee(image, rows, cols, 4.4, variant), plain, **CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_constant_image_is_left_alone(variant):
    for level in (0.0, 0.1, 1e-30, 3e30):
        image = np.full((12, 14), level, np.float32)
        npt.assert_array_equal(
            lee(image, 5, 5, 4.0, variant), np.where(_known(image, 5), image, np.nan)
        )


def _known(image, size):
    """Where at least half of a square window lies inside."""
    rows, cols = (
        [min(n, i + size - size // 2) - max(0, i - size // 2) for i in range(n)]
        for n in image.shape
    )
    return 2 * np.outer(rows, cols) >= size * size


def test_without_speckle_nothing_is_filtered(power):
    expected = np.where(np.isfinite(oracles.lee(power, 5, 5, 4.0, 0)), power, np.nan)
    for variant in VARIANTS:
        npt.assert_allclose(lee(power, 5, 5, np.inf, variant), expected, **CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("gain", [1e-30, 1e-15, 1e-9, 1e9, 1e15, 1e30])
def test_a_gain_comes_out_as_it_went_in(power, gain, variant):
    scaled = (power * np.float32(gain)).astype(np.float32)
    expected = lee(power, 7, 7, 4.4, variant).astype(np.float64) * np.float64(np.float32(gain))
    # rounding the scaled input moves each sample by 6e-8 of itself
    npt.assert_allclose(lee(scaled, 7, 7, 4.4, variant), expected, rtol=2e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_level_that_varies_by_60_decibels_costs_no_digits(rng, variant):
    speckle = rng.gamma(100, 0.01, size=(40, 200))
    image = (speckle * 10 ** (-6 * np.arange(200) / 199)).astype(np.float32)
    image[20, 100] = 1e5
    expected = oracles.lee(image, 7, 7, 100.0, variant)
    npt.assert_allclose(lee(image, 7, 7, 100.0, variant), expected, **CLOSE)


def test_faint_texture_on_a_high_level_is_seen(rng):
    # s/z̄ of 1e-4: float32 sums of squares would hold no digit of the variance
    image = (1000 + 0.1 * rng.normal(size=(20, 20))).astype(np.float32)
    npt.assert_allclose(lee(image, 7, 7, 1e9, 1), oracles.lee(image, 7, 7, 1e9, 1), **CLOSE)


@pytest.mark.parametrize(("variant", "looks"), [(0, 133), (1, 112), (2, 128)])
def test_looks_of_filtered_speckle_are_the_known_ones(rng, variant, looks):
    image = rng.gamma(4.4, 1 / 4.4, size=(700, 700)).astype(np.float32)
    filtered = lee(image, 7, 7, 4.4, variant)[3:-3, 3:-3]
    # 480 000 pixels share 49-sample windows: about 10 000 independent ones, 1.4 % each way
    npt.assert_allclose(filtered.mean() ** 2 / filtered.var(), looks, rtol=0.05)
    npt.assert_allclose(filtered.mean(), image.mean(), rtol=2e-3)


def test_a_bright_target_stays_within_its_window(rng):
    image = rng.gamma(4, 0.25, size=(30, 1200)).astype(np.float32)
    before = lee(image, 7, 7, 4.0, 0)
    image[15, 600] = 1e10
    after = lee(image, 7, 7, 4.0, 0)
    touched = np.zeros(image.shape, bool)
    touched[12:19, 597:604] = True
    npt.assert_array_equal(after[~touched], before[~touched])


def test_a_block_and_the_whole_agree_to_the_last_bit(rng):
    image = rng.gamma(4, 0.25, size=(40, 2300)).astype(np.float32)  # more columns than a tile
    image[20:22, 1000:1300] = np.nan
    whole = lee(image, 7, 6, 4.0, 0)
    for rows, cols in [(slice(7, 29), slice(3, 1500)), (slice(10, 40), slice(1017, 2290))]:
        block = lee(image[rows, cols], 7, 6, 4.0, 0)
        npt.assert_array_equal(block[4:-4, 4:-4], whole[rows, cols][4:-4, 4:-4])


def test_the_place_in_a_row_changes_no_bit(rng):
    image = rng.gamma(4, 0.25, size=(9, 140)).astype(np.float32)
    for variant in VARIANTS:
        whole = lee(image, 5, 7, 4.0, variant)
        for stop in range(100, 117):
            block = lee(image[:, 5:stop], 5, 7, 4.0, variant)
            npt.assert_array_equal(block[:, 3:-3], whole[:, 8 : stop - 3])


def test_unknown_pixels_stay_unknown_and_half_a_window_is_enough():
    image = np.ones((7, 7), np.float32)
    image[3, 3] = np.nan
    filtered = lee(image, 3, 3, 4.0, 0)
    assert np.isnan(filtered[3, 3])
    assert filtered[3, 2] == 1
    assert np.isnan(filtered[0, 0])  # four of nine
    assert filtered[0, 1] == 1  # six of nine
    image[:, 4:] = np.nan
    assert lee(image, 1, 2, 4.0, 0)[0, 1] == 1
    assert np.isnan(lee(image, 1, 2, 4.0, 0)[0, 0])  # one sample has no variance


def test_where_the_mean_is_not_positive_it_is_the_result():
    image = np.array([[-2, 1, -2, 1, -2]], np.float32)
    npt.assert_allclose(lee(image, 1, 3, 4.0, 0), [[-0.5, -1, 0, -1, -0.5]], atol=1e-7)


def test_a_window_may_be_larger_than_the_image(power):
    image = power[:7, 9:16].copy()
    npt.assert_allclose(lee(image, 9, 9, 4.4, 0), oracles.lee(image, 9, 9, 4.4, 0), **CLOSE)
    assert np.isnan(lee(image, 50, 50, 4.4, 0)).all()


@pytest.mark.parametrize(
    ("rows", "cols", "looks", "variant"),
    [
        (0, 7, 4.0, 0),
        (7, -1, 4.0, 0),
        (1, 1, 4.0, 0),
        (7, 7, 0.0, 0),
        (7, 7, np.nan, 0),
        (7, 7, 4.0, 3),
        (7, 7, 4.0, -1),
    ],
)
def test_arguments_out_of_range_give_nan(power, rows, cols, looks, variant):
    assert np.isnan(lee(power, rows, cols, looks, variant)).all()
