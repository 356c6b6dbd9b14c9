"""The known distribution of the estimate: table, closed forms, simulation."""

from __future__ import annotations

import numpy as np
import oracles_insar as oracles
import pytest
import xarray as xr
from laziness import nothing_computes
from scipy import integrate, special

from minewatch import insar

TRUE = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
# Touzi et al. (1999), eq. of the first moment, evaluated with mpmath to five digits.
TABLE = {
    2: [0.66667, 0.66934, 0.67740, 0.69098, 0.71036, 0.73594, 0.76832, 0.80843, 0.85779, 0.91917,
        0.95614],
    4: [0.45714, 0.46323, 0.48139, 0.51134, 0.55259, 0.60454, 0.66644, 0.73751, 0.81702, 0.90447,
        0.95117],
    7: [0.34099, 0.35049, 0.37839, 0.42304, 0.48199, 0.55241, 0.63157, 0.71716, 0.80757, 0.90192,
        0.95049],
    14: [0.23898, 0.25377, 0.29579, 0.35912, 0.43674, 0.52284, 0.61371, 0.70747, 0.80328, 0.90082,
         0.95021],
    20: [0.19941, 0.21750, 0.26755, 0.33978, 0.42448, 0.51531, 0.60924, 0.70504, 0.80221, 0.90055,
         0.95014],
    30: [0.16248, 0.18489, 0.24439, 0.32533, 0.41569, 0.50990, 0.60599, 0.70327, 0.80143, 0.90036,
         0.95009],
    50: [0.12565, 0.15445, 0.22557, 0.31455, 0.40915, 0.50581, 0.60352, 0.70192, 0.80084, 0.90021,
         0.95005],
    100: [0.08873, 0.12786, 0.21210, 0.30707, 0.40449, 0.50286, 0.60173, 0.70094, 0.80041, 0.90010,
          0.95003],
}  # fmt: skip


@pytest.mark.parametrize("looks", TABLE)
def test_expected_coherence_is_the_published_table(looks):
    # Printed to five digits.
    np.testing.assert_allclose(insar.expected_coherence(TRUE, looks), TABLE[looks], atol=1e-5)


def test_decorrelated_ground_has_the_closed_form():
    for looks in (1.5, 4, 18.14):
        closed = special.gamma(looks) * special.gamma(1.5) / special.gamma(looks + 0.5)
        assert insar.expected_coherence(0.0, looks) == pytest.approx(closed, rel=1e-12)
        d = np.linspace(0, 1, 7)
        np.testing.assert_allclose(
            insar.coherence_cdf(d, 0.0, looks), 1 - (1 - d**2) ** (looks - 1), atol=1e-12
        )


@pytest.mark.parametrize(("true", "looks"), [(0.3, 2.5), (0.6, 18.14), (0.9, 7)])
def test_cdf_is_the_integral_of_the_hypergeometric_density(true, looks):
    def density(d):
        return (
            2 * (looks - 1) * (1 - true**2) ** looks * d * (1 - d**2) ** (looks - 2)
            * special.hyp2f1(looks, looks, 1, d**2 * true**2)
        )  # fmt: skip

    for value in (0.2, 0.5, 0.8, 0.95):
        integral = integrate.quad(density, 0, value, epsabs=1e-10)[0]
        assert insar.coherence_cdf(value, true, looks) == pytest.approx(integral, abs=1e-8)


def test_cdf_has_the_printed_false_alarm_rates():
    # Rate of exceedance at a coherence threshold of 0.68.
    for looks, rates in ((14.3, (0.170, 0.055, 0.0083)), (30, (0.108, 0.0144, 0.0004))):
        got = insar.coherence_cdf(0.68, [0.75, 0.8, 0.85], looks)
        np.testing.assert_allclose(got, rates, atol=6e-4)


def test_sampled_speckle_has_this_mean_and_distribution(rng):
    # L looks of two images with true coherence D; 2e4 draws: standard error about 0.001.
    true, looks = 0.6, 12
    a, noise = (oracles.circular_gaussian((20_000, looks), rng) for _ in range(2))
    b = true * a + np.sqrt(1 - true**2) * noise
    powers = (abs(a) ** 2).sum(1) * (abs(b) ** 2).sum(1)
    estimate = abs((a * b.conj()).sum(1)) / np.sqrt(powers)
    assert estimate.mean() == pytest.approx(insar.expected_coherence(true, looks), abs=0.004)
    for value in (0.5, 0.6, 0.7):
        share = (estimate < value).mean()
        assert share == pytest.approx(insar.coherence_cdf(value, true, looks), abs=0.015)


