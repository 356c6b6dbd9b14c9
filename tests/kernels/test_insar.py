from __future__ import annotations

import cmath

import numpy as np
import numpy.testing as npt
import oracles_kernels as oracles
import pytest
from scipy import ndimage

from minewatch.kernels import coherence, complex_coherence

# float32 carries 24 bits and a window's sum a few roundings more: 1e-6 is ten times that.
CLOSE = {"rtol": 0, "atol": 1e-6}

WINDOWS = [(3, 10), (2, 7), (1, 2), (2, 1), (5, 5), (4, 16), (1, 9), (6, 1)]


@pytest.fixture
def pair(rng):
    """Two correlated images with every kind of gap."""
    s1 = oracles.circular_gaussian((24, 31), rng)
    s2 = (0.8 * s1 + 0.6 * oracles.circular_gaussian(s1.shape, rng)).astype(np.complex64)
    s1[3:6, 4:9] = np.nan
    s2[10, 20:25] = complex(np.inf, 0)
    s2[11, 20:25] = complex(0, np.nan)
    s1[15:, 26:] = 0
    s2[0, 0] = 0
    return s1, s2


@pytest.mark.parametrize(("rows", "cols"), WINDOWS)
@pytest.mark.parametrize("min_valid", [0.0, 0.5, 1.0])
def test_coherence_is_the_obvious_loop(pair, rows, cols, min_valid):
    expected = oracles.complex_coherence(*pair, rows, cols, min_valid)
    npt.assert_allclose(coherence(*pair, rows, cols, min_valid), np.abs(expected), **CLOSE)
    npt.assert_allclose(complex_coherence(*pair, rows, cols, min_valid), expected, **CLOSE)


@pytest.mark.parametrize(("rows", "cols"), WINDOWS)
def test_the_plain_loop_says_what_the_compiled_one_says(pair, rows, cols):
    s1, s2 = (image[:8, :13].copy() for image in pair)
    plain = np.empty(s1.shape, np.float32)
    both = np.empty(s1.shape, np.complex64)
    with np.errstate(all="ignore"):
        coherence.py_func(s1, s2, rows, cols, 0.5, plain)
        complex_coherence.py_func(s1, s2, rows, cols, 0.5, both)
    npt.assert_allclose(coherence(s1, s2, rows, cols, 0.5), plain, **CLOSE)
    npt.assert_allclose(complex_coherence(s1, s2, rows, cols, 0.5), both, **CLOSE)


def test_an_image_is_coherent_with_itself_whatever_its_gain_and_phase(rng):
    s1 = oracles.circular_gaussian((20, 30), rng)
    for gain in (1, 1e-15, 1e-9, 1e9, 1e15):
        s2 = (s1 * cmath.rect(gain, 0.7)).astype(np.complex64)
        npt.assert_allclose(coherence(s1, s2, 3, 4, 0.0), 1, **CLOSE)
        npt.assert_allclose(complex_coherence(s1, s2, 3, 4, 0.0), cmath.rect(1, -0.7), **CLOSE)


@pytest.mark.parametrize("gains", [(1e9, 1e9), (1e-9, 1e-9), (1e15, 1e-15), (1e15, 1), (1, 1e-15)])
def test_gains_change_nothing(pair, gains):
    with np.errstate(invalid="ignore"):  # inf * (gain + 0j)
        s1, s2 = (
            (image * gain).astype(np.complex64) for image, gain in zip(pair, gains, strict=True)
        )
    npt.assert_allclose(coherence(s1, s2, 3, 10, 0.5), coherence(*pair, 3, 10, 0.5), **CLOSE)


def test_a_gain_of_a_power_of_two_changes_no_bit(pair):
    with np.errstate(invalid="ignore"):  # inf * (gain + 0j)
        scaled = [image * np.float32(2.0**30) for image in pair]
    npt.assert_array_equal(coherence(*scaled, 3, 10, 0.5), coherence(*pair, 3, 10, 0.5))


