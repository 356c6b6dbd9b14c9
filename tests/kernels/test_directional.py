from __future__ import annotations

import numpy as np
import numpy.testing as npt
import oracles_speckle as oracles
import pytest

from minewatch.kernels import refined_lee

# Sums are float64; what is left is the one rounding of the result to float32.
CLOSE = {"rtol": 1e-6, "atol": 0}
EDGE = 0.38


@pytest.fixture
def power(rng):
    """Speckle over slanting steps in brightness, with gaps."""
    y, x = np.mgrid[:34, :41]
    image = rng.gamma(4.4, 1 / 4.4, size=y.shape)
    image *= np.where(x + y > 40, 8, 1) * np.where(x - y > 12, 5, 1) * np.where(y > 25, 0.2, 1)
    image[:, 4] *= 30
    image[8:10, 10:13] = np.nan
    image[15:19, 3] = np.inf
    image[30, 30] = 0
    image[20:26:2, 10:20:2] = np.nan  # no sub-window is whole in its middle
    image[21:26:2, 11:20:2] = np.nan
    image[10:18, 22:31] -= 1.5  # as noise subtracted from faint backscatter leaves it
    return image.astype(np.float32)


@pytest.mark.parametrize("edge", [0.0, EDGE, 1.0, np.inf])
def test_refined_lee_is_the_obvious_loop(power, edge):
    expected = oracles.refined_lee(power, 4.4, edge)
    assert np.isnan(expected).sum() > np.isnan(power).sum()
    npt.assert_allclose(refined_lee(power, 4.4, edge), expected, **CLOSE)


def test_the_plain_loop_says_what_the_compiled_one_says(power):
    image = power[10:22, :14].copy()
    plain = np.empty_like(image)
    with np.errstate(all="ignore"):
        refined_lee.py_func(image, 4.4, EDGE, plain)
    npt.assert_allclose(refined_lee(image, 4.4, EDGE), plain, **CLOSE)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("shape", ["straight", "slanting"])
def test_each_side_of_an_edge_keeps_its_level(shape, turns):
    y, x = np.mgrid[:21, :21]
    truth = np.where((x > 10) if shape == "straight" else (x > y), 9, 1).astype(np.float32)
    truth = np.rot90(truth, turns).copy()
    filtered = refined_lee(truth, 4.4, EDGE)
    inner = (slice(3, -3), slice(3, -3))  # whole windows
    if shape == "straight":
        npt.assert_array_equal(filtered[inner], truth[inner])
    else:  # beside a slanting edge the sub-window at the centre holds both sides
        npt.assert_allclose(filtered[inner], truth[inner], rtol=0.025)


def test_the_image_turned_is_the_result_turned(power):
    image = power[:34, :34].copy()
    whole = refined_lee(image, 4.4, EDGE)
    for turned in (lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::-1]):
        # sums are added in another order, and float64 forgives that
        npt.assert_allclose(refined_lee(turned(image).copy(), 4.4, EDGE), turned(whole), rtol=1e-6)


@pytest.mark.parametrize("gain", [2.0**-60, 2.0**60, 2.0**100])
def test_a_gain_comes_out_as_it_went_in(power, gain):
    # powers of two are exact; others round the samples, and a mean near 0 feels that
    scaled = refined_lee(power * np.float32(gain), 4.4, EDGE)
    npt.assert_array_equal(scaled, refined_lee(power, 4.4, EDGE) * np.float32(gain))


def test_a_constant_image_is_left_alone():
    for level in (0.0, 0.1, 1e-30, 3e30):
        image = np.full((12, 14), level, np.float32)
        filtered = refined_lee(image, 4.0, EDGE)
        npt.assert_array_equal(filtered[2:-2, 2:-2], image[2:-2, 2:-2])
        assert np.isnan(filtered[0, 0])  # 16 of 49


def test_a_block_and_the_whole_agree_to_the_last_bit(power):
    image = np.tile(power, (2, 3))
    whole = refined_lee(image, 4.4, EDGE)
    for rows, cols in [(slice(3, 29), slice(5, 60)), (slice(10, 50), slice(17, 123))]:
        block = refined_lee(image[rows, cols], 4.4, EDGE)
        npt.assert_array_equal(block[3:-3, 3:-3], whole[rows, cols][3:-3, 3:-3])


def test_where_the_mean_is_not_positive_it_is_the_result():
    image = np.full((9, 9), -1, np.float32)
    image[4, 4] = -3
    npt.assert_allclose(refined_lee(image, 4.0, EDGE)[4, 4], -51 / 49, rtol=1e-6)


@pytest.mark.parametrize(
    ("looks", "edge"), [(0.0, EDGE), (np.nan, EDGE), (4.4, -0.1), (4.4, np.nan)]
)
def test_arguments_out_of_range_give_nan(power, looks, edge):
    assert np.isnan(refined_lee(power, looks, edge)).all()


def test_an_image_may_be_smaller_than_the_window(power):
    image = power[:5, 12:20].copy()
    npt.assert_allclose(
        refined_lee(image, 4.4, EDGE), oracles.refined_lee(image, 4.4, EDGE), **CLOSE
    )
    assert refined_lee(np.empty((0, 0), np.float32), 4.4, EDGE).shape == (0, 0)