def test_high_coherence_is_neither_slow_nor_wrong():
    mean = insar.expected_coherence([0.999, 0.9995, 0.9999, 0.999999, 1.0], 18)
    assert np.all(np.diff(mean) > 0)
    # Excess over the true coherence is of the order (1 - D²)² / 4L, below 1e-7 here.
    np.testing.assert_allclose(mean, [0.999, 0.9995, 0.9999, 0.999999, 1.0], atol=1e-7)
    assert insar.coherence_cdf(0.99999, 0.99999, 18) == pytest.approx(0.5, abs=0.1)
    np.testing.assert_array_equal(insar.coherence_cdf([0.5, 1.0], 1.0, 18), [0, 1])


def test_unknown_stays_unknown_and_shapes_are_kept():
    assert np.isnan(insar.expected_coherence(np.nan, 4))
    got = insar.coherence_cdf([[0.5, np.nan]], [[0.5, 0.5]], 4)
    assert got.shape == (1, 2)
    assert np.isnan(got[0, 1])
    assert isinstance(insar.expected_coherence(0.5, 4), float)


def test_errors_of_the_distribution():
    with pytest.raises(ValueError, match=r"more than 1 look, got looks=1; .*effective_looks"):
        insar.expected_coherence(0.5, 1)
    with pytest.raises(ValueError, match=r"0 to 1, got 1.2; clip it first"):
        insar.coherence_cdf(0.5, 1.2, 4)


def test_effective_looks_of_sentinel_1():
    # IW2, and IW1 and IW3 by their range resolution of 2.7 and 3.5 m.
    assert insar.effective_looks((3, 10)) == pytest.approx(18.14, abs=0.01)
    assert insar.effective_looks((2, 7)) == pytest.approx(9.30, abs=0.01)
    for resolution, ten, seven in ((2.7, 20.5, 10.5), (3.5, 16.2, 8.4)):
        settings = {"resolution": (22.6, resolution)}
        assert insar.effective_looks((3, 10), **settings) == pytest.approx(ten, abs=0.05)
        assert insar.effective_looks((2, 7), **settings) == pytest.approx(seven, abs=0.05)


def test_effective_looks_of_independent_pixels_is_their_number():
    assert insar.effective_looks((4, 5), spacing=(3, 3), resolution=(3, 3)) == pytest.approx(20)
    with pytest.raises(ValueError, match=r"positive.*spacing=\(14.1, 2.33\)"):
        insar.effective_looks((0, 5))


@pytest.mark.parametrize("looks", [1.5, 9.3, 30])
def test_debias_inverts_the_expectation(looks):
    true = np.linspace(0.05, 1, 40)
    measured = xr.DataArray(insar.expected_coherence(true, looks)[None], dims=("y", "x"))
    # Limited by float32 and by how flat the expectation is near 0.
    np.testing.assert_allclose(insar.debias(measured, looks=looks)[0], true, atol=2e-4)


def test_debias_maps_the_floor_to_zero_and_keeps_nan():
    values = [[0.0, 0.1, np.nan, 1.0, np.inf]]
    measured = xr.DataArray(values, dims=("y", "x"), attrs={"window": [3, 10]})
    result = insar.debias(measured, looks=18)
    np.testing.assert_array_equal(result, np.float32([[0, 0, np.nan, 1, np.nan]]))
    assert result.attrs["window"] == [3, 10]
    assert result.attrs["debiased"] == 1


def test_debias_is_lazy_and_blind_to_chunks(rng):
    whole = xr.DataArray(rng.random((2, 11, 13), "float32"), dims=("pair", "y", "x"))
    with nothing_computes():
        lazy = insar.debias(whole.chunk(pair=1, y=4, x=5), looks=9)
    assert lazy.chunks == ((1, 1), (4, 4, 3), (5, 5, 3))
    xr.testing.assert_identical(lazy.compute(), insar.debias(whole, looks=9))