def test_opposite_samples_are_incoherent():
    s1 = np.array([[1, 1]], np.complex64)
    s2 = np.array([[1, -1]], np.complex64)
    assert coherence(s1, s2, 1, 2, 0.5)[0, 1] == 0
    assert complex_coherence(s1, s2, 1, 2, 0.5)[0, 1] == 0


@pytest.mark.parametrize(("rows", "cols"), [(3, 10), (2, 7)])
def test_mean_of_independent_scenes_is_the_known_bias(rng, rows, cols):
    s1, s2 = oracles.circular_gaussian((2, 60 * rows, 60 * cols), rng)
    # one output per window: neighbours share samples, these do not
    blocks = coherence(s1, s2, rows, cols, 1.0)[rows // 2 :: rows, cols // 2 :: cols]
    mean, deviation = oracles.expected_incoherent(rows * cols)
    assert abs(blocks.mean() - mean) < 4 * deviation / np.sqrt(blocks.size)
    npt.assert_allclose(blocks.std(), deviation, rtol=0.1)


@pytest.mark.parametrize(("rows", "cols"), [(3, 10), (2, 7), (5, 5), (4, 4)])
def test_windows_are_centred_as_scipy_centres_them(rng, rows, cols):
    s1, s2 = oracles.circular_gaussian((2, 40, 50), rng).astype(np.complex128)

    def mean(image):
        return ndimage.uniform_filter(image, (rows, cols))

    cross = s1 * s2.conj()
    expected = np.abs(mean(cross.real) + 1j * mean(cross.imag)) / np.sqrt(
        mean(np.abs(s1) ** 2) * mean(np.abs(s2) ** 2)
    )
    got = coherence(s1.astype(np.complex64), s2.astype(np.complex64), rows, cols, 1.0)
    inside = (slice(rows, -rows), slice(cols, -cols))  # scipy reflects where this truncates
    npt.assert_allclose(got[inside], expected[inside], **CLOSE)
    assert np.isfinite(got).sum() == (40 - rows + 1) * (50 - cols + 1)


def test_a_bright_target_stays_within_its_window(rng):
    s1, s2 = oracles.circular_gaussian((2, 30, 1200), rng)
    before = coherence(s1, s2, 3, 10, 0.5)
    s1[15, 600] *= 1e5
    s2[15, 600] *= 1e5
    after = coherence(s1, s2, 3, 10, 0.5)
    touched = np.zeros(s1.shape, bool)
    touched[14:17, 600 - 4 : 600 + 6] = True
    npt.assert_array_equal(after[~touched], before[~touched])
    npt.assert_allclose(after[touched], 1, **CLOSE)


def test_a_block_and_the_whole_agree_to_the_last_bit(rng):
    s1, s2 = oracles.circular_gaussian((2, 40, 2300), rng)  # more columns than a tile
    s1[20:22, 1000:1300] = np.nan
    whole = coherence(s1, s2, 4, 11, 0.3)
    for rows, cols in [(slice(7, 29), slice(3, 1500)), (slice(11, 40), slice(1017, 2290))]:
        block = coherence(s1[rows, cols], s2[rows, cols], 4, 11, 0.3)
        npt.assert_array_equal(block[4:-4, 11:-11], whole[rows, cols][4:-4, 11:-11])


@pytest.mark.parametrize(("rows", "cols"), [(1, 2), (3, 10), (5, 1)])
def test_the_place_in_a_row_changes_no_bit(rng, rows, cols):
    # The last samples of a row are done one by one, the others many at a time.
    s1, s2 = oracles.circular_gaussian((2, 6, 140), rng)
    whole = coherence(s1, s2, rows, cols, 0.3), complex_coherence(s1, s2, rows, cols, 0.3)
    for start in range(0, 17, 3):
        for stop in range(100, 117):
            block = s1[:, start:stop], s2[:, start:stop]
            inside = slice(cols // 2, stop - start - cols // 2)
            for kernel, expected in zip((coherence, complex_coherence), whole, strict=True):
                got = kernel(*block, rows, cols, 0.3)[:, inside]
                npt.assert_array_equal(got, expected[:, start:stop][:, inside])


@pytest.mark.parametrize(("rows", "cols"), [(9, 3), (3, 40), (50, 60), (1000, 10**9)])
def test_a_window_may_be_larger_than_the_image(rng, rows, cols):
    s1, s2 = oracles.circular_gaussian((2, 5, 7), rng)
    expected = np.abs(oracles.complex_coherence(s1, s2, rows, cols, 0.0))
    npt.assert_allclose(coherence(s1, s2, rows, cols, 0.0), expected, **CLOSE)


def test_the_share_of_valid_samples_is_exact():
    s1 = np.ones((1, 100), np.complex64)
    s1[0, 7:] = 0
    got = coherence(s1, s1, 1, 100, 0.07)
    assert np.isfinite(got[0, 0])  # 0.07 · 100 is 7.000000000000001 in binary
    assert np.isnan(coherence(s1, s1, 1, 100, 0.08)).all()


def test_no_result_without_two_samples():
    s1 = np.zeros((3, 3), np.complex64)
    s1[1, 1] = 1
    assert np.isnan(coherence(s1, s1, 3, 3, 0.0)).all()
    s1[1, 2] = 1
    npt.assert_allclose(coherence(s1, s1, 3, 3, 0.0)[1, 1:], 1, **CLOSE)


@pytest.mark.parametrize(
    ("rows", "cols", "min_valid"),
    [(0, 5, 0.5), (5, -1, 0.5), (1, 1, 0.0), (3, 3, 1.1), (3, 3, np.nan)],
)
def test_arguments_out_of_range_give_nan(rng, rows, cols, min_valid):
    s1, s2 = oracles.circular_gaussian((2, 6, 6), rng)
    assert np.isnan(coherence(s1, s2, rows, cols, min_valid)).all()
    assert np.isnan(complex_coherence(s1, s2, rows, cols, min_valid)).all()


def test_powers_that_float32_cannot_hold_are_unknown_not_wrong():
    s1 = np.full((4, 4), 1e-21, np.complex64)
    assert np.isnan(coherence(s1, s1, 3, 3, 0.0)).all()
    s1[:] = 1.5e19  # each power fits, their sum does not
    assert np.isnan(coherence(s1, s1, 3, 3, 0.0)).all()


def test_leading_dims_broadcast_and_memory_may_lie_as_it_likes(pair):
    s1, s2 = pair
    expected = coherence(s1, s2, 3, 4, 0.5)
    stack = np.stack([s1, s2, s1])
    npt.assert_array_equal(coherence(stack, s2, 3, 4, 0.5)[2], expected)
    npt.assert_array_equal(coherence(np.asfortranarray(s1), s2, 3, 4, 0.5), expected)
    npt.assert_array_equal(coherence(s1.T, s2.T, 4, 3, 0.5).T.shape, expected.shape)
    padded = np.zeros((30, 40), np.complex64)
    padded[2:26, 5:36] = s1
    npt.assert_array_equal(coherence(padded[2:26, 5:36], s2, 3, 4, 0.5), expected)
    npt.assert_array_equal(coherence(s1.astype(">c8"), s2, 3, 4, 0.5), expected)
    flipped = coherence(np.stack([s1, s2])[::-1], s2[::1], 3, 4, 0.5)
    npt.assert_array_equal(flipped[1], expected)


def test_inputs_are_not_changed(pair):
    s1, s2 = (image.copy() for image in pair)
    coherence(s1, s2, 3, 4, 0.5)
    npt.assert_array_equal(s1, pair[0])
    npt.assert_array_equal(s2, pair[1])
