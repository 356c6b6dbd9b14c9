"""Co-occurrence of grey levels against the obvious loop and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import testing as npt
from scipy import stats

from minewatch.kernels import cooccurrence

LOW, HIGH = -1.3, 2.1


@pytest.fixture
def image(rng):
    """Noise that leaves the range on both sides, with gaps."""
    values = rng.normal(0, 1.5, (13, 17)).astype(np.float32)
    values[2:4, 3:6] = np.nan
    values[9, 9], values[9, 10] = np.inf, -np.inf
    return values


def obvious(image, distance, levels):
    """The matrix, pair by pair, and what is read from it."""
    rows, columns = image.shape
    matrix = np.zeros((levels, levels))
    steps = [(0, 1), (1, 0), (1, 1), (1, -1)]
    for i, j in np.ndindex(rows, columns):
        for down, right in steps + [(-a, -b) for a, b in steps]:
            k, m = i + down * distance, j + right * distance
            inside = 0 <= k < rows and 0 <= m < columns
            if inside and np.isfinite(image[i, j]) and np.isfinite(image[k, m]):
                first, second = (
                    int(np.clip(np.floor((float(v) - LOW) / (HIGH - LOW) * levels), 0, levels - 1))
                    for v in (image[i, j], image[k, m])
                )
                matrix[first, second] += 1
    share = matrix / matrix.sum()
    gap = np.subtract.outer(np.arange(levels), np.arange(levels)) ** 2
    return (share * gap).sum(), (share / (1 + gap)).sum(), stats.entropy(share.ravel(), base=2)


@pytest.mark.parametrize("levels", [2, 7, 16, 256])
def test_it_is_the_obvious_loop(image, levels):
    distances = np.array([1, 2, 4, 12])
    expected = np.transpose([obvious(image, distance, levels) for distance in distances])
    # Exact counts; results are rounded to float32.
    npt.assert_allclose(cooccurrence(image, distances, levels, LOW, HIGH), expected, rtol=2e-7)


def test_the_plain_loop_says_what_the_compiled_one_says(image):
    distances = np.array([1, 3])
    plain = [np.empty(2, np.float32) for _ in range(3)]
    cooccurrence.py_func(image, distances, 5, LOW, HIGH, *plain)
    npt.assert_allclose(cooccurrence(image, distances, 5, LOW, HIGH), plain, rtol=2e-7)


def test_a_patch_that_is_turned_or_mirrored_has_the_same_to_the_last_bit(rng):
    image = rng.normal(0, 1, (40, 40)).astype(np.float32)
    distances = np.array([1, 2, 4])
    found = np.stack(cooccurrence(image, distances, 16, LOW, HIGH))
    for other in (image.T, image[::-1], image[:, ::-1], np.rot90(image)):
        npt.assert_array_equal(cooccurrence(other, distances, 16, LOW, HIGH), found)


def test_even_ground_has_one_level():
    found = cooccurrence(np.full((9, 9), 0.3, np.float32), np.array([1, 5]), 8, LOW, HIGH)
    npt.assert_array_equal(found, [[0, 0], [1, 1], [0, 0]])


def test_stripes_have_closed_forms():
    """Rows of 0 and 1 by turns, 20 × 20: of pairs one pixel apart, 380 within rows are alike, 380
    across them and 2 · 361 aslant are not."""
    stripes = np.tile(np.arange(20)[:, None] % 2, (1, 20)).astype(np.float32)
    contrast, homogeneity, entropy = cooccurrence(stripes, np.array([1]), 2, 0.0, 1.0)
    unlike = (380 + 722) / (2 * 380 + 722)
    npt.assert_allclose(contrast, unlike, rtol=1e-6)
    npt.assert_allclose(homogeneity, 1 - unlike / 2, rtol=1e-6)
    shares = [(1 - unlike) / 2] * 2 + [unlike / 2] * 2
    npt.assert_allclose(entropy, stats.entropy(shares, base=2), rtol=1e-6)


def test_noise_of_uniform_levels_is_as_if_drawn_in_pairs(rng):
    """Of L equally likely, independent levels: contrast (L² - 1)/6, entropy 2 log₂ L."""
    image = rng.uniform(0, 1, (400, 400)).astype(np.float32)
    contrast, _, entropy = cooccurrence(image, np.array([3]), 8, 0.0, 1.0)
    # 630,000 pairs; a pixel is in eight, so the mean of 160,000 squares of spread 12: 0.03 · 3.
    npt.assert_allclose(contrast, 63 / 6, atol=0.1)
    npt.assert_allclose(entropy, 6, atol=1e-3)


def test_ranges_may_differ_by_channel(image):
    both = np.stack([image, image * 3 + 1])
    low, high = np.array([LOW, LOW * 3 + 1]), np.array([HIGH, HIGH * 3 + 1])
    found = np.stack(cooccurrence(both, np.array([1, 2]), 6, low, high))
    assert found.shape == (3, 2, 2)
    npt.assert_allclose(found[:, 1], found[:, 0], rtol=0.02)  # a value may change its level
    alone = np.stack(cooccurrence(image, np.array([1, 2]), 6, LOW, HIGH))
    npt.assert_array_equal(found[:, 0], alone)


@pytest.mark.parametrize(
    ("distance", "levels", "low", "high"),
    [(0, 4, 0, 1), (9, 4, 0, 1), (-1, 4, 0, 1), (1, 1, 0, 1), (1, 257, 0, 1), (1, 4, 1, 1),
     (1, 4, np.nan, 1), (1, 4, 0, np.inf)],
)  # fmt: skip
def test_arguments_that_mean_nothing_give_nan(distance, levels, low, high):
    image = np.zeros((9, 9), np.float32)
    assert np.isnan(
        cooccurrence(image, np.array([distance]), levels, float(low), float(high))
    ).all()


def test_a_patch_of_unknown_values_has_no_texture():
    image = np.full((9, 9), np.nan, np.float32)
    image[0, 0] = 1
    assert np.isnan(cooccurrence(image, np.array([1, 2]), 4, 0.0, 1.0)).all()
    image[0, 1] = 1
    npt.assert_array_equal(cooccurrence(image, np.array([1]), 4, 0.0, 1.0), [[0], [1], [0]])
