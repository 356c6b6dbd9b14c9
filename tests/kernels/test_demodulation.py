"""The best fringe of each window against its Fourier transform."""

from __future__ import annotations

import numpy as np
import oracles_insar as oracles
import pytest

from minewatch import kernels

SETTINGS = [((3, 10), 0.125), ((2, 7), 0.5), ((5, 4), 0.25), ((1, 2), 0.3)]


@pytest.fixture
def pair(rng) -> np.ndarray:
    images = oracles.coherent_pair(0.7, (19, 33), rng)
    images[1] *= np.exp(2j * np.pi * (0.09 * np.arange(33) - 0.05 * np.arange(19)[:, None]))
    images[0, 3:8, 4:15] = np.nan
    images[1, :, 30:] = 0
    images[1, 12, 20] = np.inf
    return images.astype("complex64")


@pytest.mark.parametrize(("window", "steepest"), SETTINGS)
def test_it_is_the_peak_of_the_padded_transform(pair, window, steepest):
    got = kernels.demodulated_coherence(*pair, *window, 0.5, steepest)
    expected = oracles.fitted_coherence(*pair, window, steepest)
    np.testing.assert_allclose(got, expected, atol=3e-6)  # float32 sums of at most 30 products
    assert np.nanmax(got) <= 1
    assert np.isnan(got).any()


@pytest.mark.parametrize(("window", "steepest"), SETTINGS)
def test_never_less_than_without_a_ramp(pair, window, steepest):
    plain = kernels.coherence(*pair, *window, 0.5)
    fitted = kernels.demodulated_coherence(*pair, *window, 0.5, steepest)
    np.testing.assert_array_equal(np.isnan(fitted), np.isnan(plain))
    known = ~np.isnan(plain)
    assert (fitted[known] >= plain[known] - 2e-6).all()
    # With no ramp but the level one the two are the same.
    level = kernels.demodulated_coherence(*pair, *window, 0.5, 0.0)
    np.testing.assert_allclose(level, plain, atol=2e-6)


def test_the_complex_one_has_this_modulus_and_the_phase_at_the_pixel(pair):
    gamma = kernels.demodulated_complex_coherence(*pair, 3, 10, 0.5, 0.125)
    np.testing.assert_allclose(
        abs(gamma), kernels.demodulated_coherence(*pair, 3, 10, 0.5, 0.125), atol=1e-6
    )
    # A ramp on the raster of those tried, 5/40 and 1/12 cycles: the phase is exact.
    ramp = 2 * np.pi * (np.arange(40) / 8 + np.arange(12)[:, None] / 12)
    first = np.exp(1j * ramp).astype("complex64")
    gamma = kernels.demodulated_complex_coherence(first, np.ones_like(first), 3, 10, 0.5, 0.125)
    np.testing.assert_allclose((gamma * np.exp(-1j * ramp))[2:-2, 5:-5], 1, atol=2e-5)


def test_gains_do_not_matter(pair):
    plain = kernels.demodulated_coherence(*pair, 3, 10, 0.5, 0.125)
    for gains in ((3e9, 2e-9 * np.exp(0.7j)), (1e15, 1e15)):
        with np.errstate(invalid="ignore"):  # NaN and infinity times a complex number
            scaled = pair * np.array(gains, "complex64")[:, None, None]
        got = kernels.demodulated_coherence(*scaled, 3, 10, 0.5, 0.125)
        np.testing.assert_allclose(got, plain, atol=2e-6)


@pytest.mark.parametrize(
    "settings", [(1, 1, 0.5, 0.1), (3, 0, 0.5, 0.1), (3, 3, 1.5, 0.1), (3, 3, 0.5, 0.6),
                 (3, 3, 0.5, np.nan), (3, 3, 0.5, -0.1)],
)  # fmt: skip
def test_settings_that_cannot_be_are_unknown(pair, settings):
    assert np.isnan(kernels.demodulated_coherence(*pair, *settings)).all()


def test_wide_images_are_taken_in_tiles(rng):
    wide = oracles.coherent_pair(0.5, (4, 4200), rng).astype("complex64")
    whole = kernels.demodulated_coherence(*wide, 3, 10, 0.5, 0.125)
    piece = kernels.demodulated_coherence(*wide[..., 2000:2120], 3, 10, 0.5, 0.125)
    np.testing.assert_array_equal(piece[:, 10:-10], whole[:, 2010:2110])
