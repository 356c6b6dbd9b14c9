"""Local mean, spread and entropy against the obvious loop and scipy's entropy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import testing as npt
from oracles_kernels import windows
from scipy import stats

from minewatch.kernels import local_texture
from minewatch.kernels.texture import WIDEST

LOW, HIGH = -0.2, 1.1
# Values are summed in 1/65535 of the range: half a step each, and float32 results.
CLOSE = {"atol": (HIGH - LOW) / 65535 / 2 + 1e-7}


@pytest.fixture
def image(rng):
    """Uniform noise that leaves the range on both sides, with gaps."""
    values = rng.uniform(-0.5, 1.5, (23, 31)).astype(np.float32)
    values[4:8, 5:12] = np.nan
    values[15, 3], values[15, 4] = np.inf, -np.inf
    return values


def obvious(image, window, levels, min_valid):
    out = np.full((3, *image.shape), np.nan)
    clipped = np.clip(np.where(np.isfinite(image), image, np.nan).astype(float), LOW, HIGH)
    for at, around in windows(image.shape, window, window):
        known = clipped[around][np.isfinite(clipped[around])]
        if np.isnan(clipped[at]) or known.size < max(1, min_valid * window**2):
            continue
        counts = np.histogram(known, bins=levels, range=(LOW, HIGH))[0]
        out[(slice(None), *at)] = known.mean(), known.std(), stats.entropy(counts, base=2)
    return out


@pytest.mark.parametrize(("window", "levels", "min_valid"), [(3, 2, 0.5), (7, 32, 0.3), (5, 7, 1)])
def test_it_is_the_obvious_loop(image, window, levels, min_valid):
    expected = obvious(image, window, levels, min_valid)
    assert np.isfinite(expected[0]).sum() > 100
    mean, std, entropy = local_texture(image, window, levels, LOW, HIGH, min_valid)
    npt.assert_allclose(mean, expected[0], **CLOSE)
    npt.assert_allclose(std, expected[1], **CLOSE)
    # Exact counts, fixed point of 2⁻⁴⁰, then float32.
    npt.assert_allclose(entropy, expected[2], rtol=1e-6, atol=1e-7)


def test_the_plain_loop_says_what_the_compiled_one_says(image):
    plain = [np.empty_like(image) for _ in range(3)]
    with np.errstate(invalid="ignore"):
        local_texture.py_func(image, 5, 16, LOW, HIGH, 0.5, *plain)
    for one, other in zip(local_texture(image, 5, 16, LOW, HIGH, 0.5), plain, strict=True):
        npt.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_even_ground_has_neither_spread_nor_entropy_to_the_last_bit():
    image = np.full((9, 700), 0.3, np.float32)
    mean, std, entropy = local_texture(image, 7, 32, LOW, HIGH, 0.0)
    npt.assert_allclose(mean, 0.3, **CLOSE)
    npt.assert_array_equal(std, 0)
    npt.assert_array_equal(entropy, 0)
    for value, kept in ((LOW, LOW), (HIGH, HIGH), (-9, LOW), (9, HIGH)):
        mean, _, _ = local_texture(np.full((3, 3), value, np.float32), 3, 32, LOW, HIGH, 0.0)
        npt.assert_array_equal(mean, np.float32(kept))


def test_as_many_levels_as_pixels_have_the_entropy_of_a_uniform_choice():
    image = np.arange(49, dtype=np.float32).reshape(7, 7)
    _, std, entropy = local_texture(image, 7, 49, -0.5, 48.5, 1.0)
    npt.assert_allclose(entropy[3, 3], np.log2(49), rtol=1e-6)
    npt.assert_allclose(std[3, 3], np.sqrt((49**2 - 1) / 12), rtol=1e-5)  # of a range of 49
    assert np.isnan(entropy).sum() == 48


def test_bright_targets_leave_nothing_behind(rng):
    """A sliding sum of floats would keep their rounding for the rest of the row."""
    image = rng.uniform(0, 1e-3, (9, 3000)).astype(np.float32)
    image[:, 0] = 1e30
    marked = local_texture(image, 7, 256, 0.0, 1.0, 0.5)
    clean = local_texture(image[:, 1:], 7, 256, 0.0, 1.0, 0.5)
    for one, other in zip(marked, clean, strict=True):
        npt.assert_array_equal(one[:, 5:], other[:, 4:])


def test_a_block_and_the_whole_agree_to_the_last_bit(image):
    whole = local_texture(image, 5, 32, LOW, HIGH, 0.5)
    block = local_texture(image[3:19, 7:25], 5, 32, LOW, HIGH, 0.5)
    for one, other in zip(block, whole, strict=True):
        npt.assert_array_equal(one[2:-2, 2:-2], other[5:17, 9:23])


def test_turning_the_image_turns_the_result(image):
    there = local_texture(image, 5, 32, LOW, HIGH, 0.5)
    for turn in (np.transpose, np.fliplr, np.flipud):
        for one, other in zip(
            local_texture(turn(image), 5, 32, LOW, HIGH, 0.5), there, strict=True
        ):
            npt.assert_array_equal(one, turn(other))


def test_the_widest_window_does_not_overflow():
    """Half of the pixels at each end: variance a quarter of the squared range, one bit."""
    image = (np.indices((WIDEST, WIDEST)).sum(0) % 2).astype(np.float32)
    mean, std, entropy = local_texture(image, WIDEST, 2, 0.0, 1.0, 1.0)
    at = WIDEST // 2, WIDEST // 2
    # One pixel more at one end: 16 381 and 16 380 of 32 761.
    npt.assert_allclose([mean[at], std[at], entropy[at]], [0.5, 0.5, 1], atol=2e-5)


@pytest.mark.parametrize(
    ("window", "levels", "low", "high", "min_valid"),
    [
        (0, 32, 0, 1, 0.5), (WIDEST + 2, 32, 0, 1, 0.5), (3, 1, 0, 1, 0.5), (3, 40000, 0, 1, 0.5),
        (3, 32, 1, 1, 0.5), (3, 32, np.nan, 1, 0.5), (3, 32, 0, np.inf, 0.5), (3, 32, 0, 1, 1.5),
        (3, 32, 0, 1, np.nan),
    ],
)  # fmt: skip
def test_arguments_out_of_range_give_nan(window, levels, low, high, min_valid):
    image = np.ones((4, 4), np.float32)
    for each in local_texture(image, window, levels, float(low), float(high), min_valid):
        assert np.isnan(each).all()
