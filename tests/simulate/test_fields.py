"""Random fields have the moments their docstrings promise."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from minewatch.simulate.fields import (
    band_limited,
    block_mean,
    box_mean,
    gaussian_field,
    repeat_blocks,
    stream,
)


def test_a_stream_depends_on_seed_and_name_only():
    assert stream(1, "a").integers(1 << 40) == stream(1, "a").integers(1 << 40)
    draws = [
        stream(*key).integers(1 << 40) for key in ((1, "a"), (1, "b"), (2, "a"), (1, "a", "b"))
    ]
    assert len(set(draws)) == 4


@pytest.mark.parametrize("shape", [(96, 128), (97, 65)])
def test_gaussian_field_has_unit_variance_and_the_correlation_of_its_kernel(shape, rng):
    length, lag = 2.0, 3
    fields = np.stack([gaussian_field(shape, length, rng) for _ in range(60)])
    # About 60 · 96·128 / (4π·2²) = 15 000 independent values: the variance is known to 1.2 %.
    assert fields.var() == pytest.approx(1, abs=0.05)
    assert fields.mean() == pytest.approx(0, abs=0.04)
    correlation = (fields[:, :, lag:] * fields[:, :, :-lag]).mean()
    assert correlation == pytest.approx(np.exp(-(lag**2) / (4 * length**2)), abs=0.04)


def test_band_limited_speckle_is_circular_of_unit_power_with_sinc_correlation(rng):
    shape, bandwidth = (250, 400), (0.62, 0.75)
    z = band_limited(shape, bandwidth, rng)
    # 46 500 independent samples: power to 0.5 %, correlations to 0.5 %.
    assert (abs(z) ** 2).mean() == pytest.approx(1, abs=0.025)
    assert abs((z**2).mean()) < 0.025
    rows = (z[1:] * z[:-1].conj()).mean()
    columns = (z[:, 2:] * z[:, :-2].conj()).mean()
    assert rows.real == pytest.approx(np.sinc(bandwidth[0]), abs=0.025)
    assert columns.real == pytest.approx(np.sinc(2 * bandwidth[1]), abs=0.025)
    # The intensity of fully developed speckle is exponential: its variance is its mean squared.
    assert (abs(z) ** 2).var() == pytest.approx(1, abs=0.06)


def test_block_mean_and_repeat_blocks_equal_the_obvious_loop(rng):
    array = rng.random((2, 7, 11))
    mean = block_mean(array, 3)
    assert mean.shape == (2, 3, 4)
    for i in range(3):
        for j in range(4):
            npt.assert_allclose(
                mean[:, i, j], array[:, 3 * i : 3 * i + 3, 3 * j : 3 * j + 3].mean(axis=(1, 2))
            )
    shown = repeat_blocks(mean, 3, (7, 11))
    assert shown.shape == array.shape
    npt.assert_array_equal(shown[:, 6, 10], mean[:, 2, 3])
    npt.assert_array_equal(block_mean(shown, 3), mean)


@pytest.mark.parametrize("window", [(3, 10), (7, 7), (2, 1)])
def test_box_mean_equals_the_obvious_loop(window, rng):
    array = rng.standard_normal((9, 14)) + 1j * rng.standard_normal((9, 14))
    before = [n // 2 for n in window]
    padded = np.pad(array, [(b, n - 1 - b) for b, n in zip(before, window, strict=True)], "edge")
    naive = np.array(
        [[padded[i : i + window[0], j : j + window[1]].mean() for j in range(14)] for i in range(9)]
    )
    npt.assert_allclose(box_mean(array, window), naive, atol=1e-14)


def test_box_mean_keeps_small_values_beside_large_ones():
    line = np.full((1, 9), 1e-30)
    line[0, 0] = 1
    assert box_mean(line, (1, 3))[0, 5] == pytest.approx(1e-30, rel=1e-12)
